#!/usr/bin/env python3
"""Stock testpmd's flow commands on a trusted ConnectX-5 VF, each checked by what it does to packets.

test_flows.py [TEST...]
"""

import re
import struct
import threading
import time

from flowbed import FIRST_LENGTH, FlowBed, main, QUEUES, Shared, harness
from harness import check, same
import frames

TCP, UDP, ICMP = frames.TCP, frames.UDP, frames.ICMP
ICMP6 = 58
SYN, ACK, FIN, RST = 0x02, 0x10, 0x01, 0x04


def udp(bed, **fields):
    return frames.ipv4(bed.vf.mac, UDP, **fields)


def tcp(bed, **fields):
    return frames.ipv4(bed.vf.mac, TCP, **fields)


def test_rss_by_default():
    with Shared() as bed:
        got = bed.queues(*[udp(bed, sport=1000 + i) for i in range(64)])
        same(set(got), set(range(QUEUES)), "queues that 64 flows spread over")


def test_drop():
    with Shared() as bed:
        rule = bed.flow("ingress pattern eth / ipv4 dst is 10.0.0.66 / end actions drop / end")
        wanted, other = udp(bed, dip="10.0.0.66"), udp(bed, dip="10.0.0.67")
        same(bed.arrives(wanted, other), [False, True], "under the drop")
        bed.destroy(rule)
        same(bed.arrives(wanted, other), [True, True], "when it is gone")


def test_mark_and_queue():
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 / udp dst is 4242 / end"
                 " actions mark id 0x1234 / queue index 3 / end")
        hit, miss = bed.deliver(udp(bed, dport=4242), udp(bed, dport=4243))
        same((hit.mark, hit.queue), (0x1234, 3), "mark and queue")
        same(miss.mark, None, "mark of a packet that no rule names")


def test_flag():
    """A mark without a number."""
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 / udp dst is 7 / end actions flag / queue index 1 / end")
        hit, miss = bed.deliver(udp(bed, dport=7), udp(bed, dport=8))
        check("RX_FDIR " in hit.flags and "FDIR_ID" not in hit.flags, f"flags {hit.flags}")
        check("FDIR" not in miss.flags, f"flags {miss.flags}")


def test_masks():
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 src spec 192.168.0.0 src mask 255.255.240.0 / end"
                 " actions mark id 1 / queue index 0 / end")
        bed.flow("ingress pattern eth / ipv4 / udp dst spec 0x1000 dst mask 0xfff0 / end"
                 " actions mark id 2 / queue index 0 / end")
        bed.flow("ingress pattern eth / ipv4 dst prefix 25 dst spec 172.16.0.128 / end"
                 " actions mark id 3 / queue index 0 / end")
        same(bed.marks(udp(bed, sip="192.168.15.255"), udp(bed, sip="192.168.16.0"),
                       udp(bed, dport=0x100F), udp(bed, dport=0x1010),
                       udp(bed, dip="172.16.0.255"), udp(bed, dip="172.16.0.127")),
             [1, 0, 2, 0, 3, 0], "marks at the borders of masks")


def test_l4_before_l3():
    """Two rules of one priority: the deeper pattern wins, whichever came first."""
    with Shared() as bed:
        l3 = "ingress pattern eth / ipv4 / end actions mark id 3 / queue index 0 / end"
        l4 = "ingress pattern eth / ipv4 / udp / end actions mark id 4 / queue index 0 / end"
        for order in ((l3, l4), (l4, l3)):
            for rule in order:
                bed.flow(rule)
            same(bed.marks(udp(bed), tcp(bed)), [4, 3], "deeper first")
            bed.flush()


def test_priorities():
    with Shared() as bed:
        for group in (0, 1):
            if group:
                bed.flow("ingress pattern eth / end actions jump group 1 / end")
            at = f"group {group}" if group else ""
            bed.flow(f"{at} priority 1 ingress pattern eth / ipv4 / udp dst is 7 / end"
                     " actions mark id 1 / queue index 0 / end")
            bed.flow(f"{at} priority 0 ingress pattern eth / ipv4 / end"
                     " actions mark id 2 / queue index 0 / end")
            same(bed.marks(udp(bed, dport=7)), [2], f"priority 0 wins in group {group}")
            bed.flush()


