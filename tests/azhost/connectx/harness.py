"""A bed for programs that use the emulated VF: a network namespace, a fake sysfs, the host's end of
each VF's wire, and testpmd driven through its prompt.

A test script calls enter() first, then opens a Bed. Environment:
    AZHOST_BUILD    build tree (lib/azhost, share/azhost/profiles); the tests' CMakeLists sets it
    AZHOST_TESTPMD  another testpmd binary
    AZHOST_TEST_PRELOAD  the sanitizer's library, where the build tree is sanitized
"""

import array
import contextlib
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import ring

BUILD = os.environ.get("AZHOST_BUILD", "build")
SKIPPED = 77
PATIENCE = 60  # seconds for what should come at once: a machine that runs tests may be very busy

# struct vf_message (azhost/wire/vfproto.h): type, value, 520 bytes of union
MESSAGE = 8 + 8 + 16 * 32
HELLO, READY, REPORT, ATTACH, FATAL, LINK, FAULT, QUERY = 1, 2, 3, 16, 17, 18, 19, 20
FAULTS = ["rxerr", "txerr", "rule-fail-at", "rule-limit", "counter-limit"]

PCI_IDS = {"cx4lx-vf": 0x1016}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def enter(programs=("dpdk-testpmd",)):
    """Run the calling script in namespaces of its own: network, mounts and, unprivileged, users."""
    for program in programs:
        if not shutil.which(program):
            skip(f"no {program}")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("no /dev/net/tun")
    if os.environ.get("AZHOST_TEST_NAMESPACE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with contextlib.suppress(OSError):
            with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w", encoding="ascii") as file:
                file.write("1")
        return
    options = ["-n", "-m"] if os.geteuid() == 0 else ["-U", "-r", "-n", "-m"]
    if subprocess.run(["unshare", *options, "true"], check=False).returncode != 0:
        skip("no namespaces here")
    os.environ["AZHOST_TEST_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def open_tap(name, mac):
    """A TAP of that name and MAC, up. It goes with its descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000))
    subprocess.run(["ip", "link", "set", name, "address", mac, "mtu", "9000", "up"], check=True)
    return fd


class Vf:
    """One VF, as its host has it."""

    def __init__(self, bed, index, profile, pci=None, wire="ring"):
        self.bed = bed
        self.name = f"aztest{os.getpid()}x{index}"
        self.pci = pci or f"0000:3b:00.{index + 2}"
        self.netdev = f"azvf{index}"
        self.profile = profile
        self.kind = wire
        self.present = True
        self.connection = None
        self.ready = threading.Event()
        self.reports = []
        self.reported = threading.Event()
        self.wire = ring.Wire()
        mac = f"00:0d:3a:00:00:{index + 1:02x}"
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.tap = open_tap(self.netdev, mac)
        bed.make_sysfs(self)

    # ---- wire ----

    def send(self, frame, timeout=PATIENCE):
        end = time.time() + timeout
        while not self.wire.to_guest.put(frame):
            if time.time() > end:
                raise TimeoutError("the ring to the guest stays full")
            time.sleep(0.0005)

    def receive(self, count, timeout=PATIENCE):
        """Up to count frames; fewer if none comes for as long as timeout."""
        frames, end = [], time.time() + timeout
        while len(frames) < count and time.time() < end:
            frame = self.wire.to_host.get()
            if frame is None:
                time.sleep(0.0005)
                continue
            frames.append(frame)
            end = time.time() + timeout
        return frames

    def drain(self, quiet=0.3):
        return self.receive(1 << 30, quiet)

    # ---- messages ----

    def order(self, kind, value=0, body=b""):
        packet = struct.pack("<II", kind, value) + body
        self.connection.send(packet.ljust(MESSAGE, b"\0"))

    def fatal(self):
        self.order(FATAL)

    def link(self, up):
        self.order(LINK, int(up))

    def fault(self, name, value):
        self.order(FAULT, 0, struct.pack("<IIQ", FAULTS.index(name), 0, value))
        self.query()  # answered in order: the fault is in force

    def query(self):
        self.reported.clear()
        self.reports = []
        self.order(QUERY)
        if not self.reported.wait(PATIENCE):
            raise TimeoutError("no report")
        return dict(self.reports)

    def attach(self, connection):
        self.connection = connection
        body = struct.pack("<iIII6s2xQQQ", 0, 1, 1, 9000, self.mac, self.wire.to_guest_offset,
                           self.wire.to_host_offset, self.wire.bytes)
        fds = array.array("i", [self.wire.fd, self.wire.wake_guest, self.wire.wake_host, self.tap])
        packet = (struct.pack("<II", ATTACH, 0) + body).ljust(MESSAGE, b"\0")
        connection.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])

    def serve(self, connection):
        """Messages of the library, until it goes."""
        while True:
            packet = connection.recv(MESSAGE)
            if not packet:
                break
            kind, value = struct.unpack_from("<II", packet)
            if kind == READY:
                (self.ready.set if value else self.ready.clear)()
            elif kind == REPORT:
                count, last = struct.unpack_from("<II", packet, 8)
                for i in range(count):
                    name, number = struct.unpack_from("<24sQ", packet, 16 + i * 32)
                    self.reports.append((name.rstrip(b"\0").decode(), number))
                if last:
                    self.reported.set()
        self.ready.clear()
        self.connection = None


class Bed:
    """VFs, the files that announce them, and the socket where the library meets its host."""

    def __init__(self, profiles=("cx5-vf-trusted",), wire="ring"):
        self.directory = tempfile.mkdtemp(prefix="azhost-test-")
        self.sysfs = f"{self.directory}/sys"
        os.makedirs(f"{self.sysfs}/bus/pci/drivers/mlx5_core")
        self.vfs = []
        for index, profile in enumerate(profiles):
            self.vfs.append(Vf(self, index, profile, wire=wire))
        self.announce()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(f"{self.directory}/vf.sock")
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for vf in self.vfs:
            os.close(vf.tap)
        shutil.rmtree(self.directory)

    def announce(self):
        """Write the list of VFs that are there."""
        text = ";".join(f"{vf.name},{vf.pci},{vf.netdev},{vf.profile},{vf.kind}"
                        for vf in self.vfs if vf.present)
        write(f"{self.directory}/vfs.new", text)
        os.rename(f"{self.directory}/vfs.new", f"{self.directory}/vfs")

    def make_sysfs(self, vf):
        device = f"{self.sysfs}/bus/pci/devices/{vf.pci}"
        os.makedirs(f"{device}/net/{vf.netdev}")
        ids = next((i for name, i in PCI_IDS.items() if vf.profile.endswith(name)), 0x1018)
        files = {"vendor": "0x15b3", "device": f"{ids:#x}", "subsystem_vendor": "0x15b3",
                 "subsystem_device": "0x0091", "class": "0x020000", "max_vfs": "0",
                 "numa_node": "0", "uevent": f"DRIVER=mlx5_core\nPCI_SLOT_NAME={vf.pci}",
                 f"net/{vf.netdev}/dev_port": "0", f"net/{vf.netdev}/dev_id": "0x0",
                 "resource": "\n".join(["0x00000000e0000000 0x00000000e01fffff 0x000000000014220c"]
                                       + [f"{0:#018x} {0:#018x} {0:#018x}"] * 6)}
        for name, text in files.items():
            write(f"{device}/{name}", text + "\n")
        os.symlink("../../drivers/mlx5_core", f"{device}/driver")
        infiniband = f"{self.sysfs}/class/infiniband/{vf.name}"
        os.makedirs(f"{infiniband}/ports/1/hw_counters")
        write(f"{infiniband}/ports/1/hw_counters/out_of_buffer", "0\n")
        os.symlink(f"../../../bus/pci/devices/{vf.pci}", f"{infiniband}/device")

    def remove_sysfs(self, vf):
        shutil.rmtree(f"{self.sysfs}/bus/pci/devices/{vf.pci}")
        shutil.rmtree(f"{self.sysfs}/class/infiniband/{vf.name}")

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # the bed is closed
            packet = connection.recv(MESSAGE)
            kind, _, _, name = struct.unpack_from("<III32s", packet)
            name = name.rstrip(b"\0").decode()
            vf = next((v for v in self.vfs if v.name == name and v.present), None)
            if kind != HELLO or vf is None:
                connection.send(struct.pack("<IIi", ATTACH, 0, -19).ljust(MESSAGE, b"\0"))
                connection.close()
                continue
            vf.attach(connection)
            threading.Thread(target=vf.serve, args=(connection,), daemon=True).start()

    def environment(self):
        sanitizer = os.environ.get("AZHOST_TEST_PRELOAD")
        libraries = f"{BUILD}/lib/azhost{'-sanitized' if sanitizer else ''}"
        preload = {"LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0"} if sanitizer else {}
        return {**os.environ, **preload, "LD_LIBRARY_PATH": libraries, "AZHOST_DIR": self.directory,
                "AZHOST_SYSFS": self.sysfs, "AZHOST_PROFILES": f"{BUILD}/share/azhost/profiles",
                "SYSFS_PCI_DEVICES": f"{self.sysfs}/bus/pci/devices",
                "RUNTIME_DIRECTORY": self.directory, "XDG_RUNTIME_DIR": self.directory}

    def eal(self, devargs="", vfs=None):
        """EAL arguments that fit every machine: no huge pages, our devices alone."""
        arguments = ["--no-huge", "-m", "512", "--no-telemetry", "-l", "0-1",
                     "--file-prefix", f"azt{os.getpid()}"]
        for vf in vfs if vfs is not None else self.vfs:
            arguments += ["-a", vf.pci + ("," + devargs if devargs else "")]
        return arguments


class Testpmd:
    """Stock testpmd at its prompt."""

    PROMPT = "testpmd> "

    def __init__(self, bed, devargs="", arguments=(), start=True, eal=None):
        program = os.environ.get("AZHOST_TESTPMD", "dpdk-testpmd")
        command = ["stdbuf", "-oL", program, *(eal or bed.eal(devargs)), "--", "-i",
                   "--total-num-mbufs=8192", "--rxd=512", "--txd=512", *arguments]
        self.output = ""
        self.seen = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=bed.environment())
        threading.Thread(target=self.read, daemon=True).start()
        if start:
            self.wait_for(self.PROMPT, 180)

    def read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return
            self.output += data.decode(errors="replace")

    def wait_for(self, pattern, timeout=PATIENCE):
        """The output up to pattern, which is then behind us."""
        end = time.time() + timeout
        while True:
            at = self.output.find(pattern, self.seen)
            if at >= 0:
                text = self.output[self.seen : at + len(pattern)]
                self.seen = at + len(pattern)
                return text
            if time.time() > end or self.process.poll() is not None:
                raise TimeoutError(f"no {pattern!r} in: ...{self.output[-3000:]}")
            time.sleep(0.01)

    def command(self, line, timeout=PATIENCE):
        """What testpmd prints for a command, up to the next prompt."""
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()
        text = self.wait_for(self.PROMPT, timeout)
        # The prompt goes out at once, what is printed by line: let it arrive.
        while True:
            size = len(self.output)
            time.sleep(0.05)
            if len(self.output) == size:
                break
        text += self.output[self.seen :]
        self.seen = len(self.output)
        return text

    def commands(self, *lines):
        return "".join(self.command(line) for line in lines)

    def stat(self, name, port=0):
        """A value of `show port stats`, such as RX-packets."""
        text = self.command(f"show port stats {port}")
        match = re.search(rf"{name}: +(\d+)", text)
        if not match:
            raise KeyError(f"{name} in {text}")
        return int(match.group(1))

    def quit(self, timeout=60):
        with contextlib.suppress(OSError):
            self.process.stdin.write(b"quit\n")
            self.process.stdin.flush()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind is None:
                check(self.quit() == 0, "testpmd ends with status 0")
            else:
                print(self.output[-4000:])
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def changed_profile(base, **changes):
    """A copy of a profile with other values, its path; keys have '__' for '.'."""
    with open(f"{BUILD}/share/azhost/profiles/{base}", encoding="ascii") as file:
        text = file.read()
    for key, value in changes.items():
        name = re.escape(key.replace("__", "."))
        text, n = re.subn(rf"^({name} *= *)[^\s#]+", rf"\g<1>{value}", text, flags=re.M)
        check(n == 1, f"{key} is in profile {base}")
    with tempfile.NamedTemporaryFile("w", suffix=f"-{base}") as file:
        file.write(text)
        file.flush()
        yield file.name


class Failed(Exception):
    """A check that did not hold."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def same(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: got {got!r}, not {wanted!r}")


def main(tests, arguments=None):
    """Run the tests named on the command line, or all; exit status 0 if all pass."""
    names = sys.argv[1:] if arguments is None else arguments
    failed = 0
    for name in names or list(tests):
        start = time.time()
        try:
            tests[name]()
            print(f"ok {name} ({time.time() - start:.1f} s)", flush=True)
        except (Failed, TimeoutError, KeyError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)
