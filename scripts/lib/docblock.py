"""Tables that scripts write into documents: what stands between two comments that name them."""

import pathlib

import lab

BENCHMARKS = lab.ROOT / "docs/benchmarks.md"


def replace(text, name, block):
    """The text with the block of that name replaced; each must be there once."""
    begin, end = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->\n"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"no block {name}")
    return f"{before}{begin}{block.rstrip()}\n{end}{after}"


def write(path, name, block):
    path = pathlib.Path(path)
    path.write_text(replace(path.read_text(encoding="utf-8"), name, block), encoding="utf-8")
