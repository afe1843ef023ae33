"""Draws the picture with and without accelerated networking: an SVG, from the standard library.

The input is what picture.py measures: two sides, each {"mpps": {"64", "1500"}, "cycles": {"driver",
"accelnetd", "app", "host", "emulatedDevice"}, "latency": {"p50", "p99", "p99.9", "jitter", "cdf": [[us, share], ...]}}.
"""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1000, 640
SIDES = ("without", "with")
COLOURS = {"without": "#b9622b", "with": "#2367a6"}
GUEST = (("driver", "the NIC's driver", 1.0), ("accelnetd", "accelnetd", 0.7),
         ("app", "the workload's port", 0.4))
HOST = (("host", "", 0.4),)
INK, FAINT = "#222", "#d0d0d0"


class Svg:
    """Elements in order, as text."""

    def __init__(self, width, height):
        self.lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
                      f' viewBox="0 0 {width} {height}" font-family="DejaVu Sans, sans-serif">',
                      f'<rect width="{width}" height="{height}" fill="#ffffff"/>']

    def text(self, x, y, text, size=12, anchor="start", colour=INK, weight="normal"):
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
                          f' text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour=FAINT, width=1):
        self.lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
                          f' stroke="{colour}" stroke-width="{width}"/>')

    def bar(self, x, y, width, height, colour, opacity=1.0):
        self.lines.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                          f' fill="{colour}" fill-opacity="{opacity}" stroke="{colour}"'
                          ' stroke-width="0.5"/>')

    def outline(self, x, y, width, height, colour):
        self.lines.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                          f' fill="none" stroke="{colour}" stroke-dasharray="4 3"/>')

    def path(self, points, colour):
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.lines.append(f'<polyline points="{steps}" fill="none" stroke="{colour}"'
                          ' stroke-width="2"/>')

    def __str__(self):
        return "\n".join([*self.lines, "</svg>", ""])


class Panel:
    """A part of the picture with a title and a scale of its own: [0, 1] by [0, 1], y upwards."""

    def __init__(self, svg, x, y, width, height, title, size=14):
        self.svg, self.x0, self.y0, self.width, self.height = svg, x, y, width, height
        svg.text(x, y - 14, title, size, weight="bold")
        svg.line(x, y + height, x + width, y + height, INK)

    def x(self, share):
        return self.x0 + share * self.width

    def y(self, share):
        return self.y0 + (1 - share) * self.height


def nice_ceiling(value):
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def scale_of(panel, top):
    for step in range(5):
        y = panel.y(step / 4)
        if step:
            panel.svg.line(panel.x(0), y, panel.x(1), y)
        panel.svg.text(panel.x(0) - 6, y + 4, number(top * step / 4), 11, "end")


def rates(svg, sides):
    panel = Panel(svg, 60, 110, 360, 180, "Packet rate, Mpps")
    top = nice_ceiling(max(rate for side in sides.values() for rate in side["mpps"].values()))
    scale_of(panel, top)
    for group, size in enumerate(("64", "1500")):
        for which, name in enumerate(SIDES):
            rate = sides[name]["mpps"][size]
            x = panel.x(0.1 + 0.5 * group + 0.16 * which)
            svg.bar(x, panel.y(rate / top), 52, rate / top * panel.height, COLOURS[name])
            svg.text(x + 26, panel.y(rate / top) - 5, number(rate), 11, "middle")
        svg.text(panel.x(0.1 + 0.5 * group) + 55, panel.y(0) + 17, f"{size} B", 12, "middle")


