#!/usr/bin/env python3
"""What the end of a VF, and its return, cost under traffic. Run by bench-failover.sh.

A stream as fast as the NIC takes it; the host takes the VF away and gives it back, again and again.
A meter in accelnetd's process (tests/bench/meter.h) tells what of each gap was the drivers', what
was accelnetd's, and whether another program had the processor. Beside it, where it is there,
net_failsafe does what it does when its first device goes. Needs root.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

import docblock
import lab
import meter
import picture
import streamlab

UPLINKS = ["netvsc", "bifurcated"]
RULES = 1000
PATIENCE = 60
QUIET = 0.3
# Goals, microseconds: our share of a gap; our own computing at the return.
GAP_GOAL, RETURN_GOAL = 50, 1000
FAILSAFE = ["-l", "0", "--no-pci", "--file-prefix", "failsafe", "--no-huge", "--no-shconf", "-m",
            "300", "--no-telemetry", "--log-level=4"]
FAILSAFE_POLL_MS = 100

Removal = collections.namedtuple(
    "Removal", "gap driver ours held_up callbacks calls round round_before polls cpu preempted"
    " waited")
Return = collections.namedtuple("Return", "found installed marked rules driver computing control wall")


# --- what the meter saw ---

def overlap(interval, begin, end):
    return max(0, min(interval.end, end) - max(interval.begin, begin))


def undisturbed(interval, time):
    """Of a thread that lost the processor, what it worked: an upper bound of what it would take."""
    return min(time, interval.cpu) if interval.preempted else time


def removal_of(intervals, begin, end):
    """The longest gap between two moments, and whose it was; microseconds. None: no gap."""
    gaps = [one for one in intervals if one.kind == meter.GAP and overlap(one, begin, end)]
    if not gaps:
        return None
    gap = max(gaps, key=lambda one: one.end - one.begin)
    # While the driver's call stalls: what we do meanwhile on the same port may be what it waits for.
    stalled = (gap.stalled_end - gap.stalled, gap.stalled_end)
    callbacks = sum(undisturbed(one, overlap(one, gap.begin, gap.end)) for one in intervals
                    if one.kind == meter.CALLBACK)
    calls = sum(undisturbed(one, overlap(one, *stalled)) for one in intervals
                if one.kind == meter.CALL)
    return Removal(*(time / 1e3 for time in (
        gap.end - gap.begin, gap.driver, gap.held_up + callbacks + calls, gap.held_up, callbacks,
        calls, gap.longest, gap.longest_before)), gap.polls, gap.cpu / 1e3, gap.preempted,
        gap.waited)


def return_of(intervals, cost):
    """From the start of the VF's port to its rules and the first mark; microseconds.

    Our computing is the processor time of the thread that makes the rules, outside of those calls
    and of the meter's own `cost` for each, and of the control thread's since the VF's start. A rule
    of another thread is the bifurcated uplink's for the rest.
    """
    start = next(one for one in intervals if one.kind == meter.START)
    rules = [one for one in intervals if one.kind == meter.RULE and one.begin >= start.end]
    maker = collections.Counter(one.thread for one in rules).most_common(1)[0][0]
    rules = [one for one in rules if one.thread == maker]
    mark = next(one for one in intervals if one.kind == meter.MARK)
    first, last = rules[0], rules[-1]
    between = last.cpu_end - (first.cpu_end - first.cpu)
    thread = between - sum(one.cpu for one in rules) - cost * len(rules)
    after = [one for one in intervals if one.main_cpu_end and one.end >= last.end]
    control = (after or [mark])[0].main_cpu_end - start.main_cpu_end
    return Return(
        found=(first.begin - start.end) / 1e3, installed=(last.end - start.end) / 1e3,
        marked=(mark.end - start.end) / 1e3, rules=len(rules),
        driver=sum(one.end - one.begin for one in rules) / 1e3,
        computing=(thread + control) / 1e3, control=control / 1e3,
        wall=(last.end - first.begin) / 1e3)


# --- accelnetd ---

class Cycles:
    """A NIC under a stream, whose VF goes and comes."""

    def __init__(self, uplink, profile, rules):
        self.nsg = picture.make_nsg(rules)
        self.network = streamlab.StreamLab("--vf", "on", "--profile", profile, gaps=True,
                                           bifurcated=uplink == "bifurcated")
        self.stream = None
        self.held = None
        self.denied = 0

    def __enter__(self):
        self.network.__enter__()
        try:
            self.held = picture.apply_to_vf(self.network, self.nsg)
            self.stream = self.network.stream("64:0:0")
            self.stream.line()
        except BaseException:
            self.network.close()
            raise
        return self

    def __exit__(self, *_):
        self.network.close()

    def intervals(self, count):
        return self.network.meter.since(count)

    def settled(self, count, kind):
        """An interval of that kind has ended since, and no rule call for a while."""
        found = self.intervals(count)
        rules = [one.end for one in found if one.kind == meter.RULE]
        return (any(one.kind == kind for one in found)
                and (not rules or time.monotonic_ns() - rules[-1] > QUIET * 1e9) and found)

    def remove(self):
        host, count = self.network.host, self.network.meter.count()
        begin = time.monotonic_ns()
        host.revoke()
        lab.wait_for(lambda: host.is_settled("synthetic") and not host.nic()["vf"]["open"],
                     "the VF's end", PATIENCE)
        end = time.monotonic_ns()
        time.sleep(QUIET)
        return removal_of(self.intervals(count), begin, end)

    def bring_back(self):
        """Nobody asks the daemon anything meanwhile: its work is measured."""
        count = self.network.meter.count()
        self.network.host.assign()
        found = lab.wait_for(lambda: self.settled(count, meter.MARK), "marks", PATIENCE)
        lab.wait_for(lambda: self.network.host.is_settled("vf"), "the VF's path", PATIENCE)
        return return_of(found, self.network.meter.head()["interval_cost"])

    def finish(self):
        """What the stream counted."""
        self.stream.tell_to_stop()
        return self.stream.line()


# --- net_failsafe ---

def failsafe(program):
    """One removal: what it measured, and what became of the program or its port."""
    device = (f"net_failsafe0,mac=02:00:00:00:00:05,hotplug_poll={FAILSAFE_POLL_MS},"
              "dev(net_null0),dev(net_null1)")
    command = [program, *FAILSAFE, "--vdev", "net_null9", "--vdev", device, "--", "rmv",
               "net_null0"]
    try:
        done = subprocess.run(["stdbuf", "-oL", *command], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"gap": None, "preempted": None, "end": "hung"}
    return failsafe_says(done.returncode, done.stdout + done.stderr)


def failsafe_says(status, output):
    found = re.search(r"t\+210 ms: .* max rx gap [\d.]+ ms \(not explained by preemption "
                      r"([\d.]+) ms, preempted (\d+) times\)", output)
    if status < 0 or status > 128:
        end = f"crashed, signal {-status if status < 0 else status - 128}"
    elif "not ready port" in output:
        end = "a dead port"
    else:
        end = "went on"
    gap = float(found[1]) * 1000 if found else 0
    return {"gap": gap or None, "preempted": int(found[2]) if found else None, "end": end}


# --- results ---

def spread(values):
    return [round(min(values), 2), round(max(values), 2)] if values else None


def result(name, unit, values, peer=None, **notes):
    ours = round(statistics.median(values), 2) if values else None
    theirs = round(statistics.median(peer), 2) if peer else None
    return {"name": name, "ours": ours, "unit": unit,
            "peer": {"name": "net_failsafe", "value": theirs} if theirs is not None else None,
            "ratio": round(theirs / ours, 2) if theirs is not None and ours else None,
            "spread": spread(values), "best": min(values) if values else None, **notes}


def results_of(removals, returns, peers):
    """Of netvsc. What is ours leaves out when others had the processor; of the gaps as a whole it
    is told.
    """
    clean = [one for one in removals if one.preempted == 0]
    gaps = [one["gap"] for one in peers if one["gap"] and one["preempted"] == 0]
    preempted = {"gaps": len(removals), "preempted": len(removals) - len(clean)}
    return [
        result("removal/our share", "us", [one.ours for one in removals], gaps, goal=GAP_GOAL,
               **preempted),
        result("removal/ours: polls held up", "us", [one.held_up for one in removals]),
        result("removal/ours: callbacks", "us", [one.callbacks for one in removals]),
        result("removal/ours: calls on the port", "us", [one.calls for one in removals]),
        result("removal/longest between polls", "us", [one.round for one in removals]),
        result("removal/likewise, as long before", "us", [one.round_before for one in removals]),
        result("removal/gap", "us", [one.gap for one in removals], **preempted),
        result("removal/gap without preemption", "us", [one.gap for one in clean]),
        result("removal/gap, in the driver", "us", [one.driver for one in removals]),
        result("removal/gap, worker's CPU time", "us", [one.cpu for one in removals]),
        result("return/our computing", "us", [one.computing for one in returns],
               goal=RETURN_GOAL),
        result("return/our computing, control thread", "us", [one.control for one in returns]),
        result("return/VF started to first rule", "us", [one.found for one in returns]),
        result("return/VF started to last rule", "us", [one.installed for one in returns]),
        result("return/VF started to first mark", "us", [one.marked for one in returns]),
        result("return/in rte_flow calls", "us", [one.driver for one in returns],
               calls=max((one.rules for one in returns), default=0)),
    ]


# Of what results_of() has, what is told of a bifurcated uplink, too.
BOTH = ("removal/our share", "removal/ours: polls held up", "removal/ours: callbacks",
        "removal/ours: calls on the port", "removal/gap", "return/our computing",
        "return/VF started to last rule", "return/VF started to first mark")


def all_results(measured, peers):
    """`measured` by uplink, of which netvsc may be left out."""
    results = []
    for uplink, (removals, returns) in measured.items():
        if uplink == "netvsc":
            results += results_of(removals, returns, peers)
            continue
        results += [{**one, "name": f"{uplink}: {one['name']}"}
                    for one in results_of(removals, returns, []) if one["name"] in BOTH]
    return results


def table(results):
    lines = ["| | unit | median | best | worst | net_failsafe | goal |",
             "|---|---|---|---|---|---|---|"]
    for one in results:
        peer = one["peer"]["value"] if one["peer"] else ""
        numbers = [one["ours"], *(one["spread"] or [None, None])]
        lines.append(f"| {one['name']} | {one['unit']} | "
                     + " | ".join("-" if value is None else f"{value:.1f}" for value in numbers)
                     + f" | {peer} | {one.get('goal', '')} |")
    return picture.aligned(lines)


def say_cycle(removal, back):
    gap = (f"gap {removal.gap:.0f} us, ours {removal.ours:.1f}, preempted {removal.preempted}"
           if removal else "no gap")
    print(f"  {gap}; back: {back.rules} calls in {back.wall / 1e3:.1f} ms, our computing"
          f" {back.computing:.0f} us", flush=True)


def sentences(measured):
    """What the table does not tell."""
    about, ends = measured["environment"], collections.Counter(
        one["end"] for one in measured["failsafe"])
    for uplink, held in about["held"].items():
        gaps = [one for one in measured["removals"] if one["uplink"] == uplink]
        busy = sum(one["preempted"] > 0 for one in gaps)
        yield (f"{uplink}: {about['cycles']} cycles, in {busy} of {len(gaps)} gaps another program"
               f" had the processor; {held['deviceRules']} device rules.")
    if ends:
        yield ("net_failsafe after its first removal: "
               + ", ".join(f"{end} ({count} of {ends.total()})" for end, count in ends.items()) + ".")
    yield f"Measured on {picture.machine(about)}."


def round_of(uplink, arguments, count, removals, returns):
    """So many cycles of one accelnetd; what it held, and what its stream counted."""
    with Cycles(uplink, arguments.profile, arguments.rules) as cycles:
        for _ in range(count):
            removal, back = cycles.remove(), cycles.bring_back()
            removals += [removal] if removal else []
            returns.append(back)
            say_cycle(removal, back)
        return cycles.held, cycles.finish()


def measure(arguments):
    """In turns: each side has the machine to itself."""
    measured = {uplink: ([], []) for uplink in arguments.uplinks}
    peers, streams, held = [], [], {}
    about = picture.environment()
    rounds = min(arguments.rounds, arguments.cycles)
    for number in range(rounds):
        count = arguments.cycles * (number + 1) // rounds - arguments.cycles * number // rounds
        for uplink, kept in measured.items():
            print(f"round {number + 1} of {rounds}: {uplink}", flush=True)
            held[uplink], counted = round_of(uplink, arguments, count, *kept)
            streams.append({"uplink": uplink,
                            **{name: counted[name] for name in ("sent", "arrived", "denied")}})
        if arguments.failsafe:
            peers.append(failsafe(arguments.failsafe))
            print(f"  net_failsafe: {peers[-1]}", flush=True)
    return {"schema": "accelnet-bench/1",
            "environment": {**about, "loadAfter": os.getloadavg()[0], "rules": arguments.rules,
                            "profile": arguments.profile, "cycles": arguments.cycles,
                            "held": held, "arguments": sys.argv[1:]},
            "results": all_results(measured, peers),
            "removals": [{"uplink": uplink, **one._asdict()}
                         for uplink, (removals, _) in measured.items() for one in removals],
            "returns": [{"uplink": uplink, **one._asdict()}
                        for uplink, (_, returns) in measured.items() for one in returns],
            "failsafe": peers, "streams": streams}


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--rules", type=int, default=RULES)
    parser.add_argument("--profile", default="cx5-vf-untrusted")
    parser.add_argument("--failsafe", metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--uplink", dest="uplinks", choices=UPLINKS, nargs=1, default=UPLINKS)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--docs", action="store_true")
    return parser.parse_args(argv)


def main():
    arguments = arguments_of(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, picture.interrupt)
    try:
        measured = measure(arguments)
    except (AssertionError, lab.LabError, lab.Refused, OSError) as fault:
        print(f"bench failed: {type(fault).__name__}: {fault}")
        return 1
    said = "\n".join([table(measured["results"]), "", *sentences(measured)])
    print(f"\n{said}")
    if arguments.docs:
        docblock.write(docblock.BENCHMARKS, "failover", said)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("bench failed: interrupted")
        sys.exit(130)
