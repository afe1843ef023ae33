#!/usr/bin/env python3
"""The VF goes in the worst moments: while a policy is applied, while rules go in again, while the
daemon starts and while it ends.

usage: test_failover_races.py [--full] [CASE...]

accelnetd on a netvsc uplink inside azhost; test_bifurcated.py runs these cases beside the kernel's
interface. Quick: each once, and not while policies are applied. Needs root.
"""

import collections
import json
import os
import sys
import tempfile
import threading
import time

import generated_policy
import tap
import test_failover
from test_failover import FULL, lab, with_lab

import cycling  # pylint: disable=wrong-import-order
from cycling import reach_vf, take_away  # pylint: disable=wrong-import-order

ROUNDS = 10 if FULL else 1
# A device's event waits a second in netvsc before the VF is probed, and then this long.
SLOW_OPEN_MS = 4000
# 1,000 rules take a second and more, as a look at them takes tens of milliseconds.
SLOW_RULE_US = 1000
# What netvsc cannot have any more is told; and a device that dies refuses the rule under way.
TOLD = ["the VF lies idle", "does not take all multicast", "a rule was refused", "rules are not in hardware"]


def policies(network):
    """Two of 1,000 rules each."""
    files = []
    for seed in (2, 3):
        path = network.folder / f"generated-{seed}.json"
        path.write_text(json.dumps(generated_policy.policy(seed)), encoding="utf-8")
        files.append(path)
    return files


def is_complete(network):
    nic = network.daemon.nic()
    offload = nic["offload"]
    return nic["path"] == "vf" and offload["state"] == "complete" and \
        offload["plan"]["installed"] == offload["plan"]["planned"]


def wait_complete(network):
    lab.wait_for(lambda: is_complete(network), "all rules in hardware", 60)


def denied(network):
    """Tries of a port that the small policy denies."""
    for port in cycling.DENIED:
        answer = network.remote.traffic("connect", lab.VM, port, "--source", lab.INTERNET,
                                        "--timeout", 1)
        assert answer == {"passed": False, "error": "timeout"}, answer


class Applies(threading.Thread):
    """Applies two policies in turn until it is stopped."""

    def __init__(self, network):
        super().__init__(daemon=True)
        self.network, self.files = network, policies(network)
        self.going, self.count, self.fault = True, 0, None

    def run(self):
        try:
            while self.going:
                self.network.daemon.apply(self.files[self.count % 2])
                self.count += 1
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = fault

    def stop(self):
        self.going = False
        self.join()
        assert self.fault is None, self.fault


def during_apply(network):
    """Apply after apply, while the VF goes and comes."""
    reach_vf(network)
    applies = Applies(network)
    applies.start()
    for _ in range(3 * ROUNDS):
        take_away(network)
        network.host.assign()
        lab.wait_for(lambda: network.host.is_settled("vf"), "the host to give the VF")
        lab.wait_for(lambda: network.daemon.path().startswith("vf"), "the VF")
    applies.stop()
    wait_complete(network)
    network.daemon.apply(cycling.POLICY)
    wait_complete(network)
    denied(network)
    return f"{applies.count} applies of 1,000 rules, {3 * ROUNDS} removals"


def come_to_rest(network):
    """Either all is well, or the daemon says that netvsc cannot have its VF any more: mlx5 tells of
    a removal for started ports alone, so netvsc keeps a VF that went before it was started."""
    def rests():
        nic = network.daemon.nic()
        return is_complete(network) or "restart of accelnetd" in nic.get("pathProblem", "")
    lab.wait_for(rests, "the VF, or word that there will be none", 60)
    return "vf" if is_complete(network) else "told"


def place(vf):
    """How far the guest has come with its VF, as the host sees it. One that goes when it is probed
    and not started is lost to netvsc (docs/failover.md); after any other the next one serves."""
    if vf["ready"]:
        return "started"
    return "probed" if vf["open"] else "untouched"


def go_again(network, moment):
    """The VF returns, and goes at that moment: a place, or seconds after the host gave it."""
    def vf():
        return network.host.nic()["vf"]

    take_away(network)
    network.host.assign()
    if moment == "started":
        lab.wait_for(lambda: vf()["ready"], "the guest to start its VF")
    else:
        time.sleep(0.3 if moment == "untouched" else moment)
    at = place(vf())
    network.host.revoke()
    lab.wait_for(lambda: network.host.is_settled("synthetic"), "the host to take the VF")
    if at == "started":
        lab.wait_for(lambda: not vf()["open"], "the VF's end")
    else:
        time.sleep(1.5)  # the guest is late where it goes on to open what has gone
    return "probed" if vf()["open"] else at


def returns(network, moments):
    """Each time the VF is back in the end, but for the one that netvsc cannot help."""
    reach_vf(network)
    if FULL:
        network.daemon.apply(policies(network)[0])
        wait_complete(network)
    seen = []
    for moment in moments:
        at = go_again(network, moment)
        network.host.assign()
        end = come_to_rest(network)
        seen.append((at, end))
        assert end == "vf" or at == "probed", seen
        if end == "told":
            break
    assert ("started", "vf") in seen, seen
    network.daemon.apply(cycling.POLICY)
    denied(network)
    return seen


