"""What `scan` says: each distribution's verdict, then what is missing, import time first."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from surgeon.report.tables import on_terminal
from surgeon.scan.gaps import When
from surgeon.scan.results import Missing, Outcome, Scanned, ScanResult

Line = tuple[str, str]
"""A line, and the style (rich's) that it has on a terminal."""

STYLES = {
    Outcome.IMPORTS: "green",
    Outcome.AFTER_APPLY: "yellow",
    Outcome.IN_PART: "yellow",
    Outcome.FAILS: "red",
    Outcome.UNSEEN: "yellow",
}


def text(result: ScanResult, *, verbose: bool = False) -> None:
    """Print a scan: plain lines in a pipe; styled ones, never cut, on a terminal."""
    if not on_terminal(sys.stdout):
        for line, _ in lines(result, verbose=verbose):
            print(line)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line, style in lines(result, verbose=verbose):
        console.print(Text(line, style), soft_wrap=True)


def lines(result: ScanResult, *, verbose: bool = False) -> list[Line]:
    """All lines of the answer; none where the run could not begin."""
    if not result.surface:
        return []
    return list(_minimum(result) if result.minimum else _lines(result, verbose))


def _lines(result: ScanResult, verbose: bool) -> Iterator[Line]:
    yield f"asked: {result.surface}", ""
    if result.python:
        yield f"interpreter: {result.python}", ""
    yield "", ""
    header = ("distribution", "version", "verdict", "modules that fail", "after apply", "why")
    styles = [STYLES[each.verdict] for each in result.distributions]
    yield from _table(header, [_verdict(each) for each in result.distributions], styles)
    rows = [row for row in result.rows if verbose or row.when is not When.GUARDED]
    if rows:
        yield "", ""
        header = ("missing", "used at", "times", "by", "first", "patch")
        styles = ["red" if row.when is When.IMPORT and row.uncovered else "" for row in rows]
        yield from _table(header, [_row(row) for row in rows], styles)
    yield "", ""
    yield _summary(result), "bold"


def _minimum(result: ScanResult) -> Iterator[Line]:
    yield f"asked: {result.surface}, from the table", ""
    yield "", ""
    header = ("torch", "modules that fail", "after apply")
    rows = [(each.release, str(each.failing), str(each.failing_after_apply)) for each in result.minimum]
    yield from _table(header, rows, [""] * len(rows))
    yield "", ""
    lowest = next((each.release for each in result.minimum if not each.failing), "none of them")
    patched = next((each.release for each in result.minimum if not each.failing_after_apply), "none of them")
    yield f"the lowest torch on which every module imports: {lowest}; with the patches: {patched}", "bold"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> Iterator[Line]:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row, style in zip([header, *rows], ["bold", *styles], strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), style


def _verdict(each: Scanned) -> tuple[str, ...]:
    after = sum(broken.after_apply for broken in each.broken)
    why = each.reason
    if each.patched:
        why = f"{why}; " * bool(why) + f"{each.patched} files are patched"
    failing = f"{len(each.broken)} of {each.modules}"
    return each.name, each.version, each.verdict.value, failing, str(after) if each.broken else "", why


def _row(row: Missing) -> tuple[str, ...]:
    name = f"{row.name}({row.keyword}=)" if row.keyword else row.name
    covered = " ".join(row.patches)
    if row.uncovered:
        covered = f"{covered}, not all" if covered else "no patch"
    if row.when is When.GUARDED:
        covered = ""
    first = f"{row.first.path}:{row.first.line}"
    return name, row.when.value, str(row.count(row.when)), row.distribution, first, covered


def _summary(result: ScanResult) -> str:
    # Rows come import time first: what is seen last is the gravest.
    names = {(row.name, row.keyword): row.when for row in reversed(result.rows)}
    counts = {when: sum(each is when for each in names.values()) for when in When}
    return (
        f"missing: {len(names)} names; {counts[When.IMPORT]} used at import, "
        f"{counts[When.CALL]} when called, {counts[When.GUARDED]} only under a guard"
    )
