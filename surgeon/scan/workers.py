"""Two processes for one piece of work, where that is possible; the second one is a fork that only answers."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORTH_IT_BYTES = 1_000_000
"""Less than this is done before a fork has started."""


@dataclass(frozen=True)
class Besides:
    """Work that is done here, and not in the fork, before the part that is done here."""

    work: Callable[[], object]
    size: int


def shared(
    work: Callable[[Sequence[Item]], Result],
    items: Sequence[Item],
    sizes: Sequence[int],
    busy: int = 0,
    besides: Besides | None = None,
) -> list[Result]:
    """Do a part of the work here and the rest in a fork; the results, in no particular order.

    Args:
        work: must not change anything that its caller relies on, because the fork's changes are lost.
        sizes: how much work each item is, in bytes of source.
        busy: how many processors other work of ours keeps busy.
        besides: must not need the results.
    """
    besides = besides or Besides(lambda: None, 0)
    # macOS may not fork safely; one processor gains nothing.
    if sum(sizes) < WORTH_IT_BYTES or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2 + busy:
        besides.work()
        return [work(items)]
    mine, theirs = _halves(items, sizes, besides.size)
    child, results = _fork(work, theirs)
    there: list[Any] = []
    with results:
        try:
            besides.work()
            here = work(mine)
            with suppress(EOFError, pickle.UnpicklingError):
                there.append(pickle.load(results))
        except BaseException:  # an interrupt, too: nobody wants what the fork is doing
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            os.waitpid(child, 0)
    # A fork that was killed (for want of memory) has done nothing: its part is done here.
    return [here, *(there or [work(theirs)])]


def _fork(work: Callable[[Sequence[Item]], object], items: Sequence[Item]) -> tuple[int, BinaryIO]:
    """A fork that works on some items, and where its result can be read."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(items), pipe, pickle.HIGHEST_PROTOCOL)
        os._exit(0)
    os.close(writing)
    return child, os.fdopen(reading, "rb")


@contextmanager
def without_collector() -> Iterator[None]:
    """Trees have no cycles: the collector would go through millions of nodes and find next to nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _halves(items: Sequence[Item], sizes: Sequence[int], before: int) -> tuple[list[Item], list[Item]]:
    """Two parts that come to about the same size: each item, the largest first, goes to the smaller one.

    Args:
        before: what the first one holds already.
    """
    parts: tuple[list[Item], list[Item]] = ([], [])
    filled = [before, 0]
    for number in sorted(range(len(items)), key=lambda n: -sizes[n]):
        part = int(filled[1] < filled[0])
        parts[part].append(items[number])
        filled[part] += sizes[number]
    return parts
