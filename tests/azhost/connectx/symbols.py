#!/usr/bin/env python3
"""Every libibverbs, libmlx5, libmlx4 and libmana symbol that the installed PMDs import is exported by azhost's
libraries, with the same version node; and the libraries that must define a node do.

The dynamic linker binds a PMD's symbols when it is loaded, all or none, so one that is missing would
lose the PMD.
"""

import glob
import os
import re
import subprocess
import sys

BUILD = os.environ.get("AZHOST_BUILD", "build")
LIBRARIES = {"libibverbs.so.1", "libmlx5.so.1", "libmlx4.so.1", "libmana.so.1"}
FAMILIES = ("IBVERBS_", "MLX5_", "MLX4_", "MANA_")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dynamic_symbols(path):
    """(defined?, node, name) of each versioned symbol."""
    for line in output("objdump", "-T", path).splitlines():
        match = re.search(r"(\*UND\*)?\s+[0-9a-f]{16}\s+\(?([A-Z0-9]+_[0-9.]+)\)?\s+(\w+)$", line)
        if match:
            yield match[1] is None, match[2], match[3]


def defined_nodes(path):
    text = output("objdump", "-p", path)
    section = text.split("Version definitions:")[1].split("Version References:")[0]
    return set(re.findall(r"\b((?:IBVERBS|MLX5|MLX4|MANA)_[0-9.]+)\b", section))


def needed_nodes(path):
    """Library -> version nodes that a PMD needs of it."""
    needs, library = {}, None
    for line in output("objdump", "-p", path).split("Version References:")[-1].splitlines():
        match = re.match(r"\s+required from (\S+):", line)
        if match:
            library = match[1]
        elif library in LIBRARIES and line.split():
            needs.setdefault(library, set()).add(line.split()[-1])
    return needs


def main():
    pmds = glob.glob("/usr/lib/*/dpdk/pmds-*/librte_*mlx[45].so")
    pmds += glob.glob("/usr/lib/*/dpdk/pmds-*/librte_net_mana.so")
    if not pmds:
        print("skipped: no mlx PMD is installed")
        sys.exit(77)
    ours = {name: f"{BUILD}/lib/azhost/{name}" for name in LIBRARIES}
    exported = {(node, symbol) for path in ours.values()
                for defined, node, symbol in dynamic_symbols(path) if defined}
    problems = []
    imports = 0
    for pmd in pmds:
        for defined, node, symbol in dynamic_symbols(pmd):
            if defined or not node.startswith(FAMILIES):
                continue
            imports += 1
            if (node, symbol) not in exported:
                problems.append(f"{pmd} wants {symbol}@{node}")
        for library, nodes in needed_nodes(pmd).items():
            for node in nodes - defined_nodes(ours[library]):
                problems.append(f"{pmd} wants {node} of {library}")
    print("\n".join(problems) or f"{imports} imports of {len(pmds)} PMDs are all there")
    sys.exit(1 if problems or imports == 0 else 0)


main()
