#!/usr/bin/env python3
"""Changes of policy under traffic, on a NIC with rules in hardware.

usage: test_swap.py PROFILE [--full] [--swaps N]

Two policies by turns, 100 times, with --full 2,000, while thousands of probes a second go through
the NIC, openers and segments in mid-stream, each of a connection of its own. Every probe is judged
by the one policy or the other: by the old one before the change begins, by the new one after it is
answered, and what both allow or deny is never judged otherwise. That holds while hundreds of rules
are still on their way out of the device and into it. The worker goes on meanwhile, and of the old
policy nothing is left in the end. Needs root.
"""

import argparse
import json
import socket
import time

import wire_lab
from wire_lab import lab

PORTS = {"first": ("80", "8081"), "second": ("8081", "80")}
FILLERS = 150  # rules that no probe meets, none the same in both policies
CHECK_EVERY = 20  # changes after which the device's own rules are counted
LONE_MS = 5  # a gap that nobody asks about


def document(allowed, denied):
    def rule(name, priority, access, port, source="*", direction="Inbound"):
        return {"name": name, "properties": {
            "priority": priority, "direction": direction, "access": access,
            "protocol": "Tcp" if direction == "Inbound" else "*",
            "sourceAddressPrefix": source, "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": port}}

    network = int(allowed) % 64
    fillers = [rule(f"filler-{i}", 200 + i, "Allow", str(20000 + i), f"198.18.{network}.{i}")
               for i in range(FILLERS)]
    return {"apiVersion": "accelnet/v1", "nicNsg": {"name": "swap", "properties": {
        "securityRules": [rule("both", 100, "Allow", "443"), rule("one", 110, "Allow", allowed),
                          rule("other", 120, "Deny", denied),
                          rule("nothing-out", 100, "Deny", "*", direction="Outbound"),
                          *fillers]}}}


class Control:
    """A connection to the daemon that stays: an answer's time is not a client's that ends."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.number = 0

    def apply(self, policy):
        self.number += 1
        self.stream.write(json.dumps({
            "jsonrpc": "2.0", "id": self.number, "method": "policy.apply",
            "params": {"nic": lab.NIC, "document": policy}}) + "\n")
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        assert "result" in answer, answer


class Swaps:
    """What came of all changes."""

    def __init__(self, wire):
        self.wire = wire
        self.probes = self.old = self.new = 0
        self.gaps, self.quiet = [], []
        self.rules = {}
        self.control = Control(wire.daemon.socket)
        self.documents = {name: document(*ports) for name, ports in PORTS.items()}

    def change(self, to):
        player = self.wire.player
        player.tell("probe")
        time.sleep(0.02)
        began = time.monotonic_ns()
        self.control.apply(self.documents[to])
        answered = time.monotonic_ns()
        time.sleep(0.02)
        player.tell("stop")
        result = player.tell("change", began, answered, to)
        assert result["wrongCount"] == 0, "\n".join(
            [f"{result['wrongCount']} of {result['sent']} on the way to the {to} policy:",
             *result["wrong"], *map(json.dumps, self.wire.counters())])
        assert result["strange"] == 0, f"{result['strange']} frames not as sent"
        self.probes += result["sent"]
        self.old += result["old"]
        self.new += result["new"]
        self.gaps.append(result["gapMs"])
        self.quiet.append(result["quietGapMs"])

    def check_device(self, to):
        """It has as many rules as the first time, so none of the other policy's."""
        plan = self.wire.wait_complete()["plan"]
        assert plan["installed"] == plan["planned"] > 0, plan
        rules = self.wire.device()["rules"]
        first = self.rules.setdefault(to, rules)
        assert rules == first, f"{rules} rules in the device, {first} the first time"


def middle(values):
    return sorted(values)[len(values) // 2]


def each_change_is_in_force_when_it_is_answered(wire, options):
    swaps = Swaps(wire)
    count = options.swaps or (2000 if options.full else 100)
    names = list(PORTS)
    swaps.control.apply(swaps.documents["second"])
    wire.wait_complete()
    settled, dropped = wire.settled(), wire.device()["dropped"]
    start = time.monotonic()
    for number in range(count):
        swaps.change(names[number % 2])
        if number % CHECK_EVERY in (0, 1):
            swaps.check_device(names[number % 2])
    seconds = time.monotonic() - start
    assert swaps.old > 2 * count and swaps.new > 2 * count, (swaps.old, swaps.new)
    settled, dropped = wire.settled() - settled, wire.device()["dropped"] - dropped
    assert settled > count and dropped > count, (settled, dropped)
    gap, quiet = middle(swaps.gaps), middle(swaps.quiet)
    assert gap < 5 * quiet + LONE_MS, f"{gap} ms without a packet, {quiet} ms without a change"
    return (f"{count} changes in {seconds:.0f} s; {swaps.probes} probes, {swaps.old} before and"
            f" {swaps.new} after; {settled} settled, {dropped} dropped by the device; longest gap"
            f" {gap:.1f} ms in the middle, {max(swaps.gaps):.1f} at most, without a change"
            f" {quiet:.1f} and {max(swaps.quiet):.1f}")


def nothing_went_wrong(wire, _options):
    wire.end()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    wire_lab.add_arguments(parser)
    parser.add_argument("--swaps", type=int)
    wire_lab.main(parser.parse_args(), __file__,
                  (each_change_is_in_force_when_it_is_answered, nothing_went_wrong))


main()
