#!/usr/bin/env python3
"""Plans on the unmodified mlx5 PMD: what goes in, what is left behind, and what becomes of it when
the device refuses, forgets or goes away.

test_offload.py [TEST...]
"""

import json
import os
import re
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import test_netvsc  # noqa: E402
import vm  # noqa: E402
from vm import check  # noqa: E402

GUEST = f"{vm.BUILD}/tests/offload_guest"
PCI = "0000:3b:00.2"
# Not cx4lx-vf: where counters have no pools, the PMD's dump, by which rules are counted here, ends
# the program (DPDK 22.11.11).
PROFILES = {"cx5-vf-untrusted": "T2", "cx5-vf-trusted": "T3"}


def rule(name, priority, access, protocol, source="*", port="*"):
    return {"name": name, "properties": {
        "priority": priority, "direction": "Inbound", "access": access, "protocol": protocol,
        "sourceAddressPrefix": source, "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": port}}


def policy(*rules):
    return {"apiVersion": "accelnet/v1",
            "nicNsg": {"name": "nic", "properties": {"securityRules": list(rules)}}}


WEB = rule("web", 100, "Allow", "Tcp", "10.0.0.0/16", "80")
NO_SSH = rule("no-ssh", 110, "Deny", "Tcp", "10.0.0.0/8", "22")
DNS = rule("dns", 120, "Allow", "Udp", "*", "53-60")
SMALL = policy(WEB, NO_SSH, DNS)
POLICIES = [SMALL, policy(NO_SSH, DNS), policy(WEB, rule("all", 105, "Allow", "*")),
            policy(rule("block", 90, "Deny", "Tcp", "10.0.1.0/24"), WEB, NO_SSH, DNS),
            policy(*[rule(f"r{i}", 100 + i, "Deny" if i % 3 == 0 else "Allow", "Tcp",
                          f"10.{i % 7}.0.0/{12 + i % 9}", f"{i * 10}-{i * 10 + 9 + i}")
                     for i in range(1, 60)])]


# more drops than the PMD takes counters at once
MANY = policy(DNS, *[rule(f"no{i}", 200 + i, "Deny", "Tcp", f"10.{i // 250}.{i % 250}.7")
                     for i in range(600)])


class Guest(vm.Vm):
    """A VM whose command is offload_guest, with the plan's port attached, after the faults."""

    def __init__(self, profile, **faults):
        super().__init__([GUEST, "-l", "0", *vm.EAL, "--", PCI],
                         "--vf", "only", "--profile", profile)
        self.expect("ready\n", 60)
        self.number = 0
        self.own = self.device()  # the PMD's
        for name, value in faults.items():
            self.fault(name.replace("_", "-"), value)
        self.run("attach")

    def run(self, *words):
        self.write(" ".join(str(word) for word in words) + "\n")
        text = self.expect(r"(?m)^ok\n")
        if re.search(r"(?m)^error ", text):
            raise RuntimeError(f"{words}: {text}")
        return text

    def fields(self, kind, text):
        found = []
        for line in text.splitlines():
            if line.startswith(kind + " "):
                found.append({key: value.strip('"') for key, value in
                              re.findall(r'([\w-]+)=("[^"]*"|\S+)', line)})
        return found

    def status(self):
        return self.fields("status", self.run("status"))[0]

    def rules(self):
        return self.fields("rule", self.run("rules"))

    def device(self):
        return int(self.fields("device", self.run("device"))[0]["rules"])

    def apply(self, document, command="apply"):
        self.number += 1
        path = f"{self.directory}/policy-{self.number}.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        return self.fields("change", self.run(command, path))[0]

    def fault(self, name, value):
        self.ctl("fault", "nic0", name, str(value))

    def expect_complete(self, what):
        status = self.status()
        check(status["state"] == "complete" and status["installed"] == status["planned"],
              f"{what}: complete with {status['installed']} rules {status['message']}")
        left = self.device() - self.own
        check(left == int(status["planned"]) + self.spread(),
              f"{what}: the device has these {left} rules alone")

    def spread(self):
        """What the PMD makes of the rules that end the last group: one more for TCP and for UDP."""
        return 4 if self.status()["tier"] == "T3" else 0

    def quit(self):
        self.write("quit\n")
        check(self.process.wait(30) == 0, "the program ends well")


def each_profile(test):
    def run():
        for profile, tier in PROFILES.items():
            print(f"-- {profile}", flush=True)
            with Guest(profile) as guest:
                test(guest, tier)
                guest.quit()
    return run


