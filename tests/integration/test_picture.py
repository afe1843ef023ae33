#!/usr/bin/env python3
"""The picture with and without accelerated networking: what is compared, and how it is drawn.

Nothing is measured here. Needs no privileges.
"""

import ipaddress
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import demo     # noqa: E402
import lab      # noqa: E402
import meter    # noqa: E402
import picture  # noqa: E402
import plot     # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
TUPLES = 3000


# --- the same policy on either side ---

def first_match(rules, packet):
    """azhost's virtual switch, as its manual says it."""
    for rule in rules:
        first, _, last = rule["destinationPorts"].partition("-")
        if (rule["direction"] == packet["direction"]
                and rule["protocol"] in ("*", "Tcp")
                and all(rule[side] == "*" or ipaddress.ip_address(packet[side])
                        in ipaddress.ip_network(rule[side]) for side in ("source", "destination"))
                and (first == "*" or int(first) <= packet["destinationPort"]
                     <= int(last or first))):
            return rule["access"]
    return "Allow"


def packets(nsg):
    """At the borders of the NSG's prefixes and ports, and of its tags."""
    dice = random.Random(7)
    written = [rule["properties"] for rule in nsg["properties"]["securityRules"]]
    prefixes = [rule["sourceAddressPrefix"] for rule in written if "/" in
                rule["sourceAddressPrefix"]]
    prefixes += [picture.NETWORK, picture.LOAD_BALANCER, "10.0.0.0/8", "0.0.0.0/1"]
    ports = [int(rule["destinationPortRange"]) for rule in written] + [picture.DENIED]

    def address():
        network = ipaddress.ip_network(dice.choice(prefixes))
        edge = dice.choice([int(network[0]), int(network[-1])]) + dice.choice([-1, 0, 1])
        return str(ipaddress.ip_address(edge % 2 ** 32))

    for _ in range(TUPLES):
        inward = dice.random() < 0.7
        ends = (address(), lab.VM) if inward else (lab.VM, address())
        yield {"direction": "Inbound" if inward else "Outbound", "protocol": 6,
               "source": ends[0], "destination": ends[1], "sourcePort": 40000,
               "destinationPort": dice.choice(ports) + dice.choice([0, 0, 0, 1])}


def same_verdicts():
    """The host's rules decide as the NSG does, by accelnetctl's own reference."""
    nsg = picture.make_nsg(picture.RULES)
    rules = picture.host_rules(nsg)
    asked = list(packets(nsg))
    with tempfile.TemporaryDirectory() as folder:
        policy = pathlib.Path(folder, "policy.json")
        policy.write_text(json.dumps({
            "apiVersion": "accelnet/v1", "nicNsg": nsg,
            "context": {"addresses": [lab.VM], "virtualNetwork": [picture.NETWORK]}}), "utf-8")
        done = subprocess.run(
            [lab.BIN / "accelnetctl", "verify", "--policy", policy, "--tuples", "-", "--engine",
             "reference"], input="\n".join(map(json.dumps, asked)) + "\n", text=True,
            capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked)
    verdicts = {"Allow": 0, "Deny": 0}
    for packet, answer in zip(asked, answers):
        # What the platform is given whatever the NSG says is no matter of the comparison.
        if answer.get("platform"):
            continue
        verdicts[answer["access"]] += 1
        assert first_match(rules, packet) == answer["access"], (packet, answer)
    assert min(verdicts.values()) > 100, verdicts
    assert len(rules) <= 1024, len(rules)
    return f"{len(rules)} rules of the switch, {verdicts}"


# --- numbers ---

def side(rate, p50, device=0.0):
    times = [p50 * (1 + i / 100) for i in range(200)]
    return {"mpps": {"64": rate, "1500": rate / 2},
            "cycles": {"driver": 300.0, "accelnetd": 50.0, "app": 100.0, "host": 900.0,
                       "emulatedDevice": device},
            "cycles1500": {"driver": 1.0, "accelnetd": 1.0, "app": 1.0, "host": 1.0,
                           "emulatedDevice": 0.0},
            "latency": picture.latency_of([int(time * 1000) for time in times]),
            "hostShare": 10 * rate, "guestMpps": 4 * rate,
            "denied": {"tried": 200, "passed": 0, "droppedByHost": 0, "droppedByVf": 0}}


