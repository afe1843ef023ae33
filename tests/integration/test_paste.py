#!/usr/bin/env python3
"""What `policy compile` prints goes into Debian's dpdk-testpmd on an emulated VF, and every line of
it is taken, by the real mlx5 PMD.

    test_paste.py ACCELNETCTL AZHOST [--full]

All policies of scripts/lib/policies.py; of generated ones that of 1,000 rules, 100,000 device rules
on T3, with --full alone. Each tier on the profile that it is for; rules of one policy are flushed
before the next one's, and policies whose rules are the same go in once.

The lines go in by many small files. testpmd keeps a history of what it was told in a ring of 8,192
bytes, and once that is full each line costs it milliseconds (rdline_get_history_item() turns the
ring byte by byte); the reader of a file has a history of its own.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts" / "lib"))
import policies  # pylint: disable=wrong-import-position

SKIPPED = 77
PROFILES = {"T2": "cx5-vf-untrusted", "T3": "cx5-vf-trusted"}
LINE_MAX = 500  # bytes, with the end, of a line of testpmd's
TESTPMD = ["dpdk-testpmd", "--no-huge", "-m", "512", "--no-telemetry", "--", "--rxq=4", "--txq=4",
           "--total-num-mbufs=8192", "--rxd=256", "--txd=256"]
CREATED = re.compile(r"Flow rule #\d+ created")
FILE_MAX = 7500  # bytes of a file, so that its lines fit into the history
SECONDS = 3000


class Paste:
    """The commands of many policies, and what testpmd says to them."""

    def __init__(self, accelnetctl, tier):
        self.accelnetctl = accelnetctl
        self.tier = tier
        self.lines = []
        self.seen = set()
        self.policies = 0
        self.failed = False

    def add(self, policy):
        text = policies.compile_policy(self.accelnetctl, policy, self.tier, "--queues", "4")
        for line in text.splitlines():
            if len(line.encode()) >= LINE_MAX:
                self.complain(f"{policy.name}: a line of {len(line)} bytes: {line}")
        commands = tuple(line for line in text.splitlines() if not line.startswith("#"))
        self.policies += 1
        if commands in self.seen:
            return
        self.seen.add(commands)
        self.lines += [*commands, "flow flush 0"]

    def complain(self, text):
        print(f"{self.tier}: {text}")
        self.failed = True

    def write(self, directory):
        """Small files, and one that loads them in turn, whose path is returned."""
        parts, room = [], 0
        for line in self.lines:
            if len(line) + 1 > room:
                parts.append([])
                room = FILE_MAX
            parts[-1].append(line)
            room -= len(line) + 1
        loads = []
        for number, lines in enumerate(parts):
            path = Path(directory) / f"{self.tier}-{number}.txt"
            path.write_text("\n".join(lines) + "\n", encoding="ascii")
            loads.append(f"load {path}")
        commands = Path(directory) / f"{self.tier}.txt"
        commands.write_text("\n".join(loads) + "\n", encoding="ascii")
        return commands

    def run(self, azhost, directory):
        commands = self.write(directory)
        done = subprocess.run(
            [azhost, "run", "--vf", "only", "--profile", PROFILES[self.tier], "--uplink",
             f"unix:{directory}/{self.tier}.sock", "--", *TESTPMD, f"--cmdline-file={commands}",
             "-i"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=SECONDS, check=False)
        said = done.stdout.replace("testpmd> ", "")  # the prompt comes in between
        created = len(CREATED.findall(said))
        wanted = sum(line.startswith("flow create") for line in self.lines)
        strange = [line for line in said.splitlines()
                   if re.search("error|Bad arguments|too long|Ambiguous|complain|Failed", line)]
        if done.returncode != 0 or created != wanted or strange:
            self.complain(f"{created} of {wanted} rules created, exit {done.returncode}")
            print("\n".join(strange[:20]) or said[-2000:])
        print(f"{self.tier} on {PROFILES[self.tier]}: {created} rules of {self.policies} policies,"
              f" {len(self.seen)} of them unlike")


def main():
    accelnetctl, azhost, *full = sys.argv[1:]
    if not shutil.which("dpdk-testpmd"):
        print("skipped: no dpdk-testpmd")
        sys.exit(SKIPPED)
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(SKIPPED)
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        sizes = policies.GENERATED_SIZES if full else policies.GENERATED_SIZES[:-1]
        chosen = (policies.of_tests() + policies.of_generator(directory, sizes) +
                  policies.of_azure(accelnetctl, directory))
        for tier in PROFILES:
            paste = Paste(accelnetctl, tier)
            for policy in chosen:
                paste.add(policy)
            paste.run(azhost, directory)
            failed |= paste.failed
    sys.exit(failed)


if __name__ == "__main__":
    main()
