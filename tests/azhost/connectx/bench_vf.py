#!/usr/bin/env python3
"""How fast the emulated VF is: frames a second between two paired VFs of one stock testpmd, each
way, and rules a second of dpdk-test-flow-perf.

bench_vf.py [--seconds S] [--rounds N] [--json FILE] [--least-mpps M] [--least-rules R]

Prints a line for each measurement, the median and the spread of the rounds. Exit status 1 if a
median is below what --least-... asks for. One CPU forwards, another is the device; a busy machine
measures itself.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

import harness

RULES = 100_000


def forwarded(size, seconds):
    """Frames a second that each VF received, while both send to each other."""
    with harness.Bed(["cx5-vf-trusted"] * 2, wire="pair") as bed:
        # 384 frames go round each way, fewer than a ring of 512 always holds: none is ever lost.
        with harness.Testpmd(bed) as pmd:
            pmd.commands(f"set txpkts {size - 4}", "set fwd io", "start tx_first 12")
            for vf in bed.vfs:
                harness.check(vf.ready.wait(20), "queues have buffers")
            time.sleep(0.5)
            before, start = [vf.query()["delivered"] for vf in bed.vfs], time.monotonic()
            time.sleep(seconds)
            after, end = [vf.query()["delivered"] for vf in bed.vfs], time.monotonic()
            harness.same([vf.query()["no_buffer"] for vf in bed.vfs], [0, 0], "frames lost")
            pmd.command("stop")
    return min((b - a) / (end - start) for a, b in zip(before, after))


def rules_created():
    """Rules a second: mark, count and queue for an exact IPv4 source in group 1."""
    with harness.Bed() as bed:
        command = ["dpdk-test-flow-perf", *bed.eal(), "--", "--ingress", "--group=1", "--ether",
                   "--ipv4", "--queue", "--mark", "--count", f"--rules-count={RULES}",
                   f"--rules-batch={RULES}"]
        done = subprocess.run(command, env=bed.environment(), capture_output=True, text=True,
                              timeout=120, check=True)
    return float(re.search(r"Throughput \| Insertion\].*?rate -> ([0-9.]+) K", done.stdout)[1]) * 1e3


def measure(name, function, rounds, least):
    values = sorted(function() for _ in range(rounds))
    median = statistics.median(values)
    spread = (values[-1] - values[0]) / median
    print(f"{name}: {median / 1e6:.2f} M/s (least {values[0] / 1e6:.2f}, most "
          f"{values[-1] / 1e6:.2f}, {rounds} rounds)", flush=True)
    return {"name": name, "ours": median, "unit": "1/s", "spread": spread, "least": least}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--least-mpps", type=float, default=0)
    parser.add_argument("--least-rules", type=float, default=0)
    options = parser.parse_args()
    harness.enter(["dpdk-testpmd", "dpdk-test-flow-perf"])
    os.environ["AZHOST_DEVICE_CPU"] = "0"  # testpmd forwards on CPU 1
    results = [
        measure("64 B, each way", lambda: forwarded(64, options.seconds), options.rounds,
                options.least_mpps * 1e6),
        measure("1500 B, each way", lambda: forwarded(1500, options.seconds), options.rounds, 0),
        measure(f"{RULES} rules", rules_created, options.rounds, options.least_rules),
    ]
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump({"schema": "accelnet-bench/1", "environment": {"cpus": os.cpu_count()},
                       "results": results}, file, indent=2)
    sys.exit(any(result["ours"] < result["least"] for result in results))


main()
