#!/usr/bin/env python3
"""Error completions, link changes, removal and return of a VF, under traffic, with stock testpmd.

test_events.py [--cycles N] [TEST...]
"""

import argparse
import fcntl
import itertools
import os
import re
import socket
import struct
import subprocess
import threading
import time

import frames
import harness
from harness import check, same

CYCLES = 3
TUNSETCARRIER = 0x400454E2
NETLINK_KOBJECT_UEVENT = 15


CALLS = itertools.count()


def echoed(vf, count=40, patience=harness.PATIENCE):
    """How many of count frames come back; late ones of an earlier call do not count."""
    mark = b"call" + next(CALLS).to_bytes(4, "big")
    for port in range(count):
        vf.send(frames.ipv4(vf.mac, sport=port + 1, payload=mark))
    back = 0
    while back < count:
        got = vf.receive(1, patience)
        if not got:
            break
        back += got[0][:6] == frames.PEER_MAC and got[0].endswith(mark)
    return back


def recovers(vf, what):
    """After an error or a return, frames get lost for a moment and then none any more."""
    end = time.time() + 2 * harness.PATIENCE
    while echoed(vf, patience=0.5) < 40:
        check(time.time() < end, f"{what}: the queue recovers")
    same(echoed(vf), 40, f"{what}: frames that come back afterwards")


def with_pmd(function, devargs="", arguments=(), profiles=("cx5-vf-trusted",)):
    with harness.Bed(profiles) as bed:
        with harness.Testpmd(bed, devargs, arguments) as pmd:
            pmd.commands("set fwd macswap", "start")
            function(bed, pmd)


def rx_error(bed, pmd, times):
    vf = bed.vfs[0]
    same(echoed(vf), 40, "frames before")
    for _ in range(times):
        vf.fault("rxerr", 1)
        check(echoed(vf, patience=0.5) < 40, "the error costs frames")
        recovers(vf, "receive error")
    check(pmd.stat("RX-errors") > 0, "the PMD counted errors")


def rx_error_vector(bed, pmd):
    # Once, within the ring's first round: the vector path of 22.11 compares the CQE before the
    # consumer index with the consumer index (mlx5_rx_err_handle(), NEED_READY), so it notices that
    # the flush is over only where the completion queue ends exactly at its wrap.
    rx_error(bed, pmd, 1)


def rx_error_scalar(bed, pmd):
    rx_error(bed, pmd, 3)


def rx_error_compressed():
    """Errors between compressed completions."""
    with harness.changed_profile("cx5-vf-trusted", rx__compress=1) as profile:
        with_pmd(rx_error_scalar, "rx_vec_en=0", profiles=(profile,))


def tx_error(bed, pmd):
    vf = bed.vfs[0]
    same(echoed(vf), 40, "frames before")
    for _ in range(3):
        vf.fault("txerr", 1)
        check(echoed(vf, patience=0.5) < 40, "the error costs frames")
        recovers(vf, "transmit error")
    check(pmd.stat("TX-errors") > 0, "the PMD counted errors")


def set_link(vf, up):
    fcntl.ioctl(vf.tap, TUNSETCARRIER, struct.pack("i", int(up)))
    vf.link(up)


def link(bed, pmd):
    vf = bed.vfs[0]
    for _ in range(3):
        set_link(vf, False)
        pmd.wait_for("link state change event")
        check("Link status: down" in pmd.command("show port info 0"), "the link is down")
        same(echoed(vf, 4, 0.3), 0, "frames over a link that is down")
        set_link(vf, True)
        pmd.wait_for("link state change event")
        check("Link status: up" in pmd.command("show port info 0"), "the link is up")
        same(echoed(vf), 40, "frames over a link that is up")


def uevent(action, vf):
    """What the kernel says of a PCI function that goes or comes, said to this namespace alone."""
    path = f"/devices/pci0000:00/{vf.pci}"
    text = [f"{action}@{path}", f"ACTION={action}", f"DEVPATH={path}", "SUBSYSTEM=pci",
            f"PCI_SLOT_NAME={vf.pci}"]
    body = b"".join(line.encode() + b"\0" for line in text)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as netlink:
        header = struct.pack("=IHHII", 16 + len(body), 0x10, 1, 0, 0)
        netlink.sendto(header + body, (0, 0))


class Traffic:
    """Frames sent without end, and taken back, while the device comes and goes."""

    def __init__(self, vf):
        self.vf = vf
        self.back = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        port = 0
        while not self.stop.is_set():
            port = port % 60000 + 1
            self.vf.wire.to_guest.put(frames.ipv4(self.vf.mac, sport=port, payload=b"t" * 100))
            if self.vf.wire.to_host.get() is not None:
                self.back += 1
            if port % 32 == 0:
                time.sleep(0.001)

    def comes_back(self, patience=harness.PATIENCE):
        end, before = time.time() + patience, self.back
        while self.back < before + 50 and time.time() < end:
            time.sleep(0.005)
        return self.back >= before + 50

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def holdings(pmd):
    """Open descriptors, memory maps and resident kilobytes of the process: what a leak would show
    in."""
    process = f"/proc/{pmd.process.pid}"
    with open(f"{process}/maps", encoding="ascii") as maps:
        mapped = len(maps.readlines())
    with open(f"{process}/smaps_rollup", encoding="ascii") as rollup:
        resident = int(re.search(r"Private_Dirty:\s+(\d+)", rollup.read())[1])
    return len(os.listdir(f"{process}/fd")), mapped, resident


