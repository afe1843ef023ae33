#!/usr/bin/env python3
"""accelnet-testpmd as a user meets it: help, exit codes, and the object that --json writes.

    test_testpmd.py PROGRAM
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop()
MANUAL = (pathlib.Path(__file__).resolve().parents[3] / "docs/man/accelnet-testpmd.1").read_text()
BRIEF = ["--rules", "50", "--rounds", "2", "--duration", "0.02"]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=100,
                          check=False)


class Testpmd(unittest.TestCase):
    def test_help_and_list(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--bench", "--rules", "--rounds", "--duration", "--json"):
            self.assertIn(option, done.stdout)
        done = run("--bench", "list")
        self.assertEqual(done.returncode, 0)
        names = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertIn("classify", names)
        self.assertIn("compile", names)
        for name in names:
            self.assertIn(f"\n.BR {name} ", MANUAL)

    def test_wrong_usage(self):
        for arguments in ([], ["--bench", "nonsense"], ["--bench", "classify,nonsense"],
                          ["--bench", "classify", "--rounds", "0"],
                          ["--bench", "classify", "--rounds", "51"],
                          ["--bench", "classify", "--rules", "1x"],
                          ["--bench", "classify", "--duration", "-1"], ["--frobnicate"],
                          ["--bench", "classify", "stray"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr, arguments)

    def test_output_that_goes_nowhere(self):
        """said, and before the benches rather than after"""
        with tempfile.TemporaryDirectory() as folder:
            done = run("--bench", "all", "--json", f"{folder}/nowhere/bench.json")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, "")
            self.assertIn("nowhere/bench.json: No such file", done.stderr)
        for arguments in (["--help"], ["--version"], ["--bench", "list"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=100, check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("cannot write the output", done.stderr)

    def test_refuses_a_path_that_is_not_there(self):
        done = run("--bench", "classify", *BRIEF, "--simd", "mmx")
        self.assertEqual(done.returncode, 1)
        self.assertIn("scalar, avx2 or avx512", done.stderr)

    def test_update(self):
        """every change was patched, judged meanwhile, and told part by part"""
        done = run("--bench", "update", *BRIEF, "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        results = json.loads(done.stdout)["results"]
        self.assertEqual([result["name"] for result in results],
                         [f"update/nsg/50/{change}" for change in ("add", "remove", "modify")])
        for result in results:
            notes = result["notes"]
            self.assertGreater(notes["changes"], 0)
            self.assertEqual(notes["patched"], notes["changes"])
            self.assertGreaterEqual(notes["p99"], notes["median"])
            self.assertGreater(notes["burstsJudged"], 0)
            for part in ("ruleSet", "counters", "publish", "rebuildLater"):
                self.assertGreater(notes["meanMicroseconds"][part], 0)
            for tier in ("T2", "T3"):
                self.assertGreater(notes["hardware"][tier]["microseconds"], 0)
                self.assertGreater(notes["hardware"][tier]["deviceRules"], 0)
            self.assertEqual(result["unit"], "us")
            self.assertGreater(result["peer"]["value"], 0)

    def test_policy(self):
        """a policy document instead of made rules, beside the same with small tags"""
        rule = {"priority": 100, "direction": "Outbound", "access": "Deny", "protocol": "Tcp",
                "sourceAddressPrefix": "*", "sourcePortRange": "*",
                "destinationAddressPrefix": "Web", "destinationPortRange": "443"}
        policy = {"apiVersion": "accelnet/v1",
                  "nicNsg": {"securityRules": [{"name": "web", "properties": rule}]},
                  "context": {"virtualNetwork": ["10.1.0.0/16"], "serviceTags": {
                      "Web": ["2001:db8::/32"] + [f"192.0.2.{i}/31" for i in range(0, 200, 4)]}}}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "policy.json"
            path.write_text(json.dumps(policy))
            done = run("--bench", "classify", *BRIEF, "--policy", str(path), "--json", "-")
            self.assertEqual(done.returncode, 0, done.stderr)
            results = json.loads(done.stdout)["results"]
            self.assertEqual([result["name"] for result in results],
                             ["classify/policy/in", "classify/policy/out"])
            for result in results:
                self.assertEqual(result["notes"]["tagPrefixes"], 51)
                self.assertEqual(result["notes"]["peerTagPrefixes"], 1)
                self.assertGreater(result["ours"], 0)
                self.assertGreater(result["peer"]["value"], 0)
            policy["nicNsg"]["securityRules"][0]["properties"]["protocol"] = "Gre"
            path.write_text(json.dumps(policy))
            done = run("--bench", "classify", *BRIEF, "--policy", str(path))
            self.assertEqual(done.returncode, 1)
            self.assertIn("\"Gre\" is no protocol", done.stderr)
            path.write_text(json.dumps(policy["nicNsg"]))
            done = run("--bench", "classify", *BRIEF, "--policy", str(path))
            self.assertIn("not a policy document", done.stderr)

    def test_json(self):
        done = run("--bench", "classify,compile", *BRIEF, "--simd", "scalar", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], "accelnet-bench/1")
        self.assertEqual(document["environment"]["arguments"][0], "--bench")
        names = [result["name"] for result in document["results"]]
        self.assertEqual(names, ["classify/nsg/50", "classify/acl1/50",
                                 "compile/nsg/50/T2", "compile/nsg/50/T3",
                                 "compile/acl1/50/T2", "compile/acl1/50/T3"])
        for result in document["results"]:
            samples = result["samples"]["rounds"]
            self.assertEqual(len(samples) + result["busyRounds"], 2)
            self.assertGreater(result["ours"], 0)
            self.assertEqual(result["ours"], min(samples))
            self.assertGreater(result["peer"]["value"], 0)
            self.assertAlmostEqual(result["ratio"], result["peer"]["value"] / result["ours"])
            self.assertLessEqual(result["spread"][0], result["spread"][1])
        self.assertIn("classify/nsg/50", done.stderr)


if __name__ == "__main__":
    unittest.main()
