#!/usr/bin/env python3
"""The daemon dies at random moments of an apply; what it starts with again is one whole policy.

usage: test_kill.py [--full]

Quick: 12 times; --full: 100 times. No traffic: the ports are DPDK's null devices. Needs root for
EAL's sake.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import generated_policy
import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

TIMES = 100 if "--full" in sys.argv else 12
STATE_FILES_MAX = 40  # a history of 32, and what goes with it


class Run:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.random = random.Random(1)
        self.daemon = lab.Daemon(folder, "net_null0", "net_null1").start()
        self.policies, self.shown = {}, {}
        self.inside = 0.0
        self.outcomes = {"old": 0, "new": 0, "new, told so": 0}

    def learn(self, seed):
        """What `policy show` says while this policy is in force, and how long an apply takes."""
        path = self.folder / f"generated-{seed}.json"
        path.write_text(json.dumps(generated_policy.policy(seed)), encoding="utf-8")
        self.policies[seed] = path
        start = time.monotonic()
        self.daemon.apply(path)
        self.inside = max(self.inside, time.monotonic() - start)
        self.shown[seed] = self.show()

    def show(self):
        return json.dumps(self.daemon.ask("policy", "show", "--nic", lab.NIC), sort_keys=True)

    def in_force(self):
        """The seed of the policy in force, told by all of its text and by a verdict."""
        shown = self.show()
        seeds = [seed for seed, text in self.shown.items() if text == shown]
        assert len(seeds) == 1, f"neither the old policy nor the new one: {shown[:2000]}"
        answer = self.daemon.ask(
            "verify", "--nic", lab.NIC, "--direction", "in", "--protocol", "tcp",
            "--local", f"{lab.VM}:{generated_policy.TELLING_PORT}", "--remote", lab.INTERNET)
        expected = "Deny" if seeds[0] % 2 else "Allow"
        assert answer["access"] == expected, f"policy {seeds[0]} is shown, but {answer}"
        return seeds[0]

    def once(self):
        old = self.in_force()
        new = next(seed for seed in self.policies if seed != old)
        client = subprocess.Popen(
            [lab.BIN / "accelnetctl", "--socket", self.daemon.socket, "policy", "apply",
             self.policies[new], "--nic", lab.NIC],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.uniform(0, self.inside * 1.3))
        self.daemon.kill()
        told = client.wait(timeout=30) == 0
        self.daemon.start()
        after = self.in_force()
        assert after == new or not told, "accelnetctl said that the new policy is in force"
        self.outcomes["old" if after == old else "new, told so" if told else "new"] += 1


def survives(run):
    for seed in (2, 3):
        run.learn(seed)
    for _ in range(TIMES):
        run.once()
    return ", ".join(f"{count} {name}" for name, count in run.outcomes.items())


def leaves_no_debris(run):
    files = [path for path in (run.folder / "state").rglob("*") if path.is_file()]
    assert len(files) <= STATE_FILES_MAX, files
    return f"{len(files)} files in the state directory"


def generations_rise(run):
    history = run.daemon.ask("policy", "history", "--nic", lab.NIC)["generations"]
    numbers = [entry["generation"] for entry in history]
    assert numbers == sorted(set(numbers), reverse=True), numbers
    assert sum(entry["current"] for entry in history) == 1, history


def main():
    if os.geteuid() != 0:
        print("needs root: the DPDK environment")
        return 77
    with tempfile.TemporaryDirectory(prefix="accelnet-kill-") as folder:
        run = Run(folder)
        try:
            tap.main([("the policy after a kill is the old or the new one", lambda: survives(run)),
                      ("generations rise", lambda: generations_rise(run)),
                      ("no debris in the state directory", lambda: leaves_no_debris(run))])
        finally:
            run.daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
