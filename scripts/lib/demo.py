#!/usr/bin/env python3
"""Runs the demo's steps, says what each measured. Run by demo.sh."""

import argparse
import json
import os
import signal
import sys
import textwrap

import azlab
import lab
import picture
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
    """Says how to get in; all of it is for root, and in another terminal."""
    print(textwrap.dedent(f"""
        It all goes on until you press Ctrl-C here. In another terminal, as root:

          # the daemon: accelnetctl finds it by this, and takes any of its commands
          export ACCELNET_SOCKET={network.daemon.socket} PATH={lab.BIN}:$PATH
          accelnetctl nic list
          accelnetctl events --follow

          # the host: take the VF away, and give it back
          export AZHOST_SOCKET={network.host.socket}
          azhost ctl vf revoke {lab.NIC}
          azhost ctl vf assign {lab.NIC}

          # from outside: the web server answers the Internet, port 22 the jump host only
          ip netns exec {network.remote.name} curl --interface {lab.INTERNET} http://{lab.VM}/
          ip netns exec {network.remote.name} ping -I {lab.JUMP_HOST} {lab.VM}

          # a shell inside the VM ({lab.VM}), and one outside
          ip netns exec {network.vm.name} bash
          ip netns exec {network.remote.name} bash

        The daemon's log: {network.daemon.log}
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


class Picture:
    """The step that is not in the lab of the others: what the VF is for, measured."""

    SECONDS = 0.5

    def __init__(self):
        self.path = lab.BIN.parent / "picture.svg"
        self.result = {}

    def compare(self):
        return picture.compare(self.SECONDS, rounds=1)

    def measure(self):
        """without and with accelerated networking"""
        result = self.compare()
        self.result = {side: result[side] for side in picture.SIDES}
        picture.write_svg(result, self.path)
        give_back(self.path)
        print(textwrap.indent(picture.table(result), " " * 7))
        denied = [self.result[side]["denied"]["tried"] for side in picture.SIDES]
        return f"0 of {sum(denied)} denied tries passed; picture: {self.path}"


def give_back(path):
    """Under sudo the tree is an ordinary user's, and so should be what is written into it."""
    owner = os.stat(lab.ROOT)
    os.chown(path, owner.st_uid, owner.st_gid)


def interrupt(*_):
    """The first signal ends the demo; what comes after it may not disturb the clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def document(steps, failover, sides):
    """What --json writes: CONTRIBUTING.md says what that is."""
    return {"steps": steps, "failover": failover, **sides}


def run(arguments):
    """All steps; where the lab is to be kept, the picture comes first: later it would take part."""
    comparison, failover = Picture(), {}
    wanted = not arguments.no_picture
    steps = [show(comparison.measure)] if arguments.keep and wanted else []
    try:
        done, failover = run_steps(arguments)
        steps += done
    except lab.LabError as fault:
        steps.append({"name": "the lab", "passed": False, "measured": str(fault)})
        print(f"FAILED the lab\n{textwrap.indent(str(fault), ' ' * 9)}")
        return document(steps, failover, comparison.result)
    if wanted and not arguments.keep:
        steps.append(show(comparison.measure))
    return document(steps, failover, comparison.result)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--no-picture", action="store_true",
                        help="leave out what is measured without and with the VF")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    result = run(arguments)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    steps = result["steps"]
    failed = [step for step in steps if not step["passed"]]
    print(f"demo failed: {len(failed)} of {len(steps)} steps" if failed else "demo passed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("demo failed: interrupted")
        sys.exit(130)
