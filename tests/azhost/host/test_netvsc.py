#!/usr/bin/env python3
"""Stock testpmd on the synthetic NIC: frames go there and back, byte for byte and in order, by both of
netvsc's transmit ways, with one queue and with four, as root and as an ordinary user; and with a VF
below it, whose traffic goes through the netvsc port.

test_netvsc.py [--frames N] [TEST...]
"""

import argparse
import random
import re
import struct

import vm
from vm import check

FIX = ("--vf", "off", "--fix", "testpmd-2211")


def ipv4(protocol, payload, number=0, source=bytes([10, 0, 1, 0]), to=None):
    """A frame from the other end of the cable to the guest."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xffff, 0, 64, protocol,
                     0, source, bytes([10, 0, 0, 4]))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", total ^ 0xffff) + ip[12:]
    return (to or vm.mac()) + vm.PEER + b"\x08\x00" + ip + payload


def packets(count, shortest, longest, flows=1):
    """UDP datagrams of `flows` flows, numbered; without UDP checksum."""
    source = random.Random(7)
    pool = source.randbytes(1 << 16)
    result = []
    for i in range(count):
        length = source.randrange(shortest, longest)
        start = source.randrange(len(pool) - length)
        flow = i % flows
        payload = struct.pack("!II", i, flow) + pool[start:start + length]
        udp = struct.pack("!HHHH", 1000 + flow, 2000, 8 + len(payload), 0) + payload
        result.append(ipv4(17, udp, i, bytes([10, 0, 1, flow])))
    return result


def by_flow(frames):
    flows = {}
    for frame in frames:
        flows.setdefault(frame[42 + 4:42 + 8], []).append(frame)
    return flows


def forward(count, queues, shortest, longest, **keywords):
    queue_arguments = [f"--rxq={queues}", f"--txq={queues}"] if queues > 1 else []
    with vm.Testpmd(*FIX, arguments=["--forward-mode=macswap", "--rss-ip", *queue_arguments],
                    **keywords) as guest:
        guest.commands("start")
        vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open receive filter")
        sent = packets(count, shortest, longest, flows=1 if queues == 1 else 16)
        got = vm.echo(guest.cable, sent)
        check(len(got) == count, f"{len(got)} of {count} frames came back")
        expected = [vm.swapped(frame) for frame in sent]
        if queues == 1:
            check(got == expected, "byte for byte and in order")
        else:
            check(by_flow(got) == by_flow(expected), "byte for byte and in order in each flow")
        stats = guest.stats()["synthetic"]
        used = [queue for queue in stats["queues"] if queue["toGuest"] and queue["fromGuest"]]
        check(len(used) == queues, f"{len(used)} queues carried frames both ways")
        check(stats["malformed"] == 0, "nothing that the guest sent was malformed")
        way, other = (("gpaPackets", "chimneyPackets") if shortest > 512 else
                      ("chimneyPackets", "gpaPackets"))
        check(stats[way] == count and stats[other] == 0, f"all of them as {way}")
        check(stats["sectionsFree"] == stats["sections"], "all receive sections are free again")
        guest.commands("stop")
        guest.quit()


def forward_vf(count, queues, **keywords):
    """testpmd forwards on the netvsc port alone: it does not see the VF's, which netvsc owns."""
    # Queues that take all that echo() has on its way: what testpmd cannot send at once it drops.
    arguments = ["--forward-mode=macswap", "--rss-ip", f"--rxq={queues}", f"--txq={queues}",
                 "--rxd=1024", "--txd=1024"]
    with vm.Testpmd("--vf", "on", "--fix", "testpmd-2211", arguments=arguments,
                    **keywords) as guest:
        guest.commands("start")
        vm.wait_for(lambda: guest.nic()["datapath"] == "vf", "the VF path", 60)
        sent = packets(count, 30, 1400, flows=16)
        got = vm.echo(guest.cable, sent)
        check(len(got) == count, f"{len(got)} of {count} frames came back")
        check(by_flow(got) == by_flow([vm.swapped(frame) for frame in sent]),
              "byte for byte and in order in each flow")
        stats = guest.stats()
        check([stats[way]["vf"]["frames"] for way in ("toGuest", "fromGuest")] == [count, count],
              "all of them by the VF, both ways")
        text = guest.commands("stop")
        received = [int(number) for number in re.findall(r"RX-packets: (\d+)", text)]
        check(sum(received[:queues]) == count and min(received) > 0,
              f"queues of the netvsc port received {received[:queues]}")
        guest.quit()


def restart_under_load(count):
    """The guest is killed while frames come in, and another one finds a device as new."""
    import os
    import signal
    import subprocess
    script = (f"{vm.TESTPMD} -l 0-1 {' '.join(vm.EAL)} -- -i --no-mlockall --total-num-mbufs=8192 "
              "--forward-mode=macswap; echo ended; " * 2)
    with vm.Vm(["sh", "-c", script], *FIX) as guest:
        for life in (1, 2):
            guest.expect("testpmd> ", 60)
            guest.write("start\n")
            guest.expect("testpmd> ")
            vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "a receive filter")
            sent = packets(count, 30, 500)
            if life == 1:
                for frame in sent[:200]:
                    guest.cable.send(frame)
                children = subprocess.run(["pgrep", "-P", str(guest.process.pid)],
                                          capture_output=True, text=True, check=True).stdout
                shell = [pid for pid in children.split() if
                         open(f"/proc/{pid}/comm", encoding="ascii").read().strip() == "sh"]
                testpmd = subprocess.run(["pgrep", "-P", shell[0]], capture_output=True, text=True,
                                         check=True).stdout.split()
                os.kill(int(testpmd[0]), signal.SIGKILL)
                guest.expect("ended")
                vm.wait_for(lambda: not guest.stats()["synthetic"]["connected"], "a closed device")
                guest.cable.drain()
            else:
                got = vm.echo(guest.cable, sent)
                check(got == [vm.swapped(frame) for frame in sent], "the second guest forwards")
                check(guest.stats()["synthetic"]["opens"] == 2, "two guests have been there")
                guest.write("quit\n")
                guest.expect("ended")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=10000)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    count = options.frames
    vm.need(vm.TESTPMD, "setpriv")
    tests = {
        "chimney-1": lambda: forward(count, 1, 30, 440),
        "chimney-4": lambda: forward(count, 4, 30, 440),
        "gpa-1": lambda: forward(count, 1, 600, 1400),
        "gpa-4": lambda: forward(count, 4, 600, 1400),
        "unprivileged": lambda: forward(count, 1, 30, 440, as_user=True),
        "vf-1": lambda: forward_vf(count, 1),
        "vf-4": lambda: forward_vf(count, 4),
        "vf-user": lambda: forward_vf(count, 1, as_user=True),
        "restart": lambda: restart_under_load(2000),
    }
    vm.run_all(tests, options.tests)


if __name__ == "__main__":
    main()
