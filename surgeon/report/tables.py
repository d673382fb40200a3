"""Tables: rich's on a terminal; in a pipe, columns that no width cuts short."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

GAP = 2
NARROWEST = 24
"""A column that is folded into less than this is no column any more."""

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
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if not on_terminal(sys.stdout):
        for row in [header, *rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console

    console = Console()
    gaps = GAP * (len(widths) - 1)
    if sum(widths) + gaps <= console.width:
        console.print(_aligned(widths, header, rows), soft_wrap=True)
    elif sum(widths[:2]) + sum(min(width, NARROWEST) for width in widths[2:]) + gaps <= console.width:
        console.print(_folded(header, rows))
    else:
        console.print(_stacked(header, rows), soft_wrap=True)


def _aligned(widths: Sequence[int], header: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    """Where every row has room on a line: rich's own table takes five times as long."""
    from rich.text import Text

    gap = " " * GAP
    lines = [Text(gap.join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)), "bold")]
    for row in rows:
        line = Text()
        for cell, width in zip(row, widths, strict=True):
            line.append(cell.ljust(width) + gap, STYLES.get(cell))
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)


def _folded(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table in which all columns but the first two, an id or a path and a word, may take several lines."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for number, name in enumerate(header):
        drawn.add_column(name, no_wrap=number < 2, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return drawn


def _stacked(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    """The cells below each other, and the terminal breaks lines: an id or a path can still be copied."""
    from rich.text import Text

    lines = []
    for first, second, *others in rows:
        lines.append(Text.assemble((first, "bold"), " " * GAP, (second, STYLES.get(second, ""))))
        lines += [
            Text(f"{' ' * GAP}{name}: {cell}") for name, cell in zip(header[2:], others, strict=True) if cell
        ]
    return Text("\n").join(lines)


def on_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at it."""
    return stream.isatty()
