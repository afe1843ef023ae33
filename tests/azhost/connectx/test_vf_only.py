#!/usr/bin/env python3
"""`azhost run --vf only` as users have it: every kind of uplink, faults by `azhost ctl fault`, and a VF
that goes and comes back by `azhost ctl vf`, with real uevents. Stock testpmd is the guest.

test_vf_only.py [TEST...]
"""

import contextlib
import ctypes
import os
import re
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import frames  # noqa: E402
import vm  # noqa: E402
from variants import make_frames  # noqa: E402
from vm import check, wait_for  # noqa: E402

PATIENCE = 120  # seconds: a machine that runs tests may be very busy
PROFILE = ("--vf", "only", "--profile", "cx5-vf-trusted")
RULE = "flow create 0 ingress pattern eth / ipv4 / udp dst is {} / end actions {} / end"


def testpmd(*options, nics=1, mode="macswap", arguments=(), **keywords):
    return vm.Testpmd(*PROFILE, *options, nics=nics,
                      arguments=["--rxd=512", "--txd=512", f"--forward-mode={mode}", *arguments],
                      **keywords)


def ready(guest, nic=0):
    wait_for(lambda: guest.nic(nic)["vf"]["ready"], "queues with buffers", PATIENCE)


def quit_testpmd(guest):
    guest.write("quit\n")
    guest.expect("Bye...", PATIENCE)
    check(guest.process.wait(PATIENCE) == 0, "testpmd ends with 0")


def back(guest, count=40, quiet=1.0):
    """How many of count frames come back from a guest that swaps addresses."""
    guest.cable.drain(0.1)
    sent = [frames.ipv4(vm.mac(), sport=port + 1, payload=bytes(20)) for port in range(count)]
    wanted = {frames.swapped(frame) for frame in sent}
    return sum(frame in wanted for frame in vm.echo(guest.cable, sent, count, quiet))


def recovers(guest, what):
    end = time.time() + PATIENCE
    while back(guest, quiet=0.5) < 40:
        check(time.time() < end, f"{what}: the queue recovers")
    check(back(guest, quiet=20) == 40, f"{what}: and then nothing is lost")


# ---- uplinks ----

def pcap_file(path, packets=None):
    """Write packets, or read what is there."""
    if packets is not None:
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for number, packet in enumerate(packets):
                file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
        return packets
    with open(path, "rb") as file:
        data = file.read()
    packets, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packets.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return packets


def pcap():
    sent = make_frames(vm.mac(), 400, 1000)
    with tempfile.TemporaryDirectory(prefix="azhost-pcap-") as directory:
        path = f"{directory}/in.pcap"
        pcap_file(path, sent)
        with testpmd("--uplink", f"pcap:{path}", cable=False, arguments=["--auto-start"]) as guest:
            wait_for(lambda: guest.ctl("stats")["uplinks"][0]["sent"] >= len(sent), "all frames",
                     PATIENCE)
            quit_testpmd(guest)
        check(pcap_file(f"{path}.out") == [frames.swapped(frame) for frame in sent],
              "pcap: what was played came back into the other file, in order")


@contextlib.contextmanager
def inside(guest):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as here, \
            open(f"/proc/{vm.command_of(guest)}/ns/net", "rb") as there:
        check(libc.setns(there.fileno(), 0) == 0, "in the guest's network namespace")
        try:
            yield
        finally:
            libc.setns(here.fileno(), 0)


def tap():
    with testpmd("--uplink", "tap:outside", cable=False, arguments=["--auto-start"]) as guest:
        ready(guest)
        with inside(guest):
            cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            cable.bind(("outside", 0))
        cable.settimeout(20)
        sent = make_frames(vm.mac(), 200, 1000)
        for frame in sent:
            cable.send(frame)
            wanted = frames.swapped(frame)
            while cable.recv(2048) != wanted:  # our own, and the kernel's
                pass
        check(True, f"tap: {len(sent)} frames came back, one by one")
        cable.close()
        quit_testpmd(guest)


def pair():
    with testpmd("--uplink", "pair", nics=2, cable=False, mode="io") as guest:
        guest.commands("start tx_first")
        time.sleep(1)
        guest.commands("stop")
        text = guest.commands("show port stats all")
        received = [int(n) for n in re.findall(r"RX-packets: (\d+)", text)]
        missed = [int(n) for n in re.findall(r"RX-missed: (\d+)", text)]
        check(min(received) > 1000 and missed == [0, 0],
              f"pair: {received} frames went round, none was missed")
        quit_testpmd(guest)


# ---- faults ----

def fault(guest, name, value):
    """Order a fault of the device and wait until it is in force: it reads its orders one by one, and
    a report is the answer to one."""
    guest.ctl("fault", "nic0", name, str(value))
    guest.ctl("vf", "query", "nic0")
    wait_for(lambda: guest.ctl("vf", "query", "nic0")["vf"], "the device's answer", PATIENCE)


