"""A progress bar for work that takes its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from surgeon.work import Progress

PATIENCE_SECONDS = 0.5
"""Work that takes longer than this shows a progress bar."""


@contextmanager
def progress(*, wanted: bool) -> Iterator[Progress]:
    """A progress bar on stderr that appears once the work takes longer than half a second."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    begun = time.monotonic()
    bar: Bar | None = None

    def advance(what: str, done: int, total: int) -> None:
        nonlocal bar
        if bar is None and time.monotonic() - begun > PATIENCE_SECONDS:
            bar = _bar()
        if bar is not None:
            bar.update(bar.task_ids[0], description=what, completed=done, total=total)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _bar() -> Bar:
    """A bar that can be seen; loaded no sooner, since rich takes its time."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    bar.add_task("", total=None)
    bar.start()
    return bar
