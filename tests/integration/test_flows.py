#!/usr/bin/env python3
"""accelnetctl flow on connections that are really there. Needs root and two namespaces."""

import os
import sys
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

PORT, OTHER = 8080, 8081
POLICY = {
    "apiVersion": "accelnet/v1",
    "nicNsg": {"properties": {"securityRules": [{"name": "serve", "properties": {
        "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": f"{PORT}-{OTHER}"}}]}},
}


class Cases:
    def __init__(self, network):
        self.lab, self.daemon = network, network.daemon
        self.held = {}

    def flows(self, *filters, command="list"):
        return self.daemon.ask("flow", command, "--nic", lab.NIC, *filters)

    def open_two(self):
        """two connections are held open"""
        self.daemon.apply(POLICY)
        self.lab.vm.start_traffic("serve", "--address", lab.VM, "--tcp",
                                  f"{PORT},{OTHER}").wait_ready()
        for port in (PORT, OTHER):
            self.held[port] = self.lab.remote.start_traffic(
                "hold", lab.VM, port, "--source", lab.INTERNET).wait_ready()
        lab.wait_for(lambda: self.flows("--protocol", "tcp")["shown"] == 2, "two connections")

    def lists_and_filters(self):
        """flow list and its filters"""
        flow, = self.flows("--local", f"{lab.VM}:{PORT}")["flows"]
        assert flow["state"] == "established" and flow["direction"] == "Inbound", flow
        assert flow["replied"] and flow["remote"].startswith(lab.INTERNET + ":"), flow
        for filters, shown in ((["--remote", "203.0.113.0/24"], 2), (["--remote", "10.0.0.0/8"], 0),
                               (["--protocol", "udp"], 0), (["--direction", "in"], 2),
                               (["--direction", "out", "--protocol", "tcp"], 0),
                               (["--state", "established"], 2), (["--state", "reset"], 0)):
            assert self.flows(*filters)["shown"] == shown, filters
        limited = self.flows("--protocol", "tcp", "--limit", 1)
        assert limited["shown"] == 1 and limited["more"], limited

    def shows_the_rule(self):
        """flow show tells what the rules say now"""
        flow, = self.flows("--local", f"{lab.VM}:{PORT}", command="show")["flows"]
        generation = self.daemon.ask("nic", "show", lab.NIC)["generation"]
        assert flow["generation"] == generation, (flow, generation)
        assert flow["verdictNow"] == {"access": "Allow", "rule": "serve", "nsg": "nic"}, flow

    def kills_one(self):
        """flow kill cuts the one it names, and no other"""
        answer = self.flows("--local", f"{lab.VM}:{PORT}", command="kill")
        assert answer["killed"] == 1 and not answer["more"], answer
        lab.wait_for(lambda: self.flows("--state", "tombstone")["shown"] == 1, "the tombstone")
        before = self.cut()
        lab.wait_for(lambda: self.cut() > before, "its packets to be dropped")
        time.sleep(1)
        other, = self.flows("--local", f"{lab.VM}:{OTHER}")["flows"]
        assert other["state"] == "established" and other["idleSeconds"] < 1, other
        assert self.held[OTHER].result()["error"] is None

    def cut(self):
        drops = self.daemon.ask("drops", "--nic", lab.NIC)["nics"][0]["drops"]
        return sum(entry["inbound"] + entry["outbound"] for entry in drops
                   if entry["reason"] == "connection-cut")

    def all(self):
        return [self.open_two, self.lists_and_filters, self.shows_the_rule, self.kills_one]


def main():
    with lab.Lab() as network:
        tap.main([(case.__doc__, case) for case in Cases(network).all()])


if __name__ == "__main__":
    main()
