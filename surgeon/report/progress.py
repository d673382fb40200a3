"""A progress bar for work that takes its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from surgeon.operations.work import Progress

PATIENCE_SECONDS = 0.5
"""Work that takes longer than this shows a progress bar."""

_shown: list[Bar] = []
"""The bar that is on the terminal now, if one is."""


def waiting(line: str) -> None:
    """Say on stderr for whom the command waits, terminal or not, and with --json and --quiet too.

    A command that does nothing is worse than one that says why.
    """
    from surgeon.report import harmless

    if _shown:
        _shown[0].console.print(harmless(line), markup=False, highlight=False, soft_wrap=True)
    else:
        print(harmless(line), file=sys.stderr, flush=True)


@contextmanager
def progress(*, wanted: bool) -> Iterator[Progress]:
    """A progress bar on stderr that appears once the work takes longer than half a second."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    begun = time.monotonic()

    def advance(what: str, done: int, total: int) -> None:
        if not _shown and time.monotonic() - begun > PATIENCE_SECONDS:
            _shown.append(_bar())
        for bar in _shown:
            bar.update(bar.task_ids[0], description=what, completed=done, total=total)

    try:
        yield advance
    finally:
        while _shown:
            _shown.pop().stop()


def _bar() -> Bar:
    """A bar that can be seen; loaded no sooner, since rich takes its time."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    bar.add_task("", total=None)
    bar.start()
    return bar
