#!/usr/bin/env python3
"""Writes a large generated policy, and tuples aimed at the borders of its rules.

    scripts/gen-nsg.py policy [--rules N] [--seed S] > policy.json
    scripts/gen-nsg.py tuples --policy policy.json [--count N] [--seed S] > tuples.ndjson

The policy is a policy document: a NIC NSG and a subnet NSG in Azure's own form, an acl, service
tags, application security groups, IPv4 and IPv6. The tuples are what `accelnetctl verify --tuples`
reads: each takes its addresses and ports from the first and last values of a rule's ranges and from
their neighbours outside. The same arguments give the same bytes.
"""

import argparse
import ipaddress
import json
import random
import socket
import sys

PORTS = [20, 22, 25, 53, 80, 123, 135, 389, 443, 445, 636, 993, 1433, 1521, 3306, 3389, 5432, 5985,
         5986, 6379, 8080, 8443, 9092, 27017]
TAGS = ["VirtualNetwork", "Internet", "AzureLoadBalancer", "Storage", "Sql", "AzureMonitor"]
ASGS = ["web", "app", "data", "jump"]
PLATFORM = "168.63.129.16"
NUMBERS = {"Tcp": 6, "Udp": 17, "Icmp": 1, "Esp": 50, "Ah": 51}


class Maker:
    """The dice for one policy."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        bits = self.random.getrandbits
        self.near4 = [bits(32) for _ in range(60)] + [0x0a010000 | bits(16) for _ in range(30)]
        self.near6 = [(0x20010db8 << 96) | (bits(16) << 80) for _ in range(20)]
        self.near6 += [(0xfd00 << 112) | (bits(8) << 64) for _ in range(8)]

    def prefix(self, version):
        """A prefix near others, so that ranges nest and touch."""
        r = self.random
        if version == 6:
            length = r.choice([32, 48, 56, 64, 64, 96, 120, 127, 128, 128])
            number = r.choice(self.near6) ^ r.getrandbits(r.choice([4, 64, 70]))
            return str(ipaddress.ip_network((number, length), strict=False))
        length = r.choice([8, 12, 16, 20, 24, 24, 24, 28, 30, 31, 32, 32, 32])
        number = r.choice(self.near4) ^ r.getrandbits(r.choice([3, 8, 12]))
        return str(ipaddress.ip_network((number, length), strict=False))

    def prefixes(self, most, version):
        """A list without overlaps, which Azure does not take."""
        count = self.random.randrange(1, most + 1)
        networks = (ipaddress.ip_network(self.prefix(version)) for _ in range(count))
        return [str(n) for n in ipaddress.collapse_addresses(networks)]

    def both(self, most):
        return self.prefixes(most, 4) + self.prefixes(max(1, most // 3), 6)

    def ports(self):
        """A list of ranges that neither touch nor overlap, as text."""
        r = self.random
        low, out = 0, []
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            first = r.choice(PORTS) if r.random() < .6 else r.randrange(1024, 60000)
            last = first if r.random() < .6 else first + r.choice([1, 9, 99, 999])
            if first >= low and last <= 65535:
                out.append(f"{first}-{last}" if last > first else str(first))
                low = last + 2
        return out

    def nsg_side(self, side, version):
        r = self.random
        dice = r.random()
        if dice < .2:
            return {f"{side}AddressPrefix": "*"}
        if dice < .35:
            return {f"{side}AddressPrefix": r.choice(TAGS)}
        if dice < .45:
            asg = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/" \
                  f"applicationSecurityGroups/{r.choice(ASGS)}"
            return {f"{side}ApplicationSecurityGroups": [{"id": asg}]}
        if dice < .7:
            return {f"{side}AddressPrefix": self.prefix(version)}
        return {f"{side}AddressPrefixes": self.prefixes(5, version)}

    def nsg_ports(self, side, any_share):
        if self.random.random() < any_share:
            return {f"{side}PortRange": "*"}
        ports = self.ports()
        return {f"{side}PortRange": ports[0]} if len(ports) == 1 else {f"{side}PortRanges": ports}

    def nsg_rule(self, name, priority, direction):
        r = self.random
        protocol = r.choice(["Tcp"] * 6 + ["Udp"] * 2 + ["*"] * 2 + ["Icmp", "Esp"])
        with_ports = protocol in ("Tcp", "Udp", "*")
        version = r.choice([4, 4, 4, 6])
        properties = {"priority": priority, "direction": direction, "protocol": protocol,
                      "access": r.choice(["Allow", "Allow", "Deny"])}
        properties.update(self.nsg_side("source", version))
        properties.update(self.nsg_side("destination", version))
        properties.update(self.nsg_ports("source", .95 if with_ports else 1))
        properties.update(self.nsg_ports("destination", .15 if with_ports else 1))
        return {"name": name, "properties": properties}

    def nsg(self, name, rules):
        out = []
        for direction, count in (("Inbound", rules * 3 // 4), ("Outbound", rules - rules * 3 // 4)):
            step = max(1, 3900 // max(1, count))
            out += [self.nsg_rule(f"{name}-{direction.lower()}-{i}", 100 + i * step, direction)
                    for i in range(count)]
        return {"name": name, "properties": {"securityRules": out}}

    def acl_rule(self, number):
        r = self.random
        version = r.choice([4, 4, 4, 6])
        return {"name": f"acl-{number}", "priority": 100 + number,
                "direction": r.choice(["Inbound", "Outbound"]),
                "action": r.choice(["allow", "deny", "always-allow"]),
                "protocol": r.choice(["Tcp", "Udp"]), "source": self.prefixes(3, version),
                "destination": self.prefixes(3, version), "sourcePorts": "*",
                "destinationPorts": self.ports()}

    def policy(self, rules):
        acl = rules // 50
        nic = (rules - acl) * 3 // 5
        return {"apiVersion": "accelnet/v1",
                "subnetNsg": self.nsg("subnet", rules - acl - nic),
                "nicNsg": self.nsg("nic", nic),
                "acl": {"rules": [self.acl_rule(i) for i in range(acl)]},
                "context": {"virtualNetwork": ["10.1.0.0/16", "fd00::/48"],
                            "applicationSecurityGroups": {name: self.both(6) for name in ASGS},
                            "serviceTags": {"Storage": self.both(80), "Sql": self.both(40),
                                            "AzureMonitor": self.both(120)}}}


def text_of(number, version):
    if version == 4:
        return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big"))
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


class Borders:
    """Where the ranges of a policy's rules begin and end."""

    def __init__(self, document, seed):
        self.random = random.Random(seed)
        context = document["context"]
        self.named = dict(context["serviceTags"])
        self.named["VirtualNetwork"] = context["virtualNetwork"] + [PLATFORM]
        self.named["AzureLoadBalancer"] = [PLATFORM]
        self.named["Internet"] = self.named["VirtualNetwork"] + ["10.0.0.0/8", "100.64.0.0/10",
                                                                 "224.0.0.0/4", "fe80::/10"]
        self.asgs = context["applicationSecurityGroups"]
        self.networks = {}
        self.rules = [self.rule(r["properties"]) for nsg in ("subnetNsg", "nicNsg")
                      for r in document[nsg]["properties"]["securityRules"]]
        self.rules += [self.rule(r) for r in document["acl"]["rules"]]

    def network(self, text):
        if text not in self.networks:
            net = ipaddress.ip_network(text)
            self.networks[text] = (net.version, int(net.network_address),
                                   int(net.broadcast_address))
        return self.networks[text]

    def side(self, rule, side):
        """(first, last) of each range, by IP version; none where any address will do."""
        out = []
        for group in rule.get(f"{side}ApplicationSecurityGroups", []):
            out += self.asgs[group["id"].rsplit("/", 1)[1]]
        texts = rule.get(f"{side}AddressPrefixes") or rule.get(side) or []
        if not texts and rule.get(f"{side}AddressPrefix", "*") != "*":
            texts = [rule[f"{side}AddressPrefix"]]
        for text in texts:
            out += self.named.get(text, [text])
        by_version = {4: [], 6: []}
        for text in out:
            version, first, last = self.network(text)
            by_version[version].append((first, last))
        return by_version

    @staticmethod
    def ports(rule, side):
        texts = rule.get(f"{side}PortRanges") or rule.get(f"{side}Ports") or \
            rule.get(f"{side}PortRange")
        texts = [texts] if isinstance(texts, str) else texts
        return [tuple(map(int, (t.split("-") * 2)[:2])) for t in texts if t != "*"]

    def rule(self, rule):
        return {"direction": rule["direction"], "protocol": rule["protocol"],
                "sides": [self.side(rule, "source"), self.side(rule, "destination")],
                "ports": [self.ports(rule, "source"), self.ports(rule, "destination")]}

    def address(self, ranges, version):
        r = self.random
        bits = 32 if version == 4 else 128
        ranges = ranges[version]
        if not ranges:
            return r.getrandbits(bits)
        first, last = r.choice(ranges)
        near = r.choice([first - 1, first, last, last + 1, (first + last) // 2])
        return near % (1 << bits)

    def port(self, ranges):
        r = self.random
        if not ranges:
            return r.choice([0, 65535, r.randrange(65536), r.randrange(65536)])
        first, last = r.choice(ranges)
        return r.choice([first - 1, first, last, last + 1]) % 65536

    def tuple(self):
        r = self.random
        one = r.choice(self.rules)
        two = one if r.random() < .7 else r.choice(self.rules)
        version = 4 if r.random() < .7 else 6
        protocol = NUMBERS.get(one["protocol"], 6)
        if one["protocol"] == "*" or r.random() < .1:
            protocol = r.choice([1, 6, 17, 47, 50, 58, 132])
        if protocol == 1 and version == 6 and r.random() < .8:
            protocol = 58
        source = text_of(self.address(one["sides"][0], version), version)
        destination = text_of(self.address(two["sides"][1], version), version)
        return f'{{"direction":"{one["direction"]}","protocol":{protocol},' \
               f'"source":"{source}","sourcePort":{self.port(one["ports"][0])},' \
               f'"destination":"{destination}","destinationPort":{self.port(two["ports"][1])}}}'


def borders_of(path, seed):
    try:
        with open(path, encoding="utf-8") as file:
            return Borders(json.load(file), seed)
    except OSError as error:
        sys.exit(f"gen-nsg.py: {path}: {error.strerror}")
    except (KeyError, TypeError):
        sys.exit(f"gen-nsg.py: {path}: not a policy as `gen-nsg.py policy` writes it")
    except ValueError as error:
        sys.exit(f"gen-nsg.py: {path}: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    policy = commands.add_parser("policy", help="a policy document")
    policy.add_argument("--rules", type=int, default=1000, help="of all lists together")
    policy.add_argument("--seed", type=int, default=1)
    tuples = commands.add_parser("tuples", help="NDJSON for accelnetctl verify --tuples")
    tuples.add_argument("--policy", required=True, help="what the first command wrote")
    tuples.add_argument("--count", type=int, default=1000000)
    tuples.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    if arguments.command == "policy":
        json.dump(Maker(arguments.seed).policy(arguments.rules), sys.stdout, indent=1)
        print()
        return
    borders = borders_of(arguments.policy, arguments.seed)
    for _ in range(arguments.count):
        print(borders.tuple())


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
