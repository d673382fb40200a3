"""Runs m3d-surgeon in one process and says how often it parsed a whole file, and how many files.

Run by the tool's interpreter: `python count.py ARGUMENTS`. Two numbers are the last line of stderr.
"""

from __future__ import annotations

import os
import sys

import libcst

from surgeon import cli

PARSED: list[bytes] = []


def counting(source: str | bytes, *args: object, **kwargs: object) -> libcst.Module:
    """`libcst.parse_module`; what edits parse to insert is text, whole files are bytes."""
    if isinstance(source, bytes):
        PARSED.append(source)
    return PARSE(source, *args, **kwargs)  # type: ignore[arg-type]


if __name__ == "__main__":
    PARSE, libcst.parse_module = libcst.parse_module, counting
    os.sched_getaffinity = lambda _: {0}
    sys.argv[0] = "m3d-surgeon"
    try:
        cli.main()
    finally:
        print(len(PARSED), len(set(PARSED)), file=sys.stderr)
