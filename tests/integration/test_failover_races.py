#!/usr/bin/env python3
"""The VF goes in the worst moments: while a policy is applied, while rules go in again, while the
daemon starts and while it ends.

usage: test_failover_races.py [--full|--quick] [CASE...]

accelnetd on a netvsc uplink inside azhost. --quick: those that take a moment. Needs root.
"""

import json
import os
import sys
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


def during_return(network):
    """The VF goes again at some moment of its return: before netvsc has it, while it starts, while its
    rules go in, and after. Then it stays."""
    reach_vf(network)
    network.daemon.apply(policies(network)[0])
    wait_complete(network)
    states = {}
    for number in range(4 * ROUNDS):
        network.host.revoke()
        lab.wait_for(lambda: network.host.is_settled("synthetic"), "the host to take the VF")
        time.sleep(0.5)
        network.host.assign()
        time.sleep(0.8 + 0.15 * number % 1.5)
        state = network.daemon.path()
        states[state] = states.get(state, 0) + 1
    network.host.revoke()
    lab.wait_for(lambda: network.host.is_settled("synthetic"), "the host to take the VF")
    time.sleep(2)
    network.host.assign()
    end = come_to_rest(network)
    # Lost for good is one alone that went before it was started.
    assert end == "vf" or "synthetic" in states or "vf-unclaimed" in states, (end, states)
    network.daemon.apply(cycling.POLICY)
    denied(network)
    return f"gone again when the path was {states}; end: {end}"


def during_reinstall(network):
    """The VF goes while its rules go in: some are in, and more are to come."""
    reach_vf(network)
    network.daemon.apply(policies(network)[0])
    wait_complete(network)
    caught = []
    for number in range(2 * ROUNDS):
        take_away(network)
        network.host.assign()
        end = time.monotonic() + 40
        while time.monotonic() < end:
            nic = network.daemon.nic()
            plan = nic["offload"]["plan"]
            if nic["path"] == "vf-arming" and 0 < plan["installed"] < plan["planned"]:
                network.host.revoke("--order", ("fatal,note,pci,uevent", "note,fatal,pci,uevent")
                                    [number % 2])
                caught.append(plan["installed"])
                break
            if nic["path"] == "vf":  # too quick this time
                network.host.revoke()
                break
        lab.wait_for(lambda: not network.host.nic()["vf"]["open"], "the VF's end")
        cycling.wait_for_path(network, "synthetic")
        denied(network)
        cycling.give_back(network)
        wait_complete(network)
    assert caught, "no removal was in time"
    return f"{len(caught)} of {2 * ROUNDS} removals when {caught} rules were in"


def at_start():
    """The VF goes and comes while EAL probes and the port starts, at different moments. netvsc sets up
    its VF along with itself, so the daemon may not start; then it says that another start helps."""
    ends = {}
    for number in range(3 * ROUNDS):
        delay = 0.2 + 0.25 * number % 2
        ctl = f"{test_failover.azlab.AZHOST} ctl vf"
        before = (f"(sleep {delay}; {ctl} revoke {lab.NIC}; sleep 1.5;"
                  f" {ctl} assign {lab.NIC}) >/dev/null 2>&1 & true")

        def case(network):
            lab.wait_for(lambda: network.host.nic()["vf"]["serial"] > 1 and
                         not network.host.nic()["vf"]["changing"], "the host to give the VF", 40)
            return come_to_rest(network)
        try:
            end = with_lab(case, before=before, warnings=TOLD)()
        except lab.LabError as fault:
            assert "another start of accelnetd" in str(fault), fault
            end = "refused"
        ends[end] = ends.get(end, 0) + 1
    assert "vf" in ends or not FULL, f"no start came to its VF: {ends}"
    return f"ends: {ends}"


def at_end():
    """The daemon is told to end while a VF goes, while one comes, and while a driver is in the middle
    of bringing one in, which takes a card a while."""
    for number in range(3 * ROUNDS):
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
        with_lab(case, warnings=TOLD)()
    return f"{3 * ROUNDS} ends"


CASES = [
    ("while the daemon ends", at_end),
    ("while rules go in again", with_lab(during_reinstall, warnings=TOLD)),
    ("while a policy is applied", with_lab(during_apply, warnings=TOLD)),
    ("while the VF returns", with_lab(during_return, warnings=TOLD)),
    ("while the daemon starts", at_start),
]
QUICK_CASES = 2  # of them


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    cases = CASES[:QUICK_CASES] if "--quick" in sys.argv else CASES
    tap.main([case for case in cases if not named or any(word in case[0] for word in named)])


if __name__ == "__main__":
    main()