def test_jump_count_rss():
    with Shared() as bed:
        bed.flow("group 0 ingress pattern eth / ipv4 src spec 192.168.0.0 src mask 255.255.0.0"
                 " / end actions jump group 1 / end")
        taken = bed.flow("group 1 priority 0 ingress pattern eth / ipv4 / tcp dst is 80 / end"
                         " actions count / mark id 77 / rss types ipv4-tcp end queues 1 2 end"
                         " / end")
        dropped = bed.flow("group 1 priority 1 ingress pattern eth / ipv4 / end"
                           " actions count / drop / end")
        inside = [tcp(bed, sip="192.168.3.4", dport=80, sport=5000 + i) for i in range(32)]
        outside = [tcp(bed, sip="192.168.3.4", dport=81), tcp(bed, sip="10.9.9.9", dport=80)]
        got = bed.deliver(*inside, *outside)
        same({packet.queue for packet in got[:32]}, {1, 2}, "queues of the rule")
        same({packet.mark for packet in got[:32]}, {77}, "marks")
        same(got[32], None, "what the second rule drops")
        same(got[33].mark, None, "what does not jump")
        octets = sum(range(FIRST_LENGTH, FIRST_LENGTH + 32))
        same(bed.count_until(taken, 32), (32, octets), "count of the first rule")
        same(bed.count_until(dropped, 1), (1, FIRST_LENGTH + 32), "count of the second")


def test_empty_group_drops():
    """DR tables end in a drop: what jumps to a group and finds no rule does not come back."""
    with Shared() as bed:
        bed.flow("group 0 ingress pattern eth / ipv4 / end actions jump group 5 / end")
        bed.flow("group 5 ingress pattern eth / ipv4 / udp dst is 9 / end"
                 " actions queue index 0 / end")
        same(bed.arrives(udp(bed, dport=9), udp(bed, dport=10)), [True, False], "in group 5")


def test_rss_types():
    """By addresses alone all ports of a pair of hosts meet in one queue."""
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 / udp / end"
                 " actions rss types ipv4 end queues 0 1 2 3 end / end")
        same(len(set(bed.queues(*[udp(bed, sport=i) for i in range(1, 30)]))), 1, "queues by ports")
        check(len(set(bed.queues(*[udp(bed, sip=f"10.1.0.{i}") for i in range(1, 30)]))) > 1,
              "addresses spread")


def test_vlan():
    with Shared() as bed:
        bed.flow("ingress pattern eth type is 0x8100 / vlan vid is 5 / ipv4 / end"
                 " actions mark id 5 / queue index 1 / end")
        bed.flow("ingress pattern eth / vlan vid is 6 pcp is 3 / end"
                 " actions mark id 6 / queue index 1 / end")
        same(bed.marks(udp(bed, vlan=5), udp(bed, vlan=4), udp(bed, vlan=0x6006),
                       udp(bed, vlan=0x2006), udp(bed)),
             [5, 0, 6, 0, 0], "marks by tag")


def test_ipv6():
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv6 dst is fd00::7 / end"
                 " actions mark id 1 / queue index 0 / end")
        bed.flow("ingress pattern eth / ipv6 src spec fd01:: src mask ffff:: / udp dst is 53 / end"
                 " actions mark id 2 / queue index 0 / end")
        mac = bed.vf.mac
        same(bed.marks(frames.ipv6(mac, dip="fd00::7"), frames.ipv6(mac, dip="fd00::8"),
                       frames.ipv6(mac, sip="fd01::1", dport=53),
                       frames.ipv6(mac, TCP, sip="fd01::1", dport=53),
                       frames.ipv6(mac, sip="fd02::1", dport=53)),
             [1, 0, 2, 0, 0], "marks by address")


