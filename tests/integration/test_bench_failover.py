#!/usr/bin/env python3
"""The failover bench: whose time a gap was, what a return took, and what is written of it.

Intervals are made up; nothing is measured. Needs no privileges.
"""

import json
import pathlib
import sys

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import bench_failover as bench  # noqa: E402
import docblock                 # noqa: E402
import meter                    # noqa: E402

NOTHING = meter.Interval(*(0 for _ in meter.FIELDS))


def interval(kind, begin, end, **more):
    return NOTHING._replace(kind=kind, begin=begin * 1000, end=end * 1000, **more)


def whose_gap_it_was():
    """Callbacks in the gap, calls while the driver stalls, and rounds that held up a poll are ours.

    Of a thread that lost the processor its work counts.
    """
    seen = [
        interval(meter.GAP, 100, 150, longest=1000),
        interval(meter.GAP, 1000, 1300, driver=290000, longest=9000, longest_before=8000,
                 held_up=2000, stalled=200000, stalled_end=1250000, polls=7, cpu=300000),
        interval(meter.CALLBACK, 990, 1010),  # half of it before the gap
        interval(meter.CALLBACK, 1100, 1190, preempted=1, cpu=4000),
        interval(meter.CALL, 1200, 1230),     # in the stall
        interval(meter.CALL, 1260, 1280),     # after it
        interval(meter.GAP, 5000, 9000, longest=1000),
    ]
    removal = bench.removal_of(seen, 900 * 1000, 2000 * 1000)
    assert (removal.gap, removal.driver, removal.held_up) == (300, 290, 2), removal
    assert (removal.round, removal.round_before) == (9, 8), removal
    assert (removal.callbacks, removal.calls, removal.ours) == (14, 30, 46), removal
    assert (removal.polls, removal.preempted) == (7, 0), removal
    assert bench.removal_of(seen, 200 * 1000, 300 * 1000) is None


def what_a_return_took():
    """Calls before the VF's start do not count, nor another thread's; the meter's own cost is taken
    off.
    """
    rules = [interval(meter.RULE, 200 + 10 * i, 208 + 10 * i, thread=9, cpu=8000,
                      cpu_end=50000 + 10000 * i) for i in range(5)]
    seen = [interval(meter.RULE, 10, 20, cpu=8000, cpu_end=20000),
            interval(meter.START, 50, 100, main_cpu_end=7000), *rules,
            interval(meter.RULE, 260, 270, thread=8, cpu=9000, cpu_end=1),
            interval(meter.MARK, 100, 300, main_cpu_end=12000)]
    back = bench.return_of(seen, 500)
    assert (back.found, back.installed, back.marked) == (100, 148, 200), back
    assert (back.rules, back.driver, back.wall) == (5, 40, 48), back
    # 48 us of the thread, less 40 in calls, less 2.5 of the meter; and 5 of the control thread
    assert abs(back.computing - (48 - 40 - 2.5 + 5)) < 1e-9 and back.control == 5, back


def what_failsafe_says():
    line = ("  t+210 ms: event call took 0.010 ms, first rx after 0.011 ms, max rx gap 4.5 ms (not"
            " explained by preemption 0.0310 ms, preempted {} times), max rx call 0.020 ms\n")
    assert bench.failsafe_says(139, line.format(0)) == {
        "gap": 31, "preempted": 0, "end": "crashed, signal 11"}
    assert bench.failsafe_says(-11, "")["end"] == "crashed, signal 11"
    assert bench.failsafe_says(0, line.format(2) + "called rx_pkt_burst for not ready port 0")[
        "end"] == "a dead port"
    assert bench.failsafe_says(0, "")["gap"] is None


def removal(ours, preempted):
    return bench.Removal(gap=100, driver=90, ours=ours, held_up=1, round=1, round_before=1, callbacks=2, calls=3, polls=4,
                         cpu=99, preempted=preempted, waited=0)


def results_are_of_the_schema():
    """... and the numbers of all removals, with how many were disturbed."""
    back = bench.Return(found=1, installed=2, marked=3, rules=1600, driver=4, computing=700,
                        control=5, wall=6)
    results = bench.results_of([removal(10, 0), removal(35, 3), removal(30, 0)], [back],
                               [{"gap": 31.0, "preempted": 0, "end": "crashed, signal 11"},
                                {"gap": 9000.0, "preempted": 2, "end": "a dead port"}])
    first = results[0]
    assert first["ours"] == 30 and first["spread"] == [10, 35], first
    assert (first["gaps"], first["preempted"]) == (3, 1), first
    assert first["peer"] == {"name": "net_failsafe", "value": 31} and first["ratio"] == 1.03, first
    for one in json.loads(json.dumps(results)):
        assert {"name", "ours", "unit", "peer", "ratio", "spread"} <= one.keys(), one
    lines = bench.table(results).splitlines()
    assert len({len(line) for line in lines}) == 1 and len(lines) == 2 + len(results), lines


def bifurcated_is_told_beside():
    back = bench.Return(found=1, installed=2, marked=3, rules=1600, driver=4, computing=700,
                        control=5, wall=6)
    names = [one["name"] for one in bench.all_results(
        {"netvsc": ([removal(10, 0)], [back]), "bifurcated": ([removal(20, 0)], [back])}, [])]
    assert len(names) == len(set(names)) and names[0] == "removal/our share", names
    assert [name for name in names if name.startswith("bifurcated: ")] == [
        f"bifurcated: {name}" for name in bench.BOTH], names


def all_gaps_preempted():
    """On a busy machine there may be no gap without."""
    results = {one["name"]: one for one in bench.results_of([removal(20, 3)], [], [])}
    assert results["removal/our share"]["ours"] == 20
    empty = results["removal/gap without preemption"]
    assert empty["ours"] is None and empty["spread"] is None, empty
    assert " - " in bench.table(list(results.values()))


def blocks_are_replaced():
    text = "a\n<!-- x begins -->\nold\nold\n<!-- x ends -->\nb\n"
    assert docblock.replace(text, "x", "new\n") == (
        "a\n<!-- x begins -->\nnew\n<!-- x ends -->\nb\n")
    for name in ("y", "x begins"):
        try:
            docblock.replace(text, name, "new")
        except ValueError:
            continue
        raise AssertionError(name)
    for name in ("picture", "failover"):
        docblock.replace(docblock.BENCHMARKS.read_text("utf-8"), name, "")


def cases():
    yield "removal: whose time the gap was", whose_gap_it_was
    yield "return: what was computed", what_a_return_took
    yield "net_failsafe: what it says", what_failsafe_says
    yield "results: the schema, and all removals", results_are_of_the_schema
    yield "results: bifurcated beside netvsc", bifurcated_is_told_beside
    yield "results: none without preemption", all_gaps_preempted
    yield "documents: blocks are replaced", blocks_are_replaced


if __name__ == "__main__":
    tap.main(cases())
