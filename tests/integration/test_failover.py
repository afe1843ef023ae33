#!/usr/bin/env python3
"""The VF goes and comes back again and again under traffic; policy and connections stay.

usage: test_failover.py [--full] [CASE...]

accelnetd on a netvsc uplink inside azhost: ping, one TCP stream, one held connection and tries of
denied ports run all the while. Quick: 10 cycles, a start without a VF, the operator's hold, a note
alone, and some orders of the steps by which a guest learns of a VF; --full: 200 cycles, every order
with different delays, a VF elsewhere and of another model, too. Needs root.
"""

import itertools
import json
import os
import re
import sys
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import azlab  # pylint: disable=wrong-import-position
import lab  # pylint: disable=wrong-import-position
import rpc  # pylint: disable=wrong-import-position
from cycling import (  # pylint: disable=wrong-import-position
    POLICY, Traffic, cycle, give_back, reach_vf, take_away, wait_for_denials, wait_for_path,
    wait_for_traffic)

FULL = "--full" in sys.argv
CYCLES, WARM_UP = (200, 10) if FULL else (10, 1)
GROWTH_KIB = 4096
NO_VF = f"{azlab.AZHOST} ctl vf revoke {lab.NIC}; sleep 0.3"


class Cycles:
    """The run that most cases look at."""

    def __init__(self, network):
        daemon = network.daemon
        reach_vf(network)
        self.traffic = Traffic(network)
        for _ in range(WARM_UP):
            cycle(network)
        self.resident, self.files = [daemon.resident_kib()], [daemon.descriptors()]
        self.rules = [network.host.rules()]
        self.denied = []  # by cycle: tries that the policy dropped on the synthetic path, on the VF
        for _ in range(CYCLES):
            take_away(network)
            denied = [wait_for_denials(network)]
            give_back(network)
            denied.append(wait_for_denials(network))
            wait_for_traffic(network, "vf")
            self.denied.append(denied)
            self.resident.append(daemon.resident_kib())
            self.files.append(daemon.descriptors())
            self.rules.append(network.host.rules())
        self.traffic.finish()
        self.came_to = self.traffic.check(network)
        self.given = network.host.stats()["toGuest"]
        self.nic = daemon.nic()
        self.changes = daemon.events("path.changed")
        self.drops = daemon.drops()


def no_more_is_lost_than_must_be(run):
    told = run.came_to
    assert told["pings"] > 10 * CYCLES, told
    assert told["lost"] <= told["unsavable"], told
    return (f"{told['lost']} of {told['pings']} pings in {CYCLES + WARM_UP} cycles, longest gap"
            f" {told['longestGapMs']} ms; could not be saved: {told['host']},"
            f" own socket's: {told['overflowed']}, for want of CPU: {told['starved']}")


def the_stream_lives(run):
    told = run.came_to
    assert told["streamSeconds"] > CYCLES and told["exchanges"] > 10 * CYCLES, told
    return (f"{told['streamed'] / 1e6:.0f} MB in {told['streamSeconds']} s; held connection:"
            f" {told['exchanges']} exchanges, longest {told['longestExchangeMs']:.0f} ms")


def every_denied_try_is_denied(run):
    """None came through, and in each cycle there were some, and dropped, on either path."""
    assert run.came_to["deniedTries"] > 4 * CYCLES, run.came_to
    assert len(run.denied) == CYCLES and all(min(denied) > 0 for denied in run.denied), run.denied
    return f"{run.came_to['deniedTries']} tries, on both paths in each of {len(run.denied)} cycles"


def nothing_else_is_dropped(run):
    # A TAP or a ring that is full for a moment on a busy machine is no fault.
    happened = {reason for reason, count in run.drops.items() if count}
    assert not happened - {"policy-deny", "tx-full"}, run.drops


def memory_handles_and_descriptors_are_flat(run):
    grown = run.resident[-1] - run.resident[0]
    assert grown <= GROWTH_KIB and run.files[-1] <= run.files[0] + 1, (run.resident, run.files)
    assert len(set(run.rules)) == 1 and run.rules[0] > 0, run.rules
    return f"{grown} KiB more, {run.files[-1]} descriptors, {run.rules[-1]} rules in the device"


def each_change_is_told(run):
    arrivals = [event for event in run.changes if event["to"] == "vf"]
    departures = [event for event in run.changes if event["to"] == "synthetic"]
    if not FULL:  # in a long run the oldest events have gone
        assert len(departures) == CYCLES + WARM_UP, departures
        assert len(arrivals) >= CYCLES + WARM_UP + 1, arrivals
    for event in departures[-CYCLES:]:
        assert "VF" in event["cause"] and event["durationMs"] > 0, event
        assert event["packets"]["vf"]["received"] > 0, event
    back = [event for event in run.changes
            if event["from"] in ("synthetic", "vf-unclaimed") and event["to"] == "vf-arming"]
    assert any(event["packets"]["synthetic"]["received"] > 0 for event in back[1:]), back
    return f"{len(run.changes)} events"