def test_versions_in_a_group():
    """Above the root the PMD masks the IP version with itself: 4 must not take 6."""
    with Shared() as bed:
        bed.flow("ingress pattern eth / end actions jump group 1 / end")
        bed.flow("group 1 priority 0 ingress pattern eth / ipv4 / end"
                 " actions mark id 4 / queue index 0 / end")
        bed.flow("group 1 priority 1 ingress pattern eth / ipv6 / end"
                 " actions mark id 6 / queue index 0 / end")
        same(bed.marks(udp(bed), frames.ipv6(bed.vf.mac)), [4, 6], "marks by version")


def test_tcp_flags():
    """A settled segment: ACK, and neither SYN, FIN nor RST."""
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 / tcp flags spec 0x10 flags mask 0x17 / end"
                 " actions mark id 1 / queue index 0 / end")
        bed.flow("ingress pattern eth / ipv4 / tcp flags spec 0x02 flags mask 0x12 / end"
                 " actions drop / end")
        wanted = {ACK: 1, ACK | 0x08: 1, ACK | SYN: 0, ACK | FIN: 0, ACK | RST: 0, RST: 0,
                  SYN: None, SYN | 0xC0: None}
        same(bed.marks(*[tcp(bed, flags=flags) for flags in wanted]), list(wanted.values()),
             "by flags")


def test_fragments():
    """fragment_offset 0 under 0x3fff: neither a first fragment nor a later one."""
    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 fragment_offset spec 0 fragment_offset mask 0x3fff"
                 " / udp dst is 2000 / end actions mark id 1 / queue index 0 / end")
        same(bed.marks(udp(bed), udp(bed, fragment=0x4000), udp(bed, fragment=0x2000),
                       udp(bed, fragment=0x2001), udp(bed, fragment=0x0001)),
             [1, 1, 0, 0, 0], "by fragment bits")


def ipv6_fragment(bed, offset, more):
    """A TCP segment with ACK behind a fragment header (RFC 8200)."""
    ends = frames.socket.inet_pton(frames.socket.AF_INET6, "fd00::1")
    ends += frames.socket.inet_pton(frames.socket.AF_INET6, "fd00::2")
    segment = frames.transport(TCP, ends + struct.pack("!I", TCP), 1000, 2000, b"", ACK)
    fragment = struct.pack("!BBHI", TCP, 0, offset << 3 | more, 7)
    header = struct.pack("!IHBB", 6 << 28, len(fragment) + len(segment), 44, 64) + ends
    return frames.ethernet(bed.vf.mac, 0x86DD, header + fragment + segment)


def test_fragments_ipv6():
    """has_frag_ext 0: a settled segment of IPv6; and the fragment header as an item."""
    with Shared() as bed:
        settled = bed.flow("ingress pattern eth / ipv6 has_frag_ext is 0"
                           " / tcp flags spec 0x10 flags mask 0x17 / end"
                           " actions mark id 1 / queue index 0 / end")
        whole = frames.ipv6(bed.vf.mac, TCP, flags=ACK)
        first, later = ipv6_fragment(bed, 0, 1), ipv6_fragment(bed, 5, 0)
        same(bed.marks(whole, first, later), [1, 0, 0], "settled segments")
        bed.destroy(settled)
        bed.flow("ingress pattern eth / ipv6 has_frag_ext is 1 / end"
                 " actions mark id 2 / queue index 0 / end")
        same(bed.marks(whole, first, later), [0, 2, 2], "fragments")


def test_icmp():
    def icmp(kind, code, version=4):
        payload = struct.pack("!BBHHH", kind, code, 0, 7, 9) + bytes(20)
        if version == 4:
            return frames.ipv4(bed.vf.mac, ICMP, payload=payload)
        return frames.ipv6(bed.vf.mac, ICMP6, payload=payload)

    with Shared() as bed:
        bed.flow("ingress pattern eth / ipv4 / icmp type is 8 code is 0 / end"
                 " actions mark id 1 / queue index 0 / end")
        bed.flow("ingress pattern eth / ipv6 / icmp6 type is 135 / end"
                 " actions mark id 2 / queue index 0 / end")
        same(bed.marks(icmp(8, 0), icmp(0, 0), icmp(8, 1), icmp(135, 0, 6), icmp(136, 0, 6)),
             [1, 0, 0, 2, 0], "by type")


