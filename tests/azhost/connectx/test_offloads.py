#!/usr/bin/env python3
"""Checksums, segmentation, VLAN tags and receive-side scaling, by what they do to frames.

test_offloads.py [TEST...]
"""

import re
import struct

import frames
import harness
from harness import check, same

# Microsoft's verification suite for RSS: key, and the hash of one TCP-or-UDP/IPv4 tuple.
RSS_KEY = ("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4"
           "77cb2da38030f20c6a42b73bbeac01fa")
RSS_TUPLE = {"sip": "66.9.149.187", "dip": "161.142.100.80", "sport": 2794, "dport": 1766}
RSS_HASH = 0x51CCC178
RSS_TUPLE6 = {"sip": "3ffe:2501:200:1fff::7", "dip": "3ffe:2501:200:3::1", "sport": 2794,
              "dport": 1766}
RSS_HASH6 = 0x40207D3D


def bed_and_pmd(function, arguments=(), devargs="", profile="cx5-vf-trusted"):
    with harness.Bed([profile]) as bed:
        with harness.Testpmd(bed, devargs, arguments) as pmd:
            function(bed.vfs[0], pmd)


def csum_mode(pmd, *extra):
    pmd.commands("port stop 0", "csum set ip hw 0", "csum set udp hw 0", "csum set tcp hw 0",
                 *extra, "port start 0", "set fwd csum", "start")


def tx_checksum(vf, pmd):
    csum_mode(pmd)
    for proto in (frames.UDP, frames.TCP):
        for size in (0, 1, 201, 1400):
            frame = bytearray(frames.ipv4(vf.mac, proto, payload=b"x" * size))
            field = 40 if proto == frames.UDP else 50
            frame[24:26] = frame[field : field + 2] = b"\xde\xad"
            vf.send(bytes(frame))
            got = vf.receive(1)
            same(len(got), 1, f"frames for protocol {proto}, {size} bytes")
            same(frames.checksums_good(got[0]), (True, True), f"checksums, {proto}, {size}")


def tx_checksum_ipv6(vf, pmd):
    csum_mode(pmd)
    frame = bytearray(frames.ipv6(vf.mac, payload=b"y" * 99))
    frame[60:62] = b"\xde\xad"
    vf.send(bytes(frame))
    got = vf.receive(1)
    same(len(got), 1, "frames")
    l4 = got[0][54:]
    same(frames.checksum(got[0][22:54] + struct.pack("!II", len(l4), frames.UDP) + l4), 0, "sum")


def segmentation(vf, pmd):
    csum_mode(pmd, "tso set 1000 0")
    payload = bytes(range(256)) * 6
    big = frames.ipv4(vf.mac, frames.TCP, payload=payload[:1440], flags=0x19, ident=7)
    vf.send(big)
    got = vf.receive(2)
    same([len(frame) for frame in got], [1054, 494], "segments' lengths")
    same([frames.checksums_good(f) for f in got], [(True, True)] * 2, "checksums")
    same([struct.unpack("!I", f[38:42])[0] for f in got], [1, 1001], "sequence numbers")
    same([struct.unpack("!H", f[18:20])[0] for f in got], [7, 8], "IPv4 identifications")
    same([f[47] for f in got], [0x10, 0x19], "flags: FIN and PSH on the last one")
    same(b"".join(f[54:] for f in got), payload[:1440], "payload")
    check(vf.query()["wqe_tso"] > 0, "a TSO descriptor was used")


def vlan_strip(vf, pmd):
    pmd.commands("port stop 0", "vlan set strip on 0", "port start 0", "set verbose 1",
                 "set fwd macswap", "start")
    sent = frames.ipv4(vf.mac, payload=b"v" * 40, vlan=0x2005)
    vf.send(sent)
    got = vf.receive(1)
    same(got, [frames.swapped(sent[:12] + sent[16:])], "the frame without its tag")
    pmd.wait_for("VLAN tci=0x2005")
    untagged = frames.ipv4(vf.mac, payload=b"v" * 40)
    vf.send(untagged)
    same(vf.receive(1), [frames.swapped(untagged)], "a frame without a tag")


def vlan_insert(vf, pmd):
    pmd.commands("port stop 0", "tx_vlan set 0 7", "port start 0", "set fwd macswap", "start")
    sent = frames.ipv4(vf.mac, payload=b"i" * 40)
    vf.send(sent)
    back = frames.swapped(sent)
    same(vf.receive(1), [back[:12] + bytes.fromhex("81000007") + back[12:]], "the tagged frame")


def vlan_insert_send(vf, pmd):
    vlan_insert(vf, pmd)
    check(vf.query()["wqe_send"] > 0, "by SEND descriptors")


