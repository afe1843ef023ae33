"""A VM in a test: `azhost run` with a program in it, the other end of its uplink, and its controls.

Environment:
    AZHOST_BUILD    build tree; the tests' CMakeLists sets it
    AZHOST_TESTPMD  another testpmd binary
    AZHOST_SANITIZED  set where the host is built with a sanitizer (guests never are)
"""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time

BUILD = os.path.abspath(os.environ.get("AZHOST_BUILD", "build"))
AZHOST = f"{BUILD}/bin/azhost"
TESTPMD = os.environ.get("AZHOST_TESTPMD", "dpdk-testpmd")
SKIPPED = 77
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

# Without hugepages, and small: several run at once on small machines.
EAL = ["--no-huge", "-m", "320", "--no-telemetry"]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def check(condition, what):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        raise SystemExit(1)


def need(*programs):
    for program in programs:
        if not shutil.which(program) and not os.access(program, os.X_OK):
            skip(f"no {program}")
    if not os.path.exists("/dev/net/tun"):
        skip("no /dev/net/tun")
    options = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    if subprocess.run(["unshare", *options, "true"], check=False).returncode != 0:
        skip("no namespaces here")


def wait_for(condition, what, timeout=40):
    end = time.time() + timeout
    while not condition():
        if time.time() > end:
            raise TimeoutError(f"waited {timeout} s for: {what}")
        time.sleep(0.02)


def children_of(guest):
    """Children of a VM's launcher, the oldest first: process id and name."""
    path = f"/proc/{guest.process.pid}/task/{guest.process.pid}/children"
    with open(path, encoding="ascii") as file:
        children = sorted(int(pid) for pid in file.read().split())
    for pid in children:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            yield pid, file.read().strip()


def run(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.returncode} {done.stdout}{done.stderr}")


def command_of(guest):
    """Process id of a VM's command."""
    return next(pid for pid, name in children_of(guest) if name != "azhost-host")


def host_of(guest):
    """Process id of a VM's host."""
    return next(pid for pid, name in children_of(guest) if name == "azhost-host")


