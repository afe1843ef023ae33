#!/usr/bin/env python3
"""Frames go through stock testpmd and come back, byte for byte and in order, by every receive and
transmit way of the mlx5 PMD; the device reports which ways were really taken.

test_traffic.py [--frames N] [VARIANT...]
"""

import argparse
import random

import frames
import harness
from harness import check, same

JUMBO = ["--max-pkt-len=9018", "--enable-scatter", "--mbuf-size=2176",
         "--tx-offloads=0x8000"]  # RTE_ETH_TX_OFFLOAD_MULTI_SEGS

# Variant: device arguments, testpmd arguments, longest payload, report items that must count
# (frames), and items that must stay 0.
VARIANTS = {
    "rx-vector": ("", [], 1400, [], ["rx_striding", "rx_scattered"]),
    "rx-scalar": ("rx_vec_en=0", [], 1400, [], ["rx_striding", "rx_scattered"]),
    "rx-mprq": ("mprq_en=1,rxqs_min_mprq=1,mprq_log_stride_num=6,mprq_log_stride_size=11", [], 1400,
                ["rx_striding"], []),
    "rx-scatter": ("", JUMBO, 8900, ["rx_scattered", "tx_gathered"], ["rx_striding"]),
    "tx-empw": ("", [], 1400, ["wqe_multi_packet"], ["wqe_send", "wqe_inline_segments"]),
    "tx-empw-inline": ("txq_inline_mpw=250,txqs_min_inline=0", [], 200,
                       ["wqe_multi_packet", "wqe_inline_segments"], ["wqe_send"]),
    "tx-send": ("txq_mpw_en=0", [], 1400, ["wqe_send"],
                ["wqe_multi_packet", "wqe_inline_headers"]),
    "tx-send-inline": ("txq_mpw_en=0,txq_inline_max=250,txqs_min_inline=0", [], 200,
                       ["wqe_send", "wqe_inline_headers"], ["wqe_multi_packet"]),
    "tx-multi-seg": ("txq_mpw_en=0", JUMBO, 8900, ["wqe_send", "tx_gathered"],
                     ["wqe_multi_packet"]),
    "cx4lx": ("", [], 1400, ["wqe_send", "wqe_inline_headers"], ["wqe_multi_packet"]),
    "untrusted": ("", [], 1400, ["wqe_multi_packet"], []),
}
PROFILES = {"cx4lx": "cx4lx-vf", "untrusted": "cx5-vf-untrusted"}

# Frames on their way: fewer than the receive ring's 512 buffers hold. A scattering queue takes 8
# buffers for a descriptor.
WINDOW = 256
JUMBO_WINDOW = 32


def make_frames(mac, count, longest):
    source = random.Random(1)
    pool = source.randbytes(1 << 16)
    result = []
    for i in range(count):
        length = source.randrange(longest)
        start = source.randrange(len(pool) - length)
        payload = i.to_bytes(4, "big") + pool[start : start + length]
        result.append(frames.ethernet(mac, frames.ETHERTYPE_IPV4, b"\x45" + payload))
    return result


def echo(vf, sent, window):
    got = []
    next_out = 0
    while len(got) < len(sent):
        while next_out < len(sent) and next_out - len(got) < window:
            vf.send(sent[next_out])
            next_out += 1
        batch = vf.receive(next_out - len(got), 10)
        if not batch:
            break
        got += batch
    return got


def run(name, count):
    devargs, arguments, longest, used, unused = VARIANTS[name]
    with harness.Bed([PROFILES.get(name, "cx5-vf-trusted")]) as bed:
        vf = bed.vfs[0]
        with harness.Testpmd(bed, devargs, arguments) as pmd:
            pmd.commands("set fwd macswap", "start")
            check(vf.ready.wait(20), "the library says that a queue has buffers")
            sent = make_frames(vf.mac, count, longest)
            got = echo(vf, sent, JUMBO_WINDOW if longest > 1500 else WINDOW)
            same(len(got), len(sent), "frames that came back")
            wrong = [i for i, frame in enumerate(sent) if got[i] != frames.swapped(frame)]
            same(wrong[:3], [], "frames that came back changed or out of order")
            report = vf.query()
            same(pmd.stat("RX-packets"), count, "RX-packets")
            same(pmd.stat("TX-packets"), count, "TX-packets")
            same(report["delivered"], count, "delivered")
            same(report["consumed"], count, "consumed")
            same(report["sent"], count, "sent")
            for item in used:
                check(report[item] > 0, f"{item} was used: {report}")
            for item in unused:
                same(report[item], 0, item)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("variants", nargs="*", default=[])
    options = parser.parse_args()
    harness.enter()
    tests = {name: lambda name=name: run(name, options.frames) for name in VARIANTS}
    harness.main(tests, options.variants)


main()
