"""Two network namespaces with a daemon between them, for the demo and the tests.

    remote namespace                 this machine                    vm namespace
    clients, a router     up TAP -- accelnetd -- app TAP     servers: the workload

Everything carries this process's id in its name and is gone after Lab.close(), however the run
ends. Needs root. Nothing here touches the machine's own interfaces.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ACCELNET_BIN", ROOT / "build/bin"))
TRAFFIC = ROOT / "scripts/lib/traffic.py"

NIC = "nic0"
NIC_MAC = "00:0d:3a:00:00:01"
# The addresses are those of config/examples/three-tier.json; the VM is of its web tier.
VM = "10.1.1.4"
GATEWAY = "10.1.1.1"
INTERNET = "203.0.113.9"
QUARANTINED = "192.0.2.7"
JUMP_HOST = "10.1.9.4"
APP_TIER = "10.1.2.4"
DB_TIER = "10.1.3.4"
# In 22.11 --no-huge and --in-memory exclude each other; --no-shconf leaves no file behind either.
EAL_ARGUMENTS = ["--no-huge", "--no-shconf", "--no-telemetry", "--no-pci", "-m", "512"]


class LabError(Exception):
    """Something that has to work for the lab to be there does not."""


def run(*command, check=True, timeout=60):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    if check and result.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result


def wait_for(condition, what, seconds=20.0):
    """Calls condition() until it is true; its last value is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LabError("no VmRSS")


class Process:
    """A traffic.py command that goes on until it is told to stop."""

    def __init__(self, command):
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.command = command

    def wait_ready(self):
        line = self.popen.stdout.readline()
        if line.strip() != "ready":
            raise LabError(f"{' '.join(self.command)}: {line}{self.popen.stderr.read()}")
        return self

    def result(self, timeout=60, stop=True):
        """Tells it to stop, or lets it come to its end; returns what it counted."""
        output, errors = self.popen.communicate("stop\n" if stop else None, timeout=timeout)
        if self.popen.returncode != 0:
            raise LabError(f"{' '.join(self.command)}: {errors}")
        return json.loads(output.splitlines()[-1])

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


