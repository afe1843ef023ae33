"""The demo's steps in which the host takes the VF away under traffic, and gives it back."""

import datetime
import json
import re
import signal
import time

import lab
from demo_steps import HTTPS, OTHER, PATIENCE, SSH

DENIED = range(9001, 9009)
PING_SECONDS = 0.005
# Packets: how many show that traffic is on a path.
ARRIVED = 100


class Pings:
    """From the jump host to the VM, all the while; when each answer came."""

    def __init__(self, demo):
        self.remote = demo.remote
        self.file = demo.lab.folder / "pings"
        self.process = demo.remote.start(
            "sh", "-c", f'exec ping -D -n -i {PING_SECONDS} -I "$1" "$2" >"$3"', "sh",
            lab.JUMP_HOST, lab.VM, self.file)

    def unread(self):
        """Answers lost at ping's own socket: after a stall they come all at once."""
        lines = [line for name in ("icmp", "raw") for line in self.remote.command(
            "cat", f"/proc/net/{name}").stdout.splitlines()[1:]]
        return sum(int(line.split()[-1]) for line in lines)

    def finish(self):
        """{number: time of its answer}."""
        self.process.popen.send_signal(signal.SIGINT)
        self.process.popen.wait(timeout=PATIENCE)
        found = re.findall(r"^\[([\d.]+)\] .* icmp_seq=(\d+) ",
                           self.file.read_text(encoding="ascii"), re.MULTILINE)
        return {int(number): float(when) for when, number in found}


