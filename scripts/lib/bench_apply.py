#!/usr/bin/env python3
"""What real service tags cost beside small ones: policy apply on a running daemon, and a packet.

The daemon's ports carry no traffic. "socket" is from the request to the answer, "command" the whole
of accelnetctl, which reads the download of tags too. Then what a packet costs in that policy, with
its tags and with small ones, by accelnet-testpmd. Needs root, for the socket's group, and a
policy with a download of tags: by default those of the shared data.
"""

import argparse
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import lab

DATA = lab.ROOT / "../shared/data"
POLICY = DATA / "nsg/qs-apimanagement-api-management-create-with-external-vnet.json"
TAGS = DATA / "servicetags/ServiceTags_Public_small.json"
NETWORK = ["10.1.0.0/16"]
LARGE_TAGS = 3000
LARGE_PREFIXES = 100000


def control(*words):
    command = [lab.BIN / "accelnetctl", "--json", *map(str, words)]
    result = subprocess.run(command, capture_output=True, check=False)
    if result.returncode != 0:
        sys.exit(f"bench_apply: {' '.join(map(str, words))}: {result.stdout.decode().strip()}")
    return json.loads(result.stdout)


class Bench:
    def __init__(self, daemon, folder, rounds):
        self.daemon = daemon
        self.folder = pathlib.Path(folder)
        self.rounds = rounds
        self.results = []

    def file(self, name, content):
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path

    def apply(self, path, context=None):
        words = ["--context", context] if context else []
        return control("--socket", self.daemon.socket, "policy", "apply", path, "--nic", lab.NIC,
                       *words)

    def on_socket(self, document):
        """Milliseconds until the document is in force."""
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "policy.apply",
                              "params": {"nic": lab.NIC, "document": document}}).encode() + b"\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.daemon.socket))
            start = time.monotonic()
            client.sendall(request)
            answer = json.loads(client.makefile().readline())
            elapsed = time.monotonic() - start
        assert not answer["result"]["unchanged"], answer
        return elapsed * 1000

    def measure(self, name, samples, unit="ms", **notes):
        result = {"name": name, "ours": round(statistics.median(samples), 2), "unit": unit,
                  "peer": None, "ratio": None,
                  "spread": [round(min(samples), 2), round(max(samples), 2)], **notes}
        self.results.append(result)
        print(f"{name:28} {result['ours']:9.1f} {unit}  (best {result['spread'][0]:.1f}, worst"
              f" {result['spread'][1]:.1f})")

    def policies(self, policy, tags):
        """The same NSG with tags of one prefix each, and with those of the download."""
        other = self.file("other.json", {"apiVersion": "accelnet/v1", "nicNsg": {},
                                         "context": {"virtualNetwork": NETWORK}})
        small = {"changeNumber": 1, "cloud": "Public", "values": [
            {"name": tag["name"], "id": tag["name"],
             "properties": {"addressPrefixes": tag["properties"]["addressPrefixes"][:1]}}
            for tag in json.loads(tags.read_text())["values"]]}
        for kind, path in (("small tags", self.file("small-tags.json", small)),
                           ("real tags", tags)):
            context = self.file("context.json", {"virtualNetwork": NETWORK,
                                                 "serviceTagsFile": str(path.resolve())})
            command, on_socket = [], []
            for _ in range(self.rounds):
                self.apply(other)
                start = time.monotonic()
                self.apply(policy, context)
                command.append((time.monotonic() - start) * 1000)
                document = control("--socket", self.daemon.socket, "policy", "show", "--nic",
                                   lab.NIC)
                self.apply(other)
                on_socket.append(self.on_socket(document))
            prefixes = sum(map(len, document["context"]["serviceTags"].values()))
            self.measure(f"apply/{kind}/socket", on_socket, prefixes=prefixes)
            self.measure(f"apply/{kind}/command", command, prefixes=prefixes)

    def classify(self):
        """Cycles for a packet's rule in the policy that is in force, and its tags cut."""
        document = self.file("in-force.json", control("--socket", self.daemon.socket, "policy",
                                                      "show", "--nic", lab.NIC))
        output = self.folder / "classify.json"
        subprocess.run([lab.BIN / "accelnet-testpmd", "--bench", "classify", "--policy", document,
                        "--duration", "0.5", "--json", output], check=True)
        self.results += json.loads(output.read_text())["results"]

    def tag_file(self, policy):
        """A download as large as the real one, read by a command that does nothing else."""
        each = LARGE_PREFIXES // LARGE_TAGS
        names = ["Storage", "Sql", "AzureKeyVault", "ApiManagement", "AzureActiveDirectory",
                 "EventHub", "AzureMonitor", "AzureCloud"]
        names += [f"Tag{i}" for i in range(LARGE_TAGS - len(names))]
        values = [{"name": name, "id": name, "properties": {
            "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure",
            "systemService": name, "networkFeatures": ["API", "NSG", "UDR", "FW"],
            "addressPrefixes": [f"20.{i >> 8 & 255}.{i & 255}.{k * 4}/30" for k in range(each)]}}
                  for i, name in enumerate(names)]
        path = self.file("large-tags.json", {"changeNumber": 1, "cloud": "Public",
                                             "values": values})
        context = self.file("large.json", {"virtualNetwork": NETWORK,
                                           "serviceTagsFile": str(path)})
        samples = []
        for _ in range(self.rounds):
            start = time.monotonic()
            control("policy", "check", policy, "--context", context)
            samples.append((time.monotonic() - start) * 1000)
        # the largest of all commands so far, which is one of these
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        self.measure("tags/file", samples, bytes=path.stat().st_size, tags=LARGE_TAGS,
                     prefixes=each * LARGE_TAGS)
        return peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=pathlib.Path, default=POLICY)
    parser.add_argument("--tags", type=pathlib.Path, default=TAGS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=pathlib.Path, help="write the results as one object")
    options = parser.parse_args()
    for path in (options.policy, options.tags):
        if not path.exists():
            sys.exit(f"bench_apply: {path} is absent: see --policy and --tags")
    with tempfile.TemporaryDirectory(prefix="accelnet-") as folder:
        daemon = lab.Daemon(folder, "net_null0,no-rx=1", "net_null1,no-rx=1")
        bench = Bench(daemon, folder, options.rounds)
        bench.measure("tags/memory", [bench.tag_file(options.policy)], unit="MiB")
        daemon.start()
        try:
            bench.policies(options.policy, options.tags)
            bench.classify()
        finally:
            daemon.stop()
    if options.json:
        options.json.write_text(json.dumps({
            "schema": "accelnet-bench/1",
            "environment": {"load": os.getloadavg()[0], "cpus": os.cpu_count()},
            "results": bench.results}) + "\n")


if __name__ == "__main__":
    main()