class Namespace:
    def __init__(self, name):
        self.name = name
        self.processes = []

    def open(self):
        """IPv6 is off, so that nothing but the steps' own traffic is counted."""
        run("ip", "netns", "add", self.name)
        self.command("sh", "-c", "for file in /proc/sys/net/ipv6/conf/*/disable_ipv6;"
                     " do if [ -e $file ]; then echo 1 >$file; fi; done")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def words(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def command(self, *command, check=True, timeout=60):
        return run(*self.words(*command), check=check, timeout=timeout)

    def traffic(self, *words, timeout=60):
        """One traffic.py command that ends by itself; what it counted."""
        result = self.command(sys.executable, TRAFFIC, *words, timeout=timeout)
        return json.loads(result.stdout.splitlines()[-1])

    def start(self, *command):
        process = Process(self.words(*command))
        self.processes.append(process)
        return process

    def start_traffic(self, *words):
        return self.start(sys.executable, TRAFFIC, *words)

    def adopt(self, link, *addresses, mac=None):
        """Takes a link of this machine and brings it up with these addresses."""
        run("ip", "link", "set", link, "netns", self.name)
        if mac:
            self.ip("link", "set", link, "address", mac)
        for address in addresses:
            self.ip("address", "add", address, "dev", link)
        # Room for what comes while other programs keep the worker's core busy.
        self.ip("link", "set", link, "txqueuelen", 10000)
        self.ip("link", "set", link, "up")

    def close(self):
        for process in reversed(self.processes):
            process.kill()
        run("ip", "netns", "delete", self.name, check=False)


class Refused(Exception):
    """accelnetctl ended with a status other than 0; `error` is what it said."""

    def __init__(self, status, error, words):
        super().__init__(f"accelnetctl {' '.join(map(str, words))}: exit {status}: {error}")
        self.status, self.error = status, error


class Daemon:
    """accelnetd with one NIC between two devices, and its client."""

    def __init__(self, folder, uplink, app, nic=None, eal=None):
        self.folder = pathlib.Path(folder)
        self.socket = self.folder / "control.sock"
        self.log = self.folder / "accelnetd.log"
        self.config = self.folder / "accelnetd.json"
        self.popen = None
        self.config.write_text(json.dumps({
            "eal": {"lcores": lcores(), "args": EAL_ARGUMENTS if eal is None else eal},
            "nics": [{
                "name": NIC, "mac": NIC_MAC,
                "uplink": {"type": "plain", "device": uplink}, "app": {"device": app},
                "queues": 1,
                "context": {"addresses": [VM], "virtualNetwork": ["10.1.0.0/16"]},
                **(nic or {}),
            }],
            "control": {"socket": str(self.socket), "group": "root"},
            "state": {"directory": str(self.folder / "state")},
        }, indent=2), encoding="utf-8")
        (self.folder / "state").mkdir(exist_ok=True)

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.popen = subprocess.Popen([BIN / "accelnetd", "--config", self.config],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.answers, "accelnetd to answer")
        return self

    def answers(self):
        if self.popen.poll() is not None:
            raise LabError(f"accelnetd ended with {self.popen.returncode}:\n{self.tail()}")
        return self.ctl("status", check=False).returncode == 0

    def tail(self, lines=20):
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])

    def warnings(self):
        """Lines of its log that a run without faults does not have."""
        return [line for line in self.log.read_text(encoding="utf-8").splitlines()
                if "level=warning" in line or "level=error" in line]

    def ctl(self, *words, check=True):
        """Patient: on a busy machine the daemon may wait long for the disk."""
        return run(BIN / "accelnetctl", "--socket", self.socket, "--timeout", 120, *words,
                   check=check, timeout=150)

    def ask(self, *words):
        """The JSON answer of accelnetctl; raises Refused."""
        result = self.ctl("--json", *words, check=False)
        try:
            answer = json.loads(result.stdout)
        except ValueError:
            raise LabError(f"accelnetctl {words}: no JSON but {result.stdout!r} "
                           f"{result.stderr!r}") from None
        if result.returncode != 0:
            raise Refused(result.returncode, answer.get("error", answer), words)
        return answer

    def apply(self, policy, *words):
        """A file's path, or an object that becomes a file."""
        if not isinstance(policy, (str, pathlib.Path)):
            path = self.folder / "policy.json"
            path.write_text(json.dumps(policy), encoding="utf-8")
            policy = path
        return self.ask("policy", "apply", policy, "--nic", NIC, *words)

    def resident_kib(self):
        return resident_kib(self.popen.pid)

    def kill(self):
        """As a power cut would."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self):
        """Cleanly; returns the exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            return self.popen.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


def lcores():
    """One lcore for the control thread and one for the worker, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise LabError("accelnetd needs two cores, and there is one")
    return f"{cores[0]},{cores[1]}"


def has_link(name):
    """Asks the kernel: /sys may be of another network namespace."""
    return run("ip", "link", "show", name, check=False).returncode == 0


class Lab:
    """The namespaces, the daemon, and a folder for its files; a context manager."""

    def __init__(self, nic=None):
        self.nic = nic
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="accelnet-"))
        self.uplink, self.app = f"up{os.getpid()}", f"app{os.getpid()}"
        self.remote = self.vm = self.daemon = None

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.remote = self.namespace(f"accelnet-remote-{os.getpid()}")
        self.vm = self.namespace(f"accelnet-vm-{os.getpid()}")
        self.start_between()
        self.plug_in()

    def namespace(self, name):
        namespace = Namespace(name)
        self.stack.callback(namespace.close)
        namespace.open()
        return namespace

    def start_between(self):
        self.daemon = Daemon(self.folder, f"net_tap0,iface={self.uplink}",
                             f"net_tap1,iface={self.app}", nic=self.nic)
        self.daemon.start()
        self.stack.callback(self.daemon.stop)

    def plug_in(self):
        """Gives the two TAP interfaces to the namespaces; their other ends stay the daemon's."""
        for link in (self.uplink, self.app):
            wait_for(lambda link=link: has_link(link), link)
        self.remote.adopt(self.uplink, f"{GATEWAY}/24")
        self.vm.adopt(self.app, f"{VM}/24", mac=NIC_MAC)
        for address in (INTERNET, QUARANTINED, JUMP_HOST, APP_TIER, DB_TIER):
            self.remote.ip("address", "add", f"{address}/32", "dev", "lo")
        self.vm.ip("route", "add", "default", "via", GATEWAY)
        # What the machine's own kernel said on the two links while they were its own.
        time.sleep(0.2)
        self.daemon.ctl("stats", "clear")

    def close(self):
        self.stack.close()