@each_profile
def changes(guest, tier):
    """The probe's tier; any policy after any other; nothing left when there is none."""
    check(guest.status()["tier"] == tier, f"the probe says {tier}: {guest.status()['why']}")
    check(guest.device() == guest.own, "the probe leaves nothing behind")
    for i, j in ((0, 1), (1, 2), (2, 0), (0, 3), (3, 4), (4, 0)):
        guest.apply(POLICIES[i])
        change = guest.apply(POLICIES[j])
        guest.expect_complete(f"policy {j} after {i}")
        check(int(change["added"]) + int(change["kept"]) == int(guest.status()["planned"]),
              f"kept {change['kept']}, added {change['added']}, removed {change['removed']}, "
              f"of these {change['withdrawn']} before")
    again = guest.apply(POLICIES[0])
    check(again["added"] == again["removed"] == "0", "the same again touches nothing")
    guest.run("none")
    vm.wait_for(lambda: guest.device() == guest.own, "an empty device", 5)


@each_profile
def lives(guest, _tier):
    """Stops, restarts, detaching; rules come back from our own table."""
    guest.apply(SMALL)
    guest.expect_complete("at first")
    guest.run("halt")
    vm.wait_for(lambda: guest.status()["state"] == "waiting", "the room to see the stop", 5)
    check(guest.status()["installed"] == "0", "stopped by others: no rule is held to be in")
    guest.run("start")
    guest.expect_complete("after a restart by others")
    guest.run("halt")
    guest.apply(POLICIES[3])
    check(guest.status()["installed"] == "0", "a change on a port that was just stopped")
    guest.run("start")
    guest.expect_complete("the new policy after the start")
    guest.apply(SMALL)
    guest.expect_complete("and the old one again")
    guest.run("detach")
    check(guest.device() == guest.own, "detached: nothing is left")
    guest.run("attach")
    guest.expect_complete("attached again")
    guest.run("stop")
    guest.run("attach")
    check(guest.status()["state"] == "waiting", "a stopped port is waited for")
    guest.run("start")
    guest.expect_complete("once it is started")


@each_profile
def stops_in_the_middle(guest, _tier):
    """The port is stopped while rules go in or out: after it nothing is held to be in."""
    for pause in (0, 0.001, 0.005, 0.02):
        guest.apply(SMALL if pause else POLICIES[1])
        guest.apply(MANY, "begin")
        time.sleep(pause)
        guest.run("stop")
        check(guest.status()["installed"] == "0", f"stopped after {pause} s: no rule is in")
        guest.run("attach")
        guest.run("start")
        guest.expect_complete("and started")
        guest.apply(SMALL, "begin")
        time.sleep(pause)
        guest.run("stop")
        guest.run("start")
        guest.run("attach")
        guest.expect_complete("stopped while the many went")


