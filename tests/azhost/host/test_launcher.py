#!/usr/bin/env python3
"""`azhost run` and `azhost ctl` without any DPDK program: exit statuses, streams, signals, what the
command sees, and that nothing is left however anything ends.

test_launcher.py [TEST...]
"""

import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import vm
from vm import AZHOST, check


def run(arguments, as_user=False, text=None, **keywords):
    prefix = vm.NOBODY if as_user else []
    with tempfile.TemporaryDirectory(prefix="azhost-launcher-") as temporary:
        os.chmod(temporary, 0o777)
        done = subprocess.run([*prefix, AZHOST, *arguments], capture_output=True, text=True,
                              input=text, timeout=60, check=False,
                              env={**os.environ, "TMPDIR": temporary}, **keywords)
        check(not os.listdir(temporary), "no directory is left")
    return done


def statuses(as_user=False):
    off = ["run", "--vf", "off", "--"]
    done = run([*off, "sh", "-c", "echo out; echo err >&2; cat; exit 42"], as_user, "word\n")
    check((done.returncode, done.stdout, done.stderr) == (42, "out\nword\n", "err\n"),
          "status and streams are the command's")
    check(run([*off, "true"], as_user).returncode == 0, "0 of true")
    done = run([*off, "/nonexistent"], as_user)
    check(done.returncode == 127 and done.stderr.startswith("azhost: "), "127: not found")
    check(run([*off, "/etc/passwd"], as_user).returncode == 126, "126: cannot be run")
    check(run([*off, "sh", "-c", "kill -TERM $$"], as_user).returncode == -signal.SIGTERM,
          "ended by the command's signal")
    for bad in (["run"], ["run", "--nics", "0", "--", "true"], ["run", "--vf", "x", "--", "true"],
                ["run", "--uplink", "cable:x", "--", "true"], ["run", "--bogus", "--", "true"],
                ["run", "--fix", "nothing", "--", "true"], ["nothing"], [],
                ["run", "--profile", "cx9", "--", "true"],
                ["run", "--vf", "only", "--synthetic", "kernel", "--", "true"],
                ["run", "--uplink", "pair", "--", "true"],
                ["run", "--nics", "3", "--uplink", "tap:a", "--uplink", "tap:b", "--", "true"],
                ["run", "--config", "/nonexistent", "--", "true"],
                ["run", "--vf", "off", "--uplink", "pcap:/proc/version", "--", "true"]):
        done = run(bad, as_user)
        lines = done.stderr.splitlines()
        check(done.returncode == 125 and lines and all(l.startswith("azhost: ") for l in lines),
              f"125 and a reason: {' '.join(bad)}")
        check(len(lines) == 1, "of one line")


def refusals():
    """Each names the option that is wrong, its value, and what would be accepted."""
    for option, value, accepted in (
            ("nics", "9", "1 to 8"), ("vf", "maybe", "on, off or only"),
            ("synthetic", "vmbus", "user or kernel"), ("profile", "../x", "a profile"),
            ("uplink", "cable:x", "tap:NAME"), ("flow-control", "1", "on or off"),
            ("fix", "nothing", "testpmd-2211"), ("queues", "0", "1 to 16"),
            ("queues", "17", "1 to 16")):
        done = run(["run", f"--{option}", value, "--", "true"])
        said = f"azhost: --{option}: '{value}' is not accepted; it takes "
        check(done.returncode == 125 and done.stderr.startswith(said) and
              accepted in done.stderr, f"--{option} {value}: {done.stderr.strip()}")


def view(as_user=False):
    script = ("import json,os,socket;"
              "print(json.dumps({'interfaces':sorted(n for _,n in socket.if_nameindex()),"
              "'cwd':os.getcwd(),'vfs':open(os.environ['AZHOST_DIR']+'/vfs').read(),"
              "'pci':os.listdir('/sys/bus/pci/devices'),"
              "'vmbus':os.listdir('/sys/bus/vmbus/devices'),"
              "'iommu':os.listdir('/sys/kernel/iommu_groups')}))")
    done = run(["run", "--nics", "2", "--", "python3", "-c", script], as_user, cwd="/")
    seen = json.loads(done.stdout)
    check(seen["interfaces"] == ["azhost0", "azvf0", "azvf1", "lo"], "the VM's interfaces")
    check(seen["cwd"] == "/", "the working directory is kept")
    check(sorted(seen["pci"]) == ["0000:3b:00.2", "0000:3b:00.3"], "the VFs on the PCI bus")
    check(sorted(seen["vmbus"]) == ["7a08391f-f5a0-4ac0-9802-d13fd964f8df",
                                    "7a083920-f5a0-4ac0-9802-d13fd964f8df"],
          "the synthetic NICs on the VMBus")
    check(seen["iommu"], "an IOMMU, so that EAL takes IOVA as VA")
    check(seen["vfs"].split(";")[0] == "azmlx0,0000:3b:00.2,azvf0,cx5-vf-untrusted,ring",
          "the list of VFs")


