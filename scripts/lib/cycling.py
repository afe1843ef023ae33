"""A VF that goes and comes under traffic: the traffic, the steps, and what each waits for.

A `network` is azlab.AzureLab, or one fleet.Site of several NICs.
"""

import json
import signal
import time

import lab

OPEN, DENIED = 8080, (9001, 9002)
STREAM_SECONDS = 86400  # longer than any run: it is told to stop
POLICY = {
    "apiVersion": "accelnet/v1",
    "nicNsg": {"name": "nic", "properties": {"securityRules": [
        {"name": "allow-open", "properties": {
            "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRanges": [str(OPEN), "5201"]}},
        {"name": "allow-ping", "properties": {
            "priority": 110, "direction": "Inbound", "access": "Allow", "protocol": "Icmp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "*"}},
        {"name": "deny-rest", "properties": {
            "priority": 200, "direction": "Inbound", "access": "Deny", "protocol": "*",
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "*"}},
    ]}},
    "context": {"addresses": [lab.VM], "virtualNetwork": ["10.1.0.0/16"]},
}


class Traffic:
    """What runs while the VF comes and goes."""

    def __init__(self, network, bitrate="20M"):
        denied = ",".join(map(str, DENIED))
        source = ("--source", lab.INTERNET)
        self.server = network.vm.start_traffic(
            "serve", "--address", lab.VM, "--tcp", f"{OPEN},{denied}", "--udp",
            denied).wait_ready()
        # nobody reads what it tells each second: a pipe would be full after a quarter of an hour
        network.vm.start("iperf3", "--server", "--bind", lab.VM, "--logfile", "/dev/null")
        self.hold = network.remote.start_traffic("hold", lab.VM, OPEN, *source).wait_ready()
        self.knock = network.remote.start_traffic("knock", lab.VM, denied, *source)
        time.sleep(0.5)
        self.stream = network.remote.start(
            "iperf3", "--json", "--bind", lab.INTERNET, "--client", lab.VM, "--time",
            STREAM_SECONDS, "--bitrate", bitrate)
        self.ping = network.remote.start_traffic("ping", lab.VM, *source)

    def finish(self):
        self.ping = self.ping.result()
        self.stream.popen.send_signal(signal.SIGINT)
        output, _ = self.stream.popen.communicate(timeout=30)
        self.stream = json.loads(output)
        self.hold = self.hold.result()
        self.knock = self.knock.result()
        time.sleep(0.5)
        self.server = self.server.result()

    def check(self, network):
        """After finish(): what is wrong is an assertion; returns what it came to, in numbers."""
        host = network.host.lost()
        lost = self.ping["sent"] - self.ping["received"]
        starved = starvation(network)
        unsavable = host["vf"] + host["overrun"] + self.ping["overflowed"] + starved
        assert lost <= unsavable, \
            f"{lost} pings lost: {self.ping}; the host counts {host}, {starved} for want of CPU"
        assert self.knock["tried"] and not self.knock["passed"], self.knock
        served = {name for name in self.server if name != f"tcp/{OPEN}"}
        assert not served, f"the VM heard denied tries: {self.server}"
        assert self.hold["error"] is None, self.hold
        intervals = [interval["sum"]["bytes"] for interval in self.stream["intervals"]]
        assert sum(intervals[-3:]) > 0, f"the stream stands still: {intervals[-10:]}"
        return {
            "pings": self.ping["sent"], "lost": lost, "unsavable": unsavable, "host": host,
            "overflowed": self.ping["overflowed"], "starved": starved,
            "longestGapMs": self.ping["longest_ms"], "deniedTries": self.knock["tried"], "exchanges": self.hold["exchanges"],
            "longestExchangeMs": self.hold["longest_ms"], "streamed": sum(intervals),
            "streamSeconds": len(intervals),
        }


def starvation(network):
    """Packets for which there was no room where a program was not run for long: none on a machine
    that does nothing else."""
    counters = network.daemon.nic()["uplinkPort"]["counters"]
    dropped = network.daemon.drops()["tx-full"] + counters["missed"] + counters["noBuffer"]
    for namespace in (network.remote, network.vm):
        links = json.loads(lab.run("ip", "-n", namespace.name, "-s", "-j", "link").stdout)
        dropped += sum(link["stats64"][way]["dropped"] for link in links for way in ("rx", "tx"))
    return dropped


def wait_for_path(network, path, seconds=20):
    lab.wait_for(lambda: network.daemon.path() == path, f"path {path}", seconds)


def reach_vf(network, seconds=20):
    """The daemon on its VF, with the policy in force."""
    wait_for_path(network, "vf", seconds)
    network.daemon.apply(POLICY)
    wait_for_path(network, "vf", seconds)
    lab.wait_for(lambda: network.remote.command(
        "ping", "-q", "-c", 1, "-W", 2, "-I", lab.INTERNET, lab.VM, check=False).returncode == 0,
        "an answer of the VM", seconds)


def take_away(network, *options, seconds=20):
    """Until the guest has let go of it, too: netvsc passes over a VF that is given before that."""
    network.host.revoke(*options)
    lab.wait_for(lambda: network.host.is_settled("synthetic"), f"the host to take the VF {options}",
                 seconds)
    lab.wait_for(lambda: not network.host.nic()["vf"]["open"], f"the VF's end {options}", seconds)
    wait_for_path(network, "synthetic", seconds)


def give_back(network, *options, seconds=20):
    network.host.assign(*options)
    lab.wait_for(lambda: network.host.is_settled("vf"), f"the host to give the VF {options}",
                 seconds)
    wait_for_path(network, "vf", seconds)


def cycle(network, revoke=(), assign=(), seconds=20):
    take_away(network, *revoke, seconds=seconds)
    wait_for_traffic(network, "synthetic", seconds)
    give_back(network, *assign, seconds=seconds)
    wait_for_traffic(network, "vf", seconds)


def wait_for_traffic(network, path, seconds=20):
    """As the daemon counts it."""
    def received():
        return network.daemon.nic()["packets"][path]["received"]
    before = received()
    lab.wait_for(lambda: received() > before + 20, f"traffic on the path {path}", seconds)


def wait_for_denials(network, seconds=20):
    """One try at least of each denied port, UDP, which software judges on either path."""
    def denied():
        return network.daemon.drops()["policy-deny"]
    before = denied()
    return lab.wait_for(lambda: max(denied() - before - 2 * len(DENIED) + 1, 0),
                        "denied tries", seconds)
