"""Rewriting many files at once, on as many processes as there are cores, where that pays.

The processes are forked, so that they have the parser and the patches without loading them again.
Each takes a fixed share and hands its results over at its end: one that dies, or outlives us, holds
nothing that anybody waits for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.errors import Refused
from surgeon.patch import Patch
from surgeon.rewriting.rewrite import Rewrite, rewrite

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WORTH_BYTES = 200_000
"""Sources of this size take libcst about 0.3 s; below it a second process gains nothing to speak of."""


@dataclass(frozen=True)
class Job:
    """One file to rewrite: its original bytes, and the patches that are wanted in it."""

    source: bytes
    patches: tuple[Patch, ...]


def rewrite_all(jobs: Sequence[Job], advance: Callable[[int, int], None]) -> list[Rewrite | Refused]:
    """Rewrite every file; a refusal stands in its place among the results.

    Args:
        advance: called with the index of the job that begins and the number of files done.
    """
    shares = _shares(jobs, _processes(jobs))
    helpers = [_Helper(jobs, share) for share in shares[1:]]
    results: dict[int, Rewrite | Refused] = {}
    for done, index in enumerate(shares[0]):
        advance(index, done * len(shares))
        results[index] = _one(jobs[index])
    for helper in helpers:
        results |= helper.results()
    for index in range(len(jobs)):
        if index not in results:  # the process that had it was killed
            results[index] = _one(jobs[index])
    return [results[index] for index in range(len(jobs))]


def _one(job: Job) -> Rewrite | Refused:
    try:
        return rewrite(job.source, job.patches)
    except Refused as refusal:
        return refusal


def _processes(jobs: Sequence[Job]) -> int:
    """How many processes pay. Only Linux forks safely: macOS' own libraries start threads."""
    if sys.platform != "linux" or sum(len(job.source) for job in jobs) < WORTH_BYTES:
        return 1
    return max(1, min(len(jobs), len(os.sched_getaffinity(0))))


def _shares(jobs: Sequence[Job], number: int) -> list[list[int]]:
    """The jobs' indexes in shares of about the same size in bytes: the largest go first, to the least."""
    shares: list[list[int]] = [[] for _ in range(number)]
    sizes = [0] * number
    for index in sorted(range(len(jobs)), key=lambda index: -len(jobs[index].source)):
        least = sizes.index(min(sizes))
        shares[least].append(index)
        sizes[least] += len(jobs[index].source)
    return shares


class _Helper:
    """A forked process with a share of the jobs."""

    def __init__(self, jobs: Sequence[Job], share: Sequence[int]) -> None:
        import multiprocessing

        import libcst  # noqa: F401  (loaded once, before the fork)

        context = multiprocessing.get_context("fork")
        self._answers, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(theirs, jobs, share), daemon=True)
        self._process.start()
        theirs.close()

    def results(self) -> dict[int, Rewrite | Refused]:
        """What it made of its share; nothing if it died."""
        try:
            found: dict[int, Rewrite | Refused] = self._answers.recv()
        except (EOFError, OSError):
            found = {}
        self._answers.close()
        self._process.join()
        return found


def _work(answers: Connection, jobs: Sequence[Job], share: Sequence[int]) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback of its own
    answers.send({index: _one(jobs[index]) for index in share})
