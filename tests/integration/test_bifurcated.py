#!/usr/bin/env python3
"""The VF of a bifurcated uplink goes and comes back under traffic; policy and connections stay.

usage: test_bifurcated.py [--full] [CASE...]
       test_bifurcated.py --cycles N [--json FILE]

accelnetd beside the kernel's interface inside azhost (`--synthetic kernel`): ping, one TCP stream,
one held connection and tries of denied ports run all the while. Quick: 10 cycles and some cases;
--full: 200 cycles and all cases. --cycles: as many cycles as fast as they go, for soak.sh, and the
numbers in FILE. Needs root.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time

import tap
import test_failover as netvsc
import test_failover_races as races

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import azlab  # pylint: disable=wrong-import-position
import lab  # pylint: disable=wrong-import-position
import rpc  # pylint: disable=wrong-import-position
from cycling import (  # pylint: disable=wrong-import-position
    DENIED, OPEN, POLICY, Traffic, cycle, give_back, reach_vf, take_away, wait_for_path,
    wait_for_traffic)

INTERFACE = "azeth0"
VF_INTERFACE = "azvf0"
STRANGER, NOBODY = "10.1.0.77", "10.1.0.78"
GROWTH_KIB = netvsc.GROWTH_KIB
RING_BYTES = 1024 * 2048  # of net_af_packet's frames, each way
WARM_UP = 0.05  # of --cycles
SAY_SECONDS = 10


def uplink(failback=0, **more):
    return {"uplink": {"type": "bifurcated", "interface": INTERFACE, "failbackMs": failback},
            **more}


def with_lab(case, *options, nic=None, **more):
    return netvsc.with_lab(case, "--synthetic", "kernel", *options, nic=nic or uplink(), **more)


def inside(network, *words, check=True):
    """A command in the daemon's network namespace."""
    namespace = network.host.ctl("nics")["networkNamespace"]
    return lab.run("nsenter", f"--net={namespace}", *words, check=check)


def vf_of(network):
    return network.daemon.nic()["uplinkPort"]["vf"]


def answers(network, count=3):
    output = network.remote.command("ping", "-q", "-c", count, "-i", "0.2", "-W", 2, "-I",
                                    lab.INTERNET, lab.VM, check=False).stdout
    return f"{count} received" in output


def elsewhere(network):
    """It returns at other addresses and as other models, by which the rules are planned anew."""
    reach_vf(network)
    tiers = []
    for profile, address in (("cx5-vf-trusted", "0000:3b:01.4"), ("cx4lx-vf", "0001:00:02.0"),
                             ("cx5-vf-untrusted", "0000:3b:00.2")):
        take_away(network)
        give_back(network, "--as", profile, "--at", address)
        assert vf_of(network)["device"] == address, vf_of(network)
        offload = network.daemon.nic()["offload"]
        assert offload["plan"]["installed"] == offload["plan"]["planned"] > 0, offload
        tiers.append(offload["device"]["tier"])
        assert answers(network), profile
    assert tiers[0] == "T3" and tiers[-1] == "T2", tiers
    return ", ".join(tiers)


def absent_at_start(network):
    """Started without a VF, it has the kernel's interface, and takes the VF when it comes."""
    assert network.daemon.path() == "synthetic", network.daemon.path()
    network.daemon.apply(POLICY)
    lab.wait_for(lambda: answers(network, 1), "an answer of the VM")
    give_back(network)
    assert answers(network)
    take_away(network)
    assert answers(network)


def fatal(network):
    """The device dies, its interface stays for a while, and at last it is another."""
    reach_vf(network)
    network.host.ctl("vf", "fatal", lab.NIC)
    lab.wait_for(lambda: network.daemon.path() != "vf", "the end of a VF that has died")
    network.host.revoke()
    wait_for_path(network, "synthetic")
    lab.wait_for(lambda: network.host.is_settled("synthetic"), "the host to take a dead VF")
    # what is sent while the device is dead and its interface still there is the host's to lose
    lab.wait_for(lambda: answers(network, 1), "an answer on the synthetic path")
    give_back(network)
    assert answers(network)