def latency_is_right():
    """Percentiles of what is known."""
    measured = picture.latency_of([1000 * (i % 1000 + 1) for i in range(10000)])
    assert measured["p50"] == 501 and measured["p99"] == 991 and measured["p99.9"] == 1000, measured
    # 9,990 steps of 1 us, nine back of 999
    assert abs(measured["jitter"] - (9990 + 9 * 999) / 9999) < 0.01, measured["jitter"]
    assert measured["samples"] == 10000
    shares = [share for _, share in measured["cdf"]]
    assert shares == sorted(shares) and shares[-1] == 1


def best_of_rounds():
    """The best rate and the steadiest latency need not be of one round."""
    chosen = picture.best([side(1.0, 30), side(2.0, 40)])
    assert chosen["mpps"] == {"64": 2.0, "1500": 1.0}, chosen
    assert chosen["latency"]["p50"] == side(1, 30)["latency"]["p50"], chosen
    assert chosen["denied"]["tried"] == 400, chosen
    dear = {**side(3.0, 50), "cycles": {**side(3.0, 50)["cycles"], "host": 5000.0}}
    chosen = picture.best([dear, side(1.0, 30)])
    assert chosen["mpps"]["64"] == 3.0 and chosen["cycles"]["host"] == 900, chosen
    assert chosen["guestMpps"] == 4 and chosen["hostShare"] == 10, chosen  # with those cycles


def work_a_packet():
    """Cycles of the guest, the host and the device in the place of hardware."""
    work = meter.Work(packets=1000, rounds=50, cycles=400000, in_uplink=250000, in_app=50000,
                      left_out=0)
    rate, cycles = picture.throughput(
        {"work": work, "arrived": 2000, "inTime": 1000, "seconds": 0.5,
         "spent": {"host": 1000000, "device": 200000}}, 2e9)
    assert abs(rate - 0.002) < 1e-9, rate
    assert cycles == {"driver": 250, "accelnetd": 100, "app": 50, "host": 1000,
                      "emulatedDevice": 200}, cycles
    assert picture.guest_rate(cycles, 2e9) == 5  # 400 cycles
    assert picture.host_share({"spent": {"host": 300_000_000}, "seconds": 2}) == 15


def meter_is_read():
    """The layout of tests/bench/meter.h, and its ring."""
    source = (ROOT / "tests/bench/meter.h").read_text("utf-8")
    interval = source[source.index("struct meter_interval {"):source.index("struct meter {")]
    head = source[source.index("struct meter {"):]

    def members(text):
        return [name.strip(" ;") for line in text.splitlines()
                if line.strip().startswith("uint64_t")
                for name in line.split("/*")[0].strip()[len("uint64_t"):].split(",")]
    assert members(interval) == list(meter.FIELDS), members(interval)
    assert members(head) == list(meter.HEAD), members(head)
    size = 8 * len(meter.FIELDS)
    with tempfile.NamedTemporaryFile() as file:
        content = bytearray(8 * len(meter.HEAD) + size * meter.INTERVALS)
        count = meter.INTERVALS + 3
        struct.pack_into("=Q", content, 8 * meter.HEAD.index("interval_count"), count)
        for number in range(3, count):
            struct.pack_into("=2Q", content, 8 * len(meter.HEAD)
                             + number % meter.INTERVALS * size, meter.GAP, number)
        file.write(content)
        file.flush()
        with meter.Meter(file.name) as reader:
            assert [one.what for one in reader.since(count - 2)] == [count - 2, count - 1]
            assert len(reader.since(0)) == meter.INTERVALS


# --- the drawing ---

def drawn(sides):
    return xml.etree.ElementTree.fromstring(plot.draw(sides, ["a note & <more>"]))


def bars_are_to_scale():
    """A rate twice as large is a bar twice as high; every number is written."""
    root = drawn({"without": side(0.5, 40), "with": side(1.0, 20)})
    heights = {}
    for name, colour in plot.COLOURS.items():
        heights[name] = [float(bar.get("height")) for bar in root.iter(SVG + "rect")
                         if bar.get("fill") == colour and bar.get("width") == "52.0"][:2]
    assert abs(heights["with"][0] / heights["without"][0] - 2) < 0.01, heights
    assert abs(heights["with"][0] / heights["with"][1] - 2) < 0.01, heights
    words = [text.text for text in root.iter(SVG + "text")]
    assert any("measured on emulated devices" in word for word in words), words
    assert "a note & <more>" in words and "0.50" in words and "1.00" in words, words


