#!/usr/bin/env python3
"""A 1,000-rule policy is applied again and again under traffic, and the traffic does not notice.

usage: test_live_apply.py [--full]

iperf3 over TCP and UDP, one connection held open, many opened and closed, denied ports tried all
the while. Quick: 1,000 connections and 40 applies; --full: 10,000 and 200. Needs root.
"""

import json
import os
import sys
import threading
import time

import generated_policy
import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

FULL = "--full" in sys.argv
CONNECTIONS, APPLIES = (10000, 200) if FULL else (1000, 40)
WARM_UP = 34  # the history is full after 32
GROWTH_KIB = 4096


class Run:
    """The traffic and the applies side by side, and what both came to."""

    def __init__(self, network):
        self.lab, self.daemon = network, network.daemon
        self.policies = []
        for seed in (2, 3):
            path = network.folder / f"generated-{seed}.json"
            path.write_text(json.dumps(generated_policy.policy(seed)), encoding="utf-8")
            self.policies.append(path)
        self.generations, self.apply_ms = [], []
        self.resident = []
        self.server = self.held = self.knocks = None
        self.churn = self.tcp = self.udp = None

    def apply(self, number):
        start = time.monotonic()
        answer = self.daemon.apply(self.policies[number % 2])
        self.apply_ms.append((time.monotonic() - start) * 1000)
        self.generations.append(answer["generation"])
        assert not answer["unchanged"], answer

    def start_servers(self):
        denied = ",".join(map(str, generated_policy.DENIED_PORTS))
        self.server = self.lab.vm.start_traffic(
            "serve", "--address", lab.VM, "--tcp", f"8080,{denied}", "--udp", denied).wait_ready()
        for port in ("5201", "5202"):
            self.lab.vm.start("iperf3", "--server", "--bind", lab.VM, "--port", port)

    def start_clients(self):
        source = ("--source", lab.INTERNET)
        self.held = self.lab.remote.start_traffic("hold", lab.VM, 8080, *source).wait_ready()
        self.knocks = self.lab.remote.start_traffic(
            "knock", lab.VM, ",".join(map(str, generated_policy.DENIED_PORTS)), *source)
        iperf = ("iperf3", "--json", "--bind", lab.INTERNET, "--client", lab.VM, "--time", "600")
        self.tcp = self.lab.remote.start(*iperf, "--port", "5201", "--bitrate", "200M")
        self.udp = self.lab.remote.start(*iperf, "--port", "5202", "--udp", "--bitrate", "20M")

    def churn_connections(self):
        self.churn = self.lab.remote.traffic(
            "churn", lab.VM, 8080, "--count", CONNECTIONS, "--pause", "0.04", "--timeout", "30",
            "--source", lab.INTERNET, timeout=900)

    def run(self):
        for number in range(WARM_UP):
            self.apply(number)
        self.start_servers()
        self.start_clients()
        opener = threading.Thread(target=self.churn_connections)
        opener.start()
        for number in range(APPLIES):
            self.apply(number)
            self.resident.append(self.daemon.resident_kib())
        opener.join()
        self.finish()

    def finish(self):
        """Interrupted, iperf3 still says what it saw; it exits with 1 for that."""
        streams = []
        for client in (self.tcp, self.udp):
            client.popen.send_signal(2)
            output, _ = client.popen.communicate(timeout=30)
            streams.append(json.loads(output))
        self.tcp, self.udp = streams
        self.held = self.held.result()
        self.knocks = self.knocks.result()
        time.sleep(0.5)
        self.server = self.server.result()


def drops(daemon):
    """{reason: (inbound, outbound)}, of those that happened."""
    nic = daemon.ask("drops")["nics"][0]
    return {entry["reason"]: (entry["inbound"], entry["outbound"]) for entry in nic["drops"]
            if entry["inbound"] or entry["outbound"]}


def each_apply_took_force(run):
    expected = list(range(run.generations[0], run.generations[0] + len(run.generations)))
    assert run.generations == expected, run.generations
    slow = sorted(run.apply_ms)
    return (f"{len(slow)} applies of 1,000 rules, median {slow[len(slow) // 2]:.0f} ms,"
            f" longest {slow[-1]:.0f} ms")


def no_connection_was_cut(run):
    assert run.held["error"] is None, run.held
    assert run.held["exchanges"] > 10, run.held
    assert run.churn["done"] == CONNECTIONS and not run.churn["failed"], run.churn
    return (f"1 held, {run.held['exchanges']} exchanges; {run.churn['done']} opened and closed in"
            f" {run.churn['seconds']} s")


def streams_went_on(run):
    """Both still carry something in their last seconds."""
    rates = []
    for stream in (run.tcp, run.udp):
        intervals = [interval["sum"]["bytes"] for interval in stream["intervals"]]
        assert sum(intervals[-5:]) > 0, intervals
        rates.append(stream["end"].get("sum_sent", stream["end"].get("sum"))["bits_per_second"])
    return f"TCP {rates[0] / 1e6:.0f} Mbit/s, UDP {rates[1] / 1e6:.0f} Mbit/s"


def no_denied_packet_passed(run):
    assert not run.knocks["passed"], run.knocks
    assert run.knocks["tried"] > 20, run.knocks
    seen = {name for name in run.server if name != "tcp/8080"}
    assert not seen, f"the server saw {seen}"
    return f"{run.knocks['tried']} tries"


def no_allowed_packet_was_dropped(run):
    """A try is one packet: drops beyond the number of tries would be of allowed packets.

    A few tries may be lost in the TAP's queue where other programs keep the cores busy.
    """
    happened = drops(run.daemon)
    inbound, outbound = happened.pop("policy-deny", (0, 0))
    happened.pop("tx-full", None)
    tried = run.knocks["tried"]
    assert tried * 0.9 <= inbound <= tried and outbound == 0, (inbound, outbound, tried)
    assert not happened, happened
    return f"{inbound} drops by policy, all of {tried} tries of denied ports"


def memory_is_flat(run):
    early, late = run.resident[len(run.resident) // 4], run.resident[-1]
    assert late - early < GROWTH_KIB, run.resident
    return f"{early} KiB after a quarter of the applies, {late} KiB at the end"


def log_is_quiet(run):
    assert not run.daemon.warnings(), run.daemon.warnings()


def main():
    if os.geteuid() != 0:
        print("needs root: network namespaces and TAP devices")
        return 77
    with lab.Lab() as network:
        run = Run(network)
        run.run()
        tap.main((case.__name__.replace("_", " "), lambda case=case: case(run)) for case in (
            each_apply_took_force, no_connection_was_cut, streams_went_on,
            no_denied_packet_passed, no_allowed_packet_was_dropped, memory_is_flat, log_is_quiet))
    return 0


if __name__ == "__main__":
    sys.exit(main())
