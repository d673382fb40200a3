"""libcst's own floor: parse, an empty visit and code generation of the files that a list names, no more.

Run by the tool's interpreter: `python floor.py FOLDER LIST`. It forks after libcst is loaded, one
process a core; the largest files go first, each to the process that has least.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import libcst


class Nothing(libcst.CSTTransformer):
    """Changes nothing."""


def through(path: Path) -> None:
    """What any libcst codemod cannot do without."""
    written = libcst.parse_module(path.read_bytes()).visit(Nothing()).bytes
    assert written


def main() -> None:
    """Do a share of the files in this process and in each of the others."""
    folder = Path(sys.argv[1])
    paths = [folder / line for line in Path(sys.argv[2]).read_text().splitlines()]
    sizes = {path: path.stat().st_size for path in paths}
    shares: list[list[Path]] = [[] for _ in os.sched_getaffinity(0)]
    for path in sorted(paths, key=lambda path: -sizes[path]):
        min(shares, key=lambda share: sum(sizes[each] for each in share)).append(path)
    children = []
    for share in shares[1:]:
        child = os.fork()
        if child == 0:
            for path in share:
                through(path)
            os._exit(0)
        children.append(child)
    for path in shares[0]:
        through(path)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0


if __name__ == "__main__":
    main()
