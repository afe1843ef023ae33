#!/usr/bin/env python3
"""What the host does besides carrying frames: checksums, large sends and VLAN tags that the guest leaves to
it, links, pcap files, the host's own policy, and faults on demand. Stock testpmd on the synthetic NIC.

test_features.py [TEST...]
"""

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

import test_netvsc
import vm
from vm import check

OFF = ("--vf", "off", "--fix", "testpmd-2211")


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def sums_right(frame):
    """IPv4 header and TCP or UDP checksum of an untagged frame."""
    length = struct.unpack_from("!H", frame, 16)[0]
    header = (frame[14] & 15) * 4
    ip, l4 = frame[14:14 + header], frame[14 + header:14 + length]
    pseudo = ip[12:20] + struct.pack("!BBH", 0, ip[9], len(l4))
    return ones_sum(ip) == 0xffff and ones_sum(pseudo + l4) == 0xffff


def tcp(payload, sequence=1, flags=0x10):
    header = struct.pack("!HHIIBBHHH", 1000, 2000, sequence, 1, 0x50, flags, 1024, 0, 0)
    return test_netvsc.ipv4(6, header + payload)


def exchange(guest, frames, expected=None):
    for frame in frames:
        guest.cable.send(frame)
    return guest.cable.receive(expected or len(frames), 3)


def offloads():
    with vm.Testpmd(*OFF) as guest:
        guest.commands("port stop all", "csum set ip hw 0", "csum set tcp hw 0",
                       "csum set udp hw 0", "port start all", "set fwd csum", "start")
        vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open filter")
        frames = [tcp(bytes(range(n % 256)) + b"x" * (n * 20)) for n in range(1, 60)]
        # A UDP checksum of zero would mean that there is to be none.
        frames += [frame[:40] + b"\0\1" + frame[42:] for frame in test_netvsc.packets(50, 30, 1300)]
        got = exchange(guest, frames)
        check(len(got) == len(frames), f"{len(got)} of {len(frames)} frames came back")
        check(all(sums_right(frame) for frame in got), "with right checksums, which the host made")
        check(guest.stats()["synthetic"]["checksumsFilled"] == len(frames), "every one of them")

        guest.commands("stop", "port stop all", "tso set 500 0", "port start all", "start")
        time.sleep(0.2)
        payload = bytes(i % 251 for i in range(1400))
        got = exchange(guest, [tcp(payload, 77, 0x18)], 3)
        check([len(frame) for frame in got] == [554, 554, 454], "a large send is cut in three")
        check(all(sums_right(frame) for frame in got), "each with right checksums")
        check(b"".join(frame[54:] for frame in got) == payload, "that together are the payload")
        check([struct.unpack_from("!I", frame, 38)[0] for frame in got] == [77, 577, 1077],
              "with their sequence numbers")
        check([frame[47] for frame in got] == [0x10, 0x10, 0x18], "and PSH on the last")
        stats = guest.stats()["synthetic"]
        check((stats["largeSends"], stats["segments"]) == (1, 3), "and azhost counts so")
        check(stats["malformed"] == 0, "nothing was malformed")
        guest.quit()


def vlan():
    with vm.Testpmd(*OFF, arguments=["--forward-mode=macswap"]) as guest:
        guest.commands("start")
        vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open filter")
        plain = test_netvsc.packets(20, 30, 300)
        tagged = [frame[:12] + b"\x81\x00\x61\x23" + frame[12:] for frame in plain]
        got = exchange(guest, tagged)
        check(got == [vm.swapped(frame) for frame in tagged], "tagged frames come back as they were")
        stats = guest.stats()["synthetic"]
        check((stats["vlanStripped"], stats["vlanInserted"]) == (20, 20),
              "the tag went beside the packet, both ways")
        guest.commands("stop", "port stop all", "tx_vlan set 0 291", "port start all", "start")
        time.sleep(0.2)
        got = exchange(guest, plain)
        check([frame[12:16] for frame in got] == [b"\x81\x00\x01\x23"] * 20,
              "a tag that testpmd asks for is put in by the host")
        guest.quit()