def test_ethernet():
    with Shared() as bed:
        bed.flow("ingress pattern eth src is 02:00:00:00:00:aa type is 0x88b5 / end"
                 " actions mark id 1 / queue index 2 / end")
        mac = bed.vf.mac
        other = bytes.fromhex("0200000000bb")
        same(bed.marks(frames.ethernet(mac, 0x88B5, bytes(50)),
                       frames.ethernet(mac, 0x88B5, bytes(50), src=other),
                       frames.ethernet(mac, 0x88B6, bytes(50))),
             [1, 0, 0], "by address and type")


def test_tag():
    with Shared() as bed:
        for index in range(3):
            bed.flow(f"group 0 ingress pattern eth / ipv4 dst is 172.16.0.{index} / end"
                     f" actions set_tag data {0xbeef + index} mask 0xffffffff index {index}"
                     " / jump group 2 / end")
            bed.flow(f"group 2 ingress pattern tag data is {0xbeef + index} index is {index}"
                     f" / eth / end actions mark id {900 + index} / queue index 0 / end")
        same(bed.marks(*[udp(bed, dip=f"172.16.0.{index}") for index in range(4)]),
             [900, 901, 902, 0], "marks by tag")


def test_meta():
    """The rule is taken and acts; ../connectx/test_marks.py looks at the metadata itself."""
    with Shared() as bed:
        rule = bed.flow("ingress pattern eth / ipv4 dst is 172.16.0.9 / end"
                        " actions set_meta data 0x55 mask 0xff / queue index 0 / end")
        same(bed.queues(udp(bed, dip="172.16.0.9")), [0], "queue of the rule")
        bed.destroy(rule)


def test_age():
    with Shared() as bed:
        bed.flow("ingress pattern eth / end actions jump group 1 / end")
        idle = bed.flow("group 1 ingress pattern eth / ipv4 / udp dst is 98 / end"
                        " actions age timeout 1 / queue index 0 / end")
        busy = bed.flow("group 1 ingress pattern eth / ipv4 / udp dst is 99 / end"
                        " actions age timeout 3 / queue index 0 / end")

        def aged():
            text = bed.pmd.command("flow aged 0")
            return [int(number) for number in re.findall(r"^Flow\s+(\d+)", text, re.M)]

        end = time.time() + 6
        while time.time() < end:
            bed.vf.send(udp(bed, dport=99))
            time.sleep(0.1)
        same(aged(), [idle], "rules that aged while the other had packets")
        end = time.time() + harness.PATIENCE
        while busy not in aged():
            check(time.time() < end, "the other rule ages when its packets stop")
            time.sleep(0.3)


def test_query_list_dump():
    with Shared() as bed:
        first = bed.flow("ingress pattern eth / ipv4 / udp dst is 5 / end"
                         " actions count / queue index 1 / end")
        bed.flow("priority 1 ingress pattern eth / ipv6 / end actions drop / end")
        bed.deliver(udp(bed, dport=5), udp(bed, dport=5), udp(bed, dport=6))
        octets = 2 * FIRST_LENGTH + 1
        same(bed.count_until(first, 2), (2, octets), "hits and bytes")
        text = bed.pmd.command("flow list 0")
        check("ETH IPV4 UDP => COUNT QUEUE" in text, f"list: {text}")
        check("ETH IPV6 => DROP" in text, f"list: {text}")
        text = bed.pmd.command("flow dump 0 all")
        check(re.search(rf"udp_dport=0005/ffff :.*counter=\S+/2,{octets}", text), f"dump: {text}")
        text = bed.pmd.command(f"flow dump 0 rule {first}")
        check("udp_dport=0005/ffff" in text, f"dump of one rule: {text}")


def test_flush():
    with Shared() as bed:
        for i in range(20):
            bed.flow(f"ingress pattern eth / ipv4 / udp dst is {100 + i} / end actions drop / end")
        same(bed.arrives(udp(bed, dport=105)), [False], "under the rules")
        bed.flush()
        same(bed.arrives(udp(bed, dport=105)), [True], "after flush")


