"""Policies of many rules for tests that are about size and change, not about meaning."""

import random

# What every generated policy allows to arrive, and what every one denies.
ALLOWED_SOURCE = "203.0.113.0/24"
ALLOWED_PORTS = ["5201-5202", "8080"]
DENIED_PORTS = [9001, 9002, 9003, 9004]
# Decided by nothing but the seed: allowed where it is even, denied where it is odd.
TELLING_PORT = 7777


def rule(name, priority, direction, access, protocol, source, destination, ports):
    return {
        "name": name,
        "properties": {
            "priority": priority, "direction": direction, "access": access, "protocol": protocol,
            "sourceAddressPrefixes": source, "sourcePortRange": "*",
            "destinationAddressPrefixes": destination, "destinationPortRanges": ports,
        },
    }


def filler(random_, number, priority, direction):
    """A rule that no packet of a test meets: its addresses are in 198.18.0.0/15."""
    def side():
        return [f"198.{random_.choice((18, 19))}.{random_.randrange(256)}.0/24"
                for _ in range(random_.randrange(1, 4))]

    low = random_.randrange(10000, 60000)
    return rule(f"filler-{direction.lower()}-{number}", priority, direction,
                random_.choice(("Allow", "Deny")), random_.choice(("Tcp", "Udp")), side(), side(),
                [f"{low}-{low + random_.randrange(100)}"])


def policy(seed, rules=1000):
    """A policy document; two seeds differ in nearly every rule."""
    random_ = random.Random(seed)
    own = 4
    inbound = (rules - own) // 2
    made = [filler(random_, number, 100 + 3 * number, "Inbound") for number in range(inbound)]
    made += [filler(random_, number, 100 + 3 * number, "Outbound")
             for number in range(rules - own - inbound)]
    made += [
        rule("allow-tcp", 3000, "Inbound", "Allow", "Tcp", [ALLOWED_SOURCE], ["10.1.1.4"],
             ALLOWED_PORTS),
        rule("allow-udp", 3001, "Inbound", "Allow", "Udp", [ALLOWED_SOURCE], ["10.1.1.4"],
             ALLOWED_PORTS),
        rule("telling", 3002, "Inbound", "Deny" if seed % 2 else "Allow", "Tcp",
             [ALLOWED_SOURCE], ["10.1.1.4"], [str(TELLING_PORT)]),
        rule("deny-the-rest", 4096, "Inbound", "Deny", "*", ["0.0.0.0/0"], ["0.0.0.0/0"],
             ["0-65535"]),
    ]
    random_.shuffle(made)
    return {
        "apiVersion": "accelnet/v1",
        "nicNsg": {"name": f"generated-{seed}", "properties": {"securityRules": made}},
        "context": {"addresses": ["10.1.1.4"], "virtualNetwork": ["10.1.0.0/16"]},
    }
