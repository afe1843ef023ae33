#!/usr/bin/env python3
"""accelnetctl and other clients against the real daemon, on ports that carry no traffic.

Needs root, for the socket's group; no network namespace and no TAP.
"""

import contextlib
import datetime
import ipaddress
import itertools
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

import generated_policy
import null_daemon

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

EXAMPLES = lab.ROOT / "config/examples"
DOCUMENT = EXAMPLES / "three-tier.json"
STREAM = 50000
STATUS = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'


def rule(name, priority, **properties):
    return {"name": name, "properties": {
        "priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": "443", **properties}}


def document(*rules, **members):
    return {"apiVersion": "accelnet/v1", "nicNsg": {"properties": {"securityRules": list(rules)}},
            **members}


def near(random_, properties):
    """A packet at a border of the rule: of its addresses and its ports."""
    def address(prefixes):
        network = ipaddress.ip_network(random_.choice(prefixes))
        border = random_.choice((network[0], network[-1]))
        return str(border + random_.choice((-1, 0, 0, 0, 1)))

    low, _, high = random_.choice(properties["destinationPortRanges"]).partition("-")
    port = random_.choice((int(low), int(high or low))) + random_.choice((-1, 0, 0, 0, 1))
    return {"direction": properties["direction"],
            "protocol": random_.choice((6, 17, 6, 17, 132, 1)),
            "source": address(properties["sourceAddressPrefixes"]),
            "sourcePort": random_.randrange(65536),
            "destination": address(properties["destinationAddressPrefixes"]),
            "destinationPort": max(0, min(port, 65535))}


