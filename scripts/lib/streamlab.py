"""accelnetd in azhost between the two ends of a stream: a cable, and a memif as the VM's interface.

    stream -- rings -- azhost: switch, netvsc or VF -- accelnetd -- memif -- stream

No kernel interface is on the way and both ends are one process (tests/bench/stream.c), so that what
is measured is the NIC's path alone. stream can be what feeds the VF, too: then the host has no part
in it. A meter in accelnetd's process (tests/bench/meter.h) tells its own work from its drivers'.
Needs root.
"""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import threading

import azlab
import lab
from meter import Meter

BENCH = lab.BIN.parent / "tests"
STREAM_ARGUMENTS = ["--no-huge", "--no-shconf", "--no-telemetry", "--no-pci", "-m", "128",
                    "--log-level=4", "--file-prefix=stream"]


# More than what else runs on the machine. Where the kernel schedules by sessions it would do nothing:
# the scripts that measure have it schedule by threads (leftovers.sh).
HURRY = ["nice", "-n", "-11"]

# No stream is meant to last so long; one that does is stuck.
STREAM_SECONDS = 300


class Stream:
    """The traffic; iterate over phases(), each of which has a beginning and an end. In a hurry it
    leaves little of its processor to what else runs there, such as who brings a VF in."""

    def __init__(self, cable, memif, phases, cpu, hurry=True):
        self.popen = subprocess.Popen(
            [*(HURRY if hurry else ()), "taskset", "-c", str(cpu), BENCH / "stream", "--lcores", f"0@{cpu}",
             *STREAM_ARGUMENTS, "--", cable, memif, *phases],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.watchdog = threading.Timer(STREAM_SECONDS, self.popen.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def line(self):
        text = self.popen.stdout.readline()
        if not text:
            raise lab.LabError(f"stream: {self.popen.communicate()[1].strip()}")
        return json.loads(text)

    def tell_to_stop(self):
        self.popen.stdin.close()

    def close(self):
        self.watchdog.cancel()
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


class Usage:
    """Processor time, in nanoseconds, of the host's process and of the device's thread."""

    def __init__(self, daemon_pid, launcher_pid):
        self.host_pid = next(pid for pid in children(launcher_pid) if comm(pid) == "azhost-host")
        self.host = tasks(self.host_pid)
        self.device = [task for task in tasks(daemon_pid) if comm(task) == "azhost-device"]

    def read(self):
        return {"host": sum(map(run_time, self.host)), "device": sum(map(run_time, self.device))}


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(word) for word in text.split()]


def tasks(pid):
    return [f"{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]


def comm(task):
    return pathlib.Path(f"/proc/{task}/comm").read_text("ascii").strip()


def run_time(task):
    return int(pathlib.Path(f"/proc/{task}/schedstat").read_text("ascii").split()[0])


class StreamLab:
    """`options` are azhost run's, `host` the content of its configuration; `gaps` is for Meter.

    `bifurcated`: accelnetd beside the kernel's interface instead of on netvsc. `way` is how stream
    sends: `ring`, by the host; `vf`, straight into the VF while there is one.
    """

    def __init__(self, *options, host=None, gaps=False, bifurcated=False, way="ring"):
        self.options, self.host_config, self.gaps, self.way = options, host, gaps, way
        self.nic = {"uplink": {"type": "bifurcated", "interface": "azeth0", "failbackMs": 0}}
        self.uplink = f"net_af_packet_{lab.NIC}"
        if bifurcated:
            self.options = ["--synthetic", "kernel", *options]
        else:
            self.nic, self.uplink = None, azlab.GUID
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="accelnet-"))
        self.cable, self.memif = self.folder / "cable", self.folder / "memif"
        self.daemon = self.meter = self.host = self.usage = None
        self.cpu = sorted(os.sched_getaffinity(0))[0]

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        meter = self.folder / "meter"
        words = {"ACCELNET_METER": meter, "ACCELNET_METER_UPLINK": self.uplink}
        if self.gaps:
            words["ACCELNET_METER_GAPS"] = 1
        before = "".join(f"export {name}={shlex.quote(str(value))};"
                         for name, value in words.items())
        before += f'export LD_PRELOAD="$LD_PRELOAD:{BENCH}/meter.so"'
        options = ["--uplink", f"ring:{self.cable}", *self.options]
        if self.host_config:
            config = self.folder / "azhost.json"
            config.write_text(json.dumps(self.host_config), encoding="utf-8")
            options += ["--config", config]
        app = f"net_memif0,role=server,socket={self.memif},socket-abstract=no"
        self.daemon = azlab.Daemon(self.folder, app, options, nic=self.nic, before=before,
                                   prefix=[*HURRY, "taskset", "-c", str(self.cpu)])
        self.host = self.daemon.host
        self.stack.callback(self.stop)
        self.daemon.start()
        self.meter = self.stack.enter_context(Meter(meter))
        self.usage = Usage(self.daemon.pid, self.daemon.popen.pid)

    def wait_for_vf(self, seconds):
        try:
            lab.wait_for(lambda: self.daemon.path() == "vf", "path vf", seconds)
        except lab.LabError as fault:
            nic = self.daemon.nic()
            raise lab.LabError(f"{fault}: it is {nic['path']}, {nic.get('pathProblem')};"
                               f" the log ends\n{self.daemon.tail()}") from None

    def stream(self, *phases, hurry=True):
        stream = Stream(f"{self.way}:{self.cable}", self.memif, phases, self.cpu, hurry)
        self.stack.callback(stream.close)
        return stream

    def stop(self):
        status = self.daemon.stop()
        if status != 0:
            raise lab.LabError(f"accelnetd ended with {status}: {self.daemon.tail()}")

    def close(self):
        self.stack.close()
