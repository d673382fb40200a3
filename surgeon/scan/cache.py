"""Remembers a scan's answer for as long as nothing that it was made from has changed.

It lies in the user's own cache folder: a scan changes nothing in site-packages, not even the store.
The key is a hash over this tool, the patches, what was asked, RECORD, size and time of every source,
and what is installed. Anything odd about the file means that the scan is made again; it may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon import userfiles
from surgeon.environment import Environment
from surgeon.registry import Registry
from surgeon.scan.sources import Origin

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
    versions: Mapping[str, str],
    modules: Iterable[str],
    asked: str,
) -> str:
    """A hash over everything that a scan's answer depends on.

    Args:
        asked: the request, and the identity of the module that is asked.
    """
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        for part in parts:
            digest.update(str(part).encode("utf-8", "surrogateescape") + b"\0")

    add(_own_digest(), asked, environment.python, environment.version, *environment.path)
    add(*sorted(versions.items()), *sorted(modules))
    for patch in registry.patches.values():  # its digest says nothing of where and when it applies
        add(patch.id, patch.digest, patch.distribution, patch.versions, *patch.when.items(), *patch.files)
    add(*map(seen, origins))
    return digest.hexdigest()


def seen(origin: Origin) -> str:
    """A hash over the RECORD of what is scanned, and over size and time of every file."""
    record = origin.distribution.record_bytes if origin.distribution else None
    digest = hashlib.sha256(record or b"")
    root = str(origin.folder)
    for file in origin.files:
        try:
            stat = os.stat(f"{root}/{file.path}")  # noqa: PTH116 - thousands of them
            said = f"{file.path}\0{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}\0"
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
    parts = [_own_digest(), environment.python, environment.version, *environment.path, state]
    text = "\0".join(map(str, [*parts, *others, *sorted(out)]))
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
    """A hash of the code that makes the answer."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), here.parent / "rewrite.py", here.parent / "results.py"]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
