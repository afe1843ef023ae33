"""The demo's steps on one host: what each does, what it must show, what it measured."""

import copy
import json
import sys
import time

import azlab
import lab

EXAMPLE = lab.ROOT / "config/examples/three-tier.json"
WEB = lab.ROOT / "scripts/lib/web.py"
HTTP, HTTPS, SSH, OTHER = 80, 443, 22, 8080
# Seconds: for an answer that should come, on a busy machine too; for one that should not.
PATIENCE, DOUBT = 10, 1
# What a path that works gives at a load of nine, too, and many times over: 1100 and 86 were seen.
LEAST_MBIT, LEAST_EXCHANGES = 5, 15


class Demo:
    """Each step raises AssertionError or returns a short text: what it measured."""

    def __init__(self, network):
        self.lab, self.daemon, self.host = network, network.daemon, network.host
        self.remote, self.vm = network.remote, network.vm
        self.policy = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        self.generation = 0
        self.held = self.echo = None

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
        drops = {entry["reason"]: entry["inbound"] + entry["outbound"] for entry in nic["drops"]}
        return {"hardware": nic["hardware"], **drops}

    def dropped(self, reason, count, before=0):
        """How many were dropped for this reason since `before`; at least `count` must be.

        "hardware" is a reason here; what the device counts is read once a second.
        """
        return lab.wait_for(lambda: self.drops()[reason] - before >= count and
                            self.drops()[reason] - before, f"{count} drops {reason}", PATIENCE)

    def judged(self):
        return self.daemon.ask("stats", "--nic", lab.NIC)["nics"][0]["judged"]

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

    def rules_in_hardware(self):
        """Waits until all of the plan is in the VF, and the path says so; in words."""
        lab.wait_for(lambda: self.daemon.path() == "vf", "path vf", 2 * PATIENCE)
        nic = lab.wait_for(lambda: (lambda nic: nic["offload"]["state"] == "complete" and nic)(
            self.daemon.nic()), "the rules to be in hardware", PATIENCE)
        plan, rules = nic["offload"]["plan"], nic["rules"]
        assert plan["installed"] == plan["planned"] > 0 and rules["hardware"] > 0, nic
        return (f"{rules['hardware']} of {sum(rules.values())} rules in hardware"
                f" ({plan['installed']} device rules)")

    # --- the steps ---

    def two_paths(self):
        """accelnetd in an Azure VM, on netvsc: its VF is up"""
        lab.wait_for(lambda: self.daemon.path() == "vf", "path vf", 2 * PATIENCE)
        port = self.daemon.nic()["uplinkPort"]
        return f"{port['driver']}, VF {port['vf']['device']} by {port['vf']['driver']}; path vf"

    def servers(self):
        """a VM of the web tier, and everybody else"""
        page = self.lab.folder / "www"
        page.mkdir()
        (page / "index.html").write_text("<p>hello\n", encoding="utf-8")
        for namespace, address in ((self.vm, lab.VM), (self.remote, lab.INTERNET)):
            namespace.start(sys.executable, WEB, address, HTTP, page).wait_ready()
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

    def policy_in_the_vf(self):
        """... and in the VF, as much as such a NIC can hold"""
        said = self.rules_in_hardware()
        return f"{said}, tier {self.daemon.nic()['offload']['device']['tier']}, path vf"

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

    def openers_die_in_the_vf(self):
        """the host gives the VF SYNs too: it drops them"""
        self.host.ctl("datapath", lab.NIC, "--openers", "off")
        before = self.drops()
        for port in (SSH, OTHER):
            self.refused(port, lab.INTERNET)
        dropped = self.dropped("hardware", 2, before["hardware"])
        after = self.drops()
        assert after["policy-deny"] == before["policy-deny"], (before, after)
        assert self.connect(SSH, lab.JUMP_HOST)["passed"]
        return f"Internet: no port {SSH}, {OTHER}; hardware {dropped}, software none"

    def tcp_stream(self):
        """iperf3 TCP, from the Internet to port 443"""
        before = self.judged()
        end = self.iperf(self.remote, self.vm, lab.VM, "--bind", lab.INTERNET, port=HTTPS)
        rate = end["sum_received"]["bits_per_second"] / 1e6
        settled = self.judged()["byHardware"] - before["byHardware"]
        # How fast is the machine's business; that marks settled them is the VF's.
        assert rate > LEAST_MBIT and settled > 100, (rate, settled, end)
        return f"{rate:.0f} Mbit/s; {settled} segments settled by the VF's marks"

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
        self.echo = self.vm.start_traffic("serve", "--address", lab.VM, "--tcp",
                                          HTTPS).wait_ready()
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
        assert held["error"] is None and held["exchanges"] > LEAST_EXCHANGES, held
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
        self.echo.result()
        assert answer["passed"] and said.startswith("Allow"), (answer, said)
        return f"generation {self.generation}, port 443 answers; {said}; {self.rules_in_hardware()}"

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
        most = dict(sorted(hits.items(), key=lambda hit: -hit[1])[:3])
        return f"{forwarded[0]} packets in, {forwarded[1]} out; most hits: {listed(most)}"

    def drop_reasons(self):
        """... and why packets were dropped"""
        drops = {reason: count for reason, count in self.drops().items() if count}
        assert {"no-policy", "policy-deny", "acl-deny"} <= drops.keys(), drops
        return listed(drops)

    def stops(self):
        """SIGTERM: accelnetd ends, its log without a warning"""
        status = self.daemon.stop()
        assert status == 0, f"exit status {status}:\n{self.daemon.tail()}"
        warnings = self.daemon.warnings()
        starved = [line for line in warnings if azlab.STARVED in line]
        assert len(starved) == len(warnings), warnings
        return "exit status 0" + (", though the machine let a worker wait" if starved else "")

    def steps(self):
        return [self.servers, self.two_paths, self.nothing_before, self.check_policy,
                self.apply_policy, self.policy_in_the_vf, self.web_passes, self.jump_host_passes,
                self.others_denied, self.acl_denied, self.openers_die_in_the_vf, self.tcp_stream,
                self.udp_stream, self.replies_pass, self.live_change, self.new_refused,
                self.names_the_rule, self.rollback, self.bad_policy]

    def last_steps(self):
        return [self.counters, self.drop_reasons]


def listed(counts):
    return ", ".join(f"{name} {count}" for name, count in counts.items())