def hardware_is_beside():
    """What the emulated VF costs is outlined on the host's bar, to its scale, and not part of it."""
    root = drawn({"without": side(0.5, 40), "with": side(1.0, 20, device=600.0)})
    outline, = [box for box in root.iter(SVG + "rect") if box.get("fill") == "none"]
    bars = [bar for bar in root.iter(SVG + "rect") if bar.get("x") == outline.get("x")
            and bar.get("fill") == plot.COLOURS["with"]]
    assert outline.get("stroke") == plot.COLOURS["with"] and len(bars) == 1, bars
    assert abs(float(outline.get("height")) / float(bars[0].get("height")) - 600 / 900) < 0.01
    assert abs(float(outline.get("y")) + float(outline.get("height"))
               - float(bars[0].get("y"))) < 0.2
    words = [text.text for text in root.iter(SVG + "text")]
    assert words.count("900") == 2 and "(VF 600)" in words, words


def curves_rise():
    """A curve for each side, inside the picture, to the right and upwards."""
    root = drawn({"without": side(0.5, 40), "with": side(1.0, 20)})
    curves = {curve.get("stroke"): [tuple(map(float, point.split(","))) for point in
                                    curve.get("points").split()]
              for curve in root.iter(SVG + "polyline")}
    assert set(curves) == set(plot.COLOURS.values()), curves.keys()
    for points in curves.values():
        assert len(points) > picture.CDF_POINTS
        assert all(0 <= x <= plot.WIDTH and 0 <= y <= plot.HEIGHT for x, y in points)
        assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in zip(points, points[1:]))
    middle = picture.CDF_POINTS // 2
    assert curves[plot.COLOURS["with"]][middle][0] < curves[plot.COLOURS["without"]][middle][0]


def scales_are_round():
    for value, expected in ((0.61, 1), (1.7, 2), (2.4, 2.5), (2.6, 5), (730, 1000), (0, 1)):
        assert plot.nice_ceiling(value) == expected, (value, plot.nice_ceiling(value))


def table_has_all():
    """Each row has both sides; columns are straight."""
    lines = picture.table({"without": side(0.5, 40), "with": side(1.0, 20)}).splitlines()
    assert len(lines) == 2 + len(picture.ROWS) and len({len(line) for line in lines}) == 1, lines
    assert all(line.count("|") == 5 for line in lines), lines
    assert "0.50" in lines[2] and "1.00" in lines[2], lines[2]


def demo_writes_its_sides():
    """The demo's JSON has what a reader of it is promised, numbers that JSON can hold."""
    comparison = demo.Picture()
    comparison.compare = lambda: {"environment": {
        "cpu": "x", "cpus": 2, "kernel": "6", "loadBefore": 0.5, "rules": 3, "commit": "abc",
        "devices": "emulated"}, "without": side(0.5, 40), "with": side(1.0, 20)}
    with tempfile.TemporaryDirectory() as folder:
        comparison.path = pathlib.Path(folder, "picture.svg")
        said = comparison.measure()
        assert str(comparison.path) in said and "0 of 400" in said, said
        xml.etree.ElementTree.parse(comparison.path)
    written = json.loads(json.dumps(demo.document(
        [{"name": "a", "passed": True, "measured": "b"}],
        {"pings_lost": 0, "denied_passed": 0, "gap_us": 1}, comparison.result), allow_nan=False))
    assert list(written) == ["steps", "failover", "without", "with"], written
    for name in ("without", "with"):
        assert {"mpps", "cycles", "latency", "denied"} <= written[name].keys(), written[name]
        assert {"p50", "p99", "p99.9", "jitter"} <= written[name]["latency"].keys()


def cases():
    yield "demo: both sides are in its JSON", demo_writes_its_sides
    yield "the host's rules decide as the NSG does", same_verdicts
    yield "latency: percentiles and jitter", latency_is_right
    yield "rounds: the best of each", best_of_rounds
    yield "cycles a packet", work_a_packet
    yield "the meter's file is read as it is written", meter_is_read
    yield "plot: bars are to scale", bars_are_to_scale
    yield "plot: the emulated hardware is beside the host", hardware_is_beside
    yield "plot: curves rise", curves_rise
    yield "plot: scales are round", scales_are_round
    yield "table: all rows, straight", table_has_all


if __name__ == "__main__":
    tap.main(cases())