def set_down(network):
    """The VF's interface is set down: the kernel moves the data path, and so do we."""
    reach_vf(network)
    inside(network, "ip", "link", "set", VF_INTERFACE, "down")
    wait_for_path(network, "vf-unclaimed")
    assert "is down" in vf_of(network)["problem"], vf_of(network)
    assert answers(network)
    inside(network, "ip", "link", "set", VF_INTERFACE, "up")
    wait_for_path(network, "vf")
    assert answers(network)


def held(network):
    """
    nic failover: away from a VF that works, whatever comes and goes meanwhile; back at once where
    that is asked for, and else when the VF has lasted.
    """
    def path():
        return network.daemon.path()

    def failover(to):
        return network.daemon.ask("nic", "failover", lab.NIC, "--to", to)

    reach_vf(network)
    answer = failover("synthetic")
    assert answer["held"] and answer["path"] == "synthetic", answer
    assert answers(network)
    wait_for_traffic_by(network, "synthetic")
    take_away(network)
    network.host.assign()
    lab.wait_for(lambda: vf_of(network)["present"] and vf_of(network)["claimed"], "a VF")
    assert path() == "synthetic" and answers(network)
    answer = failover("vf")
    wait_for_path(network, "vf", 5)
    assert answers(network)
    wait_for_traffic_by(network, "vf")
    failover("synthetic")
    before = time.monotonic()
    answer = failover("auto")
    assert not answer["held"] and answer["path"] == "vf-arming", answer
    wait_for_path(network, "vf")
    waited = time.monotonic() - before
    assert waited >= 1, waited  # as at first: a VF that was left on request has not failed
    take_away(network)
    try:
        failover("vf")
        raise AssertionError("a VF that is not there was promised")
    except lab.Refused as refused:
        assert refused.status == 3 and "no VF" in str(refused.error), refused
    return f"traffic back after {waited:.1f} s"


def wait_for_traffic_by(network, path):
    """Answered pings are counted on that path, both ways, and on no other."""
    def counted():
        return network.daemon.nic()["packets"]

    time.sleep(0.3)  # counts are a look old
    before = counted()
    assert answers(network, 5)
    lab.wait_for(lambda: counted()[path]["received"] >= before[path]["received"] + 5 and
                 counted()[path]["sent"] >= before[path]["sent"] + 5, f"pings on {path}")


def silent_host(network):
    """
    The kernel's own stack has the VM's address on the interface, and answers nothing, on either
    path: no reset, no unreachable port, no echo; and what it sends is not taken for what came in.
    """
    inside(network, "ip", "address", "add", f"{lab.VM}/24", "dev", INTERFACE)
    inside(network, "ip", "address", "add", f"{STRANGER}/24", "dev", INTERFACE)
    inside(network, "ip", "neighbour", "add", NOBODY, "lladdr", "02:00:5e:00:53:02", "dev",
           INTERFACE)
    reach_vf(network)
    told = []
    for path in ("vf", "synthetic"):
        if path == "synthetic":
            take_away(network)
        heard = heard_by(network)
        for port in DENIED:
            result = network.remote.traffic("connect", lab.VM, port, "--source", lab.INTERNET,
                                            "--timeout", "0.5")
            assert not result["passed"] and result["error"] == "timeout", (path, result)
        network.remote.command("ping", "-q", "-c", 1, "-W", 1, STRANGER, check=False)
        assert answers(network)
        told.append(heard_by(network) - heard)
        time.sleep(0.3)  # counts are a look old
        before = network.daemon.nic()["packets"]
        inside(network, "ping", "-q", "-c", 10, "-i", "0.05", "-W", 1, "-I", INTERFACE, NOBODY,
               check=False)
        time.sleep(0.3)
        now = network.daemon.nic()["packets"]
        got = sum(now[p]["received"] - before[p]["received"] for p in now)
        assert got < 5, f"{got} packets of the kernel's were heard as if they had come in"
    assert told == [0, 0], f"the kernel's stack heard {told} packets"


def heard_by(network):
    """How many IPv4 packets the kernel's stack beside the daemon has received, but by itself."""
    lines = inside(network, "cat", "/proc/net/snmp").stdout.splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Ip:"))
    return int(values[names.index("InReceives")])


