#!/usr/bin/env python3
"""Several NICs of one daemon, and what one of them must not do to the others.

usage: test_nics.py [--full] [CASE...]

accelnetd with netvsc uplinks inside azhost. Quick: VFs that come and go at different moments and
all at once, a host that is silent about one NIC, and a queue left to housekeeping. --full: many
times, and what housekeeping avoids. Needs root.
"""

import os
import sys
import threading
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import azlab  # pylint: disable=wrong-import-position
import cycling  # pylint: disable=wrong-import-position
import fleet  # pylint: disable=wrong-import-position
import lab  # pylint: disable=wrong-import-position

FULL = "--full" in sys.argv
ROUNDS = 50 if FULL else 2
SECONDS = 60  # a step, on a machine that others use, too
QUEUE_MS = 2500
# On two lcores of the machine: control and housekeeping on one, the traffic on the other.
HOUSEKEEPING = {"queues": 2, "housekeeping": True}


def end_well(network, expected):
    status = network.daemon.stop()
    assert status == 0, f"accelnetd ended with {status}"
    unexpected = [line for line in network.daemon.warnings()
                  if not any(word in line for word in (azlab.STARVED, *expected))]
    assert not unexpected, unexpected


def with_fleet(case, count, *options, warnings=(), **more):
    def run():
        with fleet.Fleet(count, *options, **more) as network:
            try:
                for site in network.sites:
                    cycling.reach_vf(site, seconds=SECONDS)
                measured = case(network)
                end_well(network, warnings)
                return measured
            except (AssertionError, lab.LabError, OSError) as fault:
                raise AssertionError(f"{fault}\n{network.daemon.tail(200)}") from fault
    return run


def answers(site):
    """The VM behind it answers, and denied tries do not pass."""
    result = site.remote.command("ping", "-q", "-c", 3, "-i", "0.2", "-W", 5, "-I", lab.INTERNET,
                                 lab.VM, check=False)
    assert result.returncode == 0, f"{site.name}: {result.stdout}"
    tried = site.remote.traffic("connect", lab.VM, cycling.DENIED[0], "--source", lab.INTERNET,
                                "--timeout", 0.5)
    assert tried == {"passed": False, "error": "timeout"}, (site.name, tried)


def paths(network):
    return [site.daemon.path() for site in network.sites]


def each_by_itself(network):
    """One NIC's VF goes and comes: the others have no part in that."""
    before = [len(site.daemon.events("path.changed")) for site in network.sites]
    cycling.take_away(network.sites[1], seconds=SECONDS)
    assert paths(network) == ["vf", "synthetic", "vf"], paths(network)
    for site in network.sites:
        answers(site)
    cycling.take_away(network.sites[0], seconds=SECONDS)
    cycling.give_back(network.sites[1], seconds=SECONDS)
    assert paths(network) == ["synthetic", "vf", "vf"], paths(network)
    for site in network.sites:
        answers(site)
    cycling.give_back(network.sites[0], seconds=SECONDS)
    after = [len(site.daemon.events("path.changed")) for site in network.sites]
    assert after[2] == before[2] and after[0] > before[0] and after[1] > before[1], (before, after)
    return all_at_once(network)


def all_at_once(network):
    """Every VF goes in one moment, and the next NIC's is told of while another is being closed."""
    for number in range(ROUNDS):
        order = network.sites[number % 3:] + network.sites[:number % 3]
        for site in order:
            site.host.revoke("--order", "fatal,pci,uevent,note" if number % 2 else
                             "note,fatal,pci,uevent")
        for site in order:
            lab.wait_for(lambda site=site: site.host.is_settled("synthetic")
                         and not site.host.nic()["vf"]["open"], f"{site.name}'s VF to go", SECONDS)
        threads = [threading.Thread(target=cycling.give_back, args=(site,),
                                    kwargs={"seconds": SECONDS}) for site in reversed(order)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert paths(network) == ["vf"] * 3, paths(network)
    for site in network.sites:
        answers(site)
    return f"{ROUNDS} times all at once"


def a_silent_host(network):
    """It says no more about one NIC; the other's policy is changed all the same, in hardware, too."""
    silent, other = network.sites
    policies = [cycling.POLICY, {**cycling.POLICY, "options": {"mode": "audit"}}]
    silent.host.fault("stall", 1)
    time.sleep(3)  # a look has asked for the link, and waits for a minute
    slowest = 0.0
    for number in range(6):
        begin = time.monotonic()
        other.daemon.apply(policies[(number + 1) % 2])
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.3)
    silent.host.fault("stall", 0)
    assert slowest < 15, f"{slowest:.1f} s for a policy"
    answers(other)
    cycling.take_away(other, seconds=SECONDS)
    cycling.give_back(other, seconds=SECONDS)
    return f"6 policies, the slowest in {slowest * 1000:.0f} ms"


def gap_of_a_start(network):
    """The longest time without an answer while the VF is set up and started in a worker, which takes
    as long as a slow card: the note comes when the VF has been probed, for which a slow card takes
    as long as for a queue."""
    site = network.sites[0]
    cycling.take_away(site, seconds=SECONDS)
    site.host.fault("slow-queue", QUEUE_MS)
    pings = site.remote.start_traffic("ping", lab.VM, "--source", lab.INTERNET)
    site.host.assign("--order", "pci,uevent")
    cycling.wait_for_path(site, "vf-unclaimed", SECONDS)
    site.host.assign("--order", "note")
    cycling.wait_for_path(site, "vf", SECONDS)
    cycling.wait_for_traffic(site, "vf", SECONDS)
    told = pings.result()
    site.host.fault("slow-queue", 0)
    assert told["sent"] > 100, told
    return told["longest_ms"]


def a_queue_for_housekeeping(network):
    """Traffic on queue 1 goes on while the VF is started in the worker of queue 0."""
    least = QUEUE_MS * HOUSEKEEPING["queues"]
    gap = gap_of_a_start(network)
    assert gap < QUEUE_MS, f"a gap of {gap:.0f} ms"
    answers(network.sites[0])
    return f"a gap of {gap:.0f} ms while the VF is started for {least} ms and more"


def without_housekeeping(network):
    """What it is for."""
    gap = gap_of_a_start(network)
    assert gap >= QUEUE_MS, f"a gap of {gap:.0f} ms"
    return f"a gap of {gap:.0f} ms"


def lcores():
    first, second = lab.lcores().split(",")
    return f"0@{first},1@{first},2@{second}"


CASES = [
    ("each by itself, and all at once", with_fleet(each_by_itself, 3)),
    ("a host that is silent about one NIC", with_fleet(a_silent_host, 2)),
    ("a queue for housekeeping", with_fleet(a_queue_for_housekeeping, 1,
                                            warnings=[azlab.ASLEEP], lcores=lcores,
                                            nic=HOUSEKEEPING)),
    ("without housekeeping", with_fleet(without_housekeeping, 1, warnings=[azlab.ASLEEP])),
]
QUICK_CASES = 3  # of them


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    cases = CASES if FULL or named else CASES[:QUICK_CASES]
    tap.main([case for case in cases if not named or any(word in case[0] for word in named)])


if __name__ == "__main__":
    main()
