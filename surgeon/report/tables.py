"""Tables: rich's on a terminal; in a pipe, columns that no width cuts short."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
NARROWEST = 24
"""A last column that is narrower than this is no column any more."""

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

    console = Console()
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    fixed = sum(widths[:-1]) + GAP * (len(widths) - 1)
    if fixed + min(widths[-1], NARROWEST) <= console.width:
        _drawn(console, header, rows)
    else:
        _stacked(console, header, rows)


def _drawn(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; only the last column, which says why, may take several lines."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for name in header[:-1]:
        drawn.add_column(name, no_wrap=True)
    drawn.add_column(header[-1], overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    console.print(drawn)


def _stacked(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each cell on a line of its own, which the terminal breaks: an id or a path can still be copied."""
    from rich.text import Text

    for row in rows:
        console.print(Text(row[0], "bold"), soft_wrap=True)
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                console.print(Text(f"  {name}: "), Text(cell, STYLES.get(cell, "")), sep="", soft_wrap=True)


def on_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at it."""
    return stream.isatty()
