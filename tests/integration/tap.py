"""The Test Anything Protocol, as far as scripts/lib/cases.py reads it."""

import subprocess
import sys


class Skip(Exception):
    """What a case needs is not there; the text says what."""


def main(cases):
    """Runs (name, function) pairs and exits: 0, or 1 when one failed.

    A function that returns a text has it shown: what was measured.
    """
    failed = 0
    for number, (name, case) in enumerate(cases, 1):
        try:
            measured = case()
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as fault:
            failed += 1
            print(f"not ok {number} - {name}\n# " + str(fault).replace("\n", "\n# "), flush=True)
        else:
            print(f"ok {number} - {name}" + (f": {measured}" if measured else ""), flush=True)
    sys.exit(1 if failed else 0)
