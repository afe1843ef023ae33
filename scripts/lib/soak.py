#!/usr/bin/env python3
"""VFs that go and come back, for hours if need be; soak.sh's work.

usage: soak.py [--uplink netvsc|bifurcated|all] [--cycles N] [--nics N] [--json FILE]

netvsc: several NICs of one daemon, each with ping, a TCP stream, a held connection and tries of
denied ports of its own, and each with its VF taken away and given back at its own moments, in
varied orders and at varied addresses. bifurcated: what tests/integration/test_bifurcated.py
--cycles N --json FILE says. Needs root.
"""

import argparse
import contextlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import azlab
import cycling
import fleet
import lab

DEFAULT_CYCLES = {"netvsc": 500, "bifurcated": 10000}
BIFURCATED = lab.ROOT / "tests/integration/test_bifurcated.py"
SAY_SECONDS = 10
SAMPLES = 12
# Of the cycles, before anything is measured: pools and tables fill.
WARM_UP = 0.1
GROWTH_KIB = 4096
# The queues and pools of a VF take 26 MiB of EAL's memory. Where several VFs come and go at once one
# is now and then placed where none was before, and pages that were touched once stay.
EAL_GROWTH_KIB = 32768  # a NIC
SECONDS = 120  # how long a step may take on a machine that others use, too
REVOKES = ("note,fatal,pci,uevent", "fatal,pci,uevent,note", "fatal,note,pci,uevent",
           "note,pci,uevent,fatal", "pci,uevent,fatal,note")
ASSIGNS = ("pci,uevent,note", "note,pci,uevent", "pci,note,uevent")


class Failed(Exception):
    pass


