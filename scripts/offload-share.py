#!/usr/bin/env python3
"""Prints which share of policies' inbound rules a NIC of each tier decides, as a table in Markdown.

    scripts/offload-share.py [--build DIRECTORY] [--all]

The policies: every NSG of the shared data that has inbound rules of its own, ClassBench filter sets
and a generated one as NSGs whose every third rule denies, and those of tests/data/policies. A rule is in
hardware where at least one device rule is for it; columns "device rules" count isolation and default
rules, too. "left" is how many regions the tier could name and leaves to software, in part or wholly;
a region is what rules of the levels have in common. With --all also NSGs without inbound rules.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import policies  # pylint: disable=wrong-import-position

TIERS = ("T3", "T2")
DEFAULT_RULES = 3  # that end each inbound NSG
GENERATOR = policies.ROOT.parent / "shared" / "peers" / "gen.py"
PROTOCOLS = {1: "Icmp", 6: "Tcp", 17: "Udp", 50: "Esp", 51: "Ah"}


def nsg_rule(number, line):
    """A rule of a ClassBench filter: @SOURCE DESTINATION LOW : HIGH LOW : HIGH PROTOCOL/MASK."""
    words = line[1:].replace(":", " ").split()
    value, mask = (int(word, 0) for word in words[6].split("/"))
    return {"name": f"r{number}", "properties": {
        "priority": number + 1, "direction": "Inbound",
        "access": "Allow" if number % 3 else "Deny",
        "protocol": PROTOCOLS.get(value, "*") if mask else "*",
        "sourceAddressPrefix": words[0], "destinationAddressPrefix": words[1],
        "sourcePortRange": "-".join(words[2:4]), "destinationPortRange": "-".join(words[4:6])}}


def filter_set(name, lines, directory):
    rules = [nsg_rule(i, line) for i, line in enumerate(lines) if line.startswith("@")]
    path = Path(directory) / f"{name}.json"
    path.write_text(json.dumps({"apiVersion": "accelnet/v1", "nicNsg": {"securityRules": rules}}),
                    encoding="utf-8")
    return policies.Policy(name, path)


def filter_sets(directory):
    for path in sorted((policies.SHARED / "classbench").glob("*k")):
        yield filter_set(f"classbench {path.name}", path.read_text(encoding="ascii").splitlines(),
                         directory)
    if GENERATOR.exists():
        out = Path(directory) / "generated.txt"
        subprocess.run([sys.executable, GENERATOR, "rules", "nsg", "1000", out], check=True)
        yield filter_set("generated nsg 1000", out.read_text(encoding="ascii").splitlines(),
                         directory)


def measure(accelnetctl, policy, tier):
    plan = json.loads(policies.compile_policy(accelnetctl, policy, tier, "--format", "json"))
    inbound = sum(chain["rules"] - (0 if chain["level"] == "acl" else DEFAULT_RULES)
                  for chain in plan["chains"] if chain["direction"] == "Inbound")
    left = sum(rule["direction"] == "Inbound" for rule in plan["software"])
    return {"inbound": inbound, "hardware": inbound - left, "device": plan["counts"]["rules"],
            "left": plan["regionsLeft"]}


def cells(result):
    share = f"{100 * result['hardware'] / result['inbound']:.0f} %" if result["inbound"] else "-"
    return f"{result['hardware']} | {share} | {result['device']} | {result['left']}"


class Sum:
    def __init__(self):
        self.count = 0
        self.results = {tier: dict.fromkeys(("inbound", "hardware", "device", "left"), 0)
                        for tier in TIERS}

    def add(self, results):
        self.count += 1
        for tier in TIERS:
            for key, value in results[tier].items():
                self.results[tier][key] += value


def print_row(name, results):
    inbound = results[TIERS[0]]["inbound"]
    print(f"| {name} | {inbound} | " + " | ".join(cells(results[tier]) for tier in TIERS) + " |")


def print_table(title, accelnetctl, chosen, with_empty):
    total = Sum()
    empty = Sum()
    print(f"| {title} | rules |" + "".join(
        f" {tier}: in hardware | share | device rules | left |" for tier in TIERS))
    print("|---|---:|" + "---:|" * 4 * len(TIERS))
    for policy in chosen:
        results = {tier: measure(accelnetctl, policy, tier) for tier in TIERS}
        if results[TIERS[0]]["inbound"] == 0:
            empty.add(results)
            if not with_empty:
                continue
        print_row(policy.name.replace("|", "\\|"), results)
        total.add(results)
    print_row(f"**all {total.count}**", total.results)
    if empty.count and not with_empty:
        print_row(f"{empty.count} NSGs with default rules alone", empty.results)
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=policies.ROOT / "build", type=Path)
    parser.add_argument("--all", action="store_true", help="NSGs without inbound rules, too")
    arguments = parser.parse_args()
    accelnetctl = arguments.build / "bin" / "accelnetctl"
    with tempfile.TemporaryDirectory() as directory:
        tables = (("NSG", policies.of_azure(accelnetctl, directory)),
                  ("filter set", list(filter_sets(directory))),
                  ("policy of the tests", policies.of_tests()))
        for title, chosen in tables:
            if chosen:
                print_table(title, accelnetctl, chosen, arguments.all)


if __name__ == "__main__":
    main()
