#!/usr/bin/env python3
"""Two VMs talk through the virtual switch: in one azhost, and in two that a cable joins. In each a stock
testpmd forwards between the VM's NIC and a TAP, and kernels ping and iperf3 over those.

test_two_vms.py [--seconds N] [TEST...]
"""

import argparse
import contextlib
import json
import os
import re

import vm
from vm import check

def on_cpu(index):
    """Each VM has a CPU of its own, with all that is in it, and each guest a session. A worker that polls
    leaves nothing of its CPU to threads that only now and then have work, if the kernel schedules by
    sessions (autogroup) and the session they share with it is at home on another CPU."""
    return f"taskset -c {index % os.cpu_count()}"


def testpmd(index, nic):
    """The guest number `index` forwards between its NIC `nic` and the TAP app<nic>, which has the NIC's
    MAC address."""
    cpu = index % os.cpu_count()
    return (f"sleep 1000 | setsid {on_cpu(index)} {vm.AZHOST} as nic{nic} -- '{vm.TESTPMD}' "
            f"--lcores 0@{cpu},1@{cpu} {' '.join(vm.EAL)} "
            f"--vdev net_tap{nic},iface=app{nic},mac=00:0d:3a:00:00:{index + 1:02x} "
            "-- --forward-mode=io --no-mlockall --total-num-mbufs=8192 "
            f"> $AZHOST_DIR/testpmd{nic} 2>&1 &")


class Shell(vm.Vm):
    """A VM whose command is a shell that the test types into."""

    def __init__(self, *options, **keywords):
        super().__init__(["sh"], "--fix", "testpmd-2211", *options, **keywords)
        self.marks = 0

    def stop(self):
        with contextlib.suppress(OSError):
            self.write("exit\n")
            self.process.wait(10)
        super().stop()

    def run(self, line, timeout=60):
        self.marks += 1
        self.write(f"{line}\necho mark $? {self.marks} end\n")
        text = self.expect(rf"mark \d+ {self.marks} end", timeout)
        status = int(re.search(rf"mark (\d+) {self.marks} end", text).group(1))
        return status, text[:text.rindex("mark ")]

    def must(self, line, timeout=60):
        status, text = self.run(line, timeout)
        if status != 0:
            check(False, f"{line}\n{text}")
        return text


def throughput(text):
    result = json.loads(text[text.index("{"):text.rindex("}") + 1])
    return result["end"]["sum_received"]["bits_per_second"] / 1e6


def ping(shell, where=""):
    """All are answered, in whatever time: ping itself waits for two round trips after the last, which is
    too short for a machine that does other things, so the kernel's count decides."""
    shell.run(f"{on_cpu(0)} {where} ping -c 20 -i 0.05 10.1.0.5")

    def answered():
        text = shell.must(f"{where} cat /proc/net/snmp")
        names, values = [line.split() for line in text.splitlines() if line.startswith("Icmp:")]
        return int(values[names.index("InEchoReps")])

    vm.wait_for(lambda: answered() == 20, "20 answers", 20)
    check(True, "20 of 20 pings between the VMs")


def wait_forwarding(shell, index, vf):
    try:
        wait_ports(shell, index, vf)
    except TimeoutError:
        print(shell.run(f"cat $AZHOST_DIR/testpmd{index}")[1])
        raise


def wait_ports(shell, index, vf):
    vm.wait_for(lambda: shell.run(f"ip link show app{index}")[0] == 0, f"app{index}", 60)
    vm.wait_for(lambda: shell.stats(index)["synthetic"]["filter"] != 0, "an open filter", 60)
    if vf:
        vm.wait_for(lambda: shell.nic(index)["datapath"] == "vf", "the VF path", 60)


def in_one(seconds, vf):
    """Each VM's TAP is moved to a namespace of its own, so that packets have to go through the VMs."""
    with Shell("--vf", "on" if vf else "off", "--uplink", "tap:azhost0", cable=False,
               nics=2) as shell:
        for index in range(2):
            shell.must(testpmd(index, index))
            wait_forwarding(shell, index, vf)
        for index in range(2):
            shell.must("unshare -n sleep 1000 & inside=$!; sleep 0.3; "
                       f"ip link set app{index} netns $inside && inside{index}=$inside")
            shell.must(f"nsenter -n -t $inside{index} sh -c 'ip link set lo up; "
                       f"ip link set app{index} up; ip addr add 10.1.0.{4 + index}/24 dev "
                       f"app{index}'")
        ping(shell, "nsenter -n -t $inside0")
        shell.must(f"{on_cpu(1)} nsenter -n -t $inside1 iperf3 -s -1 -D; sleep 0.5")
        rate = throughput(shell.must(f"{on_cpu(0)} nsenter -n -t $inside0 iperf3 -J -t {seconds} "
                                     "-c 10.1.0.5", 60 + seconds))
        check(rate > 0.01, f"iperf3: {rate:.1f} Mbit/s")
        stats = [shell.stats(index) for index in range(2)]
        path = "vf" if vf else "synthetic"
        for index in range(2):
            check(stats[index]["toGuest"][path]["frames"] > 100, f"nic{index}: by the {path} path")
            check(stats[index]["synthetic"]["malformed"] == 0, f"nic{index}: nothing malformed")
        uplink = shell.ctl("stats")["uplinks"][0]
        check(uplink["sent"] < 100, "the uplink has seen broadcasts only")


def in_two(seconds, vf):
    """Two hosts with one cable: the one that comes first listens, the other connects."""
    path = f"/tmp/azhost-cable-{os.getpid()}"
    options = ("--vf", "on" if vf else "off", "--uplink", f"unix:{path}")
    config = {"nics": [{"mac": "00:0d:3a:00:00:02"}]}
    with Shell(*options, cable=False) as left:
        with open(f"{left.directory}/config", "w", encoding="ascii") as file:
            json.dump(config, file)
        with Shell(*options, "--config", f"{left.directory}/config", cable=False) as right:
            for index, shell in enumerate((left, right)):
                shell.must(testpmd(index, 0))
                wait_forwarding(shell, 0, vf)
                shell.must(f"ip link set app0 up && ip addr add 10.1.0.{4 + index}/24 dev app0")
            ping(left)
            right.must(f"{on_cpu(1)} iperf3 -s -1 -D; sleep 0.5")
            rate = throughput(left.must(f"{on_cpu(0)} iperf3 -J -t {seconds} -c 10.1.0.5",
                                        60 + seconds))
            check(rate > 0.01, f"iperf3: {rate:.1f} Mbit/s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    vm.need(vm.TESTPMD, "iperf3", "ping", "nsenter", "ip", "taskset")
    tests = {}
    for name, vf in (("vf", True), ("synthetic", False)):
        tests[f"one-host-{name}"] = lambda vf=vf: in_one(options.seconds, vf)
        tests[f"two-hosts-{name}"] = lambda vf=vf: in_two(options.seconds, vf)
    vm.run_all(tests, options.tests)


if __name__ == "__main__":
    main()
