#!/usr/bin/env python3
"""The policy in the NIC: accelnetd on the VF of azhost, with real TCP through it.

usage: test_offload.py PROFILE

PROFILE is one of azhost's (cx5-vf-trusted, cx5-vf-untrusted). What the plan holds is in the device,
streams are settled, denied openers die in the device, the rest is decided in software, `rule list`
tells all of it, and the policy changes under kernel TCP 20 times; test_swap.py does that with
numbered packets, thousands of times. Needs root.
"""

import ctypes
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

AZHOST = lab.BIN / "azhost"
EXAMPLE = lab.ROOT / "config/examples/three-tier.json"
TIERS = {"cx5-vf-trusted": "T3", "cx5-vf-untrusted": "T2"}
PROFILE = next((word for word in sys.argv[1:] if word in TIERS), None)
SWAPS = 20
OPENERS = 10
INSIDE = "--inside"
CLONE_NEWNET = 0x40000000
# A SYN is sent again after a second: one probe is one SYN, or two.
ALLOWED_SECONDS, DENIED_SECONDS = 1.8, 0.1
TRIES = 4
LINES_MAX = 256  # that one rule is explained with


class VfLab(lab.Lab):
    """The lab with azhost's VF as the uplink; its TAP is the other end of the wire."""

    def __init__(self):
        super().__init__()
        self.uplink = "azhost0"

    def start_between(self):
        nics = json.loads(lab.run(AZHOST, "ctl", "--json", "nics").stdout)["nics"]
        arguments = ["--no-huge", "--no-shconf", "--no-telemetry", "-m", "512"]
        self.daemon = lab.Daemon(self.folder, nics[0]["pci"], f"net_tap1,iface={self.app}",
                                 eal=arguments)
        self.daemon.start()
        self.stack.callback(self.daemon.stop)


def offload(run):
    return run.daemon.ask("nic", "show", lab.NIC)["offload"]


def wait_state(run, state):
    """Until the rules of the plan in force are what they should be."""
    return lab.wait_for(lambda: (lambda found: found if found["state"] == state else None)(
        offload(run)), f"offload {state}", 60)


def rules(run, name):
    return [rule for rule in run.daemon.ask("rule", "list", "--nic", lab.NIC)["rules"]
            if rule["name"] == name]


def judged(run):
    return run.daemon.ask("stats", "--nic", lab.NIC)["nics"][0]["judged"]


def device():
    """What the emulated VF has counted itself."""
    return json.loads(lab.run(AZHOST, "ctl", "--json", "vf", "query", "nic0").stdout)["vf"]


def software_drops(run, reason):
    drops = run.daemon.ask("drops", "--nic", lab.NIC)["nics"][0]["drops"]
    return next(entry["inbound"] for entry in drops if entry["reason"] == reason)