class Cases:
    def __init__(self, daemon):
        self.daemon = daemon
        self.folder = daemon.folder

    # --- what the cases are made of ---

    def ctl(self, *words, status=0, stdin=None):
        """Standard output of accelnetctl, which must end with this status."""
        result = subprocess.run(
            [lab.BIN / "accelnetctl", "--socket", self.daemon.socket, *map(str, words)],
            input=stdin, capture_output=True, timeout=60, check=False)
        assert result.returncode == status, (words, result)
        return result.stdout

    def ask(self, *words, status=0, stdin=None):
        return json.loads(self.ctl(*words, "--json", status=status, stdin=stdin))

    def file(self, content, name="policy.json"):
        path = self.folder / name
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def apply(self, content, *words, status=0):
        path = content if isinstance(content, pathlib.Path) else self.file(content)
        return self.ask("policy", "apply", path, "--nic", lab.NIC, *words, status=status)

    def refused(self, *words, **options):
        """`data` of the error."""
        return self.ask(*words, status=3, **options)["error"]["data"]

    def generation(self):
        return self.ask("nic", "show", lab.NIC)["generation"]

    def dial(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.daemon.socket))
        client.settimeout(30)
        return client

    def status_ms(self):
        start = time.monotonic()
        assert self.ask("status")["nics"][0]["name"] == lab.NIC
        return (time.monotonic() - start) * 1000

    # --- policies ---

    def life_of_a_policy(self):
        """apply, show, history, diff, rollback"""
        first = self.apply(DOCUMENT)
        assert not first["unchanged"] and first["rules"]["added"] == 19, first
        assert self.apply(DOCUMENT)["unchanged"]
        for form in ([], ["--json"]):
            shown = self.ctl("policy", "show", "--nic", lab.NIC, *form)
            again = json.loads(self.ctl("policy", "apply", "-", "--nic", lab.NIC, "--json",
                                        stdin=shown))
            assert again["unchanged"] and again["generation"] == first["generation"], again
        changed = document(rule("web", 100))
        dry = self.apply(changed, "--dry-run")
        assert dry["dryRun"] and self.generation() == first["generation"], dry
        difference = self.ask("policy", "diff", self.file(changed), "--nic", lab.NIC)
        assert not difference["identical"] and len(difference["removed"]) == 19, difference
        assert [entry["name"] for entry in difference["added"]] == ["web"], difference
        second = self.apply(changed)
        assert (second["rules"]["added"], second["rules"]["removed"]) == (1, 19), second
        both = ["--from", first["generation"], "--to", second["generation"]]
        assert self.ask("policy", "diff", "--nic", lab.NIC, *both)["removed"]
        third = self.ask("policy", "rollback", "--nic", lab.NIC)
        assert third["restored"] == first["generation"] < third["generation"], third
        same = ["--from", first["generation"], "--to", third["generation"]]
        assert self.ask("policy", "diff", "--nic", lab.NIC, *same)["identical"]
        history = self.ask("policy", "history", "--nic", lab.NIC)["generations"]
        assert [entry["current"] for entry in history] == [True, False, False], history
        assert f"uid {os.getuid()} pid" in history[0]["origin"], history

    def azure_s_book_keeping(self):
        """an NSG that differs in etag, id and provisioningState alone is unchanged"""
        def nsg(version, **properties):
            return {"name": "n", "etag": f'W/"{version}"', "id": f"/subscriptions/{version}/n",
                    "properties": {"provisioningState": f"S{version}", "securityRules": [
                        {**rule("a", 100, **properties), "etag": f'W/"{version}"'}]}}
        first = self.apply(nsg(1))
        again = self.apply(nsg(2))
        assert again["unchanged"] and again["generation"] == first["generation"], again
        assert self.ask("policy", "show", "--nic", lab.NIC)["nicNsg"]["etag"] == 'W/"1"'
        other = self.apply(nsg(2, description="for the audit"))
        assert not other["unchanged"], other
        assert other["generation"] == first["generation"] + 1, other

    def compare_and_set(self):
        """--if-generation of another generation changes nothing"""
        now = self.generation()
        data = self.apply(document(rule("x", 100)), "--if-generation", now + 1,
                          status=3)["error"]["data"]
        assert data["symbol"] == "generation-mismatch" and self.generation() == now, data
        answer = self.apply(document(rule("x", 101)), "--if-generation", now)
        assert answer["generation"] > now, answer

    def bare_nsg(self):
        """a bare NSG replaces its level only"""
        self.apply(document(rule("nic-rule", 100), subnetNsg={"name": "old", "properties": {
            "securityRules": []}}))
        nsg = {"name": "new", "properties": {"securityRules": [rule("subnet-rule", 100)]}}
        self.apply(nsg, "--level", "subnet")
        rules = self.ask("rule", "list", "--nic", lab.NIC)["rules"]
        assert {(entry["name"], entry["level"], entry["nsg"]) for entry in rules
                if not entry["default"]} == {("nic-rule", "nic", None),
                                             ("subnet-rule", "subnet", "new")}, rules
        several = self.file([nsg, {**nsg, "name": "other"}])
        assert self.refused("policy", "apply", several, "--nic", lab.NIC)["symbol"] == "ambiguous"
        self.apply(several, "--nsg", "other")
        broken = [nsg, {"name": "bad", "properties": {"securityRules": [
            rule("a", 100), rule("b", 110, destinationPortRange="9-1")]}}]
        data = self.apply(broken, "--nsg", "bad", status=3)["error"]["data"]
        assert data["pointer"] == "/1/properties/securityRules/1/properties/destinationPortRange"
        assert data["rule"] == "b", data

    def context_beside_the_file(self):
        """--context gives a bare NSG what it refers to"""
        nsg = {"properties": {"securityRules": [rule("tag", 100, sourceAddressPrefix="Corp")]}}
        data = self.apply(nsg, status=3)["error"]["data"]
        assert data["symbol"] == "unknown-tag" and "Corp" in json.dumps(data), data
        context = self.file({"virtualNetwork": ["10.9.0.0/16"],
                             "serviceTags": {"Corp": ["198.51.100.0/24"]}}, "context.json")
        self.apply(nsg, "--context", context)
        explained = self.ask("rule", "explain", "tag", "--nic", lab.NIC)["rules"][0]
        assert explained["addresses"]["Corp"] == ["198.51.100.0/24"], explained

    def bad_input(self):
        """bad input: exit 3, where and why, nothing changed"""
        before = self.generation()
        good = rule("r", 100)
        for content, symbol, pointer in (
                (b'{"apiVersion":"accelnet/v1"', "syntax", None),
                (b'{"apiVersion":"accelnet/v1","nicNsg":{"name":"\xff"}}', "bad-encoding", None),
                (b'{"apiVersion":"accelnet/v1","nicNsg":' + b"[" * 100 + b"]" * 100 + b"}",
                 "too-large", None),
                (b'{"apiVersion":"accelnet/v1","apiVersion":"accelnet/v1"}', "duplicate-key", None),
                ({"apiVersion": "accelnet/v1", "nicnsg": {}}, "unknown-key", "/nicnsg"),
                (document(good, options={"mode": "maybe"}), "bad-value", "/options/mode"),
                (document(good, context={"addresses": ["10.1"]}), "bad-address",
                 "/context/addresses/0"),
                (document(rule("r", "high")), "wrong-type",
                 "/nicNsg/properties/securityRules/0/properties/priority"),
                (document(rule("r", 100, destinationPortRange="70000")), "bad-port-range",
                 "/nicNsg/properties/securityRules/0/properties/destinationPortRange"),
                (document(rule("r", 100, sourceAddressPrefix="Nowhere")), "unknown-tag",
                 "/nicNsg/properties/securityRules/0/properties/sourceAddressPrefix"),
                (document(good, rule("s", 100)), "rule-conflict",
                 "/nicNsg/properties/securityRules/1/properties/priority"),
                ({"hello": "world"}, "unknown-form", None),
                (b'"' + b"x" * (100 << 20) + b'"', "too-large", None)):
            error = self.apply(content, status=3)["error"]
            assert error["data"]["symbol"] == symbol, (content[:80] if isinstance(content, bytes)
                                                       else content, error)
            assert error["message"], error
            if pointer is not None:
                assert error["data"]["pointer"] == pointer, error
        several = document(rule("r", 100, destinationPortRange="70000", protocol="Smoke"))
        assert len(self.apply(several, status=3)["error"]["data"]["problems"]) == 2
        assert self.generation() == before
        return "14 kinds"

    def over_the_line_limit(self):
        """a policy over 4 MiB is refused before and by the socket"""
        big = document(*(rule(f"r{i}", 100 + i, description="x" * 140) for i in range(3000)),
                       context={"serviceTags": {f"T{i}": [f"10.{i >> 8}.{i & 255}.{j}/32"
                                                          for j in range(120)]
                                                for i in range(3000)}})
        assert len(json.dumps(big)) > 4 << 20
        assert self.apply(big, status=3)["error"]["data"]["symbol"] == "too-large"
        with self.dial() as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (5 << 20))
        self.status_ms()

    # --- questions ---

    def verify_agrees(self):
        """verify: the daemon and both engines offline agree"""
        self.apply(DOCUMENT)
        packets = [("in", "tcp", "10.1.1.4:443", "203.0.113.9:40000"),
                   ("in", "tcp", "10.1.1.4:22", "203.0.113.9:40000"),
                   ("in", "udp", "10.1.1.4:53", "192.0.2.7:40000"),
                   ("out", "tcp", "10.1.1.4:40000", "203.0.113.9:25"),
                   ("out", "udp", "10.1.1.4:40000", "168.63.129.16:53"),
                   ("in", "icmp", "10.1.1.4", "10.1.9.4"),
                   ("in", "tcp", "[fd00::4]:443", "[2001:db8:bad::1]:9")]
        for direction, protocol, local, remote in packets:
            packet = ["--direction", direction, "--protocol", protocol, "--local", local,
                      "--remote", remote]
            online = self.ask("verify", "--nic", lab.NIC, *packet)
            for engine in ("software", "reference"):
                offline = self.ask("verify", "--policy", DOCUMENT, "--engine", engine, *packet)
                assert offline == online, (packet, engine, offline, online)
        return f"{len(packets)} packets"

    def streams_agree(self):
        """verify --tuples: both engines say the same on a 1,000-rule policy"""
        generated = generated_policy.policy(7)
        rules = [entry for entry in generated["nicNsg"]["properties"]["securityRules"]
                 if entry["name"].startswith("filler")]
        policy = self.file(generated, "thousand.json")
        packets = self.folder / "packets.ndjson"
        random_ = random.Random(7)
        with open(packets, "w", encoding="utf-8") as out:
            for _ in range(STREAM):
                entry = random_.choice(rules)
                out.write(json.dumps(near(random_, entry["properties"])) + "\n")
        streams, seconds = [], []
        for engine in ("software", "reference"):
            start = time.monotonic()
            streams.append(self.ctl("verify", "--policy", policy, "--tuples", packets, "--engine",
                                    engine))
            seconds.append(time.monotonic() - start)
        assert streams[0] == streams[1] and streams[0].count(b"\n") == STREAM
        named = {json.loads(line)["rule"] for line in streams[0].splitlines()}
        assert len(named) > 500, len(named)
        return (f"{STREAM} packets, {len(named)} rules decide; {seconds[0]:.1f} s and"
                f" {seconds[1]:.1f} s")

    def rules_tell_where(self):
        """rule list, rule explain: where, why, hits"""
        self.apply(DOCUMENT)
        rules = self.ask("rule", "list", "--nic", lab.NIC)["rules"]
        assert sum(not entry["default"] for entry in rules) == 19
        for entry in rules:
            assert entry["where"] == "software" and entry["reason"] and entry["hits"] == 0, entry
        effective = self.ask("rule", "list", "--nic", lab.NIC, "--effective")["addresses"]
        assert "168.63.129.16/32" in effective["VirtualNetwork"], effective
        assert not any(prefix.startswith("10.") for prefix in effective["Internet"]), effective
        shadowed = document(rule("wide", 100, destinationPortRange="*"), rule("never", 110))
        self.apply(shadowed)
        answer = self.ask("rule", "explain", "never", "--nic", lab.NIC)["rules"][0]
        assert answer["shadowedBy"] == "wide" and answer["position"] == 2, answer
        assert self.refused("rule", "explain", "nobody", "--nic",
                            lab.NIC)["symbol"] == "not-found"

    def every_command_prints_json(self):
        """--json is one object on standard output, in every command"""
        commands = [["status"], ["nic", "list"], ["nic", "show", lab.NIC], ["stats"],
                    ["stats", "--nic", lab.NIC], ["stats", "clear"], ["drops"], ["events"],
                    ["log", "level"], ["version"],
                    ["policy", "check", DOCUMENT], ["policy", "check", DOCUMENT, "--analyse"],
                    ["policy", "compile", DOCUMENT, "--target", "rte_flow"],
                    ["policy", "compile", DOCUMENT, "--target", "software"], ["tags", "show"],
                    *([*words, "--nic", lab.NIC] for words in (
                        ["policy", "show"], ["policy", "show", "--form", "arm"],
                        ["policy", "history"], ["rule", "list"], ["flow", "list"],
                        ["flow", "show"], ["flow", "kill", "--all"]))]
        for words in commands:
            assert isinstance(self.ask(*words), dict), words
            assert self.ctl(*words), words  # and something for people
        assert self.ask("--version") == {"client": self.ask("version")["client"]}
        return f"{len(commands)} commands"

    def stats_tell_their_time(self):
        """stats has its time as everything has, and rates come of it"""
        before = datetime.datetime.now(datetime.timezone.utc)
        text = self.ask("stats")["time"]
        time_ = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
        passed = time_.replace(tzinfo=datetime.timezone.utc) - before
        assert abs(passed.total_seconds()) < 30, text
        watch = subprocess.Popen(
            [lab.BIN / "accelnetctl", "--socket", self.daemon.socket, "stats", "--watch"],
            stdout=subprocess.PIPE, text=True)
        try:
            heads = [line for line in itertools.islice(watch.stdout, 12) if "DIRECTION" in line]
        finally:
            watch.terminate()
            watch.communicate()
        assert "PACKETS/S" not in heads[0] and "PACKETS/S" in heads[1], heads

    def exit_statuses(self):
        """exit statuses 1, 2, 3, 4 and their JSON"""
        cases = ((["policy", "check", "/no/such/file"], 1, "io"),
                 (["policy", "appply"], 2, "usage"),
                 ([], 2, "usage"),
                 (["nic", "show", "eth77"], 3, "not-found"))
        for words, status, symbol in cases:
            data = self.ask(*words, status=status)["error"]["data"]
            assert data["symbol"] == symbol, (words, data)
        result = subprocess.run([lab.BIN / "accelnetctl", "--socket", self.folder / "nobody",
                                 "--json", "status"], capture_output=True, check=False)
        assert result.returncode == 4, result
        assert json.loads(result.stdout)["error"]["data"]["symbol"] == "unreachable"
        assert not result.stderr, result

    def strangers_stay_outside(self):
        """the socket is root's and its group's"""
        assert self.daemon.socket.stat().st_mode & 0o7777 == 0o660
        for path in (self.folder, self.daemon.socket):
            path.chmod(path.stat().st_mode | 0o7)  # the file's mode alone would let them in now
        result = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
             shutil.copy(lab.BIN / "accelnetctl", "/tmp"), "--socket", self.daemon.socket,
             "status"], capture_output=True, text=True, check=False)
        os.unlink("/tmp/accelnetctl")
        self.daemon.socket.chmod(0o660)
        assert result.returncode != 0 and "group" in result.stderr, result

    def follows_events(self):
        """events --follow tells of an apply at once"""
        follower = subprocess.Popen(
            [lab.BIN / "accelnetctl", "--socket", self.daemon.socket, "events", "--follow",
             "--json", "--nic", lab.NIC], stdout=subprocess.PIPE, text=True)
        try:
            applied = self.apply(document(rule("event", 100, description=str(time.time()))))
            while True:
                event = json.loads(follower.stdout.readline())
                if event.get("generation") == applied["generation"]:
                    break
            assert event["event"] == "policy.applied", event
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    # --- clients that misbehave ---

    def slow_reader(self):
        """one that never reads its answers"""
        with self.dial() as client:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(b'{"jsonrpc":"2.0","id":1,"method":"rpc.list"}\n')
            return f"status after {self.status_ms():.0f} ms"

    def byte_a_second(self):
        """one that sends a byte a second is dropped"""
        worst = 0
        with self.dial() as client:
            for _ in range(15):
                try:
                    client.send(b" ")
                except BrokenPipeError:
                    break
                worst = max(worst, self.status_ms())
                time.sleep(1)
            else:
                raise AssertionError("it was not dropped")
        return f"meanwhile status within {worst:.0f} ms"

    def two_hundred_at_once(self):
        """200 clients at once"""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.dial()) for _ in range(200)]
            for client in clients:
                client.sendall(STATUS)
            waited = self.status_ms()
            for client in clients:
                assert b'"result"' in client.recv(65536)
        return f"status from another within {waited:.0f} ms"

    def mid_request(self):
        """clients that die in mid-request"""
        for _ in range(100):
            with self.dial() as client:
                client.sendall(STATUS * 3 + STATUS[:20])
        return f"status after {self.status_ms():.0f} ms"

    def flood(self):
        """one that floods, while another applies"""
        stop = threading.Event()

        def drink(client):
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1 << 20):
                    pass

        def pour():
            with self.dial() as client:
                reader = threading.Thread(target=drink, args=(client,))
                reader.start()
                while not stop.is_set():
                    client.sendall(STATUS * 100)
                client.shutdown(socket.SHUT_RDWR)
                reader.join()

        threads = [threading.Thread(target=pour) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            worst = max(self.status_ms() for _ in range(10))
            self.apply(DOCUMENT)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert worst < 10000, worst
        return f"status within {worst:.0f} ms"

    def big_policies_side_by_side(self):
        """applies of 3 MiB, while another asks for status"""
        big = document(*(rule(f"r{i}", 100 + i, description="x" * 140, sourceAddressPrefix=f"T{i}")
                         for i in range(2000)),
                       context={"serviceTags": {f"T{i}": [f"11.{i >> 8}.{i & 255}.{j * 4}/30"
                                                          for j in range(60)]
                                                for i in range(2000)}})
        path = self.file(big, "big.json")
        size = path.stat().st_size
        assert 2 << 20 < size < 4 << 20, size
        applies = [subprocess.Popen([lab.BIN / "accelnetctl", "--socket", self.daemon.socket,
                                     "policy", "apply", path, "--nic", lab.NIC, "--dry-run"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for _ in range(4)]
        worst = 0
        while any(process.poll() is None for process in applies):
            worst = max(worst, self.status_ms())
        assert all(process.returncode == 0 for process in applies)
        assert worst < 10000, worst
        return f"{size >> 10} KiB; status within {worst:.0f} ms"

    def log_is_clean(self):
        """no warning in the daemon's log, and it ends cleanly"""
        assert self.daemon.stop() == 0, self.daemon.tail()
        assert not self.daemon.warnings(), self.daemon.warnings()
        assert not self.daemon.socket.exists()

    def workers_have_their_processor(self):
        """where a worker has the main lcore's processor, all that is no worker has the others"""
        first, others = lab.lcores().split(",")[0], os.sched_getaffinity(0)
        others = others - {int(first)}
        folder = self.daemon.folder / "shared"
        folder.mkdir()
        daemon = lab.Daemon(folder, "net_null0,no-rx=1", "net_null1,no-rx=1")
        config = json.loads(daemon.config.read_text(encoding="utf-8"))
        config["eal"]["lcores"] = f"0@{first},1@{first}"
        daemon.config.write_text(json.dumps(config), encoding="utf-8")
        daemon.start()
        try:
            threads = {}
            for task in pathlib.Path(f"/proc/{daemon.popen.pid}/task").iterdir():
                name = (task / "comm").read_text("ascii").strip()
                threads[name] = os.sched_getaffinity(int(task.name))
        finally:
            daemon.stop()
        workers = {name for name in threads if name.startswith("rte-worker")}
        assert workers and {"accelnetd", "offload", "look"} <= threads.keys(), threads
        for name, processors in threads.items():
            assert processors == ({int(first)} if name in workers else others), threads

    def all(self):
        return [self.life_of_a_policy, self.azure_s_book_keeping, self.compare_and_set, self.bare_nsg,
                self.context_beside_the_file, self.bad_input, self.over_the_line_limit,
                self.verify_agrees, self.streams_agree, self.rules_tell_where,
                self.every_command_prints_json, self.stats_tell_their_time, self.exit_statuses,
                self.strangers_stay_outside, self.follows_events, self.slow_reader,
                self.byte_a_second, self.two_hundred_at_once, self.mid_request, self.flood,
                self.big_policies_side_by_side, self.log_is_clean,
                self.workers_have_their_processor]


if __name__ == "__main__":
    null_daemon.main(Cases)
