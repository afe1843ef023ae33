#!/usr/bin/env python3
"""Programs other than testpmd: one that sleeps on Rx interrupts, and secondary processes.

test_processes.py [TEST...]
"""

import os
import re
import subprocess
import time

import frames
import harness
from harness import check, same

HUGEPAGES = "/proc/sys/vm/nr_hugepages"
PAGES = 200  # of 2 MB


def rx_interrupts():
    with harness.Bed() as bed:
        vf = bed.vfs[0]
        command = [f"{harness.BUILD}/tests/azhost_rx_interrupt", *bed.eal()]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=bed.environment(), text=True)
        woken = []
        for line in program.stdout:
            if line.startswith("ARMED"):
                time.sleep(0.2)  # it sleeps by now: the frame has to wake it
                vf.send(frames.ipv4(vf.mac))
            if line.startswith("FAILED"):
                raise harness.Failed(line)
            if line.startswith("WOKEN"):
                woken.append(line.split())
        same(program.wait(), 0, "exit status")
        rounds = [words for words in woken if words[3] != "0"]
        same(len(rounds), 5, f"wake-ups with frames in {woken}")
        same(sum(int(words[3]) for words in rounds), len(woken), "frames received")


class Hugepages:
    """Huge pages and a mount of them, for as long as a test needs: a secondary process cannot
    attach to memory that is not shared."""

    def __init__(self, directory):
        self.directory = directory
        with open(HUGEPAGES, encoding="ascii") as file:
            self.before = file.read()

    def __enter__(self):
        if os.geteuid() != 0:
            harness.skip("huge pages need root")
        harness.write(HUGEPAGES, str(max(PAGES, int(self.before))))
        with open("/proc/meminfo", encoding="ascii") as file:
            free = int(re.search(r"HugePages_Free: +(\d+)", file.read()).group(1))
        if free < PAGES:
            self.restore()
            harness.skip("no huge pages to be had")
        os.mkdir(self.directory)
        subprocess.run(["mount", "-t", "hugetlbfs", "none", self.directory], check=True)

    def __exit__(self, *_):
        subprocess.run(["umount", self.directory], check=True)
        self.restore()

    def restore(self):
        harness.write(HUGEPAGES, self.before)


def shared_eal(bed):
    """EAL arguments that both processes have."""
    return ["--no-telemetry", "--file-prefix", f"azt{os.getpid()}",
            "--huge-dir", f"{bed.directory}/huge", "-a", bed.vfs[0].pci]


def secondary():
    """dpdk-proc-info attaches to a running testpmd, reads statistics and leaves."""
    with harness.Bed() as bed, Hugepages(f"{bed.directory}/huge"):
        vf = bed.vfs[0]
        with harness.Testpmd(bed, eal=[*shared_eal(bed), "-m", "256", "-l", "0-1"]) as pmd:
            pmd.commands("set fwd macswap", "start")
            check(vf.ready.wait(20), "a queue has buffers")
            for port in range(50):
                vf.send(frames.ipv4(vf.mac, sport=port + 1))
            same(len(vf.receive(50)), 50, "frames before")
            for _ in range(3):
                info = subprocess.run(["dpdk-proc-info", *shared_eal(bed), "--", "--stats"],
                                      capture_output=True, text=True, timeout=60, check=False,
                                      env=bed.environment())
                match = re.search(r"RX-packets: +(\d+)", info.stdout)
                check(match, f"statistics in {info.stdout}{info.stderr}")
                same(int(match.group(1)), 50, "frames, seen by the secondary")
            vf.send(frames.ipv4(vf.mac, sport=99))
            same(len(vf.receive(1)), 1, "the primary goes on")
            same(pmd.stat("RX-packets"), 51, "frames, seen by the primary")


def secondary_traffic():
    """Two testpmd processes share the port: each receives and sends on a queue of its own."""
    with harness.Bed() as bed, Hugepages(f"{bed.directory}/huge"):
        vf = bed.vfs[0]
        both = ["--rxq=2", "--txq=2", "--num-procs=2", "--rss-udp"]
        first = [*shared_eal(bed), "-m", "256", "-l", "0-1", "--proc-type=primary"]
        second = [*shared_eal(bed), "-l", "0-1", "--proc-type=secondary"]
        with harness.Testpmd(bed, eal=first, arguments=[*both, "--proc-id=0"]) as primary:
            with harness.Testpmd(bed, eal=second, arguments=[*both, "--proc-id=1"]) as other:
                for pmd in (primary, other):
                    pmd.commands("set fwd macswap", "start")
                sent = [frames.ipv4(vf.mac, sport=port + 1) for port in range(200)]
                for frame in sent:
                    vf.send(frame)
                got = vf.receive(len(sent))
                same(sorted(got), sorted(frames.swapped(frame) for frame in sent), "frames back")
                shares = []
                for pmd in (primary, other):
                    text = pmd.command("stop")
                    shares.append(int(re.search(r"RX-packets: +(\d+)", text)[1]))
                check(min(shares) > 40, f"both processes forwarded: {shares}")


TESTS = {
    "rx-interrupts": rx_interrupts,
    "secondary": secondary,
    "secondary-traffic": secondary_traffic,
}

if __name__ == "__main__":
    harness.enter(["dpdk-testpmd", "dpdk-proc-info"])
    harness.main(TESTS)