def alone(network):
    """
    The interface is one daemon's, with sockets that are writable even when the host takes nothing;
    --check knows nothing of that, for it opens nothing.
    """
    reach_vf(network)
    told = inside(network, "ss", "--packet", "--all", "--numeric", "--memory").stdout
    limits = [int(limit) for limit in re.findall(rf"\*:{INTERFACE} .*?\btb(\d+)", told)]
    assert limits and min(limits) / 2 > RING_BYTES, told
    checked = inside(network, lab.BIN / "accelnetd", "--check", "--config", network.daemon.config,
                     check=False)
    assert checked.returncode == 0, checked.stderr
    second = json.loads(network.daemon.config.read_text(encoding="utf-8"))
    second["control"]["socket"] += "2"
    second["state"]["directory"] += "2"
    second["nics"][0]["app"]["device"] = "net_null0"
    path = network.folder / "second.json"
    path.write_text(json.dumps(second), encoding="utf-8")
    refused = inside(network, lab.BIN / "accelnetd", "--config", path, check=False)
    assert refused.returncode == 1 and "does another accelnetd" in refused.stderr, \
        refused.stderr


def during_apply(network):
    """The VF goes, and comes, in the middle of changes of policy."""
    reach_vf(network)
    traffic = Traffic(network)
    rounds, stop = [0], threading.Event()

    def apply():
        other = json.loads(json.dumps(POLICY))
        rules = other["nicNsg"]["properties"]["securityRules"]
        for number in range(150):
            rules.append({"name": f"more-{number}", "properties": {
                **rules[0]["properties"], "priority": 300 + number,
                "sourceAddressPrefix": f"198.51.{number}.0/24",
                "destinationPortRanges": [str(9100 + number)]}})
        while not stop.is_set():
            network.daemon.apply((other, POLICY)[rounds[0] % 2])
            rounds[0] += 1

    thread = threading.Thread(target=apply)
    thread.start()
    try:
        for number in range(30 if netvsc.FULL else 4):
            time.sleep((number * 0.037) % 0.3)
            take_away(network)
            time.sleep((number * 0.053) % 0.3)
            give_back(network)
    finally:
        stop.set()
        thread.join()
    network.daemon.apply(POLICY)
    wait_for_path(network, "vf")
    traffic.finish()
    told = traffic.check(network)
    offload = network.daemon.nic()["offload"]
    assert offload["plan"]["installed"] == offload["plan"]["planned"] > 0, offload
    return f"{rounds[0]} changes; {told['lost']} of {told['pings']} pings lost"


def queues(network):
    """Two lanes: what is spread comes on both, and is answered."""
    reach_vf(network)
    traffic = Traffic(network)
    for _ in range(3):
        cycle(network)
    traffic.finish()
    told = traffic.check(network)
    return f"{told['lost']} of {told['pings']} pings lost"


def damped(network):
    """A VF that flaps waits longer each time; traffic stays on the synthetic path meanwhile."""
    reach_vf(network)
    waits = []
    for _ in range(3):
        take_away(network)
        network.host.assign()
        wait_for_path(network, "vf-arming")
        begin = time.monotonic()
        wait_for_traffic_by_synthetic_sends(network)
        wait_for_path(network, "vf")
        waits.append(round(time.monotonic() - begin, 2))
    assert waits[0] < waits[1] < waits[2], waits
    return f"waited {waits} s"


def wait_for_traffic_by_synthetic_sends(network):
    sent = network.daemon.nic()["packets"]["vf"]["sent"]
    assert answers(network, 2)
    assert network.daemon.path() == "vf-arming" and \
        network.daemon.nic()["packets"]["vf"]["sent"] == sent, network.daemon.nic()


# --- --cycles ---

class Watcher:
    """Paths as the daemon's events tell them."""

    def __init__(self, daemon):
        self.rpc = rpc.Connection(daemon.socket)
        self.rpc.call("events.subscribe")

    def wait(self, path):
        while True:
            event = json.loads(self.rpc.file.readline()).get("params", {})
            if event.get("event") == "path.changed" and event["to"] == path:
                return


