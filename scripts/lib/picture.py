#!/usr/bin/env python3
"""Measures a VM's NIC without accelerated networking and with it, and draws both. Run by picture.sh.

Without: the synthetic NIC alone; the host's virtual switch applies the NSG. With: the VF; the NSG
is in its rules, and frames reach it without the host, as they do on Azure (docs/azhost.md). All else
is the same: accelnetd, the VM's workload, the generator, the NSG.
"""

import argparse
import ipaddress
import itertools
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys

import docblock
import lab
import plot
import streamlab

NETWORK = "10.1.0.0/16"
LOAD_BALANCER = "168.63.129.16/32"
# docs/policy.md: what Internet is not, beside the virtual network.
SPECIAL_USE = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
               "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4"]
HTTPS, DENIED = 443, 8443
RULES = 100
LATENCY_RATE = 20000
DENIED_TRIES = 200
CDF_POINTS = 200
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
# Seconds.
PATIENCE = 60


# --- the policy, for either side ---

def rule(name, priority, access, source, ports, protocol="Tcp", direction="Inbound"):
    return {"name": name, "properties": {
        "priority": priority, "direction": direction, "access": access, "protocol": protocol,
        "sourceAddressPrefix": source, "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": ports}}


def make_nsg(count):
    """An NSG of that many rules; the last lets the Internet reach port 443."""
    rules = [rule(f"partner-{i}", 100 + i, "Deny" if i % 4 == 0 else "Allow",
                  f"198.{18 + i % 2}.{i // 2 % 256}.{i // 512 * 128}/25", str(1000 + 10 * i))
             for i in range(count - 1)]
    return {"name": "picture", "properties": {
        "securityRules": rules + [rule("allow-https", 4000, "Allow", "Internet", str(HTTPS))]}}