def ctl():
    with vm.Vm(["cat"], "--vf", "on") as guest:
        nic = guest.nic()
        check(nic["mac"] == "00:0d:3a:00:00:01" and nic["pci"] == "0000:3b:00.2" and
              nic["interface"] == "azvf0" and nic["guid"].startswith("7a08391f"), "nics")
        guest.ctl("link", "down", "nic0")
        check(not guest.nic()["linkUp"], "link down")
        guest.ctl("link", "up", "nic0")
        guest.ctl("vf", "revoke", "nic0")
        check(not guest.nic()["vf"]["present"] and guest.nic()["pci"] is None, "vf revoke")
        guest.ctl("vf", "assign", "nic0", "--as", "cx4lx-vf", "--at", "0000:3b:01.5")
        check(guest.nic()["vf"]["profile"] == "cx4lx-vf" and
              guest.nic()["pci"] == "0000:3b:01.5", "vf assign elsewhere, as something else")
        for bad in (["vf", "assign", "nic0", "--as", "cx4lx-vf"], ["vf", "revoke", "nic9"],
                    ["vf", "revoke", "nic0", "--order", "pci,pci"], ["vf", "fatal", "nic0"],
                    ["vf", "assign", "nic0", "--order", "fatal"], ["fault", "nic0", "nothing"],
                    ["fault", "nic0", "loss", "1000001"], ["fault", "nic0", "rxerr", "1"]):
            answer = guest.ctl(*bad, expect=3)
            check("message" in answer["error"], f"3, refused: {' '.join(bad)}")
        for bad in (["nothing"], ["nics", "x"], ["fault", "nic0", "loss", "x"],
                    ["datapath", "nic0", "--openers", "maybe"]):
            subprocess_status = subprocess.run([AZHOST, "ctl", "--socket", guest.socket, *bad],
                                               capture_output=True, check=False).returncode
            check(subprocess_status == 2, f"2, usage: {' '.join(bad)}")
        answer = guest.ctl("datapath", "nic0", "--openers", "off")
        check(answer["datapath"] == "synthetic" and not answer["openersSynthetic"], "datapath")
        check("toGuest" in guest.stats(), "stats")


def ctl_failures():
    """One object on standard output with --json, wherever it stands; else one line for people."""
    outside = {name: text for name, text in os.environ.items() if name != "AZHOST_SOCKET"}
    nobody = ["--socket", "/nonexistent"]
    for words, status, symbol in (
            ([], 2, "usage"), (["nics"], 2, "usage"), (["bogus"], 2, "usage"),
            (["vf", "bogus"], 2, "usage"), (["bo\udcffgus"], 2, "usage"),
            (["nics", "--bogus", "x"], 2, "usage"),
            (["nics", *"abcdefghi"], 2, "usage"), (["vf", "revoke"], 2, "usage"),
            (["vf", "revoke", "nic0", "--delay", "x"], 2, "usage"),
            (["datapath", "nic0", "--openers", "maybe"], 2, "usage"),
            ([*nobody, "nics"], 4, "unreachable")):
        what = " ".join(words).encode(errors="replace").decode()
        for line in (["--json", *words], [*words, "--json"]):
            done = subprocess.run([AZHOST, "ctl", *line], capture_output=True, check=False,
                                  env=outside)
            error = json.loads(done.stdout)["error"]
            check(done.returncode == status and error["data"]["symbol"] == symbol and
                  error["message"] and not done.stderr, f"{status}, an object: {what}")
        done = subprocess.run([AZHOST, "ctl", *words], capture_output=True, check=False,
                              env=outside)
        check(done.returncode == status and not done.stdout and
              done.stderr.startswith(b"azhost: ") and done.stderr.count(b"\n") == 1,
              f"{status}, a line: {what}")
    for line in (["--json", "nics", "--socket"], ["nics", *["--as", "x"] * 5, "--json"]):
        done = subprocess.run([AZHOST, "ctl", *line], capture_output=True, check=False)
        check(json.loads(done.stdout)["error"]["data"]["symbol"] == "usage" and
              done.returncode == 2, f"2, an object: {' '.join(line)}")


