"""What is remembered from run to run, in the user's own folders, outside every environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def folder(variable: str, usual: str) -> Path | None:
    """This tool's folder below one of the user's, or `None` for somebody without a home.

    Root, whom `sudo` and containers often leave the home of somebody else, has none there: what he
    made would be closed to its owner, and what he read might be a trap.

    https://specifications.freedesktop.org/basedir-spec/latest/

    Args:
        variable: names the user's folder: `XDG_CACHE_HOME`.
        usual: where that is if the variable does not say, below the home: `.cache`.
    """
    base = os.environ.get(variable, "")
    if not base.startswith("/"):
        home = os.environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = f"{home}/{usual}"
    else:
        home = base
    ours = Path(base, "m3d-surgeon")
    if os.geteuid() == 0 and any(owner != 0 for owner in _owners(ours, Path(home))):
        return None
    return ours


def _owners(folder: Path, home: Path) -> Iterator[int]:
    """Who owns a folder and those above it, as far as they exist, up to the home or what it would lie in."""
    for place in (folder, *folder.parents):
        with suppress(OSError):
            yield place.stat().st_uid
            if place == home or home not in place.parents:
                return


def read(path: Path) -> bytes | None:
    """A file that `write` made, or `None` where there is none.

    One that belongs to somebody else or that others may write is none: it could say anything.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
                return None
            return file.read()
    except OSError:
        return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def used(path: Path) -> None:
    """Say that a file was used: `prune` removes those first that were not."""
    with suppress(OSError):
        os.utime(path)


def prune(folder: Path, pattern: str, kept: int) -> None:
    """Remove all but so many of the files that were used last."""
    with suppress(OSError):
        for old in sorted(folder.glob(pattern), key=lambda each: each.stat().st_mtime_ns)[:-kept]:
            old.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, for the user alone.

    Raises:
        OSError: that is not possible; nothing is left behind.
    """
    import tempfile  # here: nearly always there is nothing to write

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
