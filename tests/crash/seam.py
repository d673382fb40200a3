"""Runs the engine in a forked child and stops it at a chosen system call that changes the disk.

Everything that changes the disk goes through `os` in `surgeon.fs`; a stand-in for that one name
counts the calls and, before the chosen one, kills the process for real (SIGKILL) or fails it.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from surgeon import fs, operations, registry
from surgeon.environment import Environment
from surgeon.errors import SurgeonError
from surgeon.results import Result
from tests import support

CHANGING = frozenset(
    {
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


def environment(site: Path) -> Environment:
    """A site directory alone, compiled for by the running interpreter."""
    return Environment(None, (3, 10), (site,))


def command(name: str, site: Path) -> Result:
    """Run one command in this process, with the patches for the small package."""
    patches = registry.load(support.GADGETS)
    if name == "recover":
        return operations.recover(environment(site), patches)
    return getattr(operations, name)(environment(site), patches, patches.select(()))  # type: ignore[no-any-return]


def count(name: str, site: Path) -> int:
    """How many calls that change the disk a command makes; it runs to its end."""
    seam = Seam(lambda _number, _name: None)
    fs.os = seam  # type: ignore[assignment]
    try:
        command(name, site)
    finally:
        fs.os = os
    return seam.calls


def fail_at(call: int, number: int, name: str, site: Path, *, for_good: bool) -> Result | SurgeonError:
    """Run a command whose `call`-th change, or every one from there on, fails with errno `number`."""

    def before(count: int, _name: str) -> None:
        if count == call or (for_good and count > call):
            raise OSError(number, os.strerror(number))

    fs.os = Seam(before)  # type: ignore[assignment]
    try:
        return command(name, site)
    except SurgeonError as error:
        return error
    finally:
        fs.os = os


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
