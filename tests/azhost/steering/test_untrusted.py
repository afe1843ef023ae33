#!/usr/bin/env python3
"""Stock testpmd's flow commands on VFs that say no: an untrusted ConnectX-5 with group 0 alone, few
priorities and ties that no one promises, and profiles with small limits.

test_untrusted.py [TEST...]
"""

import re

from flowbed import FIRST_LENGTH, FlowBed, main, Shared, harness
from harness import changed_profile, check, same
import frames

TCP, UDP = frames.TCP, frames.UDP


def udp(bed, **fields):
    return frames.ipv4(bed.vf.mac, UDP, **fields)


def tcp(bed, **fields):
    return frames.ipv4(bed.vf.mac, TCP, **fields)


def test_group_zero_works():
    with Shared("cx5-vf-untrusted") as bed:
        counted = bed.flow("ingress pattern eth / ipv4 / tcp dst is 443 flags spec 0x10"
                           " flags mask 0x17 / end actions count / mark id 7 / queue index 1 / end")
        bed.flow("priority 1 ingress pattern eth / ipv4 / tcp dst is 443 / end actions drop / end")
        hit, opener, other = bed.deliver(tcp(bed, dport=443, flags=0x10),
                                         tcp(bed, dport=443, flags=0x02), tcp(bed, dport=80))
        same((hit.mark, hit.queue), (7, 1), "mark and queue in priority 0")
        same(opener, None, "drop in priority 1")
        same(other.mark, None, "what no rule names")
        same(bed.count_until(counted, 1), (1, FIRST_LENGTH), "count")


def test_groups_refused():
    with Shared("cx5-vf-untrusted") as bed:
        for group in (1, 2, 100):
            bed.refused(f"group {group} ingress pattern eth / ipv4 / end actions drop / end",
                        "cannot get table")
        bed.refused("ingress pattern eth / ipv4 / end actions jump group 1 / end")
        bed.refused("ingress pattern eth / ipv4 / end"
                    " actions set_tag data 1 mask 0xff index 0 / queue index 0 / end")
        same(bed.marks(udp(bed)), [0], "traffic is as before")


def test_priorities_are_few():
    with Shared("cx5-vf-untrusted") as bed:
        for priority in (0, 1):
            bed.flow(f"priority {priority} ingress pattern eth / ipv4 / udp dst is 9 / end"
                     f" actions mark id {priority + 1} / queue index 0 / end")
        for priority in (2, 3, 100):
            bed.refused(f"priority {priority} ingress pattern eth / ipv4 / end actions drop / end",
                        "priority")
        same(bed.marks(udp(bed, dport=9)), [1], "priority 0 wins")


def test_deeper_pattern_wins():
    """Inside one priority, whichever was first."""
    layers = ("eth", "eth / ipv4", "eth / ipv4 / udp")
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        with Shared("cx5-vf-untrusted") as bed:
            for layer in order:
                bed.flow(f"ingress pattern {layers[layer]} / end"
                         f" actions mark id {layer + 2} / queue index 0 / end")
            arp = frames.ethernet(bed.vf.mac, 0x0806, bytes(28))
            same(bed.marks(udp(bed), tcp(bed), arp), [4, 3, 2], f"order {order}")


def tie(profile):
    """The mark of a packet that two rules of one priority and one depth take, in both orders of
    creation."""
    rules = ("eth / ipv4 src is 10.0.0.1", "eth / ipv4 dst is 10.0.0.2")
    marks = []
    for order in ((0, 1), (1, 0)):
        with FlowBed(profile) as bed:
            for i in order:
                bed.flow(f"ingress pattern {rules[i]} / end"
                         f" actions mark id {i + 1} / queue index 0 / end")
            marks += bed.marks(udp(bed))
    return marks


def test_ties():
    with changed_profile("cx5-vf-untrusted", steering__tie="newest") as profile:
        same(tie(profile), [2, 1], "newest first")
    with changed_profile("cx5-vf-untrusted", steering__tie="oldest") as profile:
        same(tie(profile), [1, 2], "oldest first")