# https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
DEFAULT_RULES = [
    ("Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("Inbound", "Deny", "*", "*"),
    ("Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("Outbound", "Allow", "*", "Internet"),
    ("Outbound", "Deny", "*", "*"),
]


def apart_from(prefixes, taken):
    for network in map(ipaddress.ip_network, taken):
        prefixes = [rest for prefix in prefixes for rest in (
            prefix.address_exclude(network) if network.subnet_of(prefix) else
            [] if prefix.subnet_of(network) else [prefix])]
    return [str(prefix) for prefix in sorted(prefixes)]


def prefixes_of(text):
    """An address, a prefix or a tag, as prefixes; IPv4 alone."""
    if text == "Internet":
        return apart_from([ipaddress.ip_network("0.0.0.0/0")], [*SPECIAL_USE, NETWORK])
    return [{"VirtualNetwork": NETWORK, "AzureLoadBalancer": LOAD_BALANCER}.get(text, text)]


def expand(direction, access, source, destination, protocol="*", ports="*"):
    for a, b in itertools.product(prefixes_of(source), prefixes_of(destination)):
        yield {"direction": direction, "access": access, "protocol": protocol, "source": a,
               "destination": b, "sourcePorts": "*", "destinationPorts": ports}


def host_rules(nsg):
    """The NSG, of rules such as make_nsg() has, as azhost's virtual switch takes it."""
    written = sorted((rule["properties"] for rule in nsg["properties"]["securityRules"]),
                     key=lambda properties: properties["priority"])
    rules = [line for properties in written for line in expand(
        properties["direction"], properties["access"], properties["sourceAddressPrefix"],
        properties["destinationAddressPrefix"], properties["protocol"],
        properties["destinationPortRange"])]
    return rules + [line for default in DEFAULT_RULES for line in expand(*default)]


# --- one side ---

def phases(seconds):
    return [f"64:{seconds}:0", f"1500:{seconds}:0", f"64:{seconds}:{LATENCY_RATE}",
            f"deny:{DENIED_TRIES}"]


def start_without(nsg):
    host = {"hostPolicy": {"paths": "synthetic", "rules": host_rules(nsg)}}
    return streamlab.StreamLab("--vf", "off", host=host)


def start_with(_):
    return streamlab.StreamLab("--vf", "on", "--profile", "cx5-vf-untrusted", way="vf")


def apply_nothing(*_):
    return None


def apply_to_vf(network, nsg):
    """The NSG is in the VF, as much as it holds; how much."""
    network.wait_for_vf(PATIENCE)
    network.daemon.apply({"apiVersion": "accelnet/v1", "nicNsg": nsg,
                          "context": {"addresses": [lab.VM], "virtualNetwork": [NETWORK]}})
    nic = lab.wait_for(lambda: (lambda nic: nic["offload"]["state"] == "complete" and nic)(
        network.daemon.nic()), "the rules to be in hardware", PATIENCE)
    # Else the first SYN of each connection comes by the host, as it does on Azure.
    network.host.ctl("datapath", lab.NIC, "--openers", "off")
    return {"rules": nic["rules"], "deviceRules": nic["offload"]["plan"]["installed"]}


SIDES = {"without": (start_without, apply_nothing), "with": (start_with, apply_to_vf)}


def run_phase(network, stream):
    """What the stream says, with what was spent on it."""
    begun = stream.line()
    usage, work = network.usage.read(), network.meter.work()
    ended = stream.line()
    spent = {who: time - usage[who] for who, time in network.usage.read().items()}
    done = network.meter.work()
    done = done._make(new - old for new, old in zip(done, work))
    return {**begun, **ended, "spent": spent, "work": done}


def throughput(phase, tsc_hz):
    """Of a phase at full speed: Mpps and, a packet, cycles."""
    work, arrived = phase["work"], phase["arrived"]
    assert arrived and work.packets, f"nothing arrived: {phase}"
    driver, app, all_of_it = (cycles / work.packets for cycles in (
        work.in_uplink, work.in_app, work.cycles))
    host, device = (time * tsc_hz / 1e9 / arrived for time in phase["spent"].values())
    return phase["inTime"] / phase["seconds"] / 1e6, {
        "driver": driver, "accelnetd": all_of_it - driver - app, "app": app, "host": host,
        "emulatedDevice": device}


def host_share(phase):
    """Of a processor, in percent, what the host spent in a phase."""
    return round(phase["spent"]["host"] / phase["seconds"] / 1e7, 1)


def latency_of(times):
    """Microseconds."""
    assert len(times) > 100, f"{len(times)} samples"
    jitter = sum(abs(a - b) for a, b in zip(times, times[1:])) / (len(times) - 1) / 1e3
    ordered = [time / 1e3 for time in sorted(times)]
    steps = [i / CDF_POINTS for i in range(CDF_POINTS)] + [0.999, 0.9999, 1]
    return {**{name: quantile(ordered, share) for name, share in QUANTILES.items()},
            "jitter": round(jitter, 2), "samples": len(ordered),
            "cdf": [[quantile(ordered, share), share] for share in steps]}


def quantile(ordered, share):
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2)


def measure(side, seconds, nsg):
    start, prepare = SIDES[side]
    with start(nsg) as network:
        held = prepare(network, nsg)
        stream = network.stream(*phases(seconds))
        small, large, paced, denied = (run_phase(network, stream) for _ in range(4))
        tsc_hz = network.meter.head()["tsc_hz"]
        dropped = network.host.stats()
    rate, cycles = throughput(small, tsc_hz)
    large_rate, large_cycles = throughput(large, tsc_hz)
    return {
        "policyIn": {"without": "virtual switch", "with": "VF"}[side],
        "mpps": {"64": round(rate, 4), "1500": round(large_rate, 4)},
        "cycles": rounded(cycles), "cycles1500": rounded(large_cycles),
        "latency": latency_of(paced["latency"]),
        "hostShare": host_share(paced),
        "guestMpps": round(guest_rate(cycles, tsc_hz), 2),
        "denied": {"tried": denied["sent"], "passed": denied["denied"],
                   "droppedByHost": dropped["drops"]["hostPolicy"],
                   "droppedByVf": dropped["vf"]["dropped"] if side == "with" else 0},
        **({"held": held} if held else {}),
    }


def guest_rate(cycles, tsc_hz):
    """Mpps: what one core of the guest could take if it had nothing to wait for."""
    return tsc_hz / 1e6 / (cycles["driver"] + cycles["accelnetd"] + cycles["app"])


def rounded(numbers):
    return {name: round(value, 1) for name, value in numbers.items()}


def best(rounds):
    """Of several rounds of a side: the best rate, the least cycles, the steadiest latency."""
    def least_cycles(key):
        return min(rounds, key=lambda one: sum(one[key][part] for part in (
            "driver", "accelnetd", "host")))
    small = least_cycles("cycles")
    return {**rounds[0],
            "mpps": {size: max(one["mpps"][size] for one in rounds) for size in ("64", "1500")},
            "cycles": small["cycles"], "guestMpps": small["guestMpps"],
            "cycles1500": least_cycles("cycles1500")["cycles1500"],
            "latency": min((one["latency"] for one in rounds), key=lambda one: one["p99"]),
            "hostShare": min(one["hostShare"] for one in rounds),
            "denied": {name: sum(one["denied"][name] for one in rounds)
                       for name in rounds[0]["denied"]}}


# --- both ---

def environment():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", lab.ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "commit": commit or "unknown", "loadBefore": os.getloadavg()[0],
            "devices": "emulated: azhost, ConnectX-5 VF without trust, netvsc"}