def rules_are_in_hardware_again(run):
    """After each return all of the plan goes in, and marks decide again."""
    offload = run.nic["offload"]
    assert offload["state"] == "complete", offload
    assert offload["plan"]["installed"] == offload["plan"]["planned"] > 0, offload
    assert offload["plan"]["epoch"] > CYCLES + WARM_UP, offload
    assert run.nic["path"] == "vf" and run.nic["rules"]["hardware"] > 0, run.nic["rules"]
    arming = [event["durationMs"] for event in run.changes
              if event["from"] == "vf-arming" and event["to"] == "vf"]
    return (f"{offload['plan']['installed']} device rules, in {min(arming)} to {max(arming)} ms"
            " after the VF carries")


def counters_outlive_the_vf(run):
    # The host counts a large send once and hands over its segments.
    for path in ("synthetic", "vf"):
        given, taken = run.given[path]["frames"], run.nic["packets"][path]["received"]
        assert given * 0.9 <= taken <= given * 1.1 + 100, (path, given, taken)
    return json.dumps(run.nic["packets"])


def end_well(network, expected):
    """The daemon ends with 0, all its changes of path are the path machine's, and its log has no
    warning but those expected."""
    status = network.daemon.stop()
    assert status == 0, f"accelnetd ended with {status}"
    check_steps(network.daemon)
    unexpected = [line for line in network.daemon.warnings()
                  if not any(word in line for word in (azlab.STARVED, *expected))]
    assert not unexpected, unexpected


def with_lab(case, *options, warnings=(), **more):
    """A case with a lab of its own; where it fails, with the end of the daemon's log."""
    def run():
        with azlab.AzureLab(*options, **more) as network:
            try:
                measured = case(network)
                end_well(network, warnings)
                return measured
            except (AssertionError, lab.LabError, rpc.RpcError) as fault:
                raise AssertionError(f"{fault}\n{network.daemon.tail(400)}") from fault
    return run


def path_table():
    """Of the path machine: (uplink, from, cause, to)."""
    told = lab.run(lab.BIN.parent / "tests/path_table").stdout
    return {tuple(line.split("\t")) for line in told.splitlines()}


def check_steps(daemon):
    """Every change of path that was logged is the table's for this uplink, and begins where the last
    one ended; but where the log left some out, for it had too many of them."""
    uplink = json.loads(daemon.config.read_text(encoding="utf-8"))["nics"][0]["uplink"]["type"]
    steps = re.findall(r'msg="path changed".* from=(\S+) to=(\S+) cause="([^"]*)"(.*)',
                       daemon.log.read_text(encoding="utf-8"))
    table, at = path_table(), steps[0][0]
    for before, after, cause, more in steps:
        assert before == at or "suppressed=" in more, f"{before} follows {at}: {steps}"
        assert (uplink, before, cause, after) in table, \
            f"not in the path machine's table: {uplink}: {before} -> {after}, {cause}"
        at = after


def check_removal(changes):
    """From a VF to the synthetic path, once; what follows may only be the sight of a VF that idles,
    and its end."""
    to = [event["to"] for event in changes]
    assert to[0] == "synthetic" and "VF" in changes[0]["cause"], changes
    assert set(to[1:]) <= {"vf-unclaimed", "synthetic"} and to[-1] == "synthetic", changes


