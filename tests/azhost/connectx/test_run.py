#!/usr/bin/env python3
"""`azhost run --vf only` with stock testpmd: frames go from the uplink through the VF and back, byte
for byte and in order, by every receive and transmit way, for root and for an ordinary user.

test_run.py [--frames N] [--user] [VARIANT...]
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import frames  # noqa: E402
import vm  # noqa: E402
from variants import PROFILES, VARIANTS, make_frames, window  # noqa: E402

MAC = bytes.fromhex("000d3a000001")  # of nic0
PCI = "0000:3b:00.2"


def run(variant, count, as_user):
    devargs, arguments, longest, _, _ = VARIANTS[variant]
    profile = PROFILES.get(variant, "cx5-vf-trusted")
    device = PCI + ("," + devargs if devargs else "")
    with vm.Testpmd("--vf", "only", "--profile", profile, eal=["-a", device],
                    arguments=["--rxd=512", "--txd=512", *arguments], as_user=as_user) as guest:
        if longest > 1500:
            guest.commands("port stop 0", "port config mtu 0 9000", "port start 0")
        guest.commands("set fwd macswap", "start")
        guest.cable.drain()
        sent = make_frames(MAC, count, longest)
        began = time.time()
        got = vm.echo(guest.cable, sent, window(variant), 60.0)
        rate = len(got) / (time.time() - began)
        vm.check(len(got) == count, f"{variant}: {len(got)} of {count} frames came back, "
                 f"{rate:,.0f} a second")
        vm.check(got == [frames.swapped(frame) for frame in sent],
                 f"{variant}: byte for byte and in order")
        guest.commands("stop")
        guest.write("quit\n")
        guest.expect("Bye...", 120)
        vm.check(guest.process.wait(120) == 0, "testpmd ends with 0")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--user", action="store_true", help="as an ordinary user")
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    options = parser.parse_args()
    vm.need(vm.AZHOST, "dpdk-testpmd", "setpriv")
    if options.user and os.geteuid() != 0:
        vm.skip("this runs as an ordinary user already, without --user")
    for variant in options.variants:
        run(variant, options.frames, options.user)


main()