class FastCycles:
    """VFs that come and go as fast as the machine can, each seen on both paths."""

    def __init__(self, network, count):
        self.network, self.count = network, count
        self.host = rpc.Connection(network.host.socket)
        self.resident, self.files, self.rules = [], [], []
        self.done, self.told = 0, 0.0

    def host_is(self, path, is_open):
        nic = next(nic for nic in self.host.call("nics")["nics"] if nic["name"] == lab.NIC)
        return nic["datapath"] == path and not nic["vf"]["changing"] and \
            nic["vf"]["open"] == is_open

    def one(self, watcher):
        self.host.call("vf.revoke", nic=lab.NIC)
        watcher.wait("synthetic")
        while not self.host_is("synthetic", False):
            time.sleep(0.001)
        self.host.call("vf.assign", nic=lab.NIC)
        watcher.wait("vf")
        while not self.host_is("vf", True):
            time.sleep(0.001)
        self.done += 1

    def sample(self):
        daemon = self.network.daemon
        self.resident.append((self.done, daemon.resident_kib()))
        self.files.append((self.done, daemon.descriptors()))
        self.rules.append((self.done, self.network.host.rules()))

    def run(self):
        every = max(self.count // 100, 1)
        watcher = Watcher(self.network.daemon)
        begin = self.told = time.monotonic()
        while self.done < self.count:
            self.one(watcher)
            if self.done >= WARM_UP * self.count and self.done % every == 0:
                self.sample()
            if time.monotonic() - self.told > SAY_SECONDS:
                self.told = time.monotonic()
                rate = self.done / (self.told - begin)
                print(f"# {self.done} of {self.count} cycles, {rate:.1f} a second", flush=True)
        self.seconds = time.monotonic() - begin


def flat(what, points, growth):
    first, last = points[0][1], points[-1][1]
    assert last - first <= growth, f"{what} grow from {first} to {last}"
    return {"first": first, "last": last}


def fast_cycles(count, result):
    def case(network):
        reach_vf(network)
        traffic = Traffic(network, bitrate="5M")
        run = FastCycles(network, count)
        run.run()
        traffic.finish()
        result.update(
            cycles=run.done, seconds=round(run.seconds, 1),
            cyclesPerSecond=round(run.done / run.seconds, 1), **traffic.check(network),
            residentKib=flat("resident KiB", run.resident, GROWTH_KIB),
            descriptors=flat("descriptors", run.files, 1),
            rules=flat("rules in the device", run.rules, 0))
        return json.dumps(result)
    return with_lab(case)


def cycles_main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, required=True)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    result = {}
    told = fast_cycles(options.cycles, result)()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"# {told}")


# --- the cases ---

CASES = [
    ("VF absent at start", with_lab(absent_at_start, before=netvsc.NO_VF)),
    ("the kernel's stack is silent", with_lab(silent_host)),
    ("the operator's wish", with_lab(held, nic=uplink(1000))),
    ("a VF elsewhere, and of another model", with_lab(elsewhere)),
    ("a VF that dies", with_lab(fatal, warnings=["cannot be taken up"])),
    ("a VF's interface set down", with_lab(set_down)),
    ("a removal during changes of policy", with_lab(during_apply)),
    ("one interface, one daemon", with_lab(alone)),
    ("a removal while the daemon starts", lambda: races.at_start(with_lab)),
    ("a removal while rules go in again", lambda: races.during_reinstall(with_lab)),
    ("a removal while the daemon ends",
     lambda: races.at_end(with_lab, 3 * races.ROUNDS if netvsc.FULL else 1)),
    ("a removal while the VF returns", lambda: races.during_return(with_lab)),
    ("orders and timings", with_lab(netvsc.orders)),
    ("two queues", with_lab(queues, nic=uplink(queues=2))),
    ("a VF that flaps", with_lab(damped, nic=uplink(1000))),
]
QUICK_CASES = 11


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    if "--cycles" in sys.argv:
        return cycles_main()
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    if named:
        tap.main([case for case in CASES if any(word in case[0] for word in named)])
    run = with_lab(netvsc.Cycles)()
    checks = [(name, lambda check=check: check(run)) for name, check in netvsc.CHECKS]
    tap.main(checks + (CASES if netvsc.FULL else CASES[:QUICK_CASES]))
    return None


if __name__ == "__main__":
    main()
