#!/usr/bin/env python3
"""What documents show, done: each line with which they start dpdk-testpmd in azhost gives a prompt,
and the README's session answers as it should. The lines are read from the documents.

test_documents.py [TEST...]
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import vm
from vm import AZHOST, check

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = re.compile(r"^(?:build/bin/)?azhost run .*\bdpdk-testpmd .*-i\b.*$", re.MULTILINE)


def text_of(document):
    """Without the prompts of shells, indentation and continued lines."""
    text = (ROOT / document).read_text(encoding="utf-8")
    if document.endswith(".1"):
        text = text.replace("\\-", "-").replace("\\e", "\\")
    return plain(text)


def plain(text):
    return re.sub(r"\\\n *", "", re.sub(r"^ +(\$ )?", "", text, flags=re.MULTILINE))


def commands_of(text, where):
    found = COMMAND.findall(text)
    check(found, f"{where} starts testpmd in azhost")
    return found


def session(command, *lines):
    """What testpmd says to these lines, and to its command line."""
    words = [AZHOST, *shlex.split(command)[1:]]
    with tempfile.TemporaryDirectory(prefix="azhost-documents-") as temporary:
        done = subprocess.run(words, input="\n".join([*lines, "quit", ""]), capture_output=True,
                              text=True, timeout=120, check=False,
                              env={**os.environ, "TMPDIR": temporary})
    if done.returncode != 0 or "Bye..." not in done.stdout:
        print(done.stdout[-1500:] + done.stderr[-1500:])
    check(done.returncode == 0 and "Bye..." in done.stdout, command)
    return done.stdout + done.stderr


def readme():
    text = text_of("README.md")
    command = commands_of(text, "README.md")[0]
    behind = text[text.index(command) + len(command):].lstrip("\n")
    lines = re.match(r"(testpmd> .*\n)+", behind)
    check(lines, "the README shows what to type at testpmd's prompt")
    lines = [line.removeprefix("testpmd> ") for line in lines.group().splitlines()]
    check(any(line.startswith("flow create") for line in lines), "with a rule")
    said = session(command, *lines)
    check(re.search(r"^0 +00:0D:3A:00:00:01 .* mlx5_pci +up", said, re.MULTILINE),
          "the port is the VF, by the mlx5 PMD")
    check("Flow rule #0 created" in said, "the rule is in")
    check(not re.search("complain|Bad arguments|not found", said), "and nothing is amiss")


def examples():
    told = subprocess.run([AZHOST, "run", "--help"], capture_output=True, text=True, check=True)
    shown = commands_of(plain(told.stdout), "azhost run --help")
    manual = commands_of(text_of("docs/man/azhost.1"), "azhost(1)")
    check(manual == shown, "help and manual have the same examples")
    guide = commands_of(text_of("docs/azhost.md"), "docs/azhost.md")
    for command in dict.fromkeys([*shown, *guide]):
        session(command)


def manual():
    """azhost(1) has what help has: options, commands and faults."""
    manual_text = text_of("docs/man/azhost.1").replace("\\fR", "").replace("\\fB", "")
    words = set()
    for help_of in ("run", "ctl"):
        told = subprocess.run([AZHOST, help_of, "--help"], capture_output=True, text=True,
                              check=True).stdout
        words |= set(re.findall(r"^ {2,}(--[a-z-]+)", told, re.MULTILINE))
        if help_of == "ctl":
            faults = told[told.index("\nFaults"):told.index("\nExit status")]
            words |= set(re.findall(r"^  ([a-z-]+) ", faults, re.MULTILINE))
    words.discard("--help")
    check({"--queues", "--order", "slow-open"} <= words, f"help tells of {len(words)} words")
    missing = [word for word in sorted(words)
               if not re.search(rf"(?<![a-z-]){re.escape(word)}(?![a-z-])", manual_text)]
    check(not missing, f"and azhost(1) of each; missing: {missing}")


def main():
    vm.need(AZHOST, "dpdk-testpmd")
    vm.run_all({"readme": readme, "examples": examples, "manual": manual}, sys.argv[1:])


if __name__ == "__main__":
    main()
