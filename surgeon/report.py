"""Shows results: tables on a terminal, plain text in a pipe, or JSON. The one module that prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from surgeon.results import FileResult, PatchResult, Result

if TYPE_CHECKING:
    from surgeon.work import Progress

PATIENCE_SECONDS = 0.5
"""Work that takes longer than this shows a progress bar."""


def show(result: Result, *, as_json: bool = False, quiet: bool = False) -> None:
    """Print a command's answer: what was asked for to stdout, what went wrong to stderr."""
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
        return
    if not quiet and result.site_packages is not None:
        {"diff": _diff, "list": _list, "explain": _explain}.get(result.command, _overview)(result)
        for warning in result.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    for error in result.errors:
        print(f"error: {error.message}", file=sys.stderr)
        if error.path:
            print(f"  where: {error.path}", file=sys.stderr)
        if error.hint:
            print(f"  next:  {error.hint}", file=sys.stderr)


@contextmanager
def progress(*, wanted: bool) -> Iterator[Progress]:
    """A progress bar on stderr that appears once the work takes longer than half a second."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    begun = time.monotonic()
    bar = Bar(console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def advance(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)
        if time.monotonic() - begun > PATIENCE_SECONDS:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()


def _overview(result: Result) -> None:
    """`status`, `apply`, `revert`, `recover`: where, what each patch is, what each file is, what was done."""
    print(f"environment: {result.site_packages}")
    if result.python:
        print(f"interpreter: {result.python}")
    print()
    if result.patches:
        _table(("patch", "state", "files", "reason"), [_patch_row(patch) for patch in result.patches])
    rows = [
        _file_row(file) for file in result.files if result.command == "status" or file.path in result.changed
    ]
    if rows:
        print()
        _table(("file", "state", "patches", "reason"), rows)
    print()
    print(_summary(result))


def _summary(result: Result) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.summary.items()))
    files = f"files: {counts}" if counts else "no file is concerned"
    if result.command == "status":
        return files
    number = len(result.changed)
    verb = {"apply": "changed", "revert": "put back", "recover": "put back"}[result.command]
    done = f"{'would be ' if result.dry_run else ''}{verb}"
    noun = "file" if number == 1 else "files"
    return f"{number} {noun} {done}; {files}" if number else f"nothing to do; {files}"


def _list(result: Result) -> None:
    rows = [
        (
            patch.id,
            f"{patch.distribution} {patch.details['versions']}",
            patch.details["when"],
            patch.state.value,
        )
        for patch in result.patches
    ]
    _table(("patch", "for", "when", "here"), rows)


def _explain(result: Result) -> None:
    for patch in result.patches:
        print(patch.id)
        here = f"{patch.state.value} ({patch.reason})" if patch.reason else patch.state.value
        for key, value in {"distribution": patch.distribution, **patch.details, "here": here}.items():
            if value:
                print(f"  {key + ':':<14} {value}")


def _diff(result: Result) -> None:
    text = "".join(file.diff for file in result.files)
    if not _on_terminal(sys.stdout):
        print(text, end="")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in text.splitlines():
        console.print(Text(line, styles.get(line[:1], "")), soft_wrap=True)


def _patch_row(patch: PatchResult) -> tuple[str, ...]:
    return patch.id, patch.state.value, str(patch.files), patch.reason


def _file_row(file: FileResult) -> tuple[str, ...]:
    return file.path, file.state.value, " ".join(sorted(file.patches)), file.reason


STYLES = {
    "applied": "green",
    "pristine": "yellow",
    "superseded": "yellow",
    "outdated": "yellow",
    "obsolete": "yellow",
    "unpatchable": "red",
    "foreign-edit": "red",
}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: rich's on a terminal; in a pipe, columns that no width cuts short."""
    if not _on_terminal(sys.stdout):
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, *rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    Console().print(table)


def _on_terminal(stream: TextIO) -> bool:
    return stream.isatty()
