"""What is remembered from run to run, in the user's own folders, outside every environment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def folder(variable: str, usual: str) -> Path | None:
    """This tool's folder below one of the user's, or `None` for somebody without a home.

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
    return Path(base, "m3d-surgeon")


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