def during_return(in_lab=with_lab):
    """The VF goes again at some moment of its return: before the guest has it, while it starts, while
    its rules go in, and after. Then it stays."""
    seen = collections.Counter()
    for number in range(ROUNDS):
        moments = ["started", "untouched"]
        if FULL:
            moments += ["started"] + [0.8 + 0.15 * (4 * number + step) % 1.5 for step in range(4)]
        in_lab(lambda network, m=moments: seen.update(returns(network, m)), warnings=TOLD)()
    return tell(seen)


def tell(seen):
    return ", ".join(f"{at}: {end} {count}x" for (at, end), count in sorted(seen.items()))


def wait_for_rules(network, share):
    """Until that share of them is in, and more are to come; how many."""
    def installed():
        nic = network.daemon.nic()
        plan = nic["offload"]["plan"]
        assert nic["path"] != "vf", f"all rules are in: {plan}"
        count = plan["installed"]
        return max(1, share * plan["planned"]) <= count < plan["planned"] and count
    return lab.wait_for(installed, "the VF's rules to go in", 40)


def reinstalls(network):
    """The VF goes while its rules go in, which takes this card a second: some are in, and more are
    to come."""
    reach_vf(network)
    network.daemon.apply(policies(network)[0])
    wait_complete(network)
    caught = []
    for number in range(2 * ROUNDS):
        take_away(network)
        network.host.fault("slow-rule", SLOW_RULE_US)
        network.host.assign()
        caught.append(wait_for_rules(network, number % 5 / 5))
        network.host.revoke("--order", ("fatal,note,pci,uevent", "note,fatal,pci,uevent")[number % 2])
        lab.wait_for(lambda: not network.host.nic()["vf"]["open"], "the VF's end")
        cycling.wait_for_path(network, "synthetic")
        denied(network)
        network.host.fault("slow-rule", 0)
        cycling.give_back(network)
        wait_complete(network)
    return f"{len(caught)} removals when {caught} rules were in"


def during_reinstall(in_lab=with_lab):
    return in_lab(reinstalls, warnings=TOLD)()


def start(in_lab, moment):
    """One start, and a VF that goes at that moment of it: where it was then, and what came of it."""
    def case(network):
        lab.wait_for(lambda: network.host.nic()["vf"]["serial"] > 1 and
                     not network.host.nic()["vf"]["changing"], "the host to give the VF", 40)
        return come_to_rest(network)

    ctl = f"{test_failover.azlab.AZHOST} ctl"
    with tempfile.NamedTemporaryFile() as sight:
        wait = f"sleep {moment}"
        if moment == "started":
            wait = f"""until {ctl} --json nics | grep -q '"ready": *true'; do sleep 0.02; done"""
        before = (f"({wait}; {ctl} --json nics >{sight.name}; {ctl} vf revoke {lab.NIC}; sleep 1.5;"
                  f" {ctl} vf assign {lab.NIC}) >/dev/null 2>&1 & true")
        try:
            end = in_lab(case, before=before, warnings=TOLD)()
        except lab.LabError as fault:
            assert "another start of accelnetd" in str(fault), fault
            end = "refused"
        return place(json.load(sight)["nics"][0]["vf"]), end


def at_start(in_lab=with_lab):
    """The VF goes and comes while EAL probes and the port starts, at different moments. netvsc sets up
    its VF along with itself, so the daemon may not start where that one went before it was started;
    then it says that another start helps. In every other start the VF must serve."""
    moments = ["started"]
    if FULL:
        moments += [0.2 + 0.25 * number % 2 for number in range(3 * ROUNDS)]
    seen = collections.Counter()
    for moment in moments:
        at, end = start(in_lab, moment)
        if at == "untouched" and end != "vf":
            at, end = start(in_lab, moment)  # it may have been opened in that instant
        seen[at, end] += 1
        assert end == "vf" or at == "probed", tell(seen)
    assert seen["started", "vf"], tell(seen)
    return tell(seen)


def at_end(in_lab=with_lab, ends=3 * ROUNDS):
    """The daemon is told to end while a VF goes, while a driver is in the middle of bringing one in,
    which takes a card a while, and while one comes."""
    for number in range(ends):
        def case(network, number=number):
            reach_vf(network)
            if number % 3 == 0:
                network.host.revoke("--delay", 20 * number)
                time.sleep(0.015 * number)
                return
            take_away(network)
            network.host.fault("slow-open", SLOW_OPEN_MS if number % 3 == 1 else 0)
            network.host.assign()
            time.sleep(1 + (1 if number % 3 == 1 else 0.3 * number % 1.5))
            if number % 3 == 1:
                assert not network.host.nic()["vf"]["open"], "the VF was in too soon"
        in_lab(case, warnings=TOLD)()
    return f"{ends} ends"


SLOW_CASE = "while a policy is applied"
CASES = [
    ("while the daemon ends", at_end),
    ("while rules go in again", during_reinstall),
    (SLOW_CASE, with_lab(during_apply, warnings=TOLD)),
    ("while the VF returns", during_return),
    ("while the daemon starts", at_start),
]


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    if named:
        tap.main([case for case in CASES if any(word in case[0] for word in named)])
    tap.main([case for case in CASES if FULL or case[0] != SLOW_CASE])


if __name__ == "__main__":
    main()
