"""Runs programs and says what each took: wall time and processor time.

What is compared is run in turns, so that a slow minute of the machine falls on all alike; what is
reported is the median. Processor time is user and system time of the process and of every process
that it waited for (wait4), and hardly depends on what else the machine does.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests import support


@dataclass(frozen=True)
class Sample:
    """One run of a program.

    Attributes:
        wall: seconds.
        cpu: seconds, user and system, with all the processes that it waited for.
        exit_code: its exit status.
    """

    wall: float
    cpu: float
    exit_code: int


@dataclass(frozen=True)
class Case:
    """A program to be measured.

    Attributes:
        command: with its arguments.
        before: called before every run; its time does not count.
        terminal: its output is a terminal instead of a pipe.
        extra: environment variables besides a plain shell's.
        folder: where it is run.
        exits: the exit codes that are fine.
        rounds: how often at most, where it takes too long to be run as often as the others.
    """

    command: Sequence[str | Path]
    before: Callable[[], object] = lambda: None
    terminal: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    exits: tuple[int, ...] = (0,)
    rounds: int | None = None


class Failed(Exception):
    """A program that is measured ended with another exit code than it should."""


def once(case: Case) -> Sample:
    """Run a program once.

    Raises:
        Failed: with an exit code that is not among `case.exits`; its output stands in the message.
    """
    case.before()
    ours, theirs = os.openpty() if case.terminal else os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        _become(case, theirs)
    os.close(theirs)
    output = _everything(ours)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in case.exits:
        said = output[-2000:].decode(errors="replace")
        raise Failed(f"{' '.join(map(str, case.command))} exited with {code}:\n{said}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, code)


def _become(case: Case, output: int) -> NoReturn:
    """In the forked child: turn into the program."""
    try:
        os.chdir(case.folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        command = [str(word) for word in case.command]
        os.execvpe(command[0], command, support.clean_environ(**case.extra))
    except BaseException as error:
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(126)


def _everything(source: int) -> bytes:
    """All that a program writes, until it and all its children have closed their end."""
    parts = []
    with suppress(OSError):  # a terminal says so with an error
        while part := os.read(source, 65536):
            parts.append(part)
    os.close(source)
    return b"".join(parts)


def in_turns(cases: Mapping[str, Case], rounds: int, *, warm_up: bool = True) -> dict[str, list[Sample]]:
    """Run every program `rounds` times, one after the other, each round beginning with another one."""
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    names = list(cases)
    if warm_up:
        for case in cases.values():
            if case.rounds is None:
                once(case)
    for round_ in range(rounds):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            limit = cases[name].rounds
            if limit is None or len(samples[name]) < limit:
                samples[name].append(once(cases[name]))
    return samples


def summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians, and the fastest run, for the report."""
    walls = sorted(sample.wall for sample in samples)
    return {
        "wall_ms": round(statistics.median(walls) * 1000, 1),
        "cpu_ms": round(statistics.median(sample.cpu for sample in samples) * 1000, 1),
        "wall_ms_fastest": round(walls[0] * 1000, 1),
        "runs": len(samples),
    }


def ratio(samples: Sequence[Sample], base: Sequence[Sample], what: str) -> float:
    """The median of one over the median of the other; `what` is `wall` or `cpu`."""
    above, below = (statistics.median(getattr(sample, what) for sample in each) for each in (samples, base))
    return above / below
