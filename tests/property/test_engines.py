#!/usr/bin/env python3
"""`accelnetctl verify` with each engine over one generated policy: the answers must be the same.

    test_engines.py ACCELNETCTL GEN_NSG COUNT [COUNT_IN_HARDWARE]

COUNT tuples aimed at the borders of 1,000 rules; engine rte_flow, whose interpreter looks at every
device rule, judges the first COUNT_IN_HARDWARE of them for each tier. Fails, too, where the tuples
hit so few rules that agreement would say little, or where no tier but T0 decides anything.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

RULES_HIT_AT_LEAST = 150
TIERS = ("T0", "T1", "T2", "T3")


def write(path, command):
    with open(path, "wb") as file:
        subprocess.run(command, stdout=file, check=True)


def verify(accelnetctl, directory, tuples, *engine):
    out = directory / "-".join(engine)
    command = [accelnetctl, "verify", "--policy", directory / "policy.json",
               "--tuples", directory / tuples, "--engine", *engine]
    with open(out, "wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
    return out.read_text(encoding="utf-8").splitlines()


def compare(directory, tuples, wanted, got, engine):
    if wanted == got:
        return
    with open(directory / tuples, encoding="utf-8") as packets:
        for packet, x, y in zip(packets, wanted, got):
            if x != y:
                sys.exit(f"{packet}reference: {x}\n{engine}: {y}")
    sys.exit(f"{len(got)} answers of {engine}, {len(wanted)} of reference")


def check_tier(accelnetctl, directory, wanted, tier):
    """How many of the packets the tier decides."""
    answers = [json.loads(line)
               for line in verify(accelnetctl, directory, "few.ndjson", "rte_flow", "--tier", tier)]
    places = [answer.pop("where") for answer in answers]
    compare(directory, "few.ndjson", [json.loads(line) for line in wanted], answers, tier)
    return places.count("hardware")


def main():
    accelnetctl, generator, count, *few = sys.argv[1:]
    few = int(few[0]) if few else int(count)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write(directory / "policy.json", [generator, "policy"])
        write(directory / "tuples.ndjson",
              [generator, "tuples", "--policy", directory / "policy.json", "--count", count])
        with open(directory / "tuples.ndjson", encoding="utf-8") as packets:
            (directory / "few.ndjson").write_text("".join(next(packets) for _ in range(few)),
                                                  encoding="utf-8")
        reference = verify(accelnetctl, directory, "tuples.ndjson", "reference")
        software = verify(accelnetctl, directory, "tuples.ndjson", "software")
        compare(directory, "tuples.ndjson", reference, software, "software")
        decided = {tier: check_tier(accelnetctl, directory, reference[:few], tier)
                   for tier in TIERS}
    if len(reference) != int(count):
        sys.exit(f"{len(reference)} answers to {count} tuples")
    rules = len(set(reference))
    if rules < RULES_HIT_AT_LEAST:
        sys.exit(f"the tuples hit only {rules} rules")
    if decided["T0"] or not 0 < decided["T2"] <= decided["T3"]:
        sys.exit(f"of {few} packets hardware decides {decided}")
    print(f"{count} tuples, {rules} different answers, engines agree; "
          f"of {few} hardware decides {decided}")


if __name__ == "__main__":
    main()
