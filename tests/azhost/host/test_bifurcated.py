#!/usr/bin/env python3
"""A guest whose kernel drives the synthetic NIC (`--synthetic kernel`) while a program has the VF in
isolated mode: stock testpmd takes what it has rules for, the kernel has the rest, and the data path
follows the VF's interface.

test_bifurcated.py [TEST...]
"""

import os
import struct
import sys

import test_netvsc
import vm
from vm import check

# The command's shell configures the kernel, then becomes testpmd.
SETUP = ("ip addr add 10.0.0.4/8 dev azeth0 && "
         "ip neigh add 10.0.1.0 lladdr 02:aa:bb:cc:dd:01 dev azeth0 nud permanent && exec \"$@\"")


class Bifurcated(vm.Testpmd):
    def __init__(self, *options, **keywords):
        super().__init__("--synthetic", "kernel", *options,
                         arguments=["--flow-isolate-all", "--forward-mode=macswap"],
                         eal=["-a", "0000:3b:00.2"], prefix=["sh", "-c", SETUP, "sh"], **keywords)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def echo_request(number):
    head = struct.pack("!BBHHH", 8, 0, 0, 77, number)
    data = struct.pack("!I", number) * 8
    total = checksum(head + data)
    return test_netvsc.ipv4(1, head[:2] + struct.pack("!H", total) + head[4:] + data, number)


def ping(guest, count=20):
    """How many echo requests the kernel answers, whichever way they go."""
    for number in range(count):
        guest.cable.send(echo_request(number))
    frames = guest.cable.receive(count, 3)
    return sum(1 for frame in frames
               if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0)


def returned(guest, count=20):
    """How many of the frames that testpmd has a rule for it sends back."""
    sent = test_netvsc.packets(count, 20, 200)
    for frame in sent:
        guest.cable.send(frame)
    expected = [vm.swapped(frame) for frame in sent]
    return sum(1 for frame in guest.cable.receive(count, 2) if frame in expected)


def path(guest, wanted):
    vm.wait_for(lambda: guest.nic()["datapath"] == wanted, f"the {wanted} path")
    check(True, f"the {wanted} path")


def interface(guest, *words):
    command = vm.command_of(guest)
    user = ["-U", "--preserve-credentials"] if os.geteuid() != 0 else []
    vm.run(["nsenter", "-n", *user, "-t", str(command), "ip", *words])


def start(guest):
    # The kernel's own frames that the interface makes by being set up.
    guest.cable.drain()
    answer = guest.commands("flow create 0 ingress pattern eth / ipv4 / udp dst is 2000 / end "
                            "actions queue index 0 / end", "start")
    check("Flow rule #" in guest.output, "a rule in isolated mode")
    return answer


def life():
    with Bifurcated("--vf", "on") as guest:
        path(guest, "vf")
        check(guest.nic()["kernelInterface"] == "azeth0" and "synthetic" not in guest.stats(),
              "an interface of the kernel, and no VMBus device")
        start(guest)
        check(returned(guest) == 20, "what testpmd has a rule for, it sends back")
        before = guest.stats()["kernel"]["fromVf"]
        check(ping(guest) == 20, "what it has none for, the kernel answers")
        check(guest.stats()["kernel"]["fromVf"] == before + 20, "having it from the VF")

        interface(guest, "link", "set", "azvf0", "down")
        path(guest, "synthetic")
        check(ping(guest) == 20 and guest.stats()["kernel"]["fromVf"] == before + 20,
              "the VF's interface down: by the synthetic path")
        interface(guest, "link", "set", "azvf0", "up")
        path(guest, "vf")
        check(returned(guest) == 20, "up: by the VF")

        guest.ctl("vf", "revoke", "nic0", "--delay", "20")
        path(guest, "synthetic")
        # testpmd's interrupt thread has no lock against its prompt: what is typed before it has
        # detached the port may find half of it.
        guest.expect("Port 0 is closed")
        vm.wait_for(lambda: not guest.nic()["vf"]["present"] and not guest.nic()["vf"]["open"],
                    "no VF, neither at the host nor in the guest")
        check(ping(guest) == 20, "no VF: by the synthetic path")
        guest.ctl("vf", "assign", "nic0")
        path(guest, "synthetic")
        check(ping(guest) == 20, "a VF that no program has: by the kernel, too")
        guest.commands("stop", "port attach 0000:3b:00.2", "port start 0")
        path(guest, "vf")
        start(guest)
        check(returned(guest) == 20 and ping(guest) == 20, "taken up again: each has its own")
        guest.quit()


def as_user():
    with Bifurcated("--vf", "on", as_user=True) as guest:
        path(guest, "vf")
        start(guest)
        check(returned(guest) == 20 and ping(guest) == 20, "each has its own")
        guest.quit()


def note():
    """The association alone: hv_netvsc does not take up a VF before it, and keeps one after it."""
    with Bifurcated("--vf", "on") as guest:
        path(guest, "vf")
        guest.ctl("vf", "revoke", "nic0", "--order", "note")
        check(guest.nic()["datapath"] == "vf", "taken back: the path stays")
        interface(guest, "link", "set", "azvf0", "down")
        path(guest, "synthetic")
        interface(guest, "link", "set", "azvf0", "up")
        vm.wait_for(lambda: ping(guest, 1) == 1, "the kernel")
        check(guest.nic()["datapath"] == "synthetic", "not taken up without it")
        guest.ctl("vf", "assign", "nic0", "--order", "note")
        path(guest, "vf")
        guest.quit()


def alone():
    """Without a VF it is a plain interface."""
    with vm.Vm(["sh", "-c", SETUP, "sh", "cat"], "--vf", "off", "--synthetic", "kernel") as guest:
        guest.cable.drain()
        check(ping(guest) == 20, "the kernel answers")
        guest.ctl("link", "down", "nic0")
        check(ping(guest) == 0, "not while the link is down")
        guest.ctl("link", "up", "nic0")
        # The kernel takes its time to notice a carrier.
        vm.wait_for(lambda: ping(guest, 1) == 1, "the kernel")
        check(ping(guest) == 20, "and again")
        stats = guest.stats()
        check(stats["toGuest"]["synthetic"]["frames"] >= 40, "by the synthetic path")


def main():
    vm.need(vm.TESTPMD, "ip", "nsenter", "setpriv")
    tests = {"life": life, "note": note, "alone": alone, "user": as_user}
    if os.geteuid() != 0:
        del tests["user"]
    vm.run_all(tests, sys.argv[1:])


if __name__ == "__main__":
    main()
