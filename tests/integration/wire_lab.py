"""A NIC between two cables: accelnetd inside azhost, its uplink and what is behind it both VFs of
azhost's, and the player of tests/wire at their other ends. For test_wire.py and test_swap.py.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import azlab  # pylint: disable=wrong-import-position
import lab  # pylint: disable=wrong-import-position

AZHOST = lab.BIN / "azhost"
PLAYER = lab.BIN.parent / "tests/wire_player"
TIERS = {"cx5-vf-trusted": "T3", "cx5-vf-untrusted": "T2"}


class Player:
    def __init__(self, folder, seed):
        self.popen = subprocess.Popen(
            [PLAYER, folder / "remote", folder / "vm", str(seed)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        try:
            self.popen.stdin.write(" ".join(map(str, words)) + "\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.popen.stdout.readline()
        if not answer:
            raise lab.LabError(f"the player ended with {self.popen.wait()} at {words}")
        return None if answer == "ok\n" else json.loads(answer)

    def stop(self):
        self.popen.stdin.close()
        try:
            self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Wire:
    """The daemon between the two VFs, and the player. `folder` has azhost's sockets."""

    def __init__(self, folder, seed=1):
        self.folder = folder
        nics = json.loads(lab.run(AZHOST, "ctl", "--json", "nics").stdout)["nics"]
        self.daemon = lab.Daemon(folder, nics[0]["pci"], nics[1]["pci"], eal=azlab.EAL_ARGUMENTS,
                                 nic={"context": {}})
        self.daemon.start()
        self.player = Player(folder, seed)

    def close(self):
        self.player.stop()
        self.daemon.stop()

    def rules(self):
        return self.daemon.ask("rule", "list", "--nic", lab.NIC)["rules"]

    def settled(self):
        return self.daemon.ask("stats", "--nic", lab.NIC)["nics"][0]["judged"]["byHardware"]

    def device(self):
        """What the emulated VF has counted itself."""
        return json.loads(lab.run(AZHOST, "ctl", "--json", "vf", "query", "nic0").stdout)["vf"]

    def counters(self):
        """Where frames may have been lost: in the NICs of the daemon, in the VFs, on the cables."""
        return [self.daemon.ask("stats", "--nic", lab.NIC)["nics"][0],
                json.loads(lab.run(AZHOST, "ctl", "--json", "stats").stdout),
                *(json.loads(lab.run(AZHOST, "ctl", "--json", "vf", "query", nic).stdout)["vf"]
                  for nic in ("nic0", "nic1"))]

    def wait_complete(self):
        """Until the rules of the policy in force are in the device, and no others."""
        def complete():
            offload = self.daemon.ask("nic", "show", lab.NIC)["offload"]
            if offload["state"] == "degraded":
                raise AssertionError(offload)
            return offload if offload["state"] in ("complete", "idle") else None

        return lab.wait_for(complete, "the rules to be in", 900)

    def end(self):
        """The last case of a test: nothing in the log, and the daemon ends as it should."""
        warnings = [line for line in self.daemon.warnings() if azlab.STARVED not in line]
        assert not warnings, warnings[:5]
        status = self.daemon.stop()
        assert status == 0, (status, self.daemon.tail())


def add_arguments(parser):
    parser.add_argument("profile", choices=TIERS)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--inside", type=pathlib.Path)


def main(options, script, cases):
    """Starts `script` anew inside azhost; there it runs `cases`, functions of a Wire and options."""
    if options.inside:
        wire = Wire(options.inside, getattr(options, "seed", 1))
        try:
            tap.main([(case.__name__.replace("_", " "), lambda case=case: case(wire, options))
                      for case in cases])
        finally:
            wire.close()
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="accelnet-wire-"))
    command = [AZHOST, "run", "--vf", "only", "--profile", options.profile, "--nics", "2",
               "--uplink", f"unix:{folder}/remote", "--uplink", f"unix:{folder}/vm", "--",
               sys.executable, pathlib.Path(script).resolve(), *sys.argv[1:], "--inside", folder]
    try:
        sys.exit(subprocess.run(command, check=False).returncode)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