def rx_flags(pmd):
    """Checksum flags of the frame that testpmd has printed last."""
    text = pmd.wait_for("ol_flags: ") + pmd.wait_for("\n")
    line = text.splitlines()[-1]
    return {flag for flag in ("IP_CKSUM_GOOD", "L4_CKSUM_GOOD") if flag in line}


def rx_checksum(vf, pmd):
    pmd.commands("port stop 0", "port config 0 rx_offload ipv4_cksum on",
                 "port config 0 rx_offload udp_cksum on", "port config 0 rx_offload tcp_cksum on",
                 "port start 0", "set verbose 1", "set fwd rxonly", "start")
    good = frames.ipv4(vf.mac, payload=b"g" * 31)
    bad_l4 = good[:-1] + b"!"
    bad_l3 = good[:24] + b"\0\0" + good[26:]
    no_sum = good[:40] + b"\0\0" + good[42:]
    padded = frames.ipv4(vf.mac, frames.TCP, payload=b"") + b"\xff" * 6
    fragment = frames.ipv4(vf.mac, payload=b"f" * 64, fragment=0x2000)
    both = {"IP_CKSUM_GOOD", "L4_CKSUM_GOOD"}
    for what, frame, flags in (("right", good, both), ("wrong UDP", bad_l4, {"IP_CKSUM_GOOD"}),
                               ("wrong IPv4", bad_l3, {"L4_CKSUM_GOOD"}),
                               ("no UDP checksum", no_sum, both), ("padded TCP", padded, both),
                               ("fragment", fragment, {"IP_CKSUM_GOOD"})):
        vf.send(frame)
        same(rx_flags(pmd), flags, what)


def rss_hash(vf, pmd):
    # The PMD takes key and types up when the port starts.
    pmd.commands(f"port config 0 rss-hash-key ipv4-udp {RSS_KEY}", "port config all rss all",
                 "port stop 0", "port start 0", "set verbose 1", "set fwd rxonly", "start")
    for frame, wanted in ((frames.ipv4(vf.mac, **RSS_TUPLE), RSS_HASH),
                          (frames.ipv4(vf.mac, frames.TCP, **RSS_TUPLE), RSS_HASH),
                          (frames.ipv6(vf.mac, **RSS_TUPLE6), RSS_HASH6)):
        vf.send(frame)
        text = pmd.wait_for("RSS hash=") + pmd.wait_for("-")
        same(int(re.search(r"RSS hash=(0x[0-9a-f]+)", text).group(1), 16), wanted, "the hash")


def rss_spread(vf, pmd):
    pmd.commands("port config all rss udp", "port stop 0", "port start 0", "set fwd macswap",
                 "start")
    count = 400
    for port in range(count):
        vf.send(frames.ipv4(vf.mac, sport=port + 1))
    same(len(vf.receive(count)), count, "frames back")
    text = pmd.command("stop")
    shares = [int(n) for n in re.findall(r"RX-packets: (\d+) +TX-packets", text)]
    same(len(shares), 4, f"queues that got frames, in {text}")
    check(min(shares) > count / 8, f"an even spread: {shares}")


FOUR_QUEUES = ["--rxq=4", "--txq=4"]

TESTS = {
    "tx-checksum": lambda: bed_and_pmd(tx_checksum),
    "tx-checksum-ipv6": lambda: bed_and_pmd(tx_checksum_ipv6),
    "tx-segmentation": lambda: bed_and_pmd(segmentation),
    "vlan-strip": lambda: bed_and_pmd(vlan_strip),
    "vlan-strip-scalar": lambda: bed_and_pmd(vlan_strip, devargs="rx_vec_en=0"),
    "vlan-insert": lambda: bed_and_pmd(vlan_insert),
    "vlan-insert-send": lambda: bed_and_pmd(vlan_insert_send, devargs="txq_mpw_en=0"),
    "vlan-insert-cx4lx": lambda: bed_and_pmd(vlan_insert, profile="cx4lx-vf"),
    "tx-checksum-cx4lx": lambda: bed_and_pmd(tx_checksum, profile="cx4lx-vf"),
    "tx-segmentation-cx4lx": lambda: bed_and_pmd(segmentation, profile="cx4lx-vf"),
    "rx-checksum": lambda: bed_and_pmd(rx_checksum),
    "rss-hash": lambda: bed_and_pmd(rss_hash, ["--rxq=2", "--txq=2"]),
    "rss-spread": lambda: bed_and_pmd(rss_spread, FOUR_QUEUES),
}

if __name__ == "__main__":
    harness.enter()
    harness.main(TESTS)
