#!/usr/bin/env python3
"""Equality on the wire: what a NIC with rules in hardware does with packets is what the policy says.

usage: test_wire.py PROFILE [--full] [--seed N] [--first N] [--only TEXT]

PROFILE is one of azhost's (cx5-vf-trusted, cx5-vf-untrusted). accelnetd stands between two of
azhost's VFs: the NIC, and the VM behind it. Policy after policy is applied; tests/wire sends
packets aimed at its borders in both directions, as first packets and on connections in every state,
and holds what comes out against the reference and a slow model of connections. Then `rule list` has
to count each rule for what the reference decided by it, hardware's drops included, and `verify
--engine reference`, which reads the file itself, to agree.

A few policies, with --full all: the shared data's, generated ones of 10, 100 and 1,000 rules, and
those of tests/data/policies. Needs root.
"""

import argparse
import json
import os
import sys
import time

import wire_lab

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position
import policies  # pylint: disable=wrong-import-position

ACCELNETCTL = lab.BIN / "accelnetctl"
EMPTY = {"apiVersion": "accelnet/v1"}
# Besides the policies of the tests and small generated ones.
BRIEF = ("qs-dmz-nsg", "qs-chef-chef-automate-ha-nested-networkSecurityGroupsResource be",
         "c7n-test_cidr_and_ingress_match-i0", "qs-network-nsg-dmz-in-vnet DB_NSG")
COUNTERS_SECONDS = 40  # the device's are read each second, on an idle machine
# The PMD asks the device for all counters about once a second, and we ask the PMD as often.
SWEEP_SECONDS = 4


class Count:
    """Packets and connections of a run."""
    FIRST, LINES, ROUNDS, DIRECTLY = 600, 60, 10, 8
    FULL = 2000, 150, 14, 4

    def __init__(self, options):
        self.first, self.lines, self.rounds, self.directly = self.FULL if options.full else (
            self.FIRST, self.LINES, self.ROUNDS, self.DIRECTLY)
        self.first = options.first or self.first


class Run:
    """A wire, and what came of all policies on it."""

    def __init__(self, wire, options):
        self.wire, self.daemon, self.player = wire, wire.daemon, wire.player
        self.folder, self.options = wire.folder, options
        self.count = Count(options)
        self.was_document = True
        self.totals = dict.fromkeys(("policies", "sent", "passed", "dropped", "open", "late"), 0)


def clear(run, policy):
    """An NSG leaves what stands beside it, so that goes first. Otherwise one policy follows another
    now and then, and rules stay in the device; what those of before have dropped since their
    counters were read would then count for the new ones. True: one follows another."""
    is_nsg = bool(policy.options)
    is_direct = not (is_nsg and run.was_document
                     or run.totals["policies"] % run.count.directly)
    if is_direct:
        time.sleep(SWEEP_SECONDS)
    else:
        run.daemon.apply(EMPTY)
    run.was_document = not is_nsg
    return is_direct


def apply(run, policy):
    """True: drops of the policy before may be in the device still."""
    is_direct = clear(run, policy)
    run.daemon.apply(policy.file, *policy.options)
    shown = run.daemon.ask("policy", "show", "--nic", lab.NIC)
    path = run.folder / "in-force.json"
    path.write_text(json.dumps(shown), encoding="utf-8")
    run.player.tell("policy", path)
    return is_direct


def key_of(rule):
    return rule.get("level"), rule.get("direction"), rule.get("rule", rule.get("name"))


def counted(rule):
    return rule["hits"] + (rule["settled"] or 0) * (rule["level"] != "acl")


def miscounted(run, wanted):
    """Rules whose counters are not what they should be; what has no counter cannot be told."""
    found = {key_of(rule): rule for rule in run.wire.rules()}
    two_levels = wire_lab.TIERS[run.options.profile] == "T2"
    wrong = []
    for key, (hits, shared, early) in wanted.items():
        rule = found[key]
        more = counted(rule) - hits if rule["hits"] is not None else 0
        if not -early <= more <= shared * two_levels:
            wrong.append(f"{key}: {rule['hits']} hits and {rule['settled']} settled of {hits}")
    return wrong