class Remote(threading.Thread):
    """Runs functions in the network namespace of the remote side, one at a time."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        self.path = f"/run/netns/{namespace.name}"
        self.work, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.job = self.answer = None
        self.start()

    def run(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open(self.path, "rb") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        while True:
            self.work.acquire()
            self.answer = self.job()
            self.done.release()

    def do(self, job):
        self.job = job
        self.work.release()
        self.done.acquire()
        return self.answer


def connects(source, port, seconds):
    """Whether a new connection to the VM opens."""
    with socket.socket() as client:
        client.settimeout(seconds)
        client.bind((source, 0))
        try:
            client.connect((lab.VM, port))
        except OSError:
            return False
        return True


# --- the three-tier policy ---

def the_plan_is_in_the_device(run):
    answer = run.daemon.apply(EXAMPLE)
    assert answer["where"]["hardware"] > 0, answer
    assert answer["where"]["software"] > 0, answer
    state = wait_state(run, "complete")
    assert state["device"]["tier"] == TIERS[PROFILE], state
    plan = state["plan"]
    assert plan["installed"] == plan["planned"] > 0 and plan["refused"] == 0, plan
    nic = run.daemon.ask("status")["nics"][0]["rules"]
    assert nic == answer["where"], (nic, answer)
    events = [event["event"] for event in run.daemon.ask("events")["events"]]
    assert "offload.complete" in events and "offload.degraded" not in events, events
    return f"{state['device']['tier']}, {plan['installed']} device rules, {plan['form']}"


def a_dry_run_tells_the_same_split(run):
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    document["options"]["icmpErrors"] = "rules"
    applied = run.daemon.ask("status")["nics"][0]["rules"]
    dry = run.daemon.apply(document, "--dry-run")
    assert dry["dryRun"] and dry["where"] == applied, (dry, applied)


def streams_are_settled(run):
    before = judged(run)
    run.vm.start_traffic("serve", "--address", lab.VM, "--tcp", "22,80,443,8081,8443",
                         "--udp", "53").wait_ready()
    held = run.remote.start_traffic("hold", lab.VM, 443, "--source", lab.INTERNET).wait_ready()
    count = run.remote.traffic("churn", lab.VM, 80, "--count", 100, "--source", lab.INTERNET,
                               "--timeout", "20")
    assert count["done"] == 100 and not count["failed"], count
    held = held.result()
    assert held["error"] is None and held["exchanges"] > 0, held
    after = judged(run)
    settled = after["byHardware"] - before["byHardware"]
    assert settled >= 100, (before, after)
    rule = rules(run, "allow-web")[0]
    assert rule["where"] == "hardware" and rule["settled"] >= 100, rule["settled"]
    assert rule["hits"] >= 101, rule["hits"]
    return f"{settled} segments settled, {rule['hits']} connections by allow-web"


def dropped_by_the_plan(run):
    """{source: (rule, software's drop reason)} of openers that the plan of the tier drops."""
    openers = run.folder / "openers.json"
    sources = {lab.INTERNET: "policy-deny", lab.QUARANTINED: "acl-deny"}
    openers.write_text("".join(json.dumps({
        "direction": "Inbound", "protocol": 6, "source": source, "sourcePort": 40000,
        "destination": lab.VM, "destinationPort": 22}) + "\n" for source in sources), "utf-8")
    answers = lab.run(lab.BIN / "accelnetctl", "verify", "--policy", EXAMPLE, "--tuples", openers,
                      "--engine", "rte_flow", "--tier", TIERS[PROFILE]).stdout.splitlines()
    found = {}
    for source, answer in zip(sources, map(json.loads, answers)):
        assert answer["access"] == "Deny", answer
        if answer["where"] == "hardware":
            found[source] = answer["rule"], sources[source]
    return found


def denied_openers_die_in_the_device(run):
    openers = dropped_by_the_plan(run)
    assert openers, "the plan drops none"
    for source, (name, reason) in openers.items():
        before, default = software_drops(run, reason), rules(run, name)
        hits, dropped = sum(rule["hits"] for rule in default), device()["dropped"]
        assert any(rule["where"] == "hardware" for rule in default), name  # each level has one
        for _ in range(OPENERS):
            assert not run.do(lambda source=source: connects(source, 22, DENIED_SECONDS))
        assert software_drops(run, reason) == before, f"software dropped openers of {source}"
        assert device()["dropped"] >= dropped + OPENERS, "the device did not drop them"
        lab.wait_for(lambda name=name, hits=hits: sum(
            rule["hits"] for rule in rules(run, name)) >= hits + OPENERS, "the rule's hits", 30)
    told = run.daemon.ask("drops", "--nic", lab.NIC)["nics"][0]["hardware"]
    assert told >= OPENERS * len(openers), told
    assert run.do(lambda: connects(lab.JUMP_HOST, 22, ALLOWED_SECONDS)), "ssh from a jump host"
    return ", ".join(f"{OPENERS} of {OPENERS} by {name}" for name, _ in openers.values())


def the_rest_is_decided_in_software(run):
    before, dropped = software_drops(run, "policy-deny"), device()["dropped"]
    count = run.remote.traffic("ask", lab.VM, 53, "--source", lab.INTERNET, "--count", "5",
                               "--timeout", "0.1")
    assert count["sent"] == 5 and count["received"] == 0, count
    lab.wait_for(lambda: software_drops(run, "policy-deny") >= before + 5, "datagrams to be denied")
    assert device()["dropped"] == dropped, "the device dropped what may be a reply"
    before = judged(run)
    run.remote.command("ping", "-c", "2", "-W", "5", "-I", lab.JUMP_HOST, lab.VM)
    after = judged(run)
    assert after["byHardware"] == before["byHardware"], "ping is no stream"
    outbound = rules(run, "deny-smtp")[0]
    assert outbound["where"] == "software" and outbound["reason"].startswith("outbound"), outbound


def every_rule_says_where(run):
    listed = run.daemon.ask("rule", "list", "--nic", lab.NIC)["rules"]
    for rule in listed:
        assert rule["where"] in ("hardware", "software") and rule["reason"], rule["name"]
        assert (rule["where"] == "hardware") == bool(rule["testpmd"]), rule["name"]
        assert rule["pmd"] is None, rule["pmd"]
        assert isinstance(rule["hits"], int), f"{rule['name']} is not counted"
    explained = run.daemon.ask("rule", "explain", "allow-web", "--nic", lab.NIC)["rules"][0]
    lines = explained["testpmd"]
    assert len(lines) == min(explained["deviceRules"]["planned"], LINES_MAX) > 0, len(lines)
    assert all(line.startswith("flow create ") for line in lines), lines[0]
    return f"{sum(rule['where'] == 'hardware' for rule in listed)} of {len(listed)} in hardware"


def a_policy_can_keep_out_of_hardware(run):
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    document["options"]["offload"] = "off"
    answer = run.daemon.apply(document)
    assert answer["where"]["hardware"] == 0, answer
    wait_state(run, "idle")
    before = judged(run)["byHardware"]
    assert run.do(lambda: connects(lab.INTERNET, 80, ALLOWED_SECONDS))
    assert not run.do(lambda: connects(lab.INTERNET, 22, DENIED_SECONDS))
    assert judged(run)["byHardware"] == before
    assert rules(run, "allow-web")[0]["reason"] == "options.offload is off"
    run.daemon.apply(EXAMPLE)
    wait_state(run, "complete")


# --- changes under traffic ---

def swap_policy(allowed, denied):
    def rule(name, priority, access, port):
        return {"name": name, "properties": {
            "priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": port}}

    # Outbound nothing is allowed: answers pass by their connections alone.
    out = rule("nothing-out", 100, "Deny", "*")
    out["properties"].update(direction="Outbound", protocol="*")
    return {"apiVersion": "accelnet/v1", "nicNsg": {"name": "swap", "properties": {
        "securityRules": [rule("both", 100, "Allow", "443"), rule("one", 110, "Allow", allowed),
                          rule("other", 120, "Deny", denied), out]}}}


def each_change_is_in_force_when_it_is_answered(run):
    policies = []
    for allowed, denied in (("80", "8081"), ("8081", "80")):
        path = run.folder / f"swap-{allowed}.json"
        path.write_text(json.dumps(swap_policy(allowed, denied)), encoding="utf-8")
        policies.append((path, int(allowed), int(denied)))
    held = run.remote.start_traffic("hold", lab.VM, 443, "--source", lab.INTERNET).wait_ready()
    knocks = run.remote.start_traffic("knock", lab.VM, "8443", "--source", lab.INTERNET)
    settled, wrong, missed = judged(run)["byHardware"], [], []
    for number in range(SWAPS):
        path, allowed, denied = policies[number % 2]
        run.daemon.apply(path)
        if run.do(lambda port=denied: connects(lab.INTERNET, port, DENIED_SECONDS)):
            wrong.append(number)
        if not any(run.do(lambda port=allowed: connects(lab.INTERNET, port, ALLOWED_SECONDS))
                   for _ in range(TRIES)):
            missed.append(number)
    assert not wrong, f"changes after which a denied port opened: {wrong}"
    assert not missed, f"changes after which an allowed port did not open: {missed}"
    held, knocks = held.result(), knocks.result()
    assert held["error"] is None and held["exchanges"] > 0, held
    assert knocks["tried"] and not knocks["passed"], knocks
    plan = wait_state(run, "complete")["plan"]
    assert plan["installed"] == plan["planned"], plan
    settled = judged(run)["byHardware"] - settled
    assert settled > 0
    return (f"{SWAPS} changes, {held['exchanges']} exchanges on the connection held,"
            f" {settled} segments settled")


def nothing_went_wrong(run):
    warnings = run.daemon.warnings()
    assert not warnings, warnings
    assert run.daemon.stop() == 0, run.daemon.tail()


def inside():
    cases = [the_plan_is_in_the_device, a_dry_run_tells_the_same_split, streams_are_settled,
             denied_openers_die_in_the_device, the_rest_is_decided_in_software,
             every_rule_says_where, a_policy_can_keep_out_of_hardware,
             each_change_is_in_force_when_it_is_answered, nothing_went_wrong]
    with VfLab() as run:
        run.do = Remote(run.remote).do
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
               pathlib.Path(__file__).resolve(), INSIDE, *sys.argv[1:]]
    sys.exit(subprocess.run(command, check=False).returncode)


main()
