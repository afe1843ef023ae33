#!/usr/bin/env python3
"""Counts the test cases in JUnit files written by ctest.

usage: cases.py JUNIT...

A ctest entry is a program; what counts is its cases: CMocka's lines ("[       OK ] name") or TAP's
("ok 1 - name"). A program that prints neither is one case. Says which cases failed, and which were
skipped and why; the last line is "PASSED FAILED SKIPPED", three numbers.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] (.*\S)")
TAP = re.compile(r"^(not )?ok +\d+\b(?: +-)? *(.*?)(?: *# *SKIP\b *(.*))?$", re.IGNORECASE)


class Program:
    """One ctest entry: its own result, and the cases that it printed."""

    def __init__(self, element):
        self.name = element.get("name")
        self.status = element.get("status")
        output = element.findtext("system-out") or ""
        self.lines = [line.rstrip() for line in output.splitlines()]
        self.passed, self.failed, self.skipped = 0, [], []

    def count(self):
        self.read_cmocka()
        self.read_tap()
        seen = self.passed + len(self.failed) + len(self.skipped)
        # ctest's words: run (passed), fail, notrun, disabled. A skipped program is "notrun".
        if self.status == "fail" and not self.failed:
            self.failed.append("(program)" if seen else "")
        elif self.status != "run" and not seen:
            self.skipped.append(("", self.last_line()))
        elif not seen:
            self.passed = 1

    def read_cmocka(self):
        said, running = [], None
        for line in self.lines:
            match = CMOCKA.match(line)
            if not match:
                said.append(line)
                continue
            word, case = match.groups()
            if word == "RUN":
                self.close(running)
                said, running = [], case
                continue
            # The list of names at the end repeats what was counted: nothing is running then.
            if running is None or not case.startswith(running):
                continue
            if word == "OK":
                self.passed += 1
            elif word == "FAILED":
                self.failed.append(running)
            else:
                self.skipped.append((running, " ".join(said).strip()))
            running = None
        self.close(running)

    def close(self, running):
        if running is not None:
            self.failed.append(f"{running} (did not end)")

    def read_tap(self):
        for line in self.lines:
            match = TAP.match(line)
            if not match:
                continue
            negative, case, reason = match.groups()
            if reason is not None:
                self.skipped.append((case, reason))
            elif negative:
                self.failed.append(case)
            else:
                self.passed += 1

    def last_line(self):
        for line in reversed(self.lines):
            if line.strip():
                return line.strip()
        return "no reason given"


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    passed = failed = skipped = 0
    for path in sys.argv[1:]:
        for element in ElementTree.parse(path).getroot().iter("testcase"):
            program = Program(element)
            program.count()
            passed += program.passed
            failed += len(program.failed)
            skipped += len(program.skipped)
            for case in program.failed:
                print(f"FAILED  {program.name} {case}".rstrip())
            for case, reason in program.skipped:
                print(f"skipped {program.name} {case}".rstrip() + f": {reason}")
    print(passed, failed, skipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
