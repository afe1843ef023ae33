"""A lab whose daemon runs inside azhost: an Azure VM's NIC, with its two paths, on this machine.

    remote namespace                azhost's namespace                     vm namespace
    clients, a router     azhostN -- switch -- netvsc, VF -- accelnetd -- app TAP     the workload

The daemon and its drivers are as they would be on Azure; Host gives and takes the VF. Needs root.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import time

import lab
import rpc

AZHOST = lab.BIN / "azhost"
GUID = "7a08391f-f5a0-4ac0-9802-d13fd964f8df"  # of azhost's first NIC
EAL_ARGUMENTS = ["--no-huge", "--no-shconf", "--no-telemetry", "-m", "512"]
# Workers are pinned: where other programs keep their core busy they may wait for seconds.
STARVED = "a worker gets no CPU"
# Where a device is made so slow that its start in a worker takes over four seconds.
ASLEEP = "a worker sleeps in a system call"


class Host:
    """The other side of the VM: azhost's controls of one NIC."""

    def __init__(self, socket, name=lab.NIC):
        self.socket = socket
        self.name = name
        self.rpc = rpc.Connection(socket)

    def ctl(self, *words):
        output = lab.run(AZHOST, "ctl", "--socket", self.socket, "--json", *words).stdout
        return json.loads(output) if output.strip() else {}

    def mine(self, answer):
        return next(nic for nic in answer["nics"] if nic["name"] == self.name)

    def revoke(self, *options):
        self.ctl("vf", "revoke", self.name, *options)

    def assign(self, *options):
        self.ctl("vf", "assign", self.name, *options)

    def fault(self, name, value):
        self.ctl("fault", self.name, name, value)

    def nic(self):
        return self.mine(self.rpc.call("nics"))

    def stats(self):
        return self.mine(self.rpc.call("stats"))

    def rules(self):
        """How many the VF's device holds, those of the driver's own among them."""
        answer = self.rpc.call("vf.query", nic=self.name)
        while not answer["complete"]:
            time.sleep(0.01)
            answer = self.rpc.call("vf.query", nic=self.name, again=True)
        return answer["vf"]["rules"]

    def is_settled(self, path):
        nic = self.nic()
        return nic["datapath"] == path and not nic["vf"]["changing"]

    def lost(self):
        """Frames that no guest could save, and those that a starved one could not take."""
        stats = self.stats()
        vf = stats["vf"]
        # what no rule took is not lost where the kernel has the VF, too
        unruled = vf["noRule"] - stats.get("kernel", {}).get("fromVf", 0)
        return {
            "vf": vf["lostAfterLastPoll"] + vf["lostUnsent"] + vf["inFlight"] + unruled,
            "overrun": vf["lostNoBuffer"] + stats["drops"]["full"],
        }


class Daemon(lab.Daemon):
    """accelnetd as azhost's command; `popen` is the launcher's, `pid` the daemon's.

    `before` is shell, run inside azhost; `prefix` are words to run azhost by.
    """

    def __init__(self, folder, app, options, nic=None, before="true", prefix=()):
        super().__init__(folder, GUID, app, eal=EAL_ARGUMENTS,
                         nic={"uplink": {"type": "netvsc", "device": GUID}, **(nic or {})})
        self.options = options
        self.before = before
        self.prefix = prefix
        self.host = Host(self.folder / "azhost.sock")
        self.rpc = rpc.Connection(self.socket)
        self.pid = None

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.popen = subprocess.Popen(
                [*self.prefix, AZHOST, "run", "--socket", self.host.socket, *self.options, "--",
                 "sh", "-c", f'{self.before}; exec "$@"', "sh", lab.BIN / "accelnetd",
                 "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=bool(self.prefix))
        lab.wait_for(self.answers, "accelnetd in azhost to answer", 60)
        self.pid = self.ask("status")["daemon"]["pid"]
        return self

    def resident(self):
        """KiB by what is mapped."""
        resident, name = collections.Counter(), ""
        for line in pathlib.Path(f"/proc/{self.pid}/smaps").read_text("ascii").splitlines():
            words = line.split()
            if words[0] == "Rss:":
                resident[name] += int(words[1])
            elif not words[0].endswith(":"):
                name = words[5] if len(words) > 5 else ""
        return resident

    def resident_kib(self):
        """Without the devices' memory that azhost shares with it: rings and buffers, of which the
        kernel gives each page when it is first used."""
        return sum(size for name, size in self.resident().items()
                   if not name.startswith("/memfd:azhost"))

    def eal_kib(self):
        """Of that, the memory that EAL hands out."""
        return self.resident()["/memfd:nohuge"]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self):
        """The daemon first, so that it ends as it would; azhost ends with it, and with its status."""
        if self.pid and self.popen.poll() is None:
            try:
                os.kill(self.pid, signal.SIGTERM)
                return self.popen.wait(timeout=20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        return super().stop()

    def nic(self):
        return self.rpc.call("nic.show", nic=lab.NIC)

    def drops(self, name=lab.NIC):
        """By reason, both directions."""
        nic = next(nic for nic in self.rpc.call("drops")["nics"] if nic["nic"] == name)
        return {entry["reason"]: entry["inbound"] + entry["outbound"] for entry in nic["drops"]}

    def path(self):
        return self.nic()["path"]

    def events(self, name, after=0):
        return [event for event in self.rpc.call("events")["events"]
                if event["event"] == name and event["sequence"] > after]


class AzureLab(lab.Lab):
    """`options` are azhost run's; `before` is shell, run inside it before the daemon."""

    def __init__(self, *options, nic=None, before="true"):
        super().__init__(nic)
        self.before = before
        self.uplink = f"azhost{os.getpid()}"
        self.options = options
        self.host = None

    def start_between(self):
        self.daemon = Daemon(self.folder, f"net_tap1,iface={self.app}",
                             ["--uplink", f"tap:{self.uplink}", *self.options], nic=self.nic,
                             before=self.before)
        self.host = self.daemon.host
        self.stack.callback(self.daemon.stop)
        self.daemon.start()

    def plug_in(self):
        inside = self.host.ctl("nics")["networkNamespace"]
        for link in (self.uplink, self.app):
            lab.run("nsenter", f"--net={inside}", "ip", "link", "set", link, "netns",
                    str(os.getpid()))
        super().plug_in()