@each_profile
def refusals(guest, _tier):
    """Each creation of a plan fails once; limits of rules and counters; back-off brings it in."""
    guest.apply(SMALL)
    planned = int(guest.status()["planned"])
    guest.run("none")
    for n in range(1, planned + 1):
        guest.fault("rule-fail-at", n)
        guest.apply(SMALL)
        guest.fault("rule-fail-at", 0)
        guest.run("again")
        status = guest.status()
        if status["state"] != "complete" or guest.device() - guest.own != planned + guest.spread():
            check(False, f"creation {n} failed: {status}")
        guest.run("none")
    vm.wait_for(lambda: guest.device() == guest.own, "an empty device", 5)
    check(True, f"each of {planned} creations failed once")

    guest.fault("rule-limit", guest.own + planned // 2)
    guest.apply(SMALL)
    status = guest.status()
    check(status["state"] == "degraded" and status["errno"] != "0" and status["message"],
          f"a full device: {status['installed']} of {planned}: {status['message']}")
    check(guest.device() <= guest.own + planned // 2, "and no more in the device")
    guest.fault("rule-limit", 0)
    vm.wait_for(lambda: guest.status()["state"] == "complete", "the rest, by itself", 10)
    guest.expect_complete("with room again")
    guest.run("none")


def count_drops(guest):
    """Drops with a counter, and without."""
    drops = [rule["counted"] for rule in guest.rules() if rule["action"] == "drop"]
    return drops.count("1"), drops.count("0")


@each_profile
def counters(guest, tier):
    """Drops have counters; where those run out, drops go in without, and say so."""
    guest.apply(SMALL)
    counted, others = count_drops(guest)
    check(counted and not others, f"{counted} drops have counters")
    check(not any(rule["counted"] == "1" for rule in guest.rules() if rule["action"] != "drop"),
          "what software counts has none")
    check(guest.status()["uncounted"] == "0", "every drop is counted")
    # the PMD takes them by 512, and has the first such bulk
    guest.fault("counter-limit", 513)
    guest.apply(MANY)
    guest.expect_complete("more drops than counters")
    counted, others = count_drops(guest)
    check(500 <= counted <= 512 and others, f"{counted} are counted, {others} are not")
    check(guest.status()["uncounted"] == "1", "and that is told")
    for frame in [tcp(1, 80, 0x02, bytes([10, 0, 0, 7])), tcp(2, 80, 0x02, bytes([10, 2, 99, 7])),
                  tcp(3, 80, 0x10, bytes([10, 2, 99, 7]))]:
        guest.cable.send(frame)
    came = {packet["id"] for packet in guest.fields("packet", guest.run("receive", 300))}
    check(came == {"3"}, f"both sorts drop openers, and nothing else: {came}")
    guest.fault("counter-limit", 0)
    guest.apply(SMALL)
    check(count_drops(guest)[1] == 0 and guest.status()["uncounted"] == "0",
          "with fewer drops all are counted again")


def no_counters():
    """A device without a counter: the probe says so, everything goes in, nothing is counted."""
    for profile, tier in PROFILES.items():
        with Guest(profile, counter_limit=1) as guest:
            status = guest.status()
            check(status["tier"] == tier and status["counts"] == "0", f"{tier} without counters")
            guest.apply(SMALL)
            guest.expect_complete("without counters")
            check(count_drops(guest)[0] == 0 and guest.status()["uncounted"] == "1",
                  "not counted, and that is told")
            guest.quit()


def tcp(number, port, flags, source):
    header = struct.pack("!HHIIBBHHH", 1000 + number, port, 1, 1, 0x50, flags, 1024, 0, 0)
    return test_netvsc.ipv4(6, header + bytes([number]), source=source)


@each_profile
def packets(guest, _tier):
    """Marks as the table says, drops in the device and counted there, flows stay on their queue."""
    allowed = [tcp(i, 80, 0x10, bytes([10, 0, i, 1])) for i in range(1, 40)]
    openers = [tcp(i, 80, 0x02, bytes([10, 0, i, 1])) for i in range(40, 60)]
    denied = [tcp(i, 22, 0x02, bytes([10, 0, i, 1])) for i in range(60, 80)]
    replies = [tcp(i, 22, 0x10, bytes([10, 0, i, 1])) for i in range(80, 100)]

    def send():
        for frame in allowed + openers + denied + replies:
            guest.cable.send(frame)
        return {int(p["id"]): p for p in guest.fields("packet", guest.run("receive", 700))}

    guest.run("receive", 100)
    before = send()
    check(len(before) == 99, f"without a plan all come: {len(before)}")
    guest.apply(SMALL)
    send()
    after = send()
    check(all(after[i]["kind"] == "2" for i in range(1, 40)), "allowed segments are settled")
    check(all(after[i]["kind"] == "1" for i in range(40, 60)), "allowed openers have a verdict")
    check({after[i]["nic-rule"] for i in range(1, 60)} == {"0"}, "by the first rule")
    check(not any(i in after for i in range(60, 80)), "denied openers die in the device")
    check(all(after[i]["mark"] == "0" for i in range(80, 100)), "what may be a reply comes unmarked")
    check(all(before[i]["queue"] == after[i]["queue"] for i in after), "flows stay on their queue")
    check(len({p["queue"] for p in after.values()}) == 2, "of two")

    def hits():
        return sum(int(rule["hits"]) for rule in guest.rules() if rule["action"] == "drop")

    vm.wait_for(lambda: hits() == 40, "40 drops in the counters", 8)
    check(True, "the device's counters say 40 drops")


@each_profile
def removal(guest, _tier):
    """The device dies: handles are dropped, nothing is called on it any more."""
    guest.apply(SMALL)
    guest.ctl("vf", "fatal", "nic0")
    vm.wait_for(lambda: guest.status()["state"] == "absent", "the end of the port", 10)
    check(guest.status()["installed"] == "0", "no rule is held to be in")
    guest.apply(POLICIES[1])
    guest.run("remove")
    guest.apply(SMALL)
    check(guest.status()["state"] == "absent", "policies go on without it")


def removal_amid_calls():
    """The device dies while hundreds of rules go in or out."""
    for profile in PROFILES:
        for pause in (0, 0.004, 0.03):
            with Guest(profile) as guest:
                guest.apply(POLICIES[4 if pause else 0])
                guest.write("none\n")
                guest.write(f"apply {guest.directory}/policy-1.json\n")
                time.sleep(pause)
                guest.ctl("vf", "fatal", "nic0")
                guest.expect(r"(?m)^ok\n")
                guest.expect(r"(?m)^ok\n")
                vm.wait_for(lambda: guest.status()["state"] == "absent", "the end", 10)
                guest.run("remove")
                guest.apply(POLICIES[1])
                check(guest.status()["installed"] == "0",
                      f"{profile}: gone after {pause} s, and nothing is held to be in")
                guest.quit()


TESTS = {"changes": changes, "lives": lives, "stops-in-the-middle": stops_in_the_middle, "refusals": refusals, "counters": counters,
         "no-counters": no_counters,
         "packets": packets, "removal": removal, "removal-amid-calls": removal_amid_calls}

if __name__ == "__main__":
    vm.need(vm.AZHOST, GUEST)
    vm.run_all(TESTS, sys.argv[1:])
