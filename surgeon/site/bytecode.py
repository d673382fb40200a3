"""Which bytecode files a source has, and making them harmless.

A `.pyc` of the source that was there before is dangerous twice over: written in the same second
at the same size it passes for the new one's, and an unchecked-hash one (PEP 552) is used whatever
the source says. So every one of a changed source goes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from surgeon.errors import EnvironmentUnusable
from surgeon.site.fs import Root

UNCHECKED_HASH = 0b01
_TAG = re.compile(r"[A-Za-z0-9_-]+(\.opt-[A-Za-z0-9]+)?\.pyc")


def purge(root: Root, path: str, prefix: Path | None) -> None:
    """Remove every bytecode file of a source, also below `prefix` (`PYTHONPYCACHEPREFIX`).

    One that cannot be removed is left where the interpreter will not use it: the new source's
    time differs from the one that it names (`fs.later`).

    Raises:
        EnvironmentUnusable: one cannot be removed and would be used.
    """
    for place, name in bytecode_files(root, path, prefix):
        try:
            place.remove(name)
        except OSError as error:
            if _ignores_source(place, name):
                raise EnvironmentUnusable(
                    f"bytecode that ignores its source cannot be removed: {error.strerror}",
                    path=str(place.folder / name),
                    hint="make its folder writable and run the command again",
                    code="stale-bytecode",
                ) from error


def undeletable(root: Root, path: str, prefix: Path | None) -> Path | None:
    """The first bytecode file that would be used and could not be removed, or `None`. Changes nothing."""
    for place, name in bytecode_files(root, path, prefix):
        if not place.may_change(name) and _ignores_source(place, name):
            return place.folder / name
    return None


def sync(root: Root, path: str, prefix: Path | None) -> None:
    """Make the removal of a source's bytecode durable, also where a run that was killed removed it."""
    for place, folder in _folders(root, path, prefix):
        place.sync(folder)


def bytecode_files(root: Root, path: str, prefix: Path | None) -> Iterator[tuple[Root, str]]:
    """The bytecode files of a source, of whatever Python, each with the root that it lies under.

    PEP 3147 and PEP 488 name them `__pycache__/STEM.TAG[.opt-N].pyc`.
    """
    start = path.rpartition("/")[2].removesuffix(".py") + "."
    for place, folder in _folders(root, path, prefix):
        yield from _found(place, folder, start)


def _folders(root: Root, path: str, prefix: Path | None) -> Iterator[tuple[Root, str]]:
    """The folders in which a source's bytecode may lie, each with its root."""
    folder = path.rpartition("/")[0]
    yield root, f"{folder}/__pycache__".lstrip("/")
    if prefix is not None:
        mirrored = prefix / root.folder.absolute().relative_to("/")
        for place in dict.fromkeys((mirrored, *_mirrors(root.folder, prefix))):
            yield Root(place), folder


def _mirrors(site: Path, prefix: Path) -> Iterator[Path]:
    """The folders below the prefix that mirror a site directory, under every name that it goes by.

    The interpreter mirrors the absolute folder of a source as its own path spells it: through links
    that lead to the environment, for one.
    """
    here = site.stat()
    for folder, names, _ in os.walk(prefix):
        source = "/" + os.path.relpath(folder, prefix)
        try:
            same = os.path.samestat(os.stat(source), here)  # noqa: PTH116
        except OSError:  # it mirrors nothing any more
            names.clear()
            continue
        if same:
            yield Path(folder)
        if same or Path(folder).name in ("site-packages", "dist-packages"):
            names.clear()  # no name of ours lies inside packages, of which there are thousands


def _found(root: Root, folder: str, start: str) -> Iterator[tuple[Root, str]]:
    for name in sorted(root.listing(folder)):
        if name.startswith(start) and _TAG.fullmatch(name, len(start)):
            yield root, f"{folder}/{name}".lstrip("/")


def _ignores_source(place: Root, name: str) -> bool:
    """Tell whether this is unchecked-hash bytecode: the second word of its header is 1 (PEP 552)."""
    try:
        return int.from_bytes(place.read(name)[4:8], "little") == UNCHECKED_HASH
    except OSError:
        return True
