#!/usr/bin/env python3
"""The lab of the picture: whose way a stream's segments take, and that none is lost.

Nothing is asserted of rates. Needs root.
"""

import os
import pathlib
import sys

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import lab        # noqa: E402
import picture    # noqa: E402

RATE = 2000
ENOUGH = 500  # segments
PATIENCE = 60


class Ways:
    """How many frames came to the guest by which way, as the host and the VF count them."""

    def __init__(self, network):
        self.host = network.host

    def read(self):
        stats = self.host.stats()
        return {"synthetic": stats["toGuest"]["synthetic"]["frames"],
                "through the host": stats["toGuest"]["vf"]["frames"],
                "vf": stats["vf"].get("delivered", 0)}

    def grows(self, name):
        # The VF's count begins anew with it.
        before = self.read()[name] if name != "vf" else 0
        lab.wait_for(lambda: self.read()[name] >= before + ENOUGH, f"frames on the way {name}",
                     PATIENCE)


def follows_the_vf():
    """Straight into the VF while there is one, by the host's switch while not, and back."""
    nsg = picture.make_nsg(10)
    start, prepare = picture.SIDES["with"]
    with start(nsg) as network:
        prepare(network, nsg)
        ways, host = Ways(network), network.host
        lost = host.lost()
        stream = network.stream(f"64:0:{RATE}", hurry=False)
        stream.line()
        before = ways.read()  # openers may be faster than the loan
        ways.grows("vf")
        assert ways.read()["synthetic"] == before["synthetic"], (before, ways.read())
        host.revoke()
        ways.grows("synthetic")
        host.assign()
        lab.wait_for(lambda: host.is_settled("vf"), "the VF's path", PATIENCE)
        ways.grows("vf")
        assert ways.read()["through the host"] == before["through the host"], ways.read()
        stream.tell_to_stop()
        ended = stream.line()
        most = {name: count - lost[name] for name, count in host.lost().items()}
    # One may be put into the VF's ring after the host has counted what is left in it.
    missing = ended["sent"] - ended["arrived"]
    assert ended["arrived"] > 3 * ENOUGH and missing <= sum(most.values()) + 1, (ended, most)
    return f"{ended['sent']} segments, {missing} missing; azhost counts {most}"


def by_the_host():
    """Without a VF the host's switch has them all, none is lost, and its policy denies."""
    nsg = picture.make_nsg(10)
    start, _ = picture.SIDES["without"]
    with start(nsg) as network:
        stream = network.stream("64:0.3:0", "64:0.3:2000", "deny:50")
        fast, paced, denied = (picture.run_phase(network, stream) for _ in range(3))
        stats = network.host.stats()
    for phase in (fast, paced):
        assert phase["arrived"] == phase["sent"] > 0, phase
    assert len(paced["latency"]) == paced["arrived"]
    assert denied["denied"] == 0 and stats["drops"]["hostPolicy"] == 50, (denied, stats["drops"])
    assert stats["toGuest"]["synthetic"]["frames"] >= fast["sent"] + paced["sent"], stats
    return f"{fast['sent']} and {paced['sent']} segments, 50 denied"


def cases():
    yield "by the host's switch", by_the_host
    yield "straight into the VF, as long as it is there", follows_the_vf


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    tap.main(cases())
