#!/usr/bin/env python3
"""`accelnetctl verify` with each engine over one generated policy: the streams must be identical.

    test_engines.py ACCELNETCTL GEN_NSG COUNT

COUNT tuples aimed at the borders of 1,000 rules. Fails, too, where the tuples hit so few rules that
agreement would say little.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

RULES_HIT_AT_LEAST = 150


def write(path, command):
    with open(path, "wb") as file:
        subprocess.run(command, stdout=file, check=True)


def verify(accelnetctl, directory, engine):
    out = directory / engine
    command = [accelnetctl, "verify", "--policy", directory / "policy.json",
               "--tuples", directory / "tuples.ndjson", "--engine", engine]
    with open(out, "wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
    return out


def first_difference(directory, one, other):
    with open(directory / "tuples.ndjson", encoding="utf-8") as tuples, \
            open(one, encoding="utf-8") as a, open(other, encoding="utf-8") as b:
        for packet, x, y in zip(tuples, a, b):
            if x != y:
                return f"{packet}{one.name}: {x}{other.name}: {y}"
    return f"{one.name} and {other.name} are of different length"


def main():
    accelnetctl, generator, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write(directory / "policy.json", [generator, "policy"])
        write(directory / "tuples.ndjson",
              [generator, "tuples", "--policy", directory / "policy.json", "--count", count])
        reference = verify(accelnetctl, directory, "reference")
        software = verify(accelnetctl, directory, "software")
        if reference.read_bytes() != software.read_bytes():
            sys.exit(first_difference(directory, reference, software))
        answers = reference.read_text(encoding="utf-8").splitlines()
    if len(answers) != int(count):
        sys.exit(f"{len(answers)} answers to {count} tuples")
    rules = len(set(answers))
    if rules < RULES_HIT_AT_LEAST:
        sys.exit(f"the tuples hit only {rules} rules")
    print(f"{count} tuples, {rules} different answers, engines agree")


if __name__ == "__main__":
    main()
