#!/usr/bin/env python3
"""SIGHUP: what is replaced, what waits for a start, and what is refused.

accelnetd on ports that carry no traffic. Needs root, for the socket's group.
"""

import json
import os
import signal
import sys

import null_daemon

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

TAG = {"apiVersion": "accelnet/v1", "nicNsg": {"properties": {"securityRules": [{
    "name": "tag", "properties": {
        "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "Corp", "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": "443"}}]}}}


class Cases:
    def __init__(self, daemon):
        self.daemon = daemon
        self.config = json.loads(daemon.config.read_text(encoding="utf-8"))

    def hang_up(self, ends, count=1, nic=None, **members):
        """The room's lines of the log, so many at least, with one that contains `ends`."""
        config = {**self.config, "nics": [{**self.config["nics"][0], **(nic or {})}], **members}
        self.daemon.config.write_text(json.dumps(config), encoding="utf-8")
        before = self.daemon.log.stat().st_size
        self.daemon.popen.send_signal(signal.SIGHUP)

        def lines():
            text = self.daemon.log.read_bytes()[before:].decode()
            found = [line for line in text.splitlines() if "room=daemon" in line]
            return found if len(found) >= count and text.endswith("\n") and any(
                ends in line for line in found) else None
        return lab.wait_for(lines, f"{ends!r} in the log")

    def replaces_the_context(self):
        """a context in the file replaces the NIC's, and nothing else is said"""
        tags = {"serviceTags": {"Corp": ["198.51.100.0/24"]}}
        lines = self.hang_up("reloaded", nic={"context": tags})
        assert len(lines) == 1 and "contexts=1 of=1" in lines[0], lines
        self.daemon.apply(TAG)
        explained = self.daemon.ask("rule", "explain", "tag", "--nic", lab.NIC)["rules"][0]
        assert explained["addresses"]["Corp"] == ["198.51.100.0/24"], explained

    def tells_names_apart(self):
        """a name of the file that does not run, and a NIC that the file lacks, are told"""
        lines = self.hang_up("configuration reloaded", nic={"name": "nicZ"})
        assert any("does not run" in line and "nic=nicZ" in line and "level=warning" in line
                   for line in lines), lines
        assert any("not in the file" in line and f"nic={lab.NIC}" in line
                   and "level=warning" in line for line in lines), lines
        assert "contexts=0 of=1" in lines[-1], lines

    def names_what_waits(self):
        """what only a start can change is named"""
        lines = self.hang_up("configuration reloaded", nic={
            "mac": "00:0d:3a:00:00:77", "vlan": "pass",
            "context": {"serviceTags": {"Corp": ["198.51.100.0/24"]}}},
            state={"directory": "/elsewhere"})
        waiting = [line for line in lines if "wait for the next start" in line]
        assert len(waiting) == 2 and all("level=warning" in line for line in waiting), lines
        assert waiting[0].endswith("keys=state.directory"), waiting
        assert waiting[1].endswith(f"nic={lab.NIC} keys=mac,vlan"), waiting

    def tells_all_problems(self):
        """every problem of a refused file is logged, in fields that can be read"""
        tags = {f"Tag{i}": ["10.1"] for i in range(20)}
        lines = self.hang_up("/nics/0/context/serviceTags/Tag19/0", 22, nic={
            "context": {"foo": 1, "serviceTags": tags}, "queues": 99})
        assert len(lines) == 22, lines
        for line in lines:
            assert "configuration is not reloaded" in line and line.count('"') == 6, line

    def keeps_a_context_that_policies_need(self):
        """a context without what the policy in force names is not taken, and the log says why"""
        lines = self.hang_up("configuration reloaded", nic={"context": {}})
        refused = [line for line in lines if "context is not reloaded" in line]
        assert len(refused) == 1 and "Corp" in refused[0] and refused[0].count('"') == 4, lines
        assert "contexts=0 of=1" in lines[-1], lines
        assert self.daemon.ask("nic", "list")["nics"][0]["generation"] == 1

    def ends_well(self):
        """and it ends cleanly"""
        assert self.daemon.stop() == 0, self.daemon.tail()

    def all(self):
        return [self.replaces_the_context, self.tells_names_apart, self.names_what_waits,
                self.tells_all_problems, self.keeps_a_context_that_policies_need, self.ends_well]


if __name__ == "__main__":
    null_daemon.main(Cases)