def test_isolate():
    with FlowBed() as bed:
        bed.pmd.commands("stop", "port stop 0", "flow isolate 0 1", "port start 0", "start")
        same(bed.arrives(udp(bed)), [False], "isolated, without a rule")
        bed.flow("ingress pattern eth / ipv4 / udp / end actions queue index 2 / end")
        same(bed.queues(udp(bed), tcp(bed)), [2, None], "isolated, with one")


def test_indirect():
    with Shared() as bed:
        text = bed.pmd.command("flow indirect_action 0 create action_id 1 ingress action"
                               " rss queues 1 2 end / end")
        check("created" in text, f"indirect RSS: {text}")
        text = bed.pmd.command("flow indirect_action 0 create action_id 2 ingress action"
                               " count / end")
        check("created" in text, f"indirect count: {text}")
        for port in (7, 8):
            bed.flow(f"ingress pattern eth / ipv4 / udp dst is {port} / end"
                     " actions indirect 2 / indirect 1 / end")
        got = bed.queues(*[udp(bed, dport=7 + i % 2, sport=i) for i in range(1, 41)])
        check(set(got) == {1, 2}, f"queues of the shared RSS: {got}")
        time.sleep(1.5)
        text = bed.pmd.command("flow indirect_action 0 query 2")
        check(" hits: 40" in text, f"shared count: {text}")
        bed.flush()
        for number in (1, 2):
            text = bed.pmd.command(f"flow indirect_action 0 destroy action_id {number}")
            check("destroyed" in text, f"destroy: {text}")


REWRITES = {
    # Actions, and what they make of a frame's fields.
    "set_ipv4_src ipv4_addr 1.2.3.4": ("udp", {"sip": "1.2.3.4"}),
    "set_ipv4_dst ipv4_addr 5.6.7.8": ("tcp", {"dip": "5.6.7.8"}),
    "set_tp_src port 77": ("udp", {"sport": 77}),
    "set_tp_dst port 78": ("tcp", {"dport": 78}),
    "set_ttl ttl_value 9": ("udp", {"ttl": 9}),
    "dec_ttl": ("tcp", {"ttl": 63}),
    "inc_tcp_seq value 5": ("tcp", {"seq": 6}),
    "set_mac_src mac_addr 02:00:00:00:00:cc": ("udp", {"src": "0200000000cc"}),
    "set_ipv4_src ipv4_addr 9.9.9.9 / set_tp_src port 1 / dec_ttl":
        ("udp", {"sip": "9.9.9.9", "sport": 1, "ttl": 63}),
    "modify_field op set dst_type ipv4_dst src_type value src_value 0a0b0c0d width 32":
        ("udp", {"dip": "10.11.12.13"}),
    "modify_field op set dst_type udp_port_dst src_type udp_port_src width 16":
        ("udp", {"dport": 1000}),
}


def plain(bed, kind, sip="10.0.0.1", dip="10.0.0.2", sport=1000, dport=2000, ttl=64, seq=1,
          src="0200000000aa", payload=b"payload of some length, to be summed as well"):
    """An IPv4 frame of which every field that a rewrite touches can be named."""
    proto = {"udp": UDP, "tcp": TCP}[kind]
    ends = frames.socket.inet_aton(sip) + frames.socket.inet_aton(dip)
    l4 = frames.transport(proto, ends + struct.pack("!HBB", 0, 0, proto), sport, dport, payload,
                          flags=ACK, seq=seq)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0, ttl, proto, 0) + ends
    packet = frames.with_checksum(b"", header, 10, b"") + l4
    return frames.ethernet(bed.vf.mac, 0x0800, packet, src=bytes.fromhex(src))


def test_rewrite():
    """Frames come back as if they had been built that way, checksums and all."""
    with Shared(forward="io") as bed:
        for actions, (kind, fields) in REWRITES.items():
            bed.flow("ingress pattern eth / end actions jump group 1 / end")
            bed.flow(f"group 1 ingress pattern eth / ipv4 / {kind} / end"
                     f" actions {actions} / queue index 0 / end")
            got = bed.returned(plain(bed, kind))
            same(got, [plain(bed, kind, **fields)], actions)
            bed.flush()


