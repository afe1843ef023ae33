#!/usr/bin/env python3
"""The repository's own scripts, on trees and results made to be wrong. Prints TAP.

Not here: demo.sh and setup.sh, which need what they are about. Needs no privileges.
"""

import os
import pathlib
import subprocess
import tempfile

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


def layers(files):
    """check-layers.py on a tree of these files: its exit status and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        result = subprocess.run([SCRIPTS / "check-layers.py", folder], capture_output=True,
                                text=True, check=False)
    return result.returncode, result.stdout + result.stderr


BAD_TREES = {
    "an include that points up": ({
        "src/policy/a.c": '#include "control/control.h"\n',
    }, "control is above policy"),
    "cJSON.h outside base/json.c": ({"src/base/b.c": "#include <cjson/cJSON.h>\n"}, "cJSON.h"),
    "rte_flow.h outside offload": ({"src/nic/c.h": "#include <rte_flow.h>\n"}, "rte_flow.h"),
    "azhost that uses the policy": ({"src/azhost/vmbus/d.c": '#include "policy/policy.h"\n'},
                                    "may use base only"),
    "a room that uses azhost": ({"src/cli/e.c": '#include "azhost/launcher.h"\n'},
                                "nothing uses azhost"),
    "a public header that needs a room": ({"include/accelnet/f.h": '#include "base/json.h"\n'},
                                          "stands on its own"),
    "a folder that is no room": ({"src/misc/g.c": "\n"}, "misc is no room"),
    "a header from nowhere": ({"src/base/h.c": '#include "h.h"\n'}, 'no "room/file.h"'),
    "DPDK in the policy room": ({"src/policy/i.c": "#include <rte_ether.h>\n"}, "rte_ether.h"),
    "a path of one machine": ({"docs/j.md": "see /home" + "/alice/x\n"}, "one machine"),
}


def refuses(files, words):
    status, output = layers(files)
    assert status == 1, f"status {status}: {output}"
    assert words in output, output
    name = next(iter(files))
    assert f"{name}:1: " in output, f"does not name the place: {output}"


def accepts_what_points_down():
    status, output = layers({
        "src/base/json.c": '#include <cjson/cJSON.h>\n#include "base/json.h"\n',
        "src/offload/a.c": '#include <rte_flow.h>\n#include "compile/plan.h"\n',
        "src/azhost/b.c": '#include <rte_flow.h>\n#include "azhost/c.h"\n#include "base/log.h"\n',
        "src/cli/d.c": '#include "accelnet/error.h"\n',
        "include/accelnet/error.h": "#include <stdint.h>\n",
        "tests/unit/cli/e.c": '#include <cmocka.h>\n#include "cli/d.h"\n',
    })
    assert status == 0, output


def accepts_this_tree():
    result = subprocess.run([SCRIPTS / "check-layers.py"], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stdout


JUNIT = """<?xml version="1.0"?><testsuite>
<testcase name="cmocka" status="fail"><system-out>[==========] Running 4 test(s).
[ RUN      ] good
[       OK ] good
[ RUN      ] bad
1 != 2
[  FAILED  ] bad
[ RUN      ] away
no such data
[  SKIPPED ] away
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] away
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] bad
</system-out></testcase>
<testcase name="crash" status="fail"><system-out>[ RUN      ] first
[       OK ] first
[ RUN      ] second
</system-out></testcase>
<testcase name="late" status="fail"><system-out>[ RUN      ] only
[       OK ] only
</system-out></testcase>
<testcase name="script" status="run"><system-out>it works</system-out></testcase>
<testcase name="absent" status="notrun"><system-out>needs a thing
</system-out></testcase>
<testcase name="tap" status="run"><system-out>ok 1 - a
not ok 2 - b
ok 3 - c # SKIP no c
</system-out></testcase>
</testsuite>
"""


def counts_cases():
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as junit:
        junit.write(JUNIT)
        junit.flush()
        result = subprocess.run([SCRIPTS / "lib/cases.py", junit.name], capture_output=True,
                                text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines == [
        "FAILED  cmocka bad",
        "skipped cmocka away: no such data",
        "FAILED  crash second (did not end)",
        "FAILED  late (program)",
        "skipped absent: needs a thing",
        "FAILED  tap b",
        "skipped tap c: no c",
        "5 4 3",
    ], result.stdout


def finds_what_is_left_running():
    """A process that left its parent and its session is found by the mark, and ended."""
    script = f"""
        . {SCRIPTS}/lib/say.sh; . {SCRIPTS}/lib/leftovers.sh
        leftovers_begin
        setsid sleep 300 >/dev/null 2>&1 &
        echo $!
        until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done
        leftovers_end
    """
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    pid, said = result.stdout.splitlines()[0], result.stdout.splitlines()[1:]
    assert said == [f"process {pid}: sleep 300 "], result.stdout + result.stderr
    assert not os.path.exists(f"/proc/{pid}") or "Z" in pathlib.Path(
        f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2]


def tells_its_namespaces_from_others():
    """One named after a process that is gone is taken away, one of a live process is not."""
    if os.geteuid() != 0:
        raise tap.Skip("needs root: network namespaces")
    script = f"""
        . {SCRIPTS}/lib/say.sh; . {SCRIPTS}/lib/leftovers.sh
        leftovers_begin
        sleep 0 & gone=$!; wait
        ip netns add accelnet-test-$gone; ip netns add accelnet-test-$PPID
        leftovers_end
        echo "$gone"
        ip netns list | grep -c "accelnet-test-$PPID"
        ip netns delete accelnet-test-$PPID
    """
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    said, gone, kept = result.stdout.splitlines()
    assert said == f"network namespace accelnet-test-{gone}", result.stdout + result.stderr
    assert kept == "1", result.stdout


def every_script_has_help():
    for script in sorted(SCRIPTS.glob("*.*")):
        result = subprocess.run([script, "--help"], capture_output=True, text=True, check=False,
                                stdin=subprocess.DEVNULL, timeout=20)
        assert result.returncode == 0, f"{script}: {result.stderr}"
        assert result.stdout.startswith("usage:") or "\nusage:" in result.stdout, script


def generator_says_what_is_wrong():
    """One line and no traceback, of a policy that gen-nsg.py cannot aim at."""
    with tempfile.TemporaryDirectory() as folder:
        good = subprocess.run([SCRIPTS / "gen-nsg.py", "policy", "--rules", "20"],
                              capture_output=True, text=True, check=True).stdout
        for text, status, words in ((good, 0, ""), (None, 1, "No such file"),
                                    ("{", 1, "line 1 column"), ("[]", 1, "not a policy"),
                                    ('{"nicNsg": null}', 1, "not a policy")):
            path = pathlib.Path(folder, "policy.json")
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8")
            result = subprocess.run(
                [SCRIPTS / "gen-nsg.py", "tuples", "--policy", path, "--count", "5"],
                capture_output=True, text=True, check=False)
            assert result.returncode == status, result.stderr
            assert words in result.stderr and "Traceback" not in result.stderr, result.stderr
            assert len(result.stdout.splitlines()) == (0 if status else 5), result.stdout


UNPRIVILEGED = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def every_script_refuses_what_it_does_not_know():
    """Before it asks for root, or does anything."""
    prefix = UNPRIVILEGED if os.geteuid() == 0 else []
    for script in sorted(SCRIPTS.glob("*.*")):
        result = subprocess.run([*prefix, script, "--bogus"], capture_output=True, text=True,
                                check=False, stdin=subprocess.DEVNULL, timeout=20)
        assert result.returncode in (1, 2), f"{script}: {result.returncode}"
        assert "arguments" in result.stderr or "unknown argument '--bogus'" in result.stderr, (
            f"{script}: {result.stderr}")


def refuses_to_run_unprivileged():
    for script in ("test.sh", "demo.sh"):
        if not (SCRIPTS / script).exists() or os.geteuid() != 0:
            continue
        result = subprocess.run(
            [*UNPRIVILEGED, "bash", SCRIPTS / script], capture_output=True, text=True, check=False,
            timeout=60)
        assert result.returncode == 1, result.stdout
        assert "needs root" in result.stderr, result.stderr


def cases():
    for name, (files, words) in BAD_TREES.items():
        yield f"layers: refuses {name}", lambda files=files, words=words: refuses(files, words)
    yield "layers: accepts what points down", accepts_what_points_down
    yield "layers: accepts this tree", accepts_this_tree
    yield "cases: counts cases, not programs", counts_cases
    yield "leftovers: finds what is left running", finds_what_is_left_running
    yield "leftovers: leaves the namespaces of others alone", tells_its_namespaces_from_others
    yield "gen-nsg: says what is wrong with a policy", generator_says_what_is_wrong
    yield "every script has --help", every_script_has_help
    yield "every script refuses unknown options", every_script_refuses_what_it_does_not_know
    yield "scripts that need root say so", refuses_to_run_unprivileged


if __name__ == "__main__":
    tap.main(cases())