class Cable:
    """The test's end of `--uplink unix:PATH`: it listens, the host connects."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.socket = None

    def plugged(self, timeout=10):
        self.listener.settimeout(timeout)
        self.socket, _ = self.listener.accept()
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 4 << 20)

    def send(self, frame):
        self.socket.send(frame)

    def receive(self, count, quiet=1.0):
        """Up to count frames; fewer if none comes for so many seconds."""
        frames = []
        while len(frames) < count:
            readable, _, _ = select.select([self.socket], [], [], quiet)
            if not readable:
                break
            frames.append(self.socket.recv(16384))
        return frames

    def drain(self, quiet=0.3):
        return self.receive(1 << 30, quiet)

    def close(self):
        if self.socket:
            self.socket.close()
        self.listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class Vm:
    """`azhost run` with a command. The command's terminal is ours, its errors go to a file."""

    def __init__(self, command, *options, cable=True, as_user=False, environment=None, nics=1):
        self.directory = tempfile.mkdtemp(prefix="azhost-vm-")
        self.socket = f"{self.directory}/control.sock"
        self.cable = None
        self.output = ""
        arguments = [AZHOST, "run", "--socket", self.socket, "--nics", str(nics), *options]
        if as_user:
            arguments = NOBODY + arguments
            os.chmod(self.directory, 0o777)
        if cable:
            self.cable = Cable(f"{self.directory}/cable")
            if as_user:
                os.chmod(self.cable.path, 0o777)
            arguments += ["--uplink", f"unix:{self.cable.path}"]
        self.errors = open(f"{self.directory}/errors", "w+", encoding="utf-8", errors="replace")
        self.terminal, theirs = pty.openpty()
        mode = termios.tcgetattr(theirs)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[1] &= ~termios.OPOST
        termios.tcsetattr(theirs, termios.TCSANOW, mode)
        temporary = f"{self.directory}/tmp"
        os.mkdir(temporary)
        if as_user:
            os.chmod(temporary, 0o777)
        self.temporary = temporary
        self.process = subprocess.Popen(
            [*arguments, "--", *command], stdin=theirs, stdout=theirs, stderr=self.errors,
            # A sanitized azhost in COMMAND, `azhost as`, comes behind the shim.
            env={"ASAN_OPTIONS": "verify_asan_link_order=0", **os.environ, "TMPDIR": temporary,
                 **(environment or {})},
            start_new_session=True)
        os.close(theirs)
        if cable:
            try:
                self.cable.plugged()
            except TimeoutError:
                self.stop()
                print(self.error_text())
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print("---- output\n" + self.output[-1500:])
            print("---- errors\n" + self.error_text()[-2500:])
        self.stop()
        if "Sanitizer" in self.error_text():
            print(self.error_text())
            check(False, "no sanitizer has anything to say of the host")
        # Where the launcher had to be killed, its host cleans up.
        end = time.time() + 5
        while os.listdir(self.temporary) and time.time() < end:
            time.sleep(0.05)
        left = os.listdir(self.temporary)
        shutil.rmtree(self.directory, ignore_errors=True)
        if not kind:
            check(not left, "nothing is left of the VM's directory")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.terminal)
        if self.cable:
            self.cable.close()

    def error_text(self):
        self.errors.flush()
        with open(self.errors.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def write(self, text):
        os.write(self.terminal, text.encode())

    def expect(self, pattern, timeout=30):
        """Read on until the pattern has come; the text since the last call."""
        end = time.time() + timeout
        start = len(self.output)
        start = getattr(self, "read_from", start)
        while True:
            found = re.search(pattern, self.output[start:])
            if found:
                self.read_from = start + found.end()
                return self.output[start:self.read_from]
            if time.time() > end:
                raise TimeoutError(f"no {pattern!r} within {timeout} s")
            readable, _, _ = select.select([self.terminal], [], [], 0.2)
            if not readable:
                if self.process.poll() is not None:
                    raise EOFError(f"the program ended ({self.process.returncode})")
                continue
            try:
                self.output += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError as error:
                raise EOFError("the program closed its terminal") from error

    def ctl(self, *arguments, expect=0):
        done = subprocess.run([AZHOST, "ctl", "--socket", self.socket, "--json", *arguments],
                              capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != expect:
            raise RuntimeError(f"azhost ctl {' '.join(arguments)}: {done.returncode} "
                               f"{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def stats(self, nic=0):
        return self.ctl("stats")["nics"][nic]

    def nic(self, nic=0):
        return self.ctl("nics")["nics"][nic]


class Testpmd(Vm):
    """A VM whose command is dpdk-testpmd, at its prompt."""

    def __init__(self, *options, eal=(), arguments=(), mbufs=8192, cores="0-1", prefix=(),
                 **keywords):
        command = [*prefix, TESTPMD, "-l", cores, *EAL, *eal, "--", "-i", "--no-mlockall",
                   f"--total-num-mbufs={mbufs}", *arguments]
        super().__init__(command, *options, **keywords)
        try:
            self.expect("testpmd> ", 60)
        except (TimeoutError, EOFError):
            print(self.output, self.error_text())
            self.stop()
            raise

    def commands(self, *lines):
        text = ""
        for line in lines:
            self.write(line + "\n")
            text = self.expect("testpmd> ")
        return text

    def quit(self, expect=0):
        self.write("quit\n")
        # On a busy machine it gets little processor time for its many steps.
        status = self.process.wait(120)
        check(status == expect, f"testpmd ends with {status}")


def echo(cable, sent, window=256, quiet=10.0):
    """Send frames, at most `window` on their way; what came back."""
    got = []
    out = 0
    while len(got) < len(sent):
        while out < len(sent) and out - len(got) < window:
            cable.send(sent[out])
            out += 1
        batch = cable.receive(1, quiet)
        if not batch:
            break
        got += batch
        # What else is there already.
        while len(got) < out:
            more = cable.receive(1, 0)
            if not more:
                break
            got += more
    return got


def mac(index=0):
    return bytes([0x00, 0x0D, 0x3A, 0, 0, index + 1])


PEER = bytes.fromhex("02aabbccdd01")


def swapped(frame):
    """What testpmd's macswap makes of a frame."""
    return frame[6:12] + frame[0:6] + frame[12:]


def run_all(tests, arguments):
    """Run the tests that the command line names, or all."""
    chosen = [name for name in arguments if not name.startswith("-")] or list(tests)
    for name in chosen:
        print(f"---- {name}", flush=True)
        tests[name]()
