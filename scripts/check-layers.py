#!/usr/bin/env python3
"""Checks the shape of the tree: what may include what, and what may not be there at all.

usage: check-layers.py [--objects BUILD] [TREE]

Looks at the tracked files of TREE (default: the tree this script is in; where there is no git, at
all files). Prints one line a fault, "file:line: what and why"; exit status 1 when there is one.

  --objects BUILD   also look into the object files under BUILD for file-scope mutable state
"""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys

# A room may include itself and those before it. azhost stands alone: it may use base, and nothing
# uses it.
ROOMS = (
    "base",
    "policy",
    "compile",
    "classify",
    "offload",
    "nic",
    "datapath",
    "control",
    "daemon",
    "cli",
    "testpmd",
)
ALONE = "azhost"

# header -> (the files or folders that may include it, why)
RESERVED = {
    "cJSON.h": (("src/base/json.c",), "all JSON goes through the strict decoder in base/json.h"),
    "rte_flow.h": (("src/offload/", "src/azhost/"), "rules on a port are the offload room's"),
    "cmocka.h": (("tests/",), "tests stay out of the product"),
}

# room -> headers that it may not know
FORBIDDEN = {
    "base": r"rte_(ethdev|mbuf|flow)\.h",
    "policy": r"rte_.*\.h",
    "compile": r"rte_(ethdev|mbuf|eal|lcore)\.h",
    ALONE: None,
}

# Object-file symbols in writable sections that are allowed outside the daemon, and why.
STATE_ALLOWED = (
    ("src/base/log.c", r"room_levels", "the one piece of state that every room shares"),
    ("", r"log_limit_\.\d+", "rate limit of a log line's call site"),
    ("", r".*_logtype|__.*|rte_.*|crc32_alg", "of DPDK's own macros and headers"),
    ("src/nic/vf_port.c", r"opening_one", "of EAL's interrupt thread, of which there is one"),
    ("src/testpmd/options.c", r"\w+\.\d+", "arguments for EAL, which takes char * and writes none"),
    ("src/azhost/", r".*", "libraries that are loaded under a foreign program"),
    ("src/daemon/", r".*", "the daemon is where state may live"),
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
MACHINE_PATH = re.compile(r"(?<![\w./$}-])/(?:work|root|home/[a-z]\w*)/\w")
TEXT_SUFFIXES = {
    ".c", ".h", ".sh", ".py", ".md", ".txt", ".cmake", ".json", ".service", ".yml", ".map", ".1",
    ".5", ".8", "",
}


class Faults:
    def __init__(self):
        self.lines = []

    def add(self, path, number, text):
        self.lines.append(f"{path}:{number}: {text}")


def tracked_files(tree):
    command = ["git", "-C", str(tree), "ls-files", "-z", "--cached", "--others",
               "--exclude-standard"]
    result = subprocess.run(command, capture_output=True, check=False)
    if result.returncode == 0:
        names = result.stdout.decode().split("\0")
        return [name for name in names if name and (tree / name).is_file()]
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())


def room_of(path):
    parts = pathlib.PurePosixPath(path).parts
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def check_include(tree, path, number, quote, header, faults):
    room = room_of(path)
    name = header.rsplit("/", 1)[-1]
    if name in RESERVED:
        places, why = RESERVED[name]
        if not path.startswith(places) and not path.startswith("tests/"):
            faults.add(path, number, f"includes {name}: {why}")
    if room and FORBIDDEN.get(room) and re.fullmatch(FORBIDDEN[room], name):
        faults.add(path, number, f"{room} includes {name}: it knows nothing of packets or ports")
    if quote == "<":
        return
    target = header.split("/", 1)[0]
    if target not in ROOMS and target != ALONE:
        beside = path.startswith("tests/") and ((tree / path).parent / header).is_file()
        if not beside and not any(
            (tree / top / header).is_file() for top in ("include", "src", "tests")
        ):
            faults.add(path, number, f'"{header}" is no "room/file.h", nor in include/')
        elif room and not (tree / "include" / header).is_file():
            faults.add(path, number, f'"{header}" is not for the product')
        return
    check_direction(path, number, room, target, header, faults)


def check_direction(path, number, room, target, header, faults):
    if path.startswith("include/"):
        faults.add(path, number, f'"{header}": what is in include/ stands on its own')
    elif room is None or room == target:
        return
    elif room == ALONE:
        if target != "base":
            faults.add(path, number, f'"{header}": {ALONE} may use base only')
    elif target == ALONE:
        faults.add(path, number, f'"{header}": nothing uses {ALONE}')
    elif ROOMS.index(target) > ROOMS.index(room):
        faults.add(path, number, f'"{header}": {target} is above {room}; includes point down')


def check_file(tree, path, faults):
    suffix = pathlib.PurePosixPath(path).suffix
    if suffix not in TEXT_SUFFIXES:
        return
    try:
        text = (tree / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    is_source = suffix in (".c", ".h")
    room = room_of(path)
    if path.startswith("src/") and room and room not in ROOMS and room != ALONE:
        faults.add(path, 1, f"{room} is no room; the list is in scripts/check-layers.py")
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line) and path != "scripts/check-layers.py":
            faults.add(path, number, "names a path of one machine")
        match = INCLUDE.match(line) if is_source else None
        if match:
            check_include(tree, path, number, match[1], match[2], faults)


def allowed(path, symbol):
    return any(path.startswith(place) and re.fullmatch(pattern, symbol)
               for place, pattern, _ in STATE_ALLOWED)


def check_objects(tree, build, faults):
    """Writable data in the object files of the rooms."""
    for item in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        source = str(pathlib.Path(item["file"]).relative_to(tree.resolve()))
        if not source.startswith("src/"):
            continue
        words = shlex.split(item["command"])
        target = build / words[words.index("-o") + 1]
        result = subprocess.run(["objdump", "-t", target], capture_output=True, text=True,
                                check=True)
        for line in result.stdout.splitlines():
            match = re.match(r"^[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ (?:\.hidden )?(\S+)$", line)
            if match and is_state(*match.groups()) and not allowed(source, match[2]):
                faults.add(source, 1, f"{match[2]} ({match[1]}): file-scope mutable state belongs"
                           " to the daemon room")


def is_state(section, symbol):
    if symbol == section or section.startswith(".data.rel.ro"):
        return False
    return bool(re.match(r"\.(data|bss|tdata|tbss)\b|\*COM\*", section))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=argparse.SUPPRESS)
    parser.add_argument("--objects", metavar="BUILD", type=pathlib.Path)
    parser.add_argument("tree", metavar="TREE", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    faults = Faults()
    files = tracked_files(arguments.tree)
    for path in files:
        check_file(arguments.tree, path, faults)
    if arguments.objects:
        check_objects(arguments.tree, arguments.objects, faults)
    for line in faults.lines:
        print(line)
    if not faults.lines:
        print(f"layers: {len(files)} files are in order")
    return 1 if faults.lines else 0


if __name__ == "__main__":
    sys.exit(main())
