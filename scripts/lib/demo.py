#!/usr/bin/env python3
"""The demo's steps: what each does, what it must show, what it measured. Run by demo.sh."""

import argparse
import copy
import json
import signal
import sys
import textwrap
import time

import lab

EXAMPLE = lab.ROOT / "config/examples/three-tier.json"
HTTP, HTTPS, SSH, OTHER = 80, 443, 22, 8080
# Seconds: for an answer that should come, on a busy machine too; for one that should not.
PATIENCE, DOUBT = 10, 1


class Demo:
    """Each step raises AssertionError or returns a short text: what it measured."""

    def __init__(self, network):
        self.lab, self.daemon = network, network.daemon
        self.remote, self.vm = network.remote, network.vm
        self.policy = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        self.generation = 0
        self.held = None

    # --- what the steps are made of ---

    def ping(self, source, timeout=PATIENCE):
        """How many of three pings were answered, and the mean round trip in ms."""
        result = self.remote.command("ping", "-q", "-c", 3, "-i", "0.2", "-W", timeout, "-I",
                                     source, lab.VM, check=False)
        received = int(result.stdout.split(" received")[0].split()[-1])
        mean = float(result.stdout.split(" = ")[1].split("/")[1]) if received else None
        return received, mean

    @staticmethod
    def http(namespace, address, source, timeout=PATIENCE):
        """Status and milliseconds of one request; status 0 where no answer came in time."""
        result = namespace.command(
            "curl", "--silent", "--output", "/dev/null", "--max-time", timeout, "--interface",
            source, "--write-out", "%{http_code} %{time_total}", f"http://{address}:{HTTP}/",
            check=False)
        code, seconds = result.stdout.split()
        return int(code), float(seconds) * 1000

    def web(self, timeout=PATIENCE):
        return self.http(self.remote, lab.VM, lab.INTERNET, timeout)

    def connect(self, port, source, timeout=PATIENCE):
        return self.remote.traffic("connect", lab.VM, port, "--source", source, "--timeout",
                                   timeout)

    def refused(self, port, source):
        """No answer at all: dropped, as against refused by the VM."""
        answer = self.connect(port, source, DOUBT)
        assert answer == {"passed": False, "error": "timeout"}, answer

    @staticmethod
    def iperf(client, server, address, *options, port=5201):
        """One stream of two seconds; iperf3's own summary."""
        process = server.start("iperf3", "--server", "--one-off", "--bind", address, "--port",
                               port, "--forceflush")
        while "listening" not in process.popen.stdout.readline():
            pass
        result = client.command("iperf3", "--json", "--client", address, "--port", port,
                                "--time", 2, *options)
        return json.loads(result.stdout)["end"]

    def drops(self):
        nic = self.daemon.ask("drops")["nics"][0]
        return {entry["reason"]: entry["inbound"] + entry["outbound"] for entry in nic["drops"]}

    def dropped(self, reason, count, before=0):
        """How many were dropped for this reason since `before`; at least `count` must be."""
        return lab.wait_for(lambda: self.drops()[reason] - before >= count and
                            self.drops()[reason] - before, f"{count} drops {reason}", PATIENCE)

    def verify(self, port):
        answer = self.daemon.ask("verify", "--nic", lab.NIC, "--direction", "in", "--protocol",
                                 "tcp", "--local", f"{lab.VM}:{port}", "--remote",
                                 f"{lab.INTERNET}:40000")
        return f"{answer['access']} by {answer['rule']}"

    def apply(self, policy):
        start = time.monotonic()
        answer = self.daemon.apply(policy)
        assert answer["generation"] > self.generation, answer
        self.generation = answer["generation"]
        rules = answer["rules"]
        return (f"generation {self.generation}: {rules['added']} added, {rules['kept']} kept,"
                f" {rules['removed']} removed, {(time.monotonic() - start) * 1000:.0f} ms")

    # --- the steps ---

    def servers(self):
        """a VM of the web tier, and everybody else"""
        page = self.lab.folder / "www"
        page.mkdir()
        (page / "index.html").write_text("<p>hello\n", encoding="utf-8")
        for namespace, address in ((self.vm, lab.VM), (self.remote, lab.INTERNET)):
            namespace.start(sys.executable, "-m", "http.server", HTTP, "--bind", address,
                            "--directory", page)
            lab.wait_for(lambda: self.http(namespace, address, address)[0] == 200, "http.server")
        self.vm.start_traffic("serve", "--address", lab.VM, "--tcp",
                              f"{SSH},{OTHER}").wait_ready()
        self.remote.start_traffic("serve", "--address", lab.INTERNET, "--udp", 53).wait_ready()
        return f"VM {lab.VM}; Internet {lab.INTERNET}; jump host {lab.JUMP_HOST}"

    def nothing_before(self):
        """before there is a policy, nothing passes"""
        received, _ = self.ping(lab.JUMP_HOST, DOUBT)
        code, milliseconds = self.web(DOUBT)
        assert received == 0 and code == 0, (received, code)
        dropped = self.dropped("no-policy", 4)
        return f"0 of 3 pings, HTTP gives up after {milliseconds:.0f} ms; no-policy {dropped}"

    def check_policy(self):
        """policy check: the example has no fault"""
        answer = self.daemon.ask("policy", "check", EXAMPLE)
        assert not answer["errors"], answer
        return ", ".join(f"{nsg['name']} {nsg['rules']} rules" for nsg in answer["nsgs"])

    def apply_policy(self):
        """policy apply: in force when the answer comes"""
        return self.apply(EXAMPLE)

    def web_passes(self):
        """HTTP from the Internet passes"""
        code, milliseconds = self.web()
        assert code == 200, code
        return f"HTTP {code} in {milliseconds:.1f} ms"

    def jump_host_passes(self):
        """ping and SSH pass from the jump host"""
        received, mean = self.ping(lab.JUMP_HOST)
        assert received == 3, received
        answer = self.connect(SSH, lab.JUMP_HOST)
        assert answer["passed"], answer
        return f"3 of 3 pings, {mean:.2f} ms; port 22 answers in {answer['ms']} ms"

    def others_denied(self):
        """what no rule allows does not"""
        before = self.drops()["policy-deny"]
        received, _ = self.ping(lab.INTERNET, DOUBT)
        assert received == 0, received
        self.refused(SSH, lab.INTERNET)
        self.refused(OTHER, lab.DB_TIER)
        dropped = self.dropped("policy-deny", 5, before)
        return (f"Internet: 0 of 3 pings, no port 22; db tier: no port {OTHER};"
                f" policy-deny {dropped}")

    def acl_denied(self):
        """the acl stands before every other rule"""
        self.refused(HTTP, lab.QUARANTINED)
        dropped = self.dropped("acl-deny", 1)
        return f"{lab.QUARANTINED}: no port {HTTP}; acl-deny {dropped}"

    def tcp_stream(self):
        """iperf3 TCP, from the Internet to port 443"""
        end = self.iperf(self.remote, self.vm, lab.VM, "--bind", lab.INTERNET, port=HTTPS)
        rate = end["sum_received"]["bits_per_second"] / 1e6
        assert rate > 10, end
        return f"{rate:.0f} Mbit/s"

    def udp_stream(self):
        """iperf3 UDP, asked for by the VM"""
        before = self.drops()
        end = self.iperf(self.vm, self.remote, lab.INTERNET, "--udp", "--bitrate", "20M",
                         "--reverse")["sum"]
        after = self.drops()
        # On a busy machine the receiver's socket loses some; policy must not.
        assert end["packets"] > 100 and end["lost_percent"] < 100, end
        assert after["policy-deny"] == before["policy-deny"], (before, after)
        return (f"{end['bits_per_second'] / 1e6:.0f} Mbit/s arrive, {end['packets']} datagrams,"
                f" {end['lost_percent']:.1f} % lost")

    def replies_pass(self):
        """replies to the VM need no rule"""
        code, milliseconds = self.http(self.vm, lab.INTERNET, lab.VM)
        assert code == 200, code
        answer = self.vm.traffic("ask", lab.INTERNET, 53, "--timeout", PATIENCE, timeout=200)
        assert answer["received"] == answer["sent"], answer
        self.refused(40000, lab.INTERNET)
        return (f"HTTP {code} in {milliseconds:.1f} ms, {answer['received']} of {answer['sent']}"
                " UDP answers; unasked: none")

    def live_change(self):
        """a rule changes: the open connection goes on"""
        self.vm.start_traffic("serve", "--address", lab.VM, "--tcp", HTTPS).wait_ready()
        self.held = self.remote.start_traffic("hold", lab.VM, HTTPS, "--source",
                                              lab.INTERNET).wait_ready()
        time.sleep(0.5)
        changed = copy.deepcopy(self.policy)
        rule = self.rule(changed, "allow-web")
        rule["properties"]["access"] = "Deny"
        return f"allow-web denies; {self.apply(changed)}"

    @staticmethod
    def rule(policy, name):
        rules = policy["nicNsg"]["properties"]["securityRules"]
        return next(rule for rule in rules if rule["name"] == name)

    def new_refused(self):
        """... and a new one is refused"""
        self.refused(HTTPS, lab.INTERNET)
        time.sleep(0.5)
        self.held, held = None, self.held.result()
        assert held["error"] is None and held["exchanges"] > 20, held
        return (f"no port 443; on the open one {held['exchanges']} exchanges,"
                f" the longest {held['longest_ms']:.0f} ms")

    def names_the_rule(self):
        """verify names the rule that decides"""
        said = self.verify(HTTPS)
        assert said.startswith("Deny by allow-web"), said
        return f"{lab.INTERNET} to {lab.VM}:443: {said}"

    def rollback(self):
        """policy rollback: the policy before is back"""
        answer = self.daemon.ask("policy", "rollback", "--nic", lab.NIC)
        self.generation = answer["generation"]
        said = self.verify(HTTPS)
        answer = self.connect(HTTPS, lab.INTERNET)
        assert answer["passed"] and said.startswith("Allow"), (answer, said)
        return f"generation {self.generation}, port 443 answers; {said}"

    def bad_policy(self):
        """a bad policy is refused, the old one stays"""
        bad = copy.deepcopy(self.policy)
        self.rule(bad, "allow-web")["properties"]["priority"] = 99
        try:
            self.daemon.apply(bad)
        except lab.Refused as refusal:
            data = refusal.error["data"]
            assert refusal.status == 3, refusal
            assert data["pointer"].endswith("/securityRules/0/properties/priority"), data
        else:
            raise AssertionError("it was accepted")
        code, _ = self.web()
        generation = self.daemon.ask("nic", "show", lab.NIC)["generation"]
        assert code == 200 and generation == self.generation, (code, generation)
        return f"exit 3, {data['pointer']}; generation {generation} in force, HTTP {code}"

    def counters(self):
        """counters: packets, and hits since the rollback"""
        nic = self.daemon.ask("stats", "--nic", lab.NIC)["nics"][0]
        rules = self.daemon.ask("rule", "list", "--nic", lab.NIC)["rules"]
        hits = {rule["name"]: rule["hits"] for rule in rules
                if isinstance(rule["hits"], int) and rule["hits"] > 0}
        forwarded = [nic[way]["forwarded"]["packets"] for way in ("inbound", "outbound")]
        assert all(forwarded) and hits, (nic, hits)
        return f"{forwarded[0]} packets in, {forwarded[1]} out; hits {listed(hits)}"

    def drop_reasons(self):
        """... and why packets were dropped"""
        drops = {reason: count for reason, count in self.drops().items() if count}
        assert {"no-policy", "policy-deny", "acl-deny"} <= drops.keys(), drops
        return listed(drops)

    def stops(self):
        """SIGTERM: accelnetd ends, its log without a warning"""
        status = self.daemon.stop()
        assert status == 0, f"exit status {status}:\n{self.daemon.tail()}"
        assert not self.daemon.warnings(), self.daemon.warnings()
        return "exit status 0"

    def steps(self):
        return [self.servers, self.nothing_before, self.check_policy, self.apply_policy,
                self.web_passes, self.jump_host_passes, self.others_denied, self.acl_denied,
                self.tcp_stream, self.udp_stream, self.replies_pass, self.live_change, self.new_refused,
                self.names_the_rule, self.rollback, self.bad_policy, self.counters,
                self.drop_reasons]


