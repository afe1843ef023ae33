#!/usr/bin/env python3
"""What `policy compile` prints goes into Debian's dpdk-testpmd on an emulated VF, and every line of
it is taken, by the real mlx5 PMD.

    test_paste.py ACCELNETCTL AZHOST [--full]

All policies of scripts/lib/policies.py with --full, else a few of the tests: acl and two levels,
isolation, IPv6. Each tier on the
profile that it is for; rules of one policy are flushed before the next one's.
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
SECONDS = 3000
BRIEF = ("exceptions", "ipv6", "two-levels")


class Paste:
    """The commands of many policies, and what testpmd says to them."""

    def __init__(self, accelnetctl, tier):
        self.accelnetctl = accelnetctl
        self.tier = tier
        self.lines = []
        self.policies = 0
        self.failed = False

    def add(self, policy):
        text = policies.compile_policy(self.accelnetctl, policy, self.tier, "--queues", "4")
        for line in text.splitlines():
            if len(line.encode()) >= LINE_MAX:
                self.complain(f"{policy.name}: a line of {len(line)} bytes: {line}")
        self.lines += [line for line in text.splitlines() if not line.startswith("#")]
        self.lines.append("flow flush 0")
        self.policies += 1

    def complain(self, text):
        print(f"{self.tier}: {text}")
        self.failed = True

    def run(self, azhost, directory):
        commands = Path(directory) / f"{self.tier}.txt"
        commands.write_text("\n".join(self.lines) + "\n", encoding="ascii")
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
                   if re.search("error|Bad arguments|too long|Ambiguous|complain", line)]
        if done.returncode != 0 or created != wanted or strange:
            self.complain(f"{created} of {wanted} rules created, exit {done.returncode}")
            print("\n".join(strange[:20]) or said[-2000:])
        print(f"{self.tier} on {PROFILES[self.tier]}: {created} rules of {self.policies} policies")


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
        chosen = policies.of_tests()
        if full:
            chosen += policies.of_azure(accelnetctl, directory)
        else:
            chosen = [policy for policy in chosen if policy.name in BRIEF]
        for tier in PROFILES:
            paste = Paste(accelnetctl, tier)
            for policy in chosen:
                paste.add(policy)
            paste.run(azhost, directory)
            failed |= paste.failed
    sys.exit(failed)


if __name__ == "__main__":
    main()