def compare(seconds, rounds, say=lambda _: None):
    """Both sides, interleaved: {"environment", "without", "with", "rounds"}."""
    nsg = make_nsg(RULES)
    about = environment()
    seen = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES:
            say(f"round {number + 1} of {rounds}: {side}")
            seen[side].append(measure(side, seconds, nsg))
    for side, done in seen.items():
        passed = sum(one["denied"]["passed"] for one in done)
        assert passed == 0, f"{side}: {passed} denied packets came through"
    return {"environment": {**about, "rules": RULES, "seconds": seconds, "rounds": rounds},
            **{side: best(done) for side, done in seen.items()}, "rounds": seen}


ROWS = [
    ("packet rate, 64 B", "Mpps", lambda side: side["mpps"]["64"]),
    ("packet rate, 1500 B", "Mpps", lambda side: side["mpps"]["1500"]),
    ("(64 B, computed: one core of the guest)", "Mpps", lambda side: side["guestMpps"]),
    ("latency one way, p50", "us", lambda side: side["latency"]["p50"]),
    ("latency one way, p99", "us", lambda side: side["latency"]["p99"]),
    ("latency one way, p99.9", "us", lambda side: side["latency"]["p99.9"]),
    ("jitter", "us", lambda side: side["latency"]["jitter"]),
    ("guest: the NIC's driver", "cycles", lambda side: side["cycles"]["driver"]),
    ("guest: accelnetd", "cycles", lambda side: side["cycles"]["accelnetd"]),
    ("guest: the workload's port", "cycles", lambda side: side["cycles"]["app"]),
    ("host: azhost's process", "cycles", lambda side: side["cycles"]["host"]),
    (f"host, at {LATENCY_RATE} packets a second", "% CPU", lambda side: side["hostShare"]),
    ("(in hardware's place: the emulated VF)", "cycles", lambda side: side["cycles"]["emulatedDevice"]),
    ("denied tries that passed", "", lambda side: side["denied"]["passed"]),
]


def table(result):
    """For people, and for Markdown."""
    lines = ["| measured on emulated devices | unit | without | with |", "|---|---|---|---|"]
    for name, unit, value in ROWS:  # no unit: a count
        cells = [plot.number(value(result[side])) if unit else str(value(result[side]))
                 for side in SIDES]
        lines.append(f"| {name} | {unit} | {cells[0]} | {cells[1]} |")
    return aligned(lines)


def aligned(lines):
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join("| " + " | ".join(
        ("-" * width if cell == "---" else cell.ljust(width)) for cell, width in zip(row, widths))
        + " |" for row in cells)


def machine(about):
    return (f"{about['cpu']}, {about['cpus']} CPUs, kernel {about['kernel']}, load"
            f" {about['loadBefore']:.1f} before; {about['rules']} rules; commit {about['commit']}")


def notes(about):
    return [f"{about['devices']}; DPDK's own mlx5 and netvsc drivers. Generator, host and emulated"
            " VF share one CPU, the guest's worker has the other.",
            machine(about)]


def write_svg(result, path):
    sides = {side: result[side] for side in SIDES}
    pathlib.Path(path).write_text(plot.draw(sides, notes(result["environment"])),
                                  encoding="utf-8")


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--svg", metavar="FILE", default="accelnet-picture.svg")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--docs", action="store_true")
    return parser.parse_args(argv)


def interrupt(*_):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    arguments = arguments_of(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        result = compare(arguments.seconds, arguments.rounds, lambda text: print(text, flush=True))
    except (AssertionError, lab.LabError, lab.Refused, OSError) as fault:
        print(f"picture failed: {type(fault).__name__}: {fault}")
        return 1
    write_svg(result, arguments.svg)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(table(result))
    print(f"picture: {arguments.svg}")
    if arguments.docs:
        docblock.write(docblock.BENCHMARKS, "picture", "\n".join(
            [table(result), "", f"Measured on {machine(result['environment'])}."]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("picture failed: interrupted")
        sys.exit(130)
