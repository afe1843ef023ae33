#!/usr/bin/env python3
"""Packets pass while the control thread waits for a disk that does not answer.

The state directory is a file system of its own, frozen while a policy is applied. Needs root and a
loop device.
"""

import json
import os
import pathlib
import sys
import threading

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

EXAMPLE = lab.ROOT / "config/examples/three-tier.json"


class FrozenLab(lab.Lab):
    """A lab whose state directory can be frozen."""

    def start_between(self):
        image, self.state = self.folder / "disk", self.folder / "state"
        self.state.mkdir()
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        try:
            lab.run("mkfs.ext4", "-q", "-F", image)
            lab.run("mount", "-o", "loop", image, self.state)
        except lab.LabError as reason:
            print(f"needs a loop device and ext4: {reason}")
            sys.exit(77)
        self.stack.callback(lab.run, "umount", self.state, check=False)
        super().start_between()

    def pings(self):
        result = self.remote.command("ping", "-q", "-c", 1, "-W", 10, "-I", lab.JUMP_HOST, lab.VM,
                                     check=False)
        return " 1 received" in result.stdout

    def is_waiting_for_disk(self):
        pid = self.daemon.popen.pid
        return " D " in pathlib.Path(f"/proc/{pid}/stat").read_text("ascii")


def packets_pass(network):
    """One packet alone: a second one would hide that the first was not noticed."""
    network.daemon.apply(EXAMPLE)
    assert network.pings()
    changed = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    changed["options"]["icmpErrors"] = "rules"
    applied = []
    applier = threading.Thread(target=lambda: applied.append(network.daemon.apply(changed)))
    lab.run("sync")
    lab.run("fsfreeze", "--freeze", network.state)
    try:
        applier.start()
        lab.wait_for(network.is_waiting_for_disk, "the daemon to wait for the disk")
        passed = network.pings()
        still_waiting = not applied
    finally:
        lab.run("fsfreeze", "--unfreeze", network.state)
        applier.join()
    assert still_waiting, "the apply did not wait: this test shows nothing"
    assert passed, "no packet passed while the apply waited"
    assert applied and applied[0]["generation"] == 2, applied


def main():
    if os.geteuid() != 0:
        print("needs root: network namespaces, TAP devices, a mount")
        return 77
    with FrozenLab() as network:
        tap.main([("packets do not wait for the disk", lambda: packets_pass(network))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
