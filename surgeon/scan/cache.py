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
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon.environment import Environment
from surgeon.registry import Registry
from surgeon.scan.sources import Origin

KEPT = 20
"""So many answers are kept; the oldest go."""


def folder() -> Path:
    """Where the answers lie (XDG base directory specification)."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "m3d-surgeon" / "scan"


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
    add(*(f"{patch.id} {patch.digest}" for patch in registry.patches.values()))
    for origin in origins:
        record = origin.distribution.record_bytes if origin.distribution else None
        add(origin.name, origin.version, origin.folder, hashlib.sha256(record or b"").hexdigest())
        root = str(origin.folder)
        for file in origin.files:
            try:
                seen = os.stat(f"{root}/{file.path}")  # noqa: PTH116 - thousands of them
                add(file.path, seen.st_mtime_ns, seen.st_size, seen.st_ino)
            except OSError as error:
                add(file.path, error.errno)
    return digest.hexdigest()


def load(name: str) -> dict[str, Any] | None:
    """The answer that was kept under a key, or `None`."""
    with suppress(OSError, ValueError, RecursionError):
        text = (folder() / f"{name}.json").read_bytes()
        digest, _, body = text.partition(b"\n")
        if digest == hashlib.sha256(body).hexdigest().encode():
            content = json.loads(body)
            return content if isinstance(content, dict) else None
    return None


def save(name: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer, whole or not at all; where that is not possible, there is simply no cache."""
    body = json.dumps(answer).encode()
    with suppress(OSError):
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            Path(temporary).replace(place / f"{name}.json")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        kept = sorted(place.glob("*.json"), key=lambda each: each.stat().st_mtime_ns)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)


def _own_digest() -> str:
    """A hash of the code that makes the answer."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), here.parent / "rewrite.py", here.parent / "results.py"]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
