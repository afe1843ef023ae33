"""Several NICs of one VM: one accelnetd inside one azhost, and for each NIC a switch, a remote
namespace and a VM's namespace of its own, with the same addresses as everywhere.

    remote 0    azhost's switch 0 -- netvsc, VF --           -- app TAP 0    vm 0
    remote 1    azhost's switch 1 -- netvsc, VF -- accelnetd -- app TAP 1    vm 1
    ...                                                                          Needs root.
"""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
import time

import azlab
import lab
import rpc

EAL_ARGUMENTS = [*azlab.EAL_ARGUMENTS[:-1], "1024"]
CONNECTIONS = 65536  # a NIC: the default's tables would fill the memory above


def guid(number):
    """Of azhost's NIC of that number."""
    first, rest = azlab.GUID.split("-", 1)
    return f"{int(first, 16) + number:08x}-{rest}"


def mac(number):
    return f"00:0d:3a:00:00:{number + 1:02x}"


class Daemon(azlab.Daemon):
    """`lcores` is called for EAL's, `nic` is merged into the configuration of each NIC."""

    def __init__(self, folder, apps, options, before="true", lcores=lab.lcores, nic=None):
        super().__init__(folder, "", options, before=before)
        config = json.loads(self.config.read_text(encoding="utf-8"))
        config["eal"] = {"lcores": lcores(), "args": EAL_ARGUMENTS}
        config["connections"] = {"max": CONNECTIONS}
        config["nics"] = [{
            **config["nics"][0], "name": f"nic{number}", "mac": mac(number),
            "uplink": {"type": "netvsc", "device": guid(number)},
            "app": {"device": f"net_tap{number},iface={app}"}, **(nic or {}),
        } for number, app in enumerate(apps)]
        self.config.write_text(json.dumps(config, indent=2), encoding="utf-8")


class OneNic:
    """The daemon as the owner of one NIC sees it."""

    def __init__(self, daemon, name):
        self.daemon, self.name = daemon, name
        self.rpc = rpc.Connection(daemon.socket)  # one for each thread that cycles a NIC

    def __getattr__(self, name):
        return getattr(self.daemon, name)

    def nic(self):
        return self.rpc.call("nic.show", nic=self.name)

    def path(self):
        return self.nic()["path"]

    def apply(self, policy, *words):
        path = self.daemon.folder / f"policy-{self.name}.json"
        if not isinstance(policy, (str, pathlib.Path)):
            path.write_text(json.dumps(policy), encoding="utf-8")
            policy = path
        return self.ask("policy", "apply", policy, "--nic", self.name, *words)

    def events(self, name, after=0):
        return [event for event in self.rpc.call("events")["events"]
                if event["event"] == name and event["nic"] == self.name
                and event["sequence"] > after]

    def drops(self):
        return self.daemon.drops(self.name)


class Site:
    """What belongs to one NIC: as a lab, to the cases that know one NIC alone."""

    def __init__(self, fleet, number):
        self.name = f"nic{number}"
        self.folder = fleet.folder
        self.host = azlab.Host(fleet.daemon.host.socket, self.name)
        self.daemon = OneNic(fleet.daemon, self.name)
        self.remote, self.vm = fleet.namespaces[number]
        self.links = fleet.links[number]
        self.mac = mac(number)

    def plug_in(self, inside):
        uplink, app = self.links
        for link in self.links:
            lab.run("nsenter", f"--net={inside}", "ip", "link", "set", link, "netns",
                    str(os.getpid()))
        self.remote.adopt(uplink, f"{lab.GATEWAY}/24")
        self.vm.adopt(app, f"{lab.VM}/24", mac=self.mac)
        for address in (lab.INTERNET, lab.APP_TIER, lab.DB_TIER):
            self.remote.ip("address", "add", f"{address}/32", "dev", "lo")
        self.vm.ip("route", "add", "default", "via", lab.GATEWAY)


class Fleet:
    """A context manager; `options` are azhost run's, `more` the Daemon's."""

    def __init__(self, count, *options, **more):
        self.count, self.options, self.more = count, options, more
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="accelnet-"))
        pid = os.getpid()
        self.links = [(f"az{number}x{pid}", f"ap{number}x{pid}") for number in range(count)]
        self.namespaces, self.daemon, self.sites = [], None, []

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def open(self):
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        for number in range(self.count):
            self.namespaces.append([self.namespace(f"accelnet-{side}{number}-{os.getpid()}")
                                    for side in ("remote", "vm")])
        uplinks = [word for uplink, _ in self.links for word in ("--uplink", f"tap:{uplink}")]
        self.daemon = Daemon(self.folder, [app for _, app in self.links],
                             ["--nics", str(self.count), *uplinks, *self.options], **self.more)
        self.stack.callback(self.daemon.stop)
        self.daemon.start()
        self.sites = [Site(self, number) for number in range(self.count)]
        inside = self.daemon.host.ctl("nics")["networkNamespace"]
        for site in self.sites:
            site.plug_in(inside)
        time.sleep(0.2)  # what the machine's own kernel said on the links while they were its own
        self.daemon.ctl("stats", "clear")

    def namespace(self, name):
        namespace = lab.Namespace(name)
        self.stack.callback(namespace.close)
        namespace.open()
        return namespace