def refused(guest, first, count, action="drop"):
    """For each of so many rules: None if it is created, or the PMD's words."""
    words = []
    for port in range(first, first + count):
        created = "created" in guest.commands(RULE.format(port, action))
        words.append(None if created else guest.error_text().splitlines()[-1])
    return words


def rule_faults():
    with testpmd(mode="rxonly") as guest:
        fault(guest, "rule-fail-at", 2)
        first, second, third = refused(guest, 1, 3)
        check(not first and not third and "Remote I/O error" in second,
              f"rule-fail-at: firmware refuses the second rule: {second}")
        fault(guest, "rule-limit", 1)
        words = refused(guest, 4, 1)[0]
        check(words and "No space left on device" in words, f"rule-limit: no room: {words}")
        fault(guest, "rule-limit", 0)
        check(refused(guest, 4, 1) == [None], "and without it there is")
        fault(guest, "counter-limit", 1)
        words = refused(guest, 5, 1, "count / drop")[0]
        check(words, f"counter-limit: no counter to be had: {words}")
        fault(guest, "counter-limit", 0)
        check(refused(guest, 5, 1, "count / drop") == [None], "and now there is one")
        quit_testpmd(guest)


def queue_faults():
    # The scalar path recovers however often (docs/azhost.md).
    with testpmd(eal=["-a", "0000:3b:00.2,rx_vec_en=0"], arguments=["--auto-start"]) as guest:
        ready(guest)
        recovers(guest, "at the start")
        for name in ("rxerr", "txerr"):
            fault(guest, name, 1)
            check(back(guest, quiet=0.5) < 40, f"{name} costs frames")
            recovers(guest, name)
        quit_testpmd(guest)


def wire_faults():
    with testpmd(arguments=["--auto-start"]) as guest:
        ready(guest)
        recovers(guest, "at the start")
        guest.ctl("fault", "nic0", "loss", "1000000")
        check(back(guest, quiet=0.3) == 0, "loss of all: nothing comes back")
        guest.ctl("fault", "nic0", "loss", "0")
        guest.ctl("fault", "nic0", "delay", "150000")
        begin = time.time()
        check(back(guest, quiet=20) == 40 and time.time() - begin > 0.3, "delay, there and back")
        guest.ctl("fault", "nic0", "delay", "0")
        guest.ctl("fault", "nic0", "reorder", "300000")
        sent = make_frames(vm.mac(), 60, 100)
        got = vm.echo(guest.cable, sent, 60, 20)
        wanted = [frames.swapped(frame) for frame in sent]
        check(sorted(got) == sorted(wanted) and got != wanted, "reorder: all come, out of order")
        guest.ctl("fault", "nic0", "reorder", "0")
        recovers(guest, "without faults")
        quit_testpmd(guest)


def link():
    with testpmd(arguments=["--auto-start"]) as guest:
        ready(guest)
        guest.ctl("link", "down", "nic0")
        guest.expect("link state change event", PATIENCE)
        check(back(guest, quiet=0.3) == 0, "link down: nothing passes")
        guest.ctl("link", "up", "nic0")
        guest.expect("link state change event", PATIENCE)
        recovers(guest, "link up")
        quit_testpmd(guest)


# ---- removal and return ----

def eal_says(guest, words):
    """EAL's monitor has seen a uevent."""
    wait_for(lambda: words in guest.error_text(), words, PATIENCE)


def removal():
    places = (("cx5-vf-trusted", "0000:3b:00.2"), ("cx4lx-vf", "0000:5e:01.1"),
              ("cx5-vf-untrusted", "0001:00:02.0"))
    with testpmd(arguments=["--auto-start", "--hot-plug"]) as guest:
        ready(guest)
        for profile, address in places:
            gone = guest.nic()["pci"]
            recovers(guest, f"before {gone} goes")
            guest.ctl("vf", "revoke", "nic0", "--order", "fatal,pci,uevent", "--delay", "200")
            guest.expect("device removal event", PATIENCE)
            guest.expect("nb forwarding ports=0", PATIENCE)
            eal_says(guest, f"Cannot find device ({gone})")
            wait_for(lambda: not guest.nic()["vf"]["changing"], "the end of the removal",
                     PATIENCE)
            guest.ctl("vf", "assign", "nic0", "--as", profile, "--at", address)
            eal_says(guest, f"The device: {address} has been added")
            wait_for(lambda: not guest.nic()["vf"]["changing"], "the end of the return",
                     PATIENCE)
            guest.commands(f"port attach {address}", "stop", "port start 0", "set fwd macswap",
                           "start")
            ready(guest)
            recovers(guest, f"{profile} at {address}")
        quit_testpmd(guest)


def main():
    vm.need(vm.TESTPMD)
    vm.run_all({"pcap": pcap, "tap": tap, "pair": pair, "rule-faults": rule_faults,
                "queue-faults": queue_faults, "wire-faults": wire_faults, "link": link,
                "removal": removal}, sys.argv[1:])


main()
