#!/usr/bin/env python3
"""Write a linker version script from symbols.txt.

make-map.py SYMBOLS LIBRARY OUTPUT, LIBRARY one of ibverbs, mlx5, mlx4, mana (see mlx5.c for the division).
"""
import sys

# Which version nodes a library defines, and whether the symbols in them are its own.
LIBRARIES = {
    "ibverbs": {"IBVERBS": True, "MLX5": True},
    "mlx5": {"MLX5": False},
    "mlx4": {"MLX4": True},
    "mana": {"MANA": True},
}


def version_key(node):
    family, number = node.split("_")
    return family, [int(part) for part in number.split(".")]


def read_symbols(path):
    nodes = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                nodes.setdefault(words[0], []).append(words[1])
    return nodes


def main():
    symbols, library, output = sys.argv[1:]
    wanted = LIBRARIES[library]
    with open(output, "w", encoding="ascii") as out:
        nodes = read_symbols(symbols)
        hide_rest = " local: *;"
        for node in sorted(nodes, key=version_key):
            family = node.split("_")[0]
            if family not in wanted:
                continue
            names = nodes[node] if wanted[family] else []
            exported = "".join(f" {name};" for name in names)
            out.write(f"{node} {{{' global:' + exported if names else ''}{hide_rest} }};\n")
            hide_rest = ""


main()