def slope(points):
    """Least squares of (cycle, value): by how much the value grows in 100 cycles."""
    if len(points) < 2:
        return 0.0
    mean = [sum(column) / len(points) for column in zip(*points)]
    spread = sum((x - mean[0]) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0
    return 100 * sum((x - mean[0]) * (y - mean[1]) for x, y in points) / spread


class Progress:
    """The count of cycles that all NICs share, and what is told of it."""

    def __init__(self, uplink, cycles, nics):
        self.uplink, self.cycles, self.nics = uplink, cycles, nics
        self.lock = threading.Lock()
        self.begun = self.done = self.active = 0
        self.fault = None
        self.open = True
        self.change = threading.Condition(self.lock)
        self.start = time.monotonic()

    def take(self):
        """A cycle for who asks, once the gate is open; False: there are no more."""
        with self.lock:
            self.change.wait_for(lambda: self.open)
            if self.fault or self.begun == self.cycles:
                return False
            self.begun += 1
            self.active += 1
            return True

    def give(self, done):
        with self.lock:
            self.done += done
            self.active -= 1
            self.change.notify_all()

    @contextlib.contextmanager
    def at_rest(self):
        """While every VF is there: what a daemon holds at such moments can be compared."""
        with self.lock:
            self.open = False
            self.change.wait_for(lambda: self.active == 0)
        try:
            yield
        finally:
            with self.lock:
                self.open = True
                self.change.notify_all()

    def fail(self, fault):
        with self.lock:
            self.fault = self.fault or fault

    def say(self):
        seconds = time.monotonic() - self.start
        left = seconds / self.done * (self.cycles - self.done) if self.done else None
        eta = f"{left // 60:.0f}:{left % 60:02.0f} left" if left is not None else "no cycle yet"
        print(f"[{seconds // 60:3.0f}:{seconds % 60:02.0f}] soak: {self.uplink}, {self.nics} NICs:"
              f" {self.done} of {self.cycles} cycles, {eta}", flush=True)


class Cycler(threading.Thread):
    """Takes one NIC's VF away and gives it back, again and again."""

    def __init__(self, site, number, progress):
        super().__init__(daemon=True)
        self.site, self.number, self.progress = site, number, progress
        self.random = random.Random(number)
        self.cycles = 0
        self.rules = []  # in the device after each return: (cycle, count)

    def run(self):
        while self.progress.take():
            try:
                self.one()
                self.cycles += 1
                self.progress.give(1)
            except Exception as fault:  # pylint: disable=broad-except
                self.progress.fail(f"{self.site.name}, its cycle {self.cycles + 1}: {fault}")
                self.progress.give(0)

    def one(self):
        delay = str(self.random.choice((0, 0, 5, 60)))
        cycling.take_away(self.site, "--order", self.random.choice(REVOKES), "--delay", delay,
                          seconds=SECONDS)
        cycling.wait_for_traffic(self.site, "synthetic", seconds=SECONDS)
        time.sleep(self.random.random() / 2)
        # each NIC has slots of its own, and three of them
        address = f"0000:3b:{4 + self.number:02x}.{self.random.randrange(3)}"
        cycling.give_back(self.site, "--order", self.random.choice(ASSIGNS), "--delay", delay,
                          "--at", address, seconds=SECONDS)
        cycling.wait_for_traffic(self.site, "vf", seconds=SECONDS)
        plan = self.site.daemon.nic()["offload"]["plan"]
        if not plan["installed"] == plan["planned"] > 0:
            raise Failed(f"rules are missing after a return: {plan}")
        self.rules.append((self.cycles, self.site.host.rules()))


def flat(what, points, growth):
    """What is told of a series, and whether it grows."""
    first, last = points[0][1], points[-1][1]
    told = {"first": first, "last": last, "per100Cycles": round(slope(points), 2),
            "samples": points[::max(1, len(points) // SAMPLES)]}
    if last - first > growth:
        raise Failed(f"{what} grow: {told}")
    return told


def traffic_of(site, traffic):
    """What the traffic of one NIC came to; raises what is wrong with it."""
    traffic.finish()
    try:
        return {"nic": site.name, **traffic.check(site)}
    except AssertionError as fault:
        raise Failed(f"{site.name}: {fault}") from fault


def watch(network, cyclers, progress):
    """Until every cycler has ended: says how far they are, and takes samples."""
    samples, told = [], 0.0

    def sample():
        with progress.at_rest():
            resident, eal = network.daemon.resident_kib(), network.daemon.eal_kib()
            samples.append((progress.done, resident - eal, eal, network.daemon.descriptors()))

    while any(cycler.is_alive() for cycler in cyclers):
        time.sleep(0.2)
        if time.monotonic() - told > SAY_SECONDS:
            told = time.monotonic()
            progress.say()
        if not progress.fault and progress.done >= progress.cycles * (
                WARM_UP + len(samples) * (1 - WARM_UP) / SAMPLES):
            sample()
    progress.say()
    if progress.fault:
        raise Failed(progress.fault)
    sample()
    return [[(done, sample[column]) for done, *sample in samples] for column in range(3)]


def netvsc_in(network, cycles):
    progress = Progress("netvsc", cycles, network.count)
    for site in network.sites:
        cycling.reach_vf(site, seconds=SECONDS)
    traffics = [cycling.Traffic(site, bitrate="5M") for site in network.sites]
    progress.start = time.monotonic()
    cyclers = [Cycler(site, number, progress) for number, site in enumerate(network.sites)]
    for cycler in cyclers:
        cycler.start()
    resident, eal, files = watch(network, cyclers, progress)
    sites = [traffic_of(site, traffic) for site, traffic in zip(network.sites, traffics)]
    for told, cycler in zip(sites, cyclers):
        told["cycles"] = cycler.cycles
        told["rules"] = flat("rules in the device", cycler.rules, 0) if cycler.rules else None
    told = {
        "cycles": progress.done, "nics": sites,
        "seconds": round(time.monotonic() - progress.start, 1),
        "residentKib": flat("resident KiB", resident, GROWTH_KIB),
        "ealKib": flat("KiB of EAL's", eal, EAL_GROWTH_KIB * network.count),
        "descriptors": flat("descriptors", files, 1),
    }
    status = network.daemon.stop()
    if status != 0:
        raise Failed(f"accelnetd ended with {status}")
    unexpected = [line for line in network.daemon.warnings() if azlab.STARVED not in line]
    if unexpected:
        raise Failed(f"accelnetd warned: {unexpected[:5]}")
    return told


def netvsc(cycles, nics):
    with fleet.Fleet(nics) as network:
        try:
            return netvsc_in(network, cycles)
        except (Failed, lab.LabError, OSError) as fault:
            raise Failed(f"{fault}\n{network.daemon.tail(60)}") from fault


def bifurcated(cycles, _):
    if not BIFURCATED.exists():
        raise Failed(f"{BIFURCATED.name} is not there")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        status = subprocess.run([sys.executable, BIFURCATED, "--cycles", str(cycles), "--json",
                                 file.name], stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            raise Failed(f"{BIFURCATED.name} ended with {status}")
        return {"cycles": cycles, **json.load(file)}


UPLINKS = {"netvsc": netvsc, "bifurcated": bifurcated}


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--uplink", choices=[*UPLINKS, "all"], default="all")
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--nics", type=int, choices=range(1, 9), default=3)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.cycles is not None and options.cycles < 1:
        parser.error("--cycles: at least 1")
    return options


def summary(uplink, told):
    """A few words for the last line."""
    words = [f"{told['cycles']} {uplink}"]
    if "nics" in told:
        nics = told["nics"]
        total = {key: sum(nic[key] for nic in nics)
                 for key in ("lost", "pings", "unsavable", "deniedTries")}
        words.append(f"of {len(nics)} NICs, {total['lost']} of {total['pings']} pings lost"
                     f" ({total['unsavable']} could not be saved), none of"
                     f" {total['deniedTries']} denied tries passed,"
                     f" {told['residentKib']['per100Cycles']} KiB in 100 cycles")
    return " ".join(words)


def main():
    options = parse()
    names = list(UPLINKS) if options.uplink == "all" else [options.uplink]
    result, words, total = {"passed": False}, [], 0
    try:
        for name in names:
            told = UPLINKS[name](options.cycles or DEFAULT_CYCLES[name], options.nics)
            result[name] = told
            words.append(summary(name, told))
            total += told["cycles"]
        result["passed"] = True
    except (Failed, lab.LabError) as fault:
        result["error"] = str(fault)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if not result["passed"]:
        print(f"soak failed: {result['error']}", flush=True)
        sys.exit(1)
    print(f"soak passed: {total} cycles, {'; '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