def orders(network):
    """Every order of the four steps by which a VF goes, and of the three by which it comes, with
    different delays."""
    daemon = network.daemon
    reach_vf(network)
    traffic = Traffic(network)
    revokes = list(itertools.permutations(("note", "pci", "uevent", "fatal")))
    assigns = list(itertools.permutations(("pci", "uevent", "note")))
    delays = (0, 5, 60) if FULL else (0,)
    # quick: one of each step first, and of each last
    revokes = revokes if FULL else [revokes[number] for number in (0, 9, 16, 18)]
    assert all({order[at] for order in revokes} == set(revokes[0]) for at in (0, 3)), revokes
    done = 0
    for number, order in enumerate(revokes * len(delays)):
        delay = delays[number // len(revokes)] if FULL else (0, 60)[number % 2]
        begin = (daemon.events("path.changed") or [{"sequence": 0}])[-1]["sequence"]
        take_away(network, "--order", ",".join(order), "--delay", delay)
        wait_for_denials(network)
        gone = daemon.events("path.changed", begin)
        check_removal(gone)
        give_back(network, "--order", ",".join(assigns[number % 6]), "--delay", delay)
        wait_for_denials(network)
        came = daemon.events("path.changed", gone[-1]["sequence"])
        assert gone[-1]["to"] == came[0]["from"], (gone, came)
        assert came[-1]["to"] == "vf", came
        done += 1
    traffic.finish()
    told = traffic.check(network)
    return (f"{done} orders and delays, {told['lost']} of {told['pings']} pings lost; azhost counts"
            f" {told['host']}")


def passes_over(network):
    """Does this netvsc pass over a VF that is started when its association comes again?"""
    year, month, minor = map(int, re.search(
        r"(\d+)\.(\d+)\.(\d+)", network.daemon.ask("status")["versions"]["dpdk"]).groups())
    mended = {(24, 11): 6, (25, 11): 1}
    return year < 26 and minor < mended.get((year, month), 1000)


def note_alone(network):
    """The association goes and comes, the device stays: what netvsc makes of it, --full: what the
    daemon says of that, and then a real removal and return."""
    reach_vf(network)
    network.host.revoke("--order", "note")
    wait_for_path(network, "synthetic")
    network.host.assign("--order", "note")
    if not passes_over(network):
        wait_for_path(network, "vf")
    elif FULL:
        idle = lab.wait_for(lambda: network.daemon.events("path.unclaimed"), "a complaint")[0]
        assert "passes over" in idle["reason"] and idle["claimed"], idle
        nic = network.daemon.nic()
        assert nic["path"] == "vf-unclaimed" and nic["pathProblem"] == idle["reason"], nic
    take_away(network)
    assert "pathProblem" not in network.daemon.nic(), network.daemon.nic()
    give_back(network)
    answers = network.remote.command("ping", "-q", "-c", 3, "-i", "0.2", "-W", 2, "-I",
                                     lab.INTERNET, lab.VM).stdout
    assert "3 received" in answers, answers


def elsewhere(network):
    """It returns at other addresses and as other models, at last as itself."""
    reach_vf(network)
    for profile, address in (("cx5-vf-trusted", "0000:3b:01.4"), ("cx4lx-vf", "0001:00:02.0"),
                             ("cx5-vf-untrusted", "0000:3b:00.2")):
        take_away(network)
        give_back(network, "--as", profile, "--at", address)
        assert network.daemon.nic()["uplinkPort"]["vf"]["device"] == address, network.daemon.nic()


def absent_at_start(network):
    """Started without a VF, it waits for one."""
    assert network.daemon.path() == "synthetic", network.daemon.path()
    network.daemon.apply(POLICY)
    answers = network.remote.command("ping", "-q", "-c", 3, "-i", "0.2", "-W", 2, "-I",
                                     lab.INTERNET, lab.VM).stdout
    assert "3 received" in answers, answers
    give_back(network)
    take_away(network)


def held(network):
    """
    nic failover: refused while netvsc has the VF, then a VF that returns is held, goes and returns
    once more, and is let go.
    """
    def vf():
        return network.daemon.nic()["uplinkPort"]["vf"]

    reach_vf(network)
    try:
        network.daemon.ask("nic", "failover", lab.NIC, "--to", "synthetic")
        raise AssertionError("a switch that cannot be made was promised")
    except lab.Refused as refused:
        assert refused.status == 3 and "switches by itself" in str(refused.error), refused
    take_away(network)
    answer = network.daemon.ask("nic", "failover", lab.NIC, "--to", "synthetic")
    assert answer["held"] and answer["path"] == "synthetic", answer
    network.host.assign()
    lab.wait_for(lambda: vf().get("held"), "a VF that is held")
    network.host.revoke()
    lab.wait_for(lambda: not vf()["present"], "a held VF's end")
    lab.wait_for(lambda: not network.host.nic()["vf"]["open"], "the guest to let go of a held VF")
    network.host.assign()
    lab.wait_for(lambda: vf().get("held"), "the next VF that is held")
    time.sleep(2.5)  # netvsc has looked for it twice meanwhile
    assert network.daemon.path() == "synthetic" and network.host.is_settled("synthetic")
    network.daemon.ask("nic", "failover", lab.NIC, "--to", "auto")
    wait_for_path(network, "vf")


CHECKS = [
    ("no more pings are lost than must be", no_more_is_lost_than_must_be),
    ("the streams live", the_stream_lives),
    ("every denied try is denied", every_denied_try_is_denied),
    ("nothing else is dropped", nothing_else_is_dropped),
    ("memory, handles and descriptors are flat", memory_handles_and_descriptors_are_flat),
    ("each change is told", each_change_is_told),
    ("rules are in hardware again after each return", rules_are_in_hardware_again),
    ("counters by path outlive the VF", counters_outlive_the_vf),
]
CASES = [
    ("VF absent at start", with_lab(absent_at_start, before=NO_VF)),
    ("held and let go", with_lab(held)),
    ("orders and delays", with_lab(orders)),
    ("a note alone", with_lab(note_alone, warnings=["the VF lies idle"])),
    ("a VF elsewhere, and of another model", with_lab(elsewhere)),
]
QUICK_CASES = 4  # of them


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    if named:
        tap.main([case for case in CASES if any(word in case[0] for word in named)])
    run = with_lab(Cycles)()
    checks = [(name, lambda check=check: check(run)) for name, check in CHECKS]
    tap.main(checks + (CASES if FULL else CASES[:QUICK_CASES]))


if __name__ == "__main__":
    main()