def test_rewrite_in_root():
    with Shared(forward="io") as bed:
        bed.flow("ingress pattern eth / ipv4 / udp / end"
                 " actions set_ipv4_dst ipv4_addr 5.6.7.8 / queue index 0 / end")
        same(bed.returned(plain(bed, "udp")), [plain(bed, "udp", dip="5.6.7.8")], "in group 0")


def test_rewrite_ipv6():
    with Shared(forward="io") as bed:
        mac = bed.vf.mac
        bed.flow("ingress pattern eth / end actions jump group 1 / end")
        bed.flow("group 1 ingress pattern eth / ipv6 / tcp / end actions"
                 " set_ipv6_src ipv6_addr fd11:2233:4455:6677:8899:aabb:ccdd:eeff"
                 " / set_tp_dst port 4433 / queue index 0 / end")
        same(bed.returned(frames.ipv6(mac, TCP, payload=b"0123456789")),
             [frames.ipv6(mac, TCP, sip="fd11:2233:4455:6677:8899:aabb:ccdd:eeff", dport=4433,
                          payload=b"0123456789")], "IPv6 rewrite")


def test_pop_vlan():
    with Shared(forward="io") as bed:
        bed.flow("ingress pattern eth / end actions jump group 1 / end")
        bed.flow("group 1 ingress pattern eth / vlan vid is 5 / end"
                 " actions of_pop_vlan / queue index 0 / end")
        bed.flow("group 1 priority 1 ingress pattern eth / end actions queue index 0 / end")
        for vlan, left in ((5, None), (6, 6)):
            same(bed.returned(udp(bed, vlan=vlan, payload=bytes(30))),
                 [udp(bed, vlan=left, payload=bytes(30))], f"the tag {vlan}")
        bed.refused("ingress pattern eth / vlan / end actions of_pop_vlan / queue index 0 / end")


def test_egress():
    """Rules on what the program sends: a tag pushed, a port dropped and counted, a field set."""
    with Shared(forward="io") as bed:
        bed.flow("group 0 egress pattern eth / ipv4 / end actions jump group 1 / end")
        bed.flow("group 1 egress pattern eth / ipv4 / udp dst is 9 / end actions"
                 " of_push_vlan ethertype 0x8100 / of_set_vlan_vid vlan_vid 12"
                 " / of_set_vlan_pcp vlan_pcp 3 / end")
        drop = bed.flow("group 1 egress pattern eth / ipv4 / udp dst is 10 / end"
                        " actions count / drop / end")
        bed.flow("group 1 egress pattern eth / ipv4 / udp dst is 11 / end"
                 " actions set_ipv4_src ipv4_addr 4.3.2.1 / jump group 2 / end")
        got = bed.returned(*[udp(bed, dport=port, payload=bytes(30)) for port in (9, 10, 11, 12)],
                           count=3)
        # From several queues: in any order.
        same(sorted(got), sorted([udp(bed, dport=9, payload=bytes(30), vlan=0x600C),
                                  udp(bed, dport=11, payload=bytes(30), sip="4.3.2.1"),
                                  udp(bed, dport=12, payload=bytes(30))]), "what goes out")
        same(bed.count_until(drop, 1)[0], 1, "dropped on the way out")


NOT_MODELLED = (
    "ingress pattern eth / ipv4 / udp / vxlan vni is 5 / end actions queue index 0 / end",
    "ingress pattern eth / ipv4 / gre / end actions queue index 0 / end",
    "ingress pattern eth / ipv4 / udp / vxlan / eth / ipv4 dst is 1.2.3.4 / end"
    " actions queue index 0 / end",
    "ingress pattern eth / ipv4 / esp spi is 7 / end actions queue index 0 / end",
    "ingress pattern eth / ipv4 / udp / gtpu teid is 7 / end actions queue index 0 / end",
    "group 1 ingress pattern eth / ipv4 / udp / vxlan / end"
    " actions vxlan_decap / queue index 0 / end",
    "group 1 ingress pattern eth / ipv4 / end actions sample ratio 2 index 0 / queue index 0 / end",
    "group 1 egress pattern eth / end actions vxlan_encap / end",
    "group 1 egress pattern eth / end actions raw_encap / end",
    "transfer pattern eth / end actions drop / end",
    "ingress pattern eth / ipv4 / udp dst spec 1 dst last 5 dst mask 0xffff / end"
    " actions drop / end",
)