def hostile_control():
    """Whatever comes over the control socket, the host goes on."""
    import random
    import socket
    source = random.Random(3)
    with vm.Vm(["cat"], "--vf", "off") as guest:
        lines = [b"{}\n", b"[]\n", b"null\n", b"\n", b"{\"method\":1}\n", b"x" * 100000,
                 b"{\"method\":\"nics\"}\n", b"{\"method\":\"nics\",\"params\":[]}\n",
                 b"{\"method\":\"vf.revoke\",\"params\":{\"nic\":7}}\n", b"\x00\xff\n",
                 b"[" * 60000 + b"\n"]
        lines += [source.randbytes(source.randrange(1, 400)) + b"\n" for _ in range(200)]
        for line in lines:
            client = socket.socket(socket.AF_UNIX)
            client.connect(guest.socket)
            client.settimeout(5)
            try:
                client.sendall(line)
                client.recv(65536) if line.endswith(b"\n") else None
            except OSError:
                pass
            client.close()
        check(guest.nic()["name"] == "nic0", f"the host answers after {len(lines)} strange clients")


def processes_of(directory):
    """Processes that have anything to do with a VM: by its directory in their environment, or as
    children of its launcher."""
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if f"={directory}".encode() in file.read():
                    found.append(int(path.split("/")[2]))
        except OSError:
            continue
    return found


def ends(how, as_user=False):
    """Kill something with SIGKILL; afterwards nothing may be left."""
    with tempfile.TemporaryDirectory(prefix="azhost-launcher-") as temporary:
        os.chmod(temporary, 0o777)
        prefix = vm.NOBODY if as_user else []
        # A command with a child of its own, and one that has left its parent.
        script = "sleep 1000 & (setsid sleep 1000 &) ; echo ready; sleep 1000"
        launcher = subprocess.Popen([*prefix, AZHOST, "run", "--vf", "off", "--", "sh", "-c", script],
                                    stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE,
                                    env={**os.environ, "TMPDIR": temporary})
        check(launcher.stdout.readline() == "ready\n", f"{how}: runs")
        directory = glob.glob(f"{temporary}/azhost.*")[0]
        with open(f"/proc/{launcher.pid}/task/{launcher.pid}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        names = {}
        # Orphans come to the launcher too; the command itself is the oldest of its name.
        for pid in sorted(children, reverse=True):
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                names[file.read().strip()] = pid
        target = {"launcher": launcher.pid, "host": names["azhost-host"], "command": names["sh"],
                  "TERM": launcher.pid}[how]
        os.kill(target, signal.SIGTERM if how == "TERM" else signal.SIGKILL)
        if how == "host":
            time.sleep(0.3)
            check(launcher.poll() is None, "the command goes on without its host")
            os.kill(names["sh"], signal.SIGKILL)
        launcher.wait(10)
        expected = -signal.SIGTERM if how == "TERM" else -signal.SIGKILL
        check(launcher.returncode == expected, f"{how}: ends with {launcher.returncode}")
        end = time.time() + 5
        while time.time() < end and (processes_of(directory) or os.path.exists(directory) or
                                     os.path.exists(f"/proc/{names['azhost-host']}")):
            time.sleep(0.02)
        check(not processes_of(directory), f"{how}: no process is left")
        check(not os.path.exists(f"/proc/{names['azhost-host']}"), f"{how}: the host is gone")
        check(not os.path.exists(directory), f"{how}: the directory is gone")


def sweep():
    """A directory that nobody holds any more is removed by the next run."""
    with tempfile.TemporaryDirectory(prefix="azhost-launcher-") as temporary:
        stale = f"{temporary}/azhost.abcdef"
        os.makedirs(f"{stale}/sys/bus")
        with open(f"{stale}/lock", "w", encoding="ascii"):
            pass
        subprocess.run([AZHOST, "run", "--vf", "off", "--", "true"], check=True,
                       env={**os.environ, "TMPDIR": temporary})
        check(not os.path.exists(stale), "a stale directory is swept away")


def helps():
    for arguments in (["--help"], ["run", "--help"], ["ctl", "--help"], ["--version"]):
        done = run(arguments)
        check(done.returncode == 0 and done.stdout and not done.stderr, f"{' '.join(arguments)}")


def main():
    vm.need("setpriv", "ip")
    tests = {
        "statuses": statuses,
        "statuses-user": lambda: statuses(as_user=True),
        "refusals": refusals,
        "view": view,
        "view-user": lambda: view(as_user=True),
        "ctl": ctl,
        "ctl-failures": ctl_failures,
        "hostile-control": hostile_control,
        "help": helps,
        "sweep": sweep,
    }
    for how in ("command", "launcher", "host", "TERM"):
        tests[f"kill-{how}"] = lambda how=how: ends(how)
        tests[f"kill-{how}-user"] = lambda how=how: ends(how, as_user=True)
    if os.geteuid() != 0:
        tests = {name: test for name, test in tests.items() if not name.endswith("-user")}
    vm.run_all(tests, sys.argv[1:])


if __name__ == "__main__":
    main()
