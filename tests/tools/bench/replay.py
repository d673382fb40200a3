"""Starts as Python with typer and rich starts, then makes the calls that `record.py` wrote down, no more.

Run by the tool's interpreter: `python replay.py FILE`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import rich.console
import rich.table  # noqa: F401
import typer  # noqa: F401


def main() -> None:
    """The very calls, in their order; what is written has the size and not the bytes."""
    calls = json.loads(Path(sys.argv[1]).read_text())
    files: dict[str, int] = {}
    for call, path, *rest in calls:
        if call == "open":
            files[path] = os.open(path, rest[0], 0o600)
        elif call == "close":
            os.close(files.pop(path))
        elif call == "write":
            os.write(files[path], b"#" * rest[0])
        elif call == "fsync" and path in files:
            os.fsync(files[path])
        elif call == "fsync":
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
        elif call == "utime":
            os.utime(files[path], ns=(rest[0], rest[1]))
        elif call == "fchmod":
            os.fchmod(files[path], rest[0])
        else:
            getattr(os, call)(path, *rest)


if __name__ == "__main__":
    main()