def test_not_modelled():
    """Refused, by the PMD or by the device, and never accepted in silence."""
    with Shared() as bed:
        bed.pmd.commands("set vxlan ip-version ipv4 vni 4 udp-src 4 udp-dst 4 ip-src 127.0.0.1"
                         " ip-dst 128.0.0.1 eth-src 11:11:11:11:11:11 eth-dst 22:22:22:22:22:22",
                         "set sample_actions 0 mark id 8 / queue index 1 / end",
                         "set raw_encap 0 eth / ipv4 / udp / vxlan / end_set")
        bed.flow("ingress pattern eth / ipv4 dst is 9.9.9.9 / end actions jump group 1 / end")
        for rule in NOT_MODELLED:
            bed.refused(rule)
        same(bed.marks(udp(bed)), [0], "traffic is as before")


def test_rule_faults():
    with Shared() as bed:
        def attempt(port):
            text = bed.pmd.command(f"flow create 0 ingress pattern eth / ipv4 / udp dst is {port}"
                                   " / end actions drop / end")
            return "created" in text

        bed.vf.fault("rule-fail-at", 3)
        time.sleep(0.2)
        same([attempt(port) for port in range(1, 6)], [True, True, False, True, True],
             "the third creation fails")
        bed.flush()
        rules = bed.vf.query()["rules"]
        bed.vf.fault("rule-limit", rules + 2)
        time.sleep(0.2)
        same([attempt(port) for port in range(1, 5)], [True, True, False, False], "past the limit")
        bed.flush()
        same(attempt(1), True, "when there is room again")
        bed.vf.fault("rule-limit", 0)


def churn(bed):
    """Five hundred rules made, some of them destroyed again, at one go and one by one."""
    numbers = bed.flow_many([f"ingress pattern eth / ipv4 / udp src is {port} / end"
                             " actions drop / end" for port in range(2000, 2150)])
    numbers += bed.flow_many([f"priority 1 ingress pattern eth / ipv4 src is 10.8.{i >> 8}.{i & 255}"
                              " / end actions drop / end" for i in range(350)])
    check(None not in numbers, "all rules are made")
    bed.pmd.command("flow destroy 0 " + " ".join(f"rule {number}" for number in numbers[:100]))
    bed.destroy(*numbers[100::100])


def test_churn_under_traffic():
    """Rules come and go while packets pass: what a standing rule drops never comes back, and what no
    rule names is never lost."""
    with Shared(forward="io") as bed:
        bed.flow("ingress pattern eth / ipv4 / udp dst is 9999 / end actions drop / end")
        before = bed.vf.query()
        stop = threading.Event()
        got = []
        sent = 0

        def receive():
            while not stop.is_set():
                got.extend(bed.vf.receive(64, 0.1))

        def send():
            nonlocal sent
            while not stop.is_set():
                for port in (8888, 9999):
                    bed.vf.send(udp(bed, dport=port, payload=struct.pack("!I", sent)))
                sent += 1
                time.sleep(0.0005)

        threads = [threading.Thread(target=receive), threading.Thread(target=send)]
        for thread in threads:
            thread.start()
        try:
            churn(bed)
        finally:
            stop.set()
            for thread in reversed(threads):
                thread.join()
        bed.wait_until_handled(before, 2 * sent)
        after = bed.vf.query()
        # On a busy machine the program may leave a queue full: that is no rule's doing.
        full = after["no_buffer"] - before["no_buffer"]
        got += bed.vf.receive(sent - full - len(got))
        same(after["dropped"] - before["dropped"], sent, "what the standing rule drops")
        same(len(got), sent - full, "packets that no rule names")
        check(all(frame[36:38] == struct.pack("!H", 8888) for frame in got), "none that is dropped")
        check(sent > 100, f"{sent} packets while rules changed")


if __name__ == "__main__":
    harness.enter()
    main(dict(globals()))
