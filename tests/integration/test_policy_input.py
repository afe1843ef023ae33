#!/usr/bin/env python3
"""Templates, service tags and compiled plans through accelnetctl, with and without the daemon.

The daemon's ports carry no traffic. Needs root, for the socket's group.
"""

import json
import os
import statistics
import sys
import time

import null_daemon
import tap
import test_control
from test_control import document, rule

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

DATA = lab.ROOT / "../shared/data"
API_MANAGEMENT = DATA / "nsg/qs-apimanagement-api-management-create-with-external-vnet.json"
PUBLIC_TAGS = DATA / "servicetags/ServiceTags_Public_small.json"
PLAN_LINE = 500

TEMPLATE = """{
  // evaluated by accelnetctl
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "parameters": { "port": { "type": "string", "defaultValue": "443" }, "who": { "type": "string" } },
  "resources": [ {
    "type": "Microsoft.Network/networkSecurityGroups", "name": "[concat('web-', parameters('port'))]",
    "properties": { "securityRules": [ { "name": "web", "properties": {
      "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
      "sourceAddressPrefix": "[parameters('who')]", "sourcePortRange": "*",
      "destinationAddressPrefix": "*", "destinationPortRange": "[parameters('port')]", } } ] } } ] }"""

CONTEXT = {"virtualNetwork": ["10.1.0.0/16"]}


def download(change, **tags):
    return {"changeNumber": change, "cloud": "Public", "values": [
        {"name": name, "id": name, "properties": {"addressPrefixes": prefixes}}
        for name, prefixes in tags.items()]}


