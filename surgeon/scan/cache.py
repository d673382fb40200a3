"""Remembers a scan's answer for as long as nothing that it was made from has changed.

It lies in the user's own cache folder: a scan changes nothing in site-packages, not even the store.
The key is a hash over this tool, its table of names, the patches, what was asked, the interpreter,
RECORD, size and time of every source and of the stores' manifests, and what is installed. Anything
odd about the file means that the scan is made again; it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from importlib_metadata import version as version_of

from surgeon import userfiles
from surgeon.registry import Registry
from surgeon.scan.files import Header, Origin
from surgeon.site.environment import Environment
from surgeon.site.store import FOLDER

LISTENED_TO = ("TORCH", "PYTORCH", "CUDA_", "LD_", "DYLD_")
"""Environment variables that decide what a module comes to when it is imported begin with these."""

KEPT = 20
"""So many answers are kept; the oldest go."""


def folder() -> Path | None:
    """Where the answers lie, if anywhere."""
    cache = userfiles.folder("XDG_CACHE_HOME", ".cache")
    return cache / "scan" if cache else None


def key(
    environment: Environment,
    registry: Registry,
    origins: Iterable[Origin],
    installed: Iterable[Header],
    modules: Iterable[str],
    asked: str,
) -> str:
    """A hash over everything that a scan's answer depends on.

    Args:
        installed: every distribution.
        modules: what can be imported, the standard library among it.
        asked: the request, and the identity of the module that is asked.
    """
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        for part in parts:
            digest.update(str(part).encode("utf-8", "surrogateescape") + b"\0")

    add(*_grounds(environment), asked, *sorted(modules))
    for each in installed:
        add(each.name, each.version, stat(each.folder / "RECORD"))
    for folder in environment.folders:
        add(stat(folder / FOLDER / "manifest.json"))
    for patch in registry.patches.values():
        add(patch.id, patch.digest, patch.distribution, patch.versions, sorted(patch.when.items()))
        add(patch.files, patch.needle)
    add(*map(seen, origins))
    return digest.hexdigest()


def _grounds(environment: Environment) -> list[object]:
    """What every answer rests on: this tool, the interpreter and its path, what its linker listens to."""
    said = environment.interpreter
    listens = sorted(each for each in os.environ.items() if each[0].startswith(LISTENED_TO))
    constants = sorted(said.constants.items())
    return [
        _own_digest(),
        environment.python,
        environment.version,
        environment.folder,
        *environment.path,
        constants,
        listens,
    ]


def stat(place: Path) -> str:
    """A file's time and size, or why they cannot be had."""
    try:
        found = place.stat()
    except OSError as error:
        return str(error.errno)
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"


def seen(origin: Origin) -> str:
    """A hash over the RECORD of what is scanned, and over size and time of every file."""
    record = origin.distribution.record_bytes if origin.distribution else None
    digest = hashlib.sha256(record or b"")
    digest.update(origin.unseen.encode() + b"\0")
    root = str(origin.folder)
    for file in origin.files:
        try:
            there = os.stat(f"{root}/{file.path}")  # noqa: PTH116 - thousands of them
            said = f"{file.path}\0{there.st_mtime_ns} {there.st_size} {there.st_ino}\0"
        except OSError as error:
            said = f"{file.path}\0{error.errno}\0"
        digest.update(said.encode("utf-8", "surrogateescape"))
    return f"{origin.name} {origin.version} {root} {digest.hexdigest()}"


def surface_key(environment: Environment, state: str, versions: Mapping[str, str], out: set[str]) -> str:
    """A hash over everything that a module's answers depend on.

    Args:
        state: what was `seen` of the module.
        versions: of what is installed: parts of the module import other packages.
        out: the packages that are kept out.
    """
    others = sorted(each for each in versions.items() if each[0] not in out)
    text = "\0".join(map(str, [*_grounds(environment), state, *others, *sorted(out)]))
    return "asked-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def load(name: str) -> dict[str, Any] | None:
    """The answer that was kept under a key, or `None`."""
    place = folder()
    if place is None:
        return None
    path = place / f"{name}.json"
    with suppress(ValueError, RecursionError):
        digest, _, body = (userfiles.read(path) or b"").partition(b"\n")
        if digest == hashlib.sha256(body).hexdigest().encode():
            userfiles.used(path)
            content = json.loads(body)
            return content if isinstance(content, dict) else None
    return None


def save(name: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer, whole or not at all; where that is not possible, there is simply no cache."""
    place = folder()
    if place is None:
        return
    body = json.dumps(answer).encode()
    with suppress(OSError):
        userfiles.write(place / f"{name}.json", hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        userfiles.prune(place, "*.json", KEPT)


def _own_digest() -> str:
    """A hash of the code and of the tables that make the answer, and of what they are run by."""
    ours = Path(__file__).parents[1]
    digest = hashlib.sha256(f"{sys.version}\0{version_of('libcst')}\0{version_of('packaging')}".encode())
    rooms = ("*.py", *(f"{room}/*.py" for room in ("scan", "sources", "edits", "rewriting", "site")))
    for path in sorted(path for place in (*rooms, "scan/data/*") for path in ours.glob(place)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
