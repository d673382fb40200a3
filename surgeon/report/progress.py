"""A progress bar for work that takes its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surgeon.work import Progress

PATIENCE_SECONDS = 0.5
"""Work that takes longer than this shows a progress bar."""


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
