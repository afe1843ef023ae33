#!/usr/bin/env python3
"""Frames go through stock testpmd and come back, byte for byte and in order, by every receive and
transmit way of the mlx5 PMD; the device reports which ways were really taken.

test_traffic.py [--frames N] [VARIANT...]
"""

import argparse

import frames
import harness
from harness import check, same
from variants import PROFILES, VARIANTS, make_frames, window

# The same ways with a device that compresses completions.
COMPRESSED = {f"{name}-compressed": name
              for name in ("rx-vector", "rx-scalar", "rx-mprq", "rx-scatter")}


def echo(vf, sent, most):
    got = []
    next_out = 0
    while len(got) < len(sent):
        while next_out < len(sent) and next_out - len(got) < most:
            vf.send(sent[next_out])
            next_out += 1
        batch = vf.receive(next_out - len(got))
        if not batch:
            break
        got += batch
    return got


def run(name, count):
    compress = name in COMPRESSED
    name = COMPRESSED.get(name, name)
    devargs, arguments, longest, used, unused = VARIANTS[name]
    profile = PROFILES.get(name, "cx5-vf-trusted")
    with harness.changed_profile(profile, rx__compress=int(compress)) as path, \
            harness.Bed([path]) as bed:
        vf = bed.vfs[0]
        with harness.Testpmd(bed, devargs, arguments) as pmd:
            pmd.commands("set fwd macswap", "start")
            check(vf.ready.wait(harness.PATIENCE), "the library says that a queue has buffers")
            sent = make_frames(vf.mac, count, longest)
            got = echo(vf, sent, window(name))
            report = vf.query()
            check(len(got) == len(sent), f"{len(got)} frames came back, not {len(sent)}: {report}")
            wrong = [i for i, frame in enumerate(sent) if got[i] != frames.swapped(frame)]
            same(wrong[:3], [], "frames that came back changed or out of order")
            same(pmd.stat("RX-packets"), count, "RX-packets")
            same(pmd.stat("TX-packets"), count, "TX-packets")
            same(report["delivered"], count, "delivered")
            same(report["consumed"], count, "consumed")
            same(report["sent"], count, "sent")
            for item in used:
                check(report[item] > 0, f"{item} was used: {report}")
            for item in unused:
                same(report[item], 0, item)
            same(report["rx_compressed"] > 0, compress, "completions were compressed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("variants", nargs="*", default=[])
    options = parser.parse_args()
    harness.enter()
    tests = {name: lambda name=name: run(name, options.frames) for name in [*VARIANTS, *COMPRESSED]}
    harness.main(tests, options.variants)


main()