def check_counters(run, policy, wanted):
    end = time.monotonic() + COUNTERS_SECONDS
    while True:
        wrong = miscounted(run, wanted)
        if not wrong:
            break
        if time.monotonic() > end:
            raise AssertionError("\n".join([
                policy.name, *wrong[:10],
                json.dumps(run.daemon.ask("nic", "show", lab.NIC)["offload"]),
                json.dumps(run.daemon.ask("drops", "--nic", lab.NIC)["nics"][0]["hardware"]),
                json.dumps(run.wire.device())]))
        time.sleep(0.2)


def check_reference(run, policy, tuples):
    """The same tuples by the reference, of the file as it was applied."""
    path = run.folder / "tuples.ndjson"
    fields = ("direction", "protocol", "source", "destination", "sourcePort", "destinationPort")
    path.write_text("".join(json.dumps({name: line[name] for name in fields if name in line}) + "\n"
                            for line in tuples), encoding="utf-8")
    answers = lab.run(ACCELNETCTL, "verify", "--policy", policy.file, *policy.options,
                      "--tuples", path, "--engine", "reference").stdout.splitlines()
    assert len(answers) == len(tuples), (len(answers), len(tuples))
    for line, answer in zip(tuples, map(json.loads, answers)):
        access = line["access"].replace("AlwaysAllow", "Allow")
        same = (answer.get("rule"), answer.get("access")) == (line["rule"], access)
        assert same, f"{policy.name}: {line}: verify says {answer}"


def check_result(policy, result):
    assert result["wrongCount"] == 0, "\n".join(
        [f"{policy.name}: {result['wrongCount']} of {result['sent']}:", *result["wrong"]])
    assert result["strange"] == 0, f"{policy.name}: {result['strange']} frames not as sent"


def try_policy(run, policy):
    is_direct = apply(run, policy)
    run.player.tell("first", run.count.first // 3)  # while the rules go in
    # what a drop that is on its way out takes meanwhile counts for no rule of the new policy
    early = {key_of(rule): rule["hits"] * is_direct for rule in run.player.tell("result")["hits"]}
    run.wire.wait_complete()
    run.player.tell("first", run.count.first)
    result = run.player.tell("result")
    check_result(policy, result)
    check_counters(run, policy, {key_of(rule): (rule["hits"], rule["shared"], early[key_of(rule)])
                                for rule in result["hits"]})
    check_reference(run, policy, result["tuples"])
    run.player.tell("lines", run.count.lines, run.count.rounds)
    result = run.player.tell("result")
    check_result(policy, result)
    run.totals["policies"] += 1
    for name in ("sent", "passed", "dropped", "open", "late"):
        run.totals[name] += result[name]


def chosen_policies(options, folder):
    sizes = policies.GENERATED_SIZES if options.full else policies.GENERATED_SIZES[:-1]
    azure = policies.of_azure(ACCELNETCTL, folder)
    chosen = [policy for policy in azure if options.full or policy.name in BRIEF]
    chosen += policies.of_tests() + policies.of_generator(folder, sizes)
    return [policy for policy in unlike(chosen) if options.only in policy.name]


def unlike(chosen):
    """Leaves out policies whose rules are those of one before, as software has them."""
    seen = set()
    for policy in chosen:
        text = policies.compile_policy(ACCELNETCTL, policy, "T3")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        if text not in seen:
            seen.add(text)
            yield policy


def all_policies(wire, options):
    run = Run(wire, options)
    chosen = chosen_policies(options, run.folder)
    for policy in chosen:
        start = time.monotonic()
        try_policy(run, policy)
        print(f"# {policy.name}: {time.monotonic() - start:.1f} s", flush=True)
    totals, settled, dropped = run.totals, wire.settled(), wire.device()["dropped"]
    assert totals["policies"] == len(chosen) > 0
    assert totals["open"] * 10 < totals["sent"], totals
    if not options.only:
        assert settled > 10 * len(chosen), settled
        assert dropped > 40 * len(chosen), dropped
    return (f"{totals['policies']} policies, {totals['sent']} packets: {totals['passed']} to pass,"
            f" {totals['dropped']} to be dropped, {totals['open']} open, {totals['late']} late;"
            f" {settled} settled, {dropped} dropped by the device")


def nothing_went_wrong(wire, _options):
    wire.end()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    wire_lab.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int)
    parser.add_argument("--only", default="")
    wire_lab.main(parser.parse_args(), __file__, (all_policies, nothing_went_wrong))


main()