def remove(bed, pmd, vf, fatal):
    """Pull the VF: by its fatal event and then a uevent, or by the uevent alone."""
    if fatal:
        vf.fatal()
        pmd.wait_for("device removal event")  # RTE_ETH_EVENT_INTR_RMV
    else:
        uevent("remove", vf)
    pmd.wait_for("Now total ports is 0")
    # testpmd was forwarding, and its interrupt thread now starts that again, without ports: let it
    # have done, since it takes no lock against the prompt (rmv_port_callback() of testpmd).
    pmd.wait_for("nb forwarding ports=0")
    vf.present = False
    bed.announce()
    if fatal:
        uevent("remove", vf)
        pmd.wait_for(f"Cannot find device ({vf.pci})")  # EAL's monitor, of a device detached
    bed.remove_sysfs(vf)
    end = time.time() + harness.PATIENCE
    while vf.connection is not None:
        check(time.time() < end, "the library lets the host go")
        time.sleep(0.01)


def put_back(bed, pmd, vf, pci, profile):
    vf.pci, vf.profile, vf.present = pci, profile, True
    bed.make_sysfs(vf)
    bed.announce()
    uevent("add", vf)
    pmd.wait_for(f"The device: {vf.pci} has been added")
    pmd.command(f"port attach {vf.pci}")
    pmd.commands("stop", "port start 0", "set fwd macswap", "start")
    check(vf.ready.wait(harness.PATIENCE), "the queues have buffers again")


def check_leaks(before, after):
    check(after[0] <= before[0], f"descriptors do not leak: {before} {after}")
    check(after[1] <= before[1] + CYCLES // 4, f"memory maps do not leak: {before} {after}")
    # AddressSanitizer keeps freed memory for a while.
    check(after[2] <= before[2] + 1024 or "AZHOST_TEST_PRELOAD" in os.environ,
          f"memory does not leak: {before} {after}")


def cycles(bed, pmd, places, fatal=True):
    """The VF goes under traffic, in both directions, and comes back at the next of the places."""
    vf = bed.vfs[0]
    for i in range(CYCLES):
        with Traffic(vf) as traffic:
            check(traffic.comes_back(), f"traffic before removal {i + 1}")
            remove(bed, pmd, vf, fatal)
            put_back(bed, pmd, vf, *places[i % len(places)])
        vf.drain(0.2)
        recovers(vf, f"return {i + 1}")
        if i == 1:
            before = holdings(pmd)
    if CYCLES > 2:
        check_leaks(before, holdings(pmd))


def with_hotplug(function):
    """testpmd with EAL's monitor, which prints the uevents that it sees."""
    with_pmd(function, arguments=["--hot-plug"])


def removal_same_address(bed, pmd):
    cycles(bed, pmd, [(bed.vfs[0].pci, "cx5-vf-trusted")])


def removal_other_address(bed, pmd):
    cycles(bed, pmd, [("0000:5e:00.4", "cx5-vf-trusted"), ("0000:3b:00.2", "cx5-vf-trusted")])


def removal_other_profile(bed, pmd):
    address = bed.vfs[0].pci
    cycles(bed, pmd, [(address, "cx4lx-vf"), (address, "cx5-vf-untrusted"),
                      (address, "cx5-vf-trusted")])


def removal_by_uevent(bed, pmd):
    cycles(bed, pmd, [(bed.vfs[0].pci, "cx5-vf-trusted")], fatal=False)


def kernel_interface(bed, pmd):
    """In isolated mode what no rule takes belongs to the kernel, which answers by itself."""
    vf = bed.vfs[0]
    subprocess.run(["ip", "addr", "add", "10.99.77.2/24", "dev", vf.netdev], check=True)
    question = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, frames.PEER_MAC,
                           socket.inet_aton("10.99.77.1"), bytes(6),
                           socket.inet_aton("10.99.77.2"))
    vf.send(frames.ethernet(b"\xff" * 6, 0x0806, question))
    answers = [f for f in vf.receive(1) if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2"]
    same(len(answers), 1, "ARP answers of the kernel")
    same(answers[0][:12], frames.PEER_MAC + vf.mac, "its addresses")
    text = pmd.command("flow create 0 ingress pattern eth / ipv4 / udp / end "
                       "actions queue index 0 / end")
    check("Flow rule #0 created" in text, text)
    same(echoed(vf), 40, "frames that a rule takes come back from testpmd")
    counts = vf.query()
    check(counts["to_kernel"] >= 1 and counts["kernel_sent"] >= 1, f"counted: {counts}")


TESTS = {
    "rx-error-vector": lambda: with_pmd(rx_error_vector),
    "rx-error-scalar": lambda: with_pmd(rx_error_scalar, "rx_vec_en=0"),
    "rx-error-compressed": rx_error_compressed,
    "tx-error": lambda: with_pmd(tx_error),
    "tx-error-send": lambda: with_pmd(tx_error, "txq_mpw_en=0"),
    "link": lambda: with_pmd(link),
    "removal-same-address": lambda: with_hotplug(removal_same_address),
    "removal-other-address": lambda: with_hotplug(removal_other_address),
    "removal-other-profile": lambda: with_hotplug(removal_other_profile),
    "removal-by-uevent": lambda: with_hotplug(removal_by_uevent),
    "kernel-interface": lambda: with_pmd(kernel_interface, arguments=["--flow-isolate-all"]),
}


def main():
    global CYCLES
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("tests", nargs="*", default=[])
    options = parser.parse_args()
    CYCLES = options.cycles
    harness.enter()
    harness.main(TESTS, options.tests)


main()
