#!/usr/bin/env python3
"""What accelnetctl says without a daemon: words of refusals, verdicts, completion.

Needs neither root nor a daemon.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position

POLICY = lab.ROOT / "config/examples/three-tier.json"
PACKET = ("--direction", "in", "--protocol", "tcp", "--remote", "203.0.113.9:40000")


def ctl(*words, status=0, stdout=subprocess.PIPE):
    """Standard output and error of accelnetctl, which must end with this status."""
    result = subprocess.run([lab.BIN / "accelnetctl", *map(str, words)], stdout=stdout,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                            timeout=60, check=False)
    assert result.returncode == status, (words, result)
    return result.stdout, result.stderr


def file(folder, content):
    path = pathlib.Path(folder) / "file"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def refuses_half_of_what_it_needs():
    """half a command is wrong usage, before any daemon is asked"""
    for words, text in ((("flow", "kill", "--nic", "eth1"), "say --all to cut every connection"),
                        (("flow", "kill", "--nic", "eth1", "--limit", 1), "say --all"),
                        (("log", "level", "nic"), "ROOM and LEVEL, or neither"),
                        (("log", "level", "nik", "debug"), "base|policy|compile")):
        _, error = ctl("--socket", "/nobody", *words, status=2)
        assert text in error, (words, error)
    ctl("--socket", "/nobody", "flow", "kill", "--nic", "eth1", "--all", status=4)
    ctl("--socket", "/nobody", "flow", "kill", "--nic", "eth1", "--remote", "::1", status=4)


def tells_of_a_long_path():
    """a socket's path that is too long is said to be that"""
    _, error = ctl("--socket", "/" + "s" * 119, "status", status=2)
    assert "120 bytes, at most 107" in error, error


def tells_that_it_is_the_port():
    """an endpoint is refused with the range of ports"""
    _, error = ctl("verify", "--policy", POLICY, *PACKET, "--local", "10.1.1.4:99999", status=3)
    assert "a port up to 65535" in error, error


def counts_problems_alone():
    """of a file offline it does not say that nothing was changed"""
    rule = {"name": "a", "properties": {"priority": 1, "direction": "Inbound", "access": "Permit",
                                        "protocol": "Tcp"}}
    with tempfile.TemporaryDirectory(prefix="accelnet-") as folder:
        path = file(folder, {"properties": {"securityRules": [rule]}})
        _, error = ctl("policy", "compile", path, "--target", "software", status=3)
    assert "problems\n" in error and "changed" not in error, error
    assert '"Permit" is no access: accepted are Deny or Allow' in error, error


def names_the_context_file():
    """what is wrong in the file of --context is said to be there"""
    with tempfile.TemporaryDirectory(prefix="accelnet-") as folder:
        path = file(folder, {"foo": 1})
        checked, _ = ctl("policy", "check", POLICY, "--context", path, status=3)
        _, error = ctl("verify", "--policy", POLICY, "--context", path, *PACKET,
                       "--local", "10.1.1.4:443", status=3)
    assert f'in {path}, at "/foo"' in checked, checked
    assert f'in {path}, at "/foo"' in error, error


def tells_what_cannot_be_written():
    """a full output is not blamed on the input"""
    with tempfile.TemporaryDirectory(prefix="accelnet-") as folder:
        path = pathlib.Path(folder) / "tuples"
        path.write_text(json.dumps({"direction": "Inbound", "protocol": 1, "source": "192.0.2.1",
                                    "destination": "10.1.1.4"}) + "\n", encoding="utf-8")
        with open("/dev/full", "w", encoding="utf-8") as full:
            _, error = ctl("verify", "--policy", POLICY, "--tuples", path, status=1, stdout=full)
    assert error.startswith("accelnetctl: cannot write the output"), error
    assert str(path) not in error and "ioctl" not in error and error.count("\n") == 1, error


def verdict_says_where():
    """verify by a device's plan says whether the device decides"""
    words = ("verify", "--policy", POLICY, *PACKET, "--local", "10.1.1.4:443")
    for tier, where in (("T3", "hardware"), ("T0", "software")):
        answer = json.loads(ctl(*words, "--engine", "rte_flow", "--tier", tier, "--json")[0])
        text, _ = ctl(*words, "--engine", "rte_flow", "--tier", tier)
        assert answer["where"] == where, answer
        assert text.splitlines()[1] == f"in {where}", text
    assert len(ctl(*words)[0].splitlines()) == len(text.splitlines()) - 1


def completes_arguments():
    """completion knows the choices of arguments, and whose turn it is"""
    def complete(*words):
        return ctl("--complete", *words)[0].split()
    assert "nic" in complete("log", "level", "") and "all" in complete("log", "level", "")
    assert complete("log", "level", "da") == ["datapath", "daemon"]
    assert complete("log", "level", "nic", "") == ["error", "warning", "notice", "info", "debug"]
    assert complete("log", "level", "--socket", "x", "nic", "w") == ["warning"]
    assert not complete("log", "level", "nic", "info", "")
    assert complete("log", "") == ["level"]
    assert not complete("policy", "apply", "")  # a file's name: the shell's business


def manual_names_what_is_no_method():
    """the manual tells commands and methods apart"""
    text = ctl("--manual")[0].replace("\n", " ")
    assert "but for what needs no daemon: policy compile. Two methods" in text
    assert "?." not in text


def main():
    tap.main([(case.__doc__, case) for case in (
        refuses_half_of_what_it_needs, tells_of_a_long_path, tells_that_it_is_the_port,
        counts_problems_alone, names_the_context_file, tells_what_cannot_be_written, verdict_says_where,
        completes_arguments, manual_names_what_is_no_method)])


if __name__ == "__main__":
    main()
