"""Tables: rich's on a terminal; in a pipe, columns that no width cuts short."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

STYLES = {
    "applied": "green",
    "pristine": "yellow",
    "superseded": "yellow",
    "outdated": "yellow",
    "obsolete": "yellow",
    "unpatchable": "red",
    "foreign-edit": "red",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; a cell that names a state has its colour."""
    if not on_terminal(sys.stdout):
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, *rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    Console().print(drawn)


def on_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at it."""
    return stream.isatty()