def test_tie_across_priorities():
    """With 8 priorities of the device, L2 in priority 0 and L4 in priority 1 share one; the deeper
    is searched first there, against the order of the program's priorities."""
    with FlowBed("cx5-vf-untrusted") as bed:
        bed.flow("priority 0 ingress pattern eth / end actions mark id 1 / queue index 0 / end")
        bed.flow("priority 1 ingress pattern eth / ipv4 / udp / end"
                 " actions mark id 2 / queue index 0 / end")
        same(bed.marks(udp(bed)), [2], "L4 of priority 1")
    with FlowBed("cx5-vf-trusted") as bed:
        bed.flow("priority 0 ingress pattern eth / end actions mark id 1 / queue index 0 / end")
        bed.flow("priority 1 ingress pattern eth / ipv4 / udp / end"
                 " actions mark id 2 / queue index 0 / end")
        same(bed.marks(udp(bed)), [1], "with 16 priorities there is no tie")


def test_root_conflicts():
    same_match = "ingress pattern eth / ipv4 / udp dst is 9 / end actions"
    with Shared("cx5-vf-untrusted") as bed:
        first = bed.flow(f"{same_match} mark id 1 / queue index 0 / end")
        for other in ("mark id 2 / queue index 0 / end", "queue index 0 / end", "drop / end"):
            text = bed.refused(f"{same_match} {other}")
            check("File exists" in text, f"EEXIST, not {text}")
        same(bed.marks(udp(bed, dport=9)), [1], "the first rule stays")
        bed.destroy(first)
        bed.flow(f"{same_match} mark id 2 / queue index 0 / end")
        same(bed.marks(udp(bed, dport=9)), [2], "once it is gone another may come")


def test_same_match_to_two_queues():
    """What contradicts nothing adds a destination: the packet comes twice."""
    same_match = "ingress pattern eth / ipv4 / udp dst is 9 / end actions mark id 1 /"
    with FlowBed("cx5-vf-untrusted", forward="io", verbose=False) as bed:
        bed.flow(f"{same_match} queue index 0 / end")
        bed.flow(f"{same_match} queue index 1 / end")
        frame = udp(bed, dport=9, payload=bytes(30))
        same(bed.returned(frame, count=2), [frame, frame], "one to each queue")


def test_rule_limit():
    with changed_profile("cx5-vf-untrusted", max__root_rules=20) as profile, \
            FlowBed(profile) as bed:
        made = []
        for port in range(1, 30):
            text = bed.pmd.command("flow create 0 ingress pattern eth / ipv4 / udp"
                                   f" dst is {port} / end actions drop / end")
            match = re.search(r"Flow rule #(\d+) created", text)
            if not match:
                check("No space left on device" in text, f"ENOSPC, not {text}")
                break
            made.append((port, int(match.group(1))))
        check(0 < len(made) < 20, f"{len(made)} rules beside the port's own")
        last = made[-1][0]
        same(bed.arrives(udp(bed, dport=last), udp(bed, dport=last + 1)), [False, True],
             "the refused rule acts on nothing")
        bed.destroy(made[0][1])
        bed.flow(f"ingress pattern eth / ipv4 / udp dst is {last + 1} / end actions drop / end")


def test_counter_limit():
    """The PMD takes counters by 512: one such bulk is there, the second is not."""
    with changed_profile("cx5-vf-untrusted", max__counters=600) as profile, \
            FlowBed(profile) as bed:
        got = bed.flow_many([f"ingress pattern eth / ipv4 / udp dst is {port} / end"
                             " actions count / drop / end" for port in range(1, 521)])
        made = len([number for number in got if number is not None])
        same(got[made:], [None] * (520 - made), "refused once they have run out")
        check(500 <= made <= 512, f"{made} counters")
        bed.flow("ingress pattern eth / ipv4 / udp dst is 7000 / end actions drop / end")
        same(bed.arrives(udp(bed, dport=7000), udp(bed, dport=519)), [False, True],
             "rules without counter go on")


def test_cx4lx():
    with FlowBed("cx4lx-vf") as bed:
        bed.flow("ingress pattern eth / ipv4 / udp dst is 9 / end"
                 " actions mark id 1 / queue index 2 / end")
        same(bed.marks(udp(bed, dport=9), udp(bed, dport=10)), [1, 0], "marks")


if __name__ == "__main__":
    harness.enter()
    main(dict(globals()))