def link():
    # With interrupts the PMD does not refresh what it tells (hn_rndis.c:293).
    with vm.Testpmd(*OFF, arguments=["--forward-mode=macswap", "--no-lsc-interrupt"]) as guest:
        guest.commands("start")
        vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open filter")
        guest.ctl("link", "down", "nic0")
        check("Link status: down" in guest.commands("show port info 0"), "the guest sees it down")
        frames = test_netvsc.packets(10, 30, 60)
        check(not exchange(guest, frames, 1), "nothing passes")
        check(guest.stats()["drops"]["linkDown"] == 10, "and azhost counts it")
        guest.ctl("link", "up", "nic0")
        check("Link status: up" in guest.commands("show port info 0"), "the guest sees it up")
        check(len(exchange(guest, frames)) == 10, "and frames pass")
        guest.quit()


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as file:
        data = file.read()
    frames, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def pcap():
    frames = test_netvsc.packets(500, 30, 1000)
    with tempfile.TemporaryDirectory(prefix="azhost-pcap-") as directory:
        path = f"{directory}/in.pcap"
        write_pcap(path, frames)
        with vm.Testpmd(*OFF, "--uplink", f"pcap:{path}", cable=False,
                        arguments=["--forward-mode=macswap", "--auto-start"]) as guest:
            vm.wait_for(lambda: guest.ctl("stats")["uplinks"][0]["sent"] == 500, "500 frames")
            guest.quit()
        check(read_pcap(f"{path}.out") == [vm.swapped(frame) for frame in frames],
              "what was played came back into the other file")
        check(read_pcap(path) == frames, "and the first is untouched")
        if subprocess.run(["which", "tcpdump"], capture_output=True, check=False).returncode == 0:
            done = subprocess.run(["tcpdump", "-nr", f"{path}.out"], capture_output=True, text=True,
                                  check=False)
            check(done.returncode == 0 and len(done.stdout.splitlines()) == 500, "tcpdump reads it")


def policy():
    rules = [{"direction": "Inbound", "access": "Deny", "protocol": "Udp",
              "source": "10.0.1.0/31", "destinationPorts": "2000"}]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"hostPolicy": {"rules": rules}, "queues": 2, "mtu": 1400}, file)
        file.flush()
        with vm.Testpmd(*OFF, "--config", file.name,
                        arguments=["--forward-mode=macswap"]) as guest:
            check("Max possible RX queues: 2" in guest.commands("show port info 0"), "2 queues")
            guest.commands("start")
            vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open filter")
            got = exchange(guest, test_netvsc.packets(100, 30, 60, flows=4), 50)
            check(len(got) == 50 and guest.stats()["drops"]["hostPolicy"] == 50,
                  "half of four flows are denied by the host")
            guest.quit()
        with vm.Testpmd(*OFF, "--queues", "3", "--config", file.name) as guest:
            check("Max possible RX queues: 3" in guest.commands("show port info 0"),
                  "3 queues: the command line has the last word")
            guest.quit()
    for text in ("{", "[]", '{"mtu":1}', '{"what":1}', '{"nics":[{"mac":"x"}]}', '{"queues":"4"}',
                 '{"hostPolicy":{"rules":[{"direction":"Up","access":"Deny"}]}}',
                 '{"nics":[{"guid":"7A08391F-f5a0-4ac0-9802-d13fd964f8df"}]}',
                 '{"hostPolicy":{"rules":[{"direction":"Inbound","access":"Deny","source":"1.2"}]}}'):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([vm.AZHOST, "run", "--vf", "off", "--config", file.name, "--",
                                   "true"], capture_output=True, text=True, check=False)
            check(done.returncode == 125 and file.name in done.stderr,
                  done.stderr.strip().replace(file.name, "FILE"))


def faults():
    with vm.Testpmd(*OFF, arguments=["--forward-mode=macswap"]) as guest:
        guest.commands("start")
        vm.wait_for(lambda: guest.stats()["synthetic"]["filter"] != 0, "an open filter")
        frames = test_netvsc.packets(50, 30, 60)
        guest.ctl("fault", "nic0", "loss", "1000000")
        check(not exchange(guest, frames, 1), "loss: nothing comes back")
        guest.ctl("fault", "nic0", "loss", "0")
        check(guest.ctl("stats")["uplinks"][0]["faultLost"] == 50, "and it is counted")
        guest.ctl("fault", "nic0", "delay", "200000")
        begin = time.time()
        check(len(exchange(guest, frames)) == 50 and time.time() - begin > 0.4,
              "delay: there and back takes twice as long")
        guest.ctl("fault", "nic0", "delay", "0")
        time.sleep(0.3)
        guest.ctl("fault", "nic0", "reorder", "300000")
        got = exchange(guest, frames)
        expected = [vm.swapped(frame) for frame in frames]
        check(sorted(got) == sorted(expected) and got != expected, "reorder: all come, out of order")
        guest.ctl("fault", "nic0", "reorder", "0")
        guest.ctl("fault", "nic0", "stall", "1")
        check(not exchange(guest, frames, 1), "stall: nothing moves")
        guest.ctl("fault", "nic0", "stall", "0")
        check(len(guest.cable.receive(50, 3)) == 50, "and then everything")
        guest.ctl("fault", "nic0", "host-gone", expect=4)
        vm.wait_for(lambda: "the host process is gone" in guest.error_text(), "a message")
        check(guest.process.poll() is None, "host-gone: the guest goes on")
        # testpmd itself would wait a minute for the host's answer.
        os.kill(vm.command_of(guest), signal.SIGKILL)
        check(guest.process.wait(10) == -signal.SIGKILL, "until it is killed")


def main():
    vm.need(vm.TESTPMD)
    vm.run_all({"offloads": offloads, "vlan": vlan, "link": link, "pcap": pcap, "policy": policy,
                "faults": faults}, sys.argv[1:])


if __name__ == "__main__":
    main()