class Failover:
    """Each step raises AssertionError or returns a short text, as in Demo."""

    def __init__(self, demo):
        self.demo, self.daemon, self.host = demo, demo.daemon, demo.host
        self.remote, self.vm = demo.remote, demo.vm
        self.pings = self.stream = self.held = self.knock = self.server = None
        self.before = None
        self.vf_drops = 0
        self.windows = {}
        self.measured = {}

    # --- what the steps are made of ---

    def change(self, order, path, frm=None):
        """Tells the host, waits for the path; the event, and the ms from order to event."""
        last = max((event["sequence"] for event in self.daemon.events("path.changed")), default=0)
        start = time.time()
        order()

        def arrived():
            events = self.daemon.events("path.changed", last)
            return next((event for event in events if event["to"] == path
                         and frm in (None, event["from"])), None)
        event = lab.wait_for(arrived, f"path {path}", 2 * PATIENCE)
        moment = datetime.datetime.fromisoformat(event["time"]).timestamp()
        return event, start, (moment - start) * 1000

    def traffic_moves(self, path, start):
        """Waits until traffic goes over this path; the window of the change ends then."""
        def received():
            return self.daemon.nic()["packets"][path]["received"]
        before = received()
        lab.wait_for(lambda: received() > before + ARRIVED, f"traffic on the path {path}", PATIENCE)
        self.windows[path] = (start, time.time())

    def lost(self):
        """As azhost counts it since the traffic began: what no guest could save, and the rest.

        Openers that died in a VF that stayed found no queue either, and are not among the former.
        """
        lost = {name: count - self.before[name] for name, count in self.host.lost().items()}
        lost["vf"] -= self.vf_drops
        return lost

    def dropped_by_vf(self):
        """As azhost counts them: the daemon's counters of a VF end with it."""
        return self.host.stats()["vf"]["dropped"]

    # --- the steps ---

    def traffic(self):
        """a stream, a session, pings, denied tries begin"""
        lab.wait_for(lambda: self.host.stats()["vf"]["inFlight"] == 0, "silence", PATIENCE)
        self.before, self.vf_drops = self.host.lost(), -self.dropped_by_vf()
        denied = ",".join(map(str, DENIED))
        self.server = self.vm.start_traffic("serve", "--address", lab.VM, "--tcp", denied,
                                            "--udp", denied).wait_ready()
        self.vm.start("iperf3", "--server", "--bind", lab.VM, "--port", HTTPS, "--forceflush")
        self.held = self.remote.start_traffic("hold", lab.VM, SSH, "--source",
                                              lab.JUMP_HOST).wait_ready()
        self.knock = self.remote.start_traffic("knock", lab.VM, denied, "--source", lab.INTERNET)
        self.pings = Pings(self.demo)
        self.stream = self.remote.start(
            "iperf3", "--json", "--bind", lab.INTERNET, "--client", lab.VM, "--port", HTTPS,
            "--time", "300", "--bitrate", "20M")
        before = self.daemon.nic()["packets"]["vf"]["received"]
        time.sleep(1.5)
        packets = self.daemon.nic()["packets"]["vf"]["received"] - before
        assert packets > ARRIVED, packets
        return f"{packets} packets over the VF in 1.5 s"

    def revoked(self):
        """vf revoke: the VF is gone, traffic goes on"""
        self.vf_drops += self.dropped_by_vf()
        assert self.vf_drops > 0, "no denied opener died in the VF"
        event, start, milliseconds = self.change(lambda: self.host.revoke(), "synthetic")
        self.traffic_moves("synthetic", start)
        # netvsc passes over a VF that is given before it let go of the last one.
        lab.wait_for(lambda: self.host.is_settled("synthetic") and
                     not self.host.nic()["vf"]["open"], "the VF's end", PATIENCE)
        return f"path synthetic after {milliseconds:.0f} ms: {event['cause']}"

    def same_policy(self):
        """the synthetic path has the same policy"""
        before = self.demo.drops()
        code, _ = self.demo.web()
        assert code == 200 and self.demo.connect(SSH, lab.JUMP_HOST)["passed"], code
        self.demo.refused(SSH, lab.INTERNET)
        self.demo.refused(OTHER, lab.DB_TIER)
        after = self.demo.drops()
        assert after["hardware"] == before["hardware"], (before, after)
        dropped = self.demo.dropped("policy-deny", 2, before["policy-deny"])
        nic = self.daemon.nic()
        assert nic["path"] == "synthetic" and nic["rules"]["hardware"] == 0, nic
        return f"HTTP {code}, SSH from the jump host only; policy-deny {dropped}, in software"

    def assigned(self):
        """vf assign: the VF is back, and its rules"""
        event, start, milliseconds = self.change(lambda: self.host.assign(), "vf", "vf-arming")
        self.vf_drops -= self.dropped_by_vf()
        self.traffic_moves("vf", start)
        lab.wait_for(lambda: self.host.is_settled("vf"), "the host", PATIENCE)
        return (f"path vf after {milliseconds:.0f} ms; {self.demo.rules_in_hardware()},"
                f" put in within {event['durationMs']} ms")

    def connections_live(self):
        """the stream and the session never ended"""
        time.sleep(0.5)
        self.stream.popen.send_signal(signal.SIGINT)
        output, _ = self.stream.popen.communicate(timeout=30)
        rates = [interval["sum"]["bits_per_second"] / 1e6
                 for interval in json.loads(output)["intervals"]]
        held = self.held.result()
        assert rates[-1] > 1 and held["error"] is None and held["exchanges"] > 20, (rates, held)
        return (f"{sum(rates) / len(rates):.0f} Mbit/s of 20, the least second {min(rates):.0f};"
                f" {held['exchanges']} exchanges, the longest {held['longest_ms']:.0f} ms")

    def denied_stay_denied(self):
        """denied tries: not one passed, on either path"""
        knock = self.knock.result()
        seen = self.server.result()
        passed = sum(knock["passed"].values()) + sum(seen.values())
        self.measured["denied_passed"] = passed
        assert knock["tried"] > 50 and passed == 0, (knock, seen)
        self.vf_drops += self.dropped_by_vf()
        return f"0 of {knock['tried']}, TCP and UDP; {self.vf_drops} died in the VF"

    def pings_lost(self):
        """pings: lost at most what no guest could save"""
        unread = self.pings.unread()
        answers = self.pings.finish()
        lost, most = max(answers) - len(answers), {**self.lost(), "unread": unread}
        gone, back = (self.silence(sorted(answers.values()), self.windows[path])
                      for path in ("synthetic", "vf"))
        self.measured.update(pings_lost=lost, gap_us=round(gone * 1e6),
                             return_gap_us=round(back * 1e6))
        assert lost <= sum(most.values()), (lost, most)
        starved = most["overrun"] + most["unread"]
        more = f" (the machine was late: {starved} more)" if starved else ""
        return (f"{lost} of {max(answers)}; azhost counts {most['vf']} packets{more};"
                f" longest silence {gone * 1000:.0f} ms as it went,"
                f" {back * 1000:.0f} as it came")

    @staticmethod
    def silence(times, window):
        """The longest time without an answer that is in the window or touches it."""
        start, end = window
        return max(now - then for then, now in zip(times, times[1:]) if now > start and then < end)

    def counted(self):
        """counters by path outlive the VF"""
        packets = self.daemon.nic()["packets"]
        assert all(path["received"] > ARRIVED for path in packets.values()), packets
        return ", ".join(f"{path} {count['received']} in, {count['sent']} out"
                         for path, count in packets.items())

    def steps(self):
        return [self.traffic, self.revoked, self.same_policy, self.assigned,
                self.connections_live, self.denied_stay_denied, self.pings_lost, self.counted]
