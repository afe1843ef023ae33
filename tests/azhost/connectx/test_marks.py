#!/usr/bin/env python3
"""A frame's mark is the mark of its rule: by every receive way of the mlx5 PMD, at full speed, with
all three bytes of the mark in use, while rules come and go. So are its metadata and its RSS hash.

test_marks.py [--scale N] [TEST...]
"""

import argparse
import re
import subprocess

import harness
from harness import check

GUEST = f"{harness.BUILD}/tests/azhost_mark_guest"

# Receive way: device arguments, profile, whether the device compresses completions.
STRIDING = "mprq_en=1,rxqs_min_mprq=1,mprq_log_stride_num=6,mprq_log_stride_size=11"
WAYS = {
    "vector": ("", "cx5-vf-trusted", 0),
    "scalar": ("rx_vec_en=0", "cx5-vf-trusted", 0),
    "mprq-vector": (STRIDING, "cx5-vf-trusted", 0),
    "mprq-scalar": (STRIDING + ",rx_vec_en=0", "cx5-vf-trusted", 0),
    "untrusted": ("", "cx5-vf-untrusted", 0),
    "cx4lx": ("", "cx4lx-vf", 0),
    "vector-compressed": ("", "cx5-vf-trusted", 1),
    "scalar-compressed": ("rx_vec_en=0", "cx5-vf-trusted", 1),
    "mprq-vector-compressed": (STRIDING, "cx5-vf-trusted", 1),
    "mprq-scalar-compressed": (STRIDING + ",rx_vec_en=0", "cx5-vf-trusted", 1),
}


def guest(way, phase, queues, amount, cores="0,1", meta=0):
    devargs, base, compress = WAYS[way]
    with harness.changed_profile(base, rx__compress=compress) as profile, \
            harness.Bed([profile] * 2, wire="pair") as bed:
        eal = bed.eal(devargs)
        eal[eal.index("-l")] = "--lcores"
        eal[eal.index("--lcores") + 1] = cores
        done = subprocess.run([GUEST, *eal, "--", phase, str(queues), str(amount),
                               str(meta)],
                              env=bed.environment(), capture_output=True, text=True, timeout=300,
                              check=False)
    result = re.search(r"RESULT frames (\d+) marked (\d+) early (\d+) wrong (\d+)", done.stdout)
    check(result, f"{way} {phase}: {done.returncode} {done.stdout[-2000:]}{done.stderr[-2000:]}")
    frames, marked, early, wrong = (int(number) for number in result.groups())
    print(f"    {way} {phase}, {queues} queues: {frames} frames, {marked} marked, {early} early",
          flush=True)
    check(wrong == 0, f"{wrong} wrong marks: {done.stdout[-2000:]}")
    check(done.returncode == 0 and marked > 0, f"{way} {phase}: {done.returncode}, {marked} marked")
    return frames, early


def steady(way, scale):
    for queues in (1, 4):
        guest(way, "steady", queues, 40_000 * scale)
    if WAYS[way][1] == "cx5-vf-trusted":
        guest(way, "steady", 2, 20_000 * scale, meta=1)


def churn(way, scale):
    for queues in (1, 4):
        guest(way, "churn", queues, 200 * scale)


def first(way, scale):
    """The vector receive functions read whether a queue has marks once for the mark's value and once
    more for its flag (rxq_cq_process_v() and rxq_cq_to_ptype_oflags_v(), DPDK 22.11 and 24.11): if the
    port's first MARK rule comes between, one burst carries the mark plus one. Not the device's doing.
    The scalar functions read it once."""
    _, early = guest(way, "first", 1, 20 * scale, "0@0,1@1,2@0")
    check(early == 0 or "scalar" not in way, f"{early} frames with the mark plus one")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("tests", nargs="*", default=[])
    options = parser.parse_args()
    harness.enter([GUEST])
    tests = {f"{phase.__name__}-{way}": lambda phase=phase, way=way: phase(way, options.scale)
             for phase in (steady, churn) for way in WAYS}
    for way in ("vector", "scalar", "vector-compressed", "mprq-vector"):
        tests[f"first-{way}"] = lambda way=way: first(way, options.scale)
    harness.main(tests, options.tests)


main()