class Cases(test_control.Cases):
    def verdict(self, remote, port=443):
        answer = self.ask("verify", "--nic", lab.NIC, "--direction", "in", "--protocol", "tcp",
                          "--local", f"10.1.0.4:{port}", "--remote", f"{remote}:40000")
        return answer["access"], answer["rule"]

    def parameters(self):
        """--parameters: apply, check, compile, verify"""
        template = self.file(TEMPLATE, "template.json")
        context = self.file(CONTEXT, "context.json")
        values = self.file({"parameters": {"port": {"value": "8443"},
                                           "who": {"value": "198.51.100.0/24"}}}, "values.json")
        given = ["--context", context, "--parameters", values]
        refused = self.ask("policy", "apply", template, "--nic", lab.NIC, "--context", context,
                           status=3)["error"]
        assert refused["data"]["symbol"] == "bad-expression", refused
        assert "parameters('who')" in refused["message"], refused
        checked = self.ask("policy", "check", template, *given)
        assert checked["nsgs"] == [{"name": "web-8443", "level": "nic", "rules": 1}], checked
        self.ask("policy", "apply", template, "--nic", lab.NIC, *given)
        assert self.verdict("198.51.100.1", 8443) == ("Allow", "web")
        assert self.verdict("198.51.100.1", 443)[0] == "Deny"
        offline = self.ask("verify", "--policy", template, *given, "--direction", "in",
                           "--protocol", "tcp", "--local", "10.1.0.4:8443", "--remote",
                           "198.51.100.1:40000")
        assert (offline["access"], offline["rule"]) == ("Allow", "web"), offline
        plan = self.ask("policy", "compile", template, "--target", "rte_flow", *given)
        assert any(entry["for"] == "nic: web" for entry in plan["rules"]), plan
        shown = self.ask("policy", "check", lab.ROOT / "config/examples/three-tier.json",
                         "--parameters", values, status=2)
        assert "template" in shown["error"]["message"], shown

    def compiles(self):
        """policy compile: lines for testpmd, and the same as JSON"""
        path = test_control.DOCUMENT
        counts = []
        for tier in ("T3", "T2", "T1", "T0"):
            words = ["policy", "compile", path, "--target", "rte_flow", "--tier", tier, "--port",
                     "3", "--queues", "4"]
            lines = self.ctl(*words).decode().splitlines()
            commands = [line for line in lines if not line.startswith("#")]
            assert all(line.startswith("flow create 3 ingress ") for line in commands), tier
            assert all(len(line) < PLAN_LINE for line in commands), tier
            plan = self.ask(*words)
            assert [entry["testpmd"] for entry in plan["rules"]] == commands, tier
            assert plan["counts"]["rules"] == len(commands) and plan["tier"] == tier
            left = {(entry["level"], entry["direction"], entry["rule"]): entry["reason"]
                    for entry in plan["software"]}
            assert "inbound packets only" in left["nic", "Outbound", "deny-smtp"], left
            told = [line for line in lines if line.startswith("# software: ")]
            assert len(told) == len(plan["software"]) == len(left), (told, left)
            counts.append(len(commands))
        assert counts[0] > 0 and counts[1] > 0 and counts[3] == 0, counts
        software = self.ask("policy", "compile", path, "--target", "software")
        assert len(software["software"]) == 19 and "rules" not in software, software
        return f"{counts} commands"

    def merges_contexts(self):
        """policy apply NSG --context: what the context leaves out stays"""
        tags = {"Corp": ["198.51.100.0/24"], "Other": ["192.0.2.0/24"]}
        whole = document(rule("corp", 100, sourceAddressPrefix="Corp"), context={
            "addresses": ["10.1.0.4"], "virtualNetwork": ["10.1.0.0/16"],
            "applicationSecurityGroups": {"web": ["10.1.0.4"]}, "serviceTags": tags})
        self.apply(whole)
        spoofed = ("verify", "--nic", lab.NIC, "--direction", "out", "--protocol", "tcp",
                   "--local", "10.1.0.9:40000", "--remote", "203.0.113.1:443")
        assert self.ask(*spoofed)["isolation"] == "source-ip"
        nsg = {"name": "s", "properties": {"securityRules": [
            rule("partner", 100, sourceAddressPrefix="Partner"),
            rule("corp", 110, sourceAddressPrefix="corp")]}}
        context = self.file({"virtualNetwork": ["10.1.0.0/16", "10.2.0.0/16"], "addresses": None,
                             "serviceTags": {"Partner": ["203.0.113.0/24"],
                                             "CORP": ["198.51.100.0/25"]}}, "context.json")
        path = self.file(nsg, "nsg.json")
        words = ["policy", "apply", path, "--nic", lab.NIC, "--level", "subnet", "--context"]
        same = self.ask("policy", "diff", path, "--nic", lab.NIC, "--level", "subnet", "--context",
                        context)
        self.ask(*words, context)
        assert self.ask(*words, context)["unchanged"]
        assert self.ask(*spoofed)["isolation"] == "source-ip"
        found = self.ask("policy", "show", "--nic", lab.NIC)["context"]
        assert found == {
            "addresses": ["10.1.0.4"], "virtualNetwork": ["10.1.0.0/16", "10.2.0.0/16"],
            "applicationSecurityGroups": {"web": ["10.1.0.4"]},
            "serviceTags": {"Partner": ["203.0.113.0/24"], "CORP": ["198.51.100.0/25"],
                            "Other": ["192.0.2.0/24"]}}, found
        assert self.verdict("198.51.100.1") == ("Allow", "corp")
        assert self.verdict("198.51.100.200")[0] == "Deny"
        assert {entry["name"] for entry in same["added"]} == {"partner", "corp"}, same
        wrapped = self.file({"context": {"addresses": []}}, "wrapped.json")
        self.ask(*words, wrapped)
        assert "isolation" not in self.ask(*spoofed)
        listed = self.ask(*words, self.file([], "list.json"), status=3)["error"]
        assert "a context is an object" in listed["message"], listed

    def context_beside_a_document(self):
        """check, verify and apply read --context beside a document alike"""
        path = self.file(document(rule("corp", 100, sourceAddressPrefix="Corp"),
                                  rule("partner", 110, sourceAddressPrefix="Partner"),
                                  context={**CONTEXT, "serviceTags": {"Corp": ["192.0.2.0/24"]}}))
        self.file(download(1, Corp=["0.0.0.0/0"], Partner=["198.51.100.0/24"]), "beside-tags.json")
        context = self.file({"serviceTagsFile": "beside-tags.json"}, "beside.json")
        for remote, expected in (("192.0.2.1", ("Allow", "corp")),
                                 ("198.51.100.1", ("Allow", "partner")),
                                 ("203.0.113.1", ("Deny", "DenyAllInBound"))):
            answer = self.ask("verify", "--policy", path, "--context", context, "--direction",
                              "in", "--protocol", "tcp", "--local", "10.1.0.4:443", "--remote",
                              f"{remote}:40000")
            assert (answer["access"], answer["rule"]) == expected, answer
        checked = self.ask("policy", "check", path, "--context", context)
        assert checked["errors"] == [], checked
        self.apply(path, "--context", context)
        assert self.verdict("198.51.100.1") == ("Allow", "partner")
        bad = self.file({"serviceTags": {"Partner": ["10.1"]}}, "bad-context.json")
        for words in (["verify", "--policy", path, "--direction", "in", "--protocol", "tcp",
                       "--local", "10.1.0.4:443", "--remote", "192.0.2.1:40000"],
                      ["policy", "compile", path, "--target", "software"]):
            data = self.refused(*words, "--context", bad)
            assert data["symbol"] == "bad-address", data
        checked = self.ask("policy", "check", path, "--context", bad, status=3)
        assert checked["errors"][0]["code"] == "bad-address", checked

    def counts_what_it_does_not_show(self):
        """a thousand errors and as many warnings are shown, the rest are counted"""
        many = [rule(f"r{i}", 100 + i, sourceAddressPrefix="10.0.0.1/8",
                     destinationPortRange=(80, 99999)[i % 2]) for i in range(2400)]
        path = self.file(document(*many, context=CONTEXT))
        shown = self.ctl("policy", "check", path, status=3).decode().splitlines()
        assert shown[-2] == "and 1601 more errors and warnings", shown[-5:]
        assert shown[-1].endswith("errors: 1200, warnings: 2401"), shown[-1]
        checked = self.ask("policy", "check", path, status=3)
        assert len(checked["errors"]) == len(checked["warnings"]) == 1000, checked
        assert checked["notShown"] == 1601, checked["notShown"]
        for entry in many:
            entry["properties"]["destinationPortRange"] = "80"
        applied = self.apply(document(*many, context=CONTEXT))
        assert (len(applied["warnings"]), applied["notShown"]) == (1000, 1401), applied["notShown"]

    def loads_tags(self):
        """tags load: changes a verdict, and nothing but the tags"""
        policy = document(rule("corp", 100, sourceAddressPrefix="Corp"),
                          rule("partner", 110, sourceAddressPrefix="Partner"),
                          context={**CONTEXT, "serviceTags": {"Corp": ["198.51.100.0/24"],
                                                              "Partner": ["192.0.2.0/25"]}})
        applied = self.apply(policy)
        assert self.verdict("203.0.113.1")[0] == "Deny"
        assert self.verdict("198.51.100.1") == ("Allow", "corp")
        words = ["tags", "load", self.file(download(57, Corp=["203.0.113.0/24", "2001:db8::/48"],
                                                    Unnamed=["0.0.0.0/0"]), "tags.json"),
                 "--nic", lab.NIC]
        dry = self.ask(*words, "--dry-run")
        assert dry["dryRun"] and self.generation() == applied["generation"], dry
        loaded = self.ask(*words)
        assert loaded["generation"] == applied["generation"] + 1, loaded
        assert loaded["loaded"] == [{"name": "Corp", "prefixes": 2, "before": 1}], loaded
        assert loaded["kept"] == ["Partner"] and loaded["changeNumber"] == "57", loaded
        assert self.verdict("203.0.113.1") == ("Allow", "corp")
        assert self.verdict("198.51.100.1")[0] == "Deny"
        assert self.verdict("192.0.2.1") == ("Allow", "partner")
        assert self.ask(*words)["unchanged"]
        policy["context"]["serviceTags"]["Corp"] = ["203.0.113.0/24", "2001:db8::/48"]
        assert self.apply(policy)["unchanged"]
        history = self.ask("policy", "history", "--nic", lab.NIC)["generations"]
        assert history[0]["origin"].endswith("tags load, changeNumber 57"), history[0]
        shown = self.ask("tags", "show", "--nic", lab.NIC)["nics"][0]
        assert shown["tags"] == [
            {"name": "Corp", "prefixes": 2, "source": "policy", "named": True},
            {"name": "Partner", "prefixes": 1, "source": "policy", "named": True}], shown
        assert b"Corp" in self.ctl("tags", "show")

    def refuses_tags(self):
        """tags load: bad tags change nothing"""
        before = self.generation()
        bad = self.file(download(58, Corp=["203.0.113.0/24", "10.1"]), "bad-tags.json")
        data = self.refused("tags", "load", bad, "--nic", lab.NIC)
        assert data["symbol"] == "bad-address", data
        assert data["pointer"] == "/context/serviceTags/Corp/1", data
        data = self.refused("tags", "load", self.file({"tags": []}, "no-tags.json"), "--nic",
                            lab.NIC)
        assert data["symbol"] == "unknown-form", data
        none = self.ask("tags", "load", self.file(download(59, Other=["10.0.0.0/8"]), "o.json"),
                        "--nic", lab.NIC)
        assert none["unchanged"] and not none["loaded"], none
        assert self.generation() == before

    def compares_packets(self):
        """policy diff: a packet for each verdict that changes"""
        first = self.apply(document(rule("web", 100), rule("old", 110, destinationPortRange="80"),
                                    context=CONTEXT))
        changed = document(rule("web", 100, sourceAddressPrefix="192.0.2.0/24"),
                           rule("new", 120, protocol="Udp", destinationPortRange="53"),
                           context=CONTEXT)
        path = self.file(changed, "changed.json")
        found = self.ask("policy", "diff", path, "--nic", lab.NIC)
        assert found["packetsComplete"] and "documents" not in found, found
        assert {(entry["before"]["rule"], entry["after"]["rule"]) for entry in found["packets"]} == {
            ("web", "DenyAllInBound"), ("old", "DenyAllInBound"), ("DenyAllInBound", "new")}, found
        old = self.file(self.ask("policy", "show", "--nic", lab.NIC), "old.json")
        for key, policy in (("before", old), ("after", path)):
            packets = "".join(json.dumps(entry) + "\n" for entry in found["packets"])
            judged = self.ctl("verify", "--policy", policy, "--tuples", "-", "--engine",
                              "reference", stdin=packets.encode()).splitlines()
            for entry, line in zip(found["packets"], judged, strict=True):
                assert entry[key] == json.loads(line), (entry, line)
        second = self.ask("policy", "apply", path, "--nic", lab.NIC)
        both = self.ask("policy", "diff", "--nic", lab.NIC, "--from", first["generation"], "--to",
                        second["generation"])
        assert both["packets"] == found["packets"], both
        same = document(rule("web", 100, sourceAddressPrefixes=["192.0.2.0/25", "192.0.2.128/25"],
                             sourceAddressPrefix=None),
                        rule("new", 120, protocol="Udp", destinationPortRange="53"),
                        context=CONTEXT)
        equal = self.ask("policy", "diff", self.file(same, "same.json"), "--nic", lab.NIC)
        assert not equal["identical"] and equal["packets"] == [], equal
        assert equal["packetsComplete"], equal
        shown = self.ctl("policy", "diff", old, "--nic", lab.NIC).decode()
        assert "Deny (nic: DenyAllInBound) -> Allow (nic: old)" in shown, shown
        return f"{len(found['packets'])} packets"

    def analyses(self):
        """policy check --analyse, rule explain: rules that make no difference"""
        idle = document(rule("low", 100, destinationPortRange="0-1000"),
                        rule("high", 110, destinationPortRange="1001-65535"),
                        rule("behind-one", 120, destinationPortRange="443"),
                        rule("behind-two", 130, destinationPortRange="900-1100", access="Deny"),
                        rule("says-the-same", 140, protocol="Udp", access="Deny",
                             sourceAddressPrefix="192.0.2.0/24"),
                        rule("needed", 150, protocol="Udp", destinationPortRange="53"),
                        context=CONTEXT)
        for entry in idle["nicNsg"]["properties"]["securityRules"]:
            if entry["name"] == "needed":
                entry["properties"]["sourceAddressPrefix"] = "198.51.100.0/24"
        path = self.file(idle, "idle.json")
        expected = {"behind-one": ("never", "low"), "behind-two": ("never", None),
                    "says-the-same": ("redundant", None)}
        checked = self.ask("policy", "check", path, "--analyse")
        assert {entry["rule"]: (entry["reach"], entry["shadowedBy"])
                for entry in checked["analysis"]} == expected, checked
        assert checked["undecided"] == 0 and checked["notAnalysed"] == [], checked
        assert "analysis" not in self.ask("policy", "check", path)
        assert b"never decides: nic Inbound behind-one, behind low" in self.ctl(
            "policy", "check", path, "--analyse")
        self.apply(path)
        for name, (reach, shadow) in {**expected, "needed": ("needed", None)}.items():
            answer = self.ask("rule", "explain", name, "--nic", lab.NIC)
            assert "documents" not in answer, answer
            assert [(entry["reach"], entry["shadowedBy"]) for entry in answer["rules"]] == [
                (reach, shadow)], answer
        idle["nicNsg"]["properties"]["securityRules"][0]["properties"]["sourceAddressPrefix"] = "Tag"
        undefined = self.file(idle["nicNsg"], "undefined.json")
        unknown = self.ask("policy", "check", undefined, "--analyse")
        assert unknown["analysis"] == [] and len(unknown["notAnalysed"]) == 1, unknown

    def api_management(self):
        """an API Management NSG with the public tags"""
        if not API_MANAGEMENT.exists() or not PUBLIC_TAGS.exists():
            raise tap.Skip("no ../shared/data")
        context = self.file({**CONTEXT, "serviceTagsFile": str(PUBLIC_TAGS)}, "tagged.json")
        times, daemon = [], []
        for _ in range(5):
            self.apply(document(rule("other", 100), context=CONTEXT))
            start = time.monotonic()
            answer = self.ask("policy", "apply", API_MANAGEMENT, "--nic", lab.NIC, "--context",
                              context)
            times.append((time.monotonic() - start) * 1000)
            assert answer["rules"]["added"] == 18, answer
            again = self.ask("policy", "show", "--nic", lab.NIC)
            self.apply(document(rule("other", 100), context=CONTEXT))
            daemon.append(self.apply_ms(again))
        tags = {entry["name"]: entry["prefixes"]
                for entry in self.ask("tags", "show", "--nic", lab.NIC)["nics"][0]["tags"]}
        assert {"Storage", "Sql", "AzureKeyVault", "ApiManagement"} <= set(tags), tags
        reloaded = self.ask("tags", "load", PUBLIC_TAGS, "--nic", lab.NIC)
        assert reloaded["unchanged"] and len(reloaded["loaded"]) == len(tags), reloaded
        return (f"{sum(tags.values())} prefixes of {len(tags)} tags; with the file of tags"
                f" {statistics.median(times):.0f} ms, in the daemon"
                f" {statistics.median(daemon):.0f} ms")

    def apply_ms(self, policy):
        """From request to answer on the socket."""
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "policy.apply",
                              "params": {"nic": lab.NIC, "document": policy}}).encode() + b"\n"
        with self.dial() as client:
            start = time.monotonic()
            client.sendall(request)
            answer = client.makefile().readline()
        assert not json.loads(answer)["result"]["unchanged"], answer
        return (time.monotonic() - start) * 1000

    def all(self):
        return [self.parameters, self.compiles, self.merges_contexts,
                self.context_beside_a_document, self.counts_what_it_does_not_show,
                self.loads_tags, self.refuses_tags, self.compares_packets, self.analyses,
                self.api_management, self.log_is_clean]


if __name__ == "__main__":
    null_daemon.main(Cases)
