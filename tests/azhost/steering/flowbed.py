"""testpmd's own flow commands, and what becomes of packets under them: the part that the flow tests
share. Needs the bed of ../connectx."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "connectx"))

import harness  # noqa: E402  pylint: disable=wrong-import-position
from harness import Failed, check  # noqa: E402  pylint: disable=wrong-import-position

QUEUES = 4
FIRST_LENGTH = 120  # of the frames of one delivery: each has a length of its own

# Where a frame from the wire may end: items of the device's report.
ENDS = ("delivered", "dropped", "no_buffer", "to_kernel")

# What `set verbose 1` prints for a received packet.
PACKET = re.compile(r"src=.*? - length=(\d+) .*?RSS queue=0x([0-9a-f]+)(?: - FDIR matched "
                    r"(?:hash=\S+ )?(?:ID=0x([0-9a-f]+))?)?.*?\n(.*ol_flags:.*)")


class Packet:
    """One packet as the program got it."""

    def __init__(self, queue, mark, flags):
        self.queue = queue
        self.mark = mark
        self.flags = flags

    def __repr__(self):
        return f"queue {self.queue} mark {self.mark}"


class FlowBed:
    """A VF with testpmd on it, at its prompt; packets are received and dropped (rxonly), or sent
    back as they are (io)."""

    def __init__(self, profile="cx5-vf-trusted", forward="rxonly", devargs="", arguments=(),
                 verbose=True):
        Shared.close()
        self.bed = harness.Bed([profile])
        self.vf = self.bed.vfs[0]
        queues = [f"--rxq={QUEUES}", f"--txq={QUEUES}"]
        try:
            self.pmd = harness.Testpmd(self.bed, devargs, [*queues, "--rss-udp", *arguments])
        except Exception:
            self.bed.__exit__()
            raise
        self.pmd.commands(f"set fwd {forward}", f"set verbose {int(verbose)}", "start")
        check(self.vf.ready.wait(harness.PATIENCE), "the library says that a queue has buffers")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        try:
            self.pmd.__exit__(kind, *rest)
        finally:
            self.bed.__exit__()

    # ---- rules ----

    def flow(self, rule):
        """Create a rule; its number."""
        text = self.pmd.command(f"flow create 0 {rule}")
        match = re.search(r"Flow rule #(\d+) created", text)
        if not match:
            raise Failed(f"refused: {rule}: {text}")
        return int(match.group(1))

    def flow_many(self, rules, timeout=90):
        """Create many rules at one go: for each its number, or None if it was refused."""
        start = len(self.pmd.output)
        self.pmd.process.stdin.write("".join(f"flow create 0 {rule}\n" for rule in rules).encode())
        self.pmd.process.stdin.flush()
        end = time.time() + timeout
        while True:
            answers = re.findall(r"Flow rule #(\d+) created|Caught PMD error type",
                                 self.pmd.output[start:])
            if len(answers) >= len(rules):
                break
            check(time.time() < end, f"{len(answers)} answers to {len(rules)} rules")
            time.sleep(0.05)
        time.sleep(0.1)
        self.pmd.seen = len(self.pmd.output)
        return [int(number) if number else None for number in answers]

    def refused(self, rule, reason=""):
        """Create a rule, which must be refused; the PMD's words."""
        text = self.pmd.command(f"flow create 0 {rule}")
        check("created" not in text, f"accepted: {rule}")
        check("Caught PMD error type" in text, f"no refusal of {rule}: {text}")
        check(reason in text, f"{rule} refused by {text}, not by {reason!r}")
        return text

    def destroy(self, *numbers):
        for number in numbers:
            text = self.pmd.command(f"flow destroy 0 rule {number}")
            check(f"#{number} destroyed" in text, f"destroy: {text}")

    def flush(self):
        self.pmd.command("flow flush 0")

    def count(self, number):
        """(hits, bytes) of a rule. The PMD reads its counters about once a second."""
        text = self.pmd.command(f"flow query 0 {number} count")
        hits = re.search(r" hits: (\d+)", text)
        octets = re.search(r" bytes: (\d+)", text)
        check(hits and octets, f"query: {text}")
        return int(hits.group(1)), int(octets.group(1))

    def count_until(self, number, wanted, timeout=harness.PATIENCE):
        """(hits, bytes) once hits are there."""
        end = time.time() + timeout
        while True:
            got = self.count(number)
            if got[0] >= wanted or time.time() > end:
                return got
            time.sleep(0.2)

    # ---- packets ----

    def deliver(self, *frames):
        """Send frames; for each the Packet that the program got, or None. A frame is known again by
        its length, so each is padded to one of its own."""
        padded = [frame.ljust(FIRST_LENGTH + i, b"\0") for i, frame in enumerate(frames)]
        lengths = [len(frame) for frame in padded]
        check(len(set(lengths)) == len(lengths), "frames of one delivery differ in length")
        start = len(self.pmd.output)
        before = self.vf.query()
        for frame in padded:
            self.vf.send(frame)
        delivered = self.wait_until_handled(before, len(frames))
        end = time.time() + harness.PATIENCE
        while True:
            printed = PACKET.findall(self.pmd.output[start:])
            if len(printed) >= delivered:
                break
            check(time.time() < end, f"{len(printed)} of {delivered} packets printed")
            time.sleep(0.01)
        self.pmd.seen = len(self.pmd.output)
        got = {int(length): Packet(int(queue, 16), int(mark, 16) if mark else None, flags)
               for length, queue, mark, flags in printed}
        return [got.get(length) for length in lengths]

    def wait_until_handled(self, before, n):
        """Until the device has done with n frames; how many of them it gave to the program."""
        end = time.time() + harness.PATIENCE
        while True:
            now = self.vf.query()
            delta = {name: now[name] - before[name] for name in ENDS}
            if sum(delta.values()) >= n:
                return delta["delivered"]
            check(time.time() < end, f"of {n} frames the device handled {delta}")
            time.sleep(0.005)

    def marks(self, *frames):
        """For each frame its mark, 0 if it came without one, None if it did not come."""
        return [packet and (packet.mark or 0) for packet in self.deliver(*frames)]

    def arrives(self, *frames):
        return [packet is not None for packet in self.deliver(*frames)]

    def queues(self, *frames):
        return [packet and packet.queue for packet in self.deliver(*frames)]

    def returned(self, *frames, count=None):
        """With io: what comes back for the frames; count of them, if not all."""
        wanted = len(frames) if count is None else count
        before = self.vf.query()
        for frame in frames:
            self.vf.send(frame)
        got = self.vf.receive(wanted)
        if len(got) < wanted:
            now = self.vf.query()
            changed = {name: now[name] - before[name] for name in now if now[name] != before[name]}
            raise Failed(f"{len(got)} frames of {wanted} came back; the device counts {changed}")
        return got + self.vf.drain(0.1)


class Shared:
    """A bed that tests use one after the other, each leaving it without rules: starting testpmd
    takes longer than most of them. There is one at a time, since each keeps a CPU busy."""

    key = None
    bed = None

    def __init__(self, profile="cx5-vf-trusted", forward="rxonly"):
        self.wanted = (profile, forward)

    def __enter__(self):
        if Shared.key != self.wanted:
            profile, forward = self.wanted
            Shared.bed = FlowBed(profile, forward, verbose=forward == "rxonly")
            Shared.key = self.wanted
        return Shared.bed

    def __exit__(self, kind, *_):
        if kind is None:
            Shared.bed.flush()
        else:
            Shared.close(kind)

    @classmethod
    def close(cls, kind=None):
        bed, cls.bed, cls.key = cls.bed, None, None
        if bed:
            bed.__exit__(kind)


def main(names):
    """Run the functions test_* of names, and leave no bed behind."""
    tests = {name[5:]: test for name, test in names.items() if name.startswith("test_")}
    try:
        harness.main(tests)
    finally:
        Shared.close()
