#!/usr/bin/env python3
"""Runs the demo's steps, says what each measured. Run by demo.sh."""

import argparse
import json
import signal
import sys
import textwrap

import azlab
import lab
from demo_failover import Failover
from demo_steps import Demo


def colour(number, text):
    return f"\033[{number}m{text}\033[0m" if sys.stdout.isatty() else text


def show(step):
    """Runs a step and prints its line."""
    name = step.__doc__
    try:
        measured, passed = step(), True
    except (AssertionError, lab.LabError, lab.Refused, OSError) as fault:
        measured, passed = f"{type(fault).__name__}: {fault}", False
    mark = colour(32, "ok    ") if passed else colour(31, "FAILED")
    print(f"{mark} {name:<50}  {measured}", flush=True)
    return {"name": name, "passed": passed, "measured": measured}


def keep_until_told(network):
    print(textwrap.dedent(f"""
        It all goes on until you press Ctrl-C:
          ip netns exec {network.vm.name} bash        inside the VM, {lab.VM}
          ip netns exec {network.remote.name} bash    outside: {lab.INTERNET}, {lab.JUMP_HOST}, ...
          {lab.BIN}/accelnetctl --socket {network.daemon.socket} nic list
          {azlab.AZHOST} ctl --socket {network.host.socket} vf revoke {lab.NIC}
        """), flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def run_steps(arguments):
    """The steps' results, and what the failover measured."""
    with azlab.AzureLab("--profile", "cx5-vf-untrusted", nic={"requirePolicy": True}) as network:
        demo = Demo(network)
        failover = Failover(demo)
        steps = [show(step) for step in demo.steps() + failover.steps() + demo.last_steps()]
        if arguments.keep:
            keep_until_told(network)
        steps.append(show(demo.stops))
    return steps, failover.measured


def interrupt(*_):
    """The first signal ends the demo; what comes after it may not disturb the clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        steps, failover = run_steps(arguments)
    except lab.LabError as fault:
        steps = [{"name": "the lab", "passed": False, "measured": str(fault)}]
        failover = {}
        print(f"FAILED the lab\n{textwrap.indent(str(fault), ' ' * 9)}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"steps": steps, "failover": failover}, file, indent=2)
            file.write("\n")
    failed = [step for step in steps if not step["passed"]]
    print(f"demo failed: {len(failed)} of {len(steps)} steps" if failed else "demo passed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("demo failed: interrupted")
        sys.exit(130)
