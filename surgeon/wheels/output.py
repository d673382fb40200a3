"""Puts a finished wheel into the output folder: whole or not at all, and never over another one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from surgeon.errors import EnvironmentUnusable, Refused


def lies_there(place: Path, data: bytes) -> bool:
    """Tell whether the very same wheel is there already.

    Raises:
        Refused: another one of that name is (`exists`).
        EnvironmentUnusable: the folder cannot be read.
    """
    try:
        there = place.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(place, error) from error
    if there != data:
        raise Refused(
            "another wheel of this name lies there",
            path=str(place),
            hint="raise --build-number, or move it away; installers tell wheels apart by their names",
            code="exists",
        )
    return True


def put(place: Path, data: bytes) -> None:
    """Write a wheel beside its place, and then move it there.

    Raises:
        Refused: somebody else put another one there meanwhile.
        EnvironmentUnusable: the disk refused.
    """
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, place)
    except FileExistsError as error:
        if not place.exists() or not lies_there(place, data):
            raise _unusable(place, error) from error
    except OSError as error:
        raise _unusable(place, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _move(temporary: Path, place: Path) -> None:
    """A link fails where a rename would replace; where the file system has no links, a rename must do.

    Raises:
        FileExistsError: there is something in that place.
    """
    try:
        os.link(temporary, place)
    except FileExistsError:
        raise
    except OSError:
        if place.exists():
            raise FileExistsError(place) from None
        temporary.replace(place)


def _unusable(place: Path, error: OSError) -> EnvironmentUnusable:
    return EnvironmentUnusable(
        f"the output folder cannot be used: {error.strerror or error}",
        path=str(place.parent),
        hint="name another with -o",
        code="unwritable",
    )