def listed(counts):
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def colour(number, text):
    return f"\033[{number}m{text}\033[0m" if sys.stdout.isatty() else text


def show(step):
    """Runs a step and prints its line."""
    name = step.__doc__
    try:
        measured, passed = step(), True
    except (AssertionError, lab.LabError, lab.Refused, OSError) as fault:
        measured, passed = f"{type(fault).__name__}: {fault}", False
    mark = colour(32, "ok    ") if passed else colour(31, "FAILED")
    print(f"{mark} {name:<50}  {measured}", flush=True)
    return {"name": name, "passed": passed, "measured": measured}


def keep_until_told(network):
    print(textwrap.dedent(f"""
        It all goes on until you press Ctrl-C:
          ip netns exec {network.vm.name} bash        inside the VM, {lab.VM}
          ip netns exec {network.remote.name} bash    outside: {lab.INTERNET}, {lab.JUMP_HOST}, ...
          {lab.BIN}/accelnetctl --socket {network.daemon.socket} status
        """), flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def run_steps(arguments):
    with lab.Lab(nic={"requirePolicy": True}) as network:
        demo = Demo(network)
        steps = [show(step) for step in demo.steps()]
        if arguments.keep:
            keep_until_told(network)
        steps.append(show(demo.stops))
    return steps


def interrupt(*_):
    """The first signal ends the demo; what comes after it may not disturb the clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        steps = run_steps(arguments)
    except lab.LabError as fault:
        steps = [{"name": "the lab", "passed": False, "measured": str(fault)}]
        print(f"FAILED the lab\n{textwrap.indent(str(fault), ' ' * 9)}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"steps": steps}, file, indent=2)
            file.write("\n")
    failed = [step for step in steps if not step["passed"]]
    print(f"demo failed: {len(failed)} of {len(steps)} steps" if failed else "demo passed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("demo failed: interrupted")
        sys.exit(130)
