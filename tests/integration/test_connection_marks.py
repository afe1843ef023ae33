#!/usr/bin/env python3
"""Long flows with a rule and a mark of their own, on the VF of azhost.

usage: test_connection_marks.py PROFILE

A UDP flow that the policy allows gets a rule in the device; its packets are not looked up any more;
a policy that denies it is obeyed by the next packet; the rule goes when the flow ends. The untrusted
VF has no priority to spare for such rules, and that is said. Needs root.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

AZHOST = lab.BIN / "azhost"
LIMITS = {"cx5-vf-trusted": 4096, "cx5-vf-untrusted": 0}
PROFILE = next((word for word in sys.argv[1:] if word in LIMITS), None)
INSIDE = "--inside"
PORT = 5300
PER_SECOND = 1000
SECONDS = 60

SENDER = """
import socket, sys, time
source, target, port, rate, seconds = sys.argv[1:6]
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind((source, 40000))
out.connect((target, int(port)))
end = time.time() + float(seconds)
while time.time() < end:
    for _ in range(int(rate) // 50):
        try:
            out.send(b"datagram of a long flow")
        except OSError:
            pass
    time.sleep(0.02)
"""

RECEIVER = """
import os, socket, sys, time
address, port, path = sys.argv[1:4]
inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inlet.bind((address, int(port)))
count, told = 0, 0
while True:
    inlet.recv(2048)
    count += 1
    if time.time() - told > 0.05:
        told = time.time()
        with open(path + ".new", "w") as file:
            file.write(str(count))
        os.rename(path + ".new", path)
"""


def policy(access, flush=False):
    rule = {"name": "flow", "properties": {
        "priority": 100, "direction": "Inbound", "access": access, "protocol": "Udp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": str(PORT)}}
    return {"apiVersion": "accelnet/v1", "nicNsg": {"name": "nic", "properties": {
        "flushConnection": flush, "securityRules": [rule]}}}


class VfLab(lab.Lab):
    """azhost's VF is the uplink; its TAP is the other end of the wire."""

    def __init__(self):
        super().__init__()
        self.uplink = "azhost0"
        self.sender = None

    def start_between(self):
        nics = json.loads(lab.run(AZHOST, "ctl", "--json", "nics").stdout)["nics"]
        self.daemon = lab.Daemon(
            self.folder, nics[0]["pci"], f"net_tap1,iface={self.app}",
            nic={"connectionMarks": {"packetsPerSecond": 50}},
            eal=["--no-huge", "--no-shconf", "--no-telemetry", "-m", "512"])
        self.daemon.start()
        self.stack.callback(self.daemon.stop)


def offload(run):
    return run.daemon.ask("nic", "show", lab.NIC)["offload"]


def marks(run):
    return offload(run)["connectionMarks"]


def judged(run):
    return run.daemon.ask("stats", "--nic", lab.NIC)["nics"][0]["judged"]


def flows(run):
    return run.daemon.ask("flow", "list", "--nic", lab.NIC, "--protocol", "udp",
                          "--local", f"{lab.VM}:{PORT}")["flows"]


def received(run):
    try:
        return int((run.folder / "received").read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0


def apply(run, document):
    run.daemon.apply(document)
    lab.wait_for(lambda: offload(run)["state"] == "complete", "the plan to be in the device", 60)


def start_flow(run):
    run.sender = run.remote.start(sys.executable, "-c", SENDER, lab.INTERNET, lab.VM, PORT,
                                  PER_SECOND, SECONDS)


def stop_flow(run):
    run.sender.popen.terminate()
    run.sender.popen.wait(10)


def there_is_room_above_the_plan(run):
    run.vm.start(sys.executable, "-c", RECEIVER, lab.VM, PORT, run.folder / "received")
    apply(run, policy("Allow"))
    assert marks(run)["limit"] == LIMITS[PROFILE], offload(run)
    assert marks(run)["installed"] == 0, marks(run)
    return f"{LIMITS[PROFILE]} on {offload(run)['device']['tier']}"


def a_long_flow_gets_a_mark(run):
    start_flow(run)
    lab.wait_for(lambda: marks(run)["installed"] == 1, "a rule for the flow", 30)
    lab.wait_for(lambda: [flow["offloaded"] for flow in flows(run)] == [True], "flow list", 10)


def its_packets_are_found_by_it(run):
    before, arrived = judged(run), received(run)
    time.sleep(2)
    after = judged(run)
    found = after["withConnectionMarks"] - before["withConnectionMarks"]
    connection = after["byConnection"] - before["byConnection"]
    assert found >= PER_SECOND // 2, (before, after)
    assert found <= connection, (before, after)
    assert received(run) > arrived, arrived
    return f"{found} of {connection} packets"


def a_policy_that_denies_it_is_obeyed_at_once(run):
    run.daemon.apply(policy("Deny", flush=True))
    found = judged(run)["withConnectionMarks"]
    time.sleep(0.3)  # what had been judged is received and written down
    before = received(run)
    time.sleep(1)
    assert received(run) == before, "datagrams still arrive"
    assert judged(run)["withConnectionMarks"] == found
    lab.wait_for(lambda: marks(run)["installed"] == 0, "the rule to go", 10)
    assert run.sender.popen.poll() is None, "the flow had ended by itself"


def the_rule_goes_with_the_flow(run):
    stop_flow(run)
    apply(run, policy("Allow"))
    # the connection that was cut stays closed for 30 s; another begins at once
    run.sender = run.remote.start(
        sys.executable, "-c", SENDER.replace("40000", "40001"), lab.INTERNET, lab.VM, PORT,
        PER_SECOND, SECONDS)
    lab.wait_for(lambda: marks(run)["installed"] == 1, "a rule for the flow", 30)
    stop_flow(run)
    lab.wait_for(lambda: marks(run)["installed"] == 0, "the rule to go", 40)
    assert offload(run)["state"] == "complete", offload(run)


def a_device_without_room_says_so(run):
    apply(run, policy("Allow"))
    assert marks(run)["limit"] == marks(run)["installed"] == 0, offload(run)
    assert marks(run)["why"] == "the device has no priority above those of the plan", marks(run)
    run.vm.start(sys.executable, "-c", RECEIVER, lab.VM, PORT, run.folder / "received")
    start_flow(run)
    lab.wait_for(lambda: received(run) > PER_SECOND, "datagrams", 20)
    assert [flow["offloaded"] for flow in flows(run)] == [False], flows(run)
    assert judged(run)["withConnectionMarks"] == 0, judged(run)


def offload_off_means_none(run):
    document = policy("Allow")
    document["options"] = {"offload": "off"}
    run.daemon.apply(document)
    assert marks(run)["limit"] == 0, marks(run)
    assert marks(run)["why"] == "options.offload is off", marks(run)


def nothing_went_wrong(run):
    warnings = run.daemon.warnings()
    assert not warnings, warnings
    assert run.daemon.stop() == 0, run.daemon.tail()


def inside():
    cases = [there_is_room_above_the_plan, a_long_flow_gets_a_mark, its_packets_are_found_by_it,
             a_policy_that_denies_it_is_obeyed_at_once, the_rule_goes_with_the_flow,
             offload_off_means_none, nothing_went_wrong]
    if LIMITS[PROFILE] == 0:
        cases = [a_device_without_room_says_so, offload_off_means_none, nothing_went_wrong]
    with VfLab() as run:
        tap.main([(case.__name__.replace("_", " "), lambda case=case: case(run))
                  for case in cases])


def main():
    if INSIDE in sys.argv:
        inside()
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    if PROFILE is None:
        sys.exit(__doc__)
    command = [AZHOST, "run", "--vf", "only", "--profile", PROFILE, "--", sys.executable,
               pathlib.Path(__file__).resolve(), INSIDE, PROFILE]
    sys.exit(subprocess.run(command, check=False).returncode)


main()
