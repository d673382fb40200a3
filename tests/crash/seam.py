"""Runs the engine in a forked child and stops it at a chosen system call that changes the disk.

Everything that changes the disk goes through `os` in `surgeon.site.fs`; a stand-in for that one name
counts the calls and, before the chosen one, kills the process for real (SIGKILL) or fails it.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from surgeon import registry
from surgeon.errors import SurgeonError
from surgeon.operations import run as operations
from surgeon.operations.results import Result
from surgeon.registry import Registry
from surgeon.site import fs
from surgeon.site.environment import Environment
from tests import support

CHANGING = frozenset(
    {
        "chown",
        "fchmod",
        "fchown",
        "fsync",
        "mkdir",
        "replace",
        "rmdir",
        "setxattr",
        "symlink",
        "unlink",
        "utime",
        "write",
    }
)


class Seam:
    """`os`, with a hook before every call that changes the disk (a creating `open` among them)."""

    def __init__(self, before: Callable[[int, str], None]) -> None:
        self.calls = 0
        self._before = before

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CHANGING and name != "open":
            return real

        def watched(*args: Any, **kwargs: Any) -> Any:
            if name in CHANGING or args[1] & os.O_CREAT:
                self.calls += 1
                self._before(self.calls, name)
            return real(*args, **kwargs)

        return watched


class Killed(BaseException):
    """The process ends here: unlike an exception, nothing that follows changes the disk any more."""


class Killer(Seam):
    """`os` of a process that dies before its `call`-th change, without the cost of a process."""

    def __init__(self, call: int) -> None:
        super().__init__(self._strike)
        self._call = call

    def _strike(self, number: int, _name: str) -> None:
        if number >= self._call:
            raise Killed


@contextmanager
def through(seam: object) -> Iterator[None]:
    """Let `surgeon.site.fs` see `seam` instead of `os`."""
    fs.os = seam  # type: ignore[assignment]
    try:
        yield
    finally:
        fs.os = os


def environment(site: Path) -> Environment:
    """A site directory alone, compiled for by the running interpreter."""
    return Environment(None, (3, 10), (site,))


@cache
def gadgets() -> Registry:
    """The patches for the small package, and no others."""
    every = registry.load(support.GADGETS)
    return Registry({name: patch for name, patch in every.patches.items() if name.startswith("gadget-")})


def compiled_here(_environment: Environment, sources: Sequence[bytes]) -> list[str | None]:
    """`environment.compile_errors` without an interpreter of its own: thousands of runs cost less."""
    for source in sources:
        compile(source, "<patched>", "exec", dont_inherit=True)
    return [None] * len(sources)


def command(name: str, site: Path) -> Result:
    """Run one command in this process, with the patches for the small package."""
    patches = gadgets()
    if name == "recover":
        return operations.recover(environment(site), patches)
    return getattr(operations, name)(environment(site), patches, patches.select(()))  # type: ignore[no-any-return]


def count(name: str, site: Path) -> int:
    """How many calls that change the disk a command makes; it runs to its end."""
    seam = Seam(lambda _number, _name: None)
    with through(seam):
        command(name, site)
    return seam.calls


def fail_at(call: int, number: int, name: str, site: Path, *, for_good: bool) -> Result | SurgeonError:
    """Run a command whose `call`-th change, or every one from there on, fails with errno `number`."""

    def before(count: int, _name: str) -> None:
        if count == call or (for_good and count > call):
            raise OSError(number, os.strerror(number))

    with through(Seam(before)):
        try:
            return command(name, site)
        except SurgeonError as error:
            return error


def die_before(call: int, name: str, site: Path) -> bool:
    """As `kill_before`, in this very process: the disk is left as a killed one leaves it."""
    with through(Killer(call)):
        try:
            command(name, site)
        except Killed:
            return True
    return False


def kill_before(call: int, name: str, site: Path) -> bool:
    """Run a command in a child that is killed before its `call`-th change; tell whether it was."""

    def before(number: int, _name: str) -> None:
        if number == call:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            fs.os = Seam(before)  # type: ignore[assignment]
            command(name, site)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the command itself failed"
    return os.WIFSIGNALED(status)