def stacks(panel, sides, parts, beside=None):
    """A bar for each side, of these parts of its cycles, one upon the other.

    `beside`: an outline on top, which is not in the bar's number; in hardware it costs nothing.
    """
    totals = {name: sum(sides[name]["cycles"][part] for part, *_ in parts) for name in SIDES}
    extra = {name: sides[name]["cycles"][beside] if beside else 0 for name in SIDES}
    top = nice_ceiling(max(totals[name] + extra[name] for name in SIDES))
    scale_of(panel, top)
    for which, name in enumerate(SIDES):
        x, below = panel.x(0.08 + 0.46 * which), 0.0
        for part, _, opacity in parts:
            share = sides[name]["cycles"][part] / top
            panel.svg.bar(x, panel.y(below + share), 52, share * panel.height, COLOURS[name],
                          opacity)
            below += share
        if extra[name]:
            height = extra[name] / top
            panel.svg.outline(x, panel.y(below + height), 52, height * panel.height, COLOURS[name])
            panel.svg.text(x + 58, panel.y(below) + 4, number(totals[name]), 11)
            panel.svg.text(x + 26, panel.y(below + height) - 5, f"(VF {number(extra[name])})", 11,
                           "middle")
        else:
            panel.svg.text(x + 26, panel.y(below) - 5, number(totals[name]), 11, "middle")
        panel.svg.text(x + 26, panel.y(0) + 17, name, 12, "middle")


def cycles(svg, sides):
    svg.text(60, 342, "CPU cycles a packet of 64 B", 14, weight="bold")
    stacks(Panel(svg, 60, 374, 140, 160, "in the guest", 12), sides, GUEST)
    stacks(Panel(svg, 280, 374, 140, 160, "in the host (dashed: the emulated VF)", 12), sides, HOST,
           "emulatedDevice")
    for column, (_, what, opacity) in enumerate(GUEST):
        svg.bar(60 + 125 * column, 566, 12, 12, INK, opacity)
        svg.text(77 + 125 * column, 576, what, 11)


def latency(svg, sides):
    panel = Panel(svg, 510, 110, 440, 330, "Latency, one way: share of packets below")
    times = [time for side in sides.values() for time, _ in side["latency"]["cdf"] if time > 0]
    low = math.floor(math.log10(min(times)))
    high = max(math.ceil(math.log10(max(times))), low + 1)
    for power in range(low, high + 1):
        x = panel.x((power - low) / (high - low))
        svg.line(x, panel.y(0), x, panel.y(1))
        svg.text(x, panel.y(0) + 17, f"{10 ** power:g} us" if power < 3 else
                 f"{10 ** (power - 3):g} ms", 11, "middle")
    for share in (0, 0.25, 0.5, 0.75, 1):
        svg.line(panel.x(0), panel.y(share), panel.x(1), panel.y(share))
        svg.text(panel.x(0) - 6, panel.y(share) + 4, f"{share:.0%}", 11, "end")
    for name in SIDES:
        svg.path([(panel.x((math.log10(max(time, 10 ** low)) - low) / (high - low)),
                   panel.y(share)) for time, share in sides[name]["latency"]["cdf"]],
                 COLOURS[name])


def percentiles(svg, sides):
    """A table below the curve, in microseconds."""
    columns = ("p50", "p99", "p99.9", "jitter")
    svg.text(510, 488, "us", 12, weight="bold")
    for column, what in enumerate(columns):
        svg.text(690 + 85 * column, 488, what, 12, "end", weight="bold")
    for row, name in enumerate(SIDES):
        y = 510 + 20 * row
        svg.text(510, y, name, 12, colour=COLOURS[name], weight="bold")
        for column, what in enumerate(columns):
            svg.text(690 + 85 * column, y, number(sides[name]["latency"][what]), 12, "end")


def draw(sides, notes):
    """The SVG's text; `notes` are lines for its foot."""
    svg = Svg(WIDTH, HEIGHT)
    svg.text(30, 34, "With and without accelerated networking, measured on emulated devices", 19,
             weight="bold")
    for which, name in enumerate(SIDES):
        svg.bar(30 + 430 * which, 50, 14, 14, COLOURS[name])
    svg.text(50, 62, "without: synthetic path, policy in the host's virtual switch", 12)
    svg.text(480, 62, "with: VF, policy in its rules", 12)
    rates(svg, sides)
    cycles(svg, sides)
    latency(svg, sides)
    percentiles(svg, sides)
    for row, note in enumerate(notes):
        svg.text(30, HEIGHT - 40 + 16 * row, note, 11, colour="#555")
    return str(svg)
