"""Reads what tests/bench/meter.c writes: the layout of struct meter in tests/bench/meter.h."""

import collections
import mmap
import struct

INTERVALS = 65536
HEAD = ("tsc_hz", "worker", "packets", "rounds", "cycles", "in_uplink", "in_app", "left_out",
        "interval_cost", "interval_count")
FIELDS = ("kind", "what", "thread", "begin", "end", "cpu", "cpu_end", "main_cpu_end",
          "preempted", "waited", "driver", "longest", "longest_before", "held_up", "polls",
          "stalled", "stalled_end")
GAP, CALLBACK, CALL, RULE, START, MARK = range(1, 7)

Interval = collections.namedtuple("Interval", FIELDS)
Work = collections.namedtuple("Work", HEAD[2:8])


class Meter:
    """A context manager; the file exists."""

    def __init__(self, path):
        self.path = path
        self.file = self.memory = None

    def __enter__(self):
        self.file = open(self.path, "rb")
        self.memory = mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ)
        return self

    def __exit__(self, *_):
        self.memory.close()
        self.file.close()

    def head(self):
        return dict(zip(HEAD, struct.unpack_from(f"={len(HEAD)}Q", self.memory)))

    def work(self):
        """What the worker has done until now."""
        head = self.head()
        return Work(*(head[name] for name in Work._fields))

    def count(self):
        return self.head()["interval_count"]

    def since(self, count):
        """The intervals that have ended since count() was that."""
        end = self.count()
        size = 8 * len(FIELDS)
        return [Interval(*struct.unpack_from(f"={len(FIELDS)}Q", self.memory, 8 * len(HEAD) +
                                             number % INTERVALS * size))
                for number in range(max(count, end - INTERVALS), end)]
