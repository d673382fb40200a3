"""Remembers what patches say of themselves, so that a patch that is not needed is not loaded.

Loading thirty patch modules takes as long as all else that `status` does. The index is keyed by
each patch's digest, that is by content, lies in the user's cache folder, and may be deleted at any
time; one that others may write, or that is damaged, is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon import userfiles
from surgeon.patch import Expect, Patch

SCHEMA = 1
TEXTS = ("id", "symptom", "why", "distribution", "versions", "probe", "upstream")
LIMIT = 5_000
"""Patches that the file holds at most; when it is full, those of this run remain."""


class Index:
    """The descriptions of patches that were loaded once before, by digest."""

    def __init__(self) -> None:
        cache = userfiles.folder("XDG_CACHE_HOME", ".cache")
        self._place = cache / "patches.json" if cache else None
        self._rows = _read(self._place)
        self._new: dict[str, Any] = {}

    def recall(self, digest: str) -> Patch | None:
        """A patch without its edits and examples, or `None` where it is not known."""
        row = self._rows.get(digest)
        if row is None:
            return None
        try:
            return _patch(row, digest)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def remember(self, patch: Patch) -> None:
        """Keep a valid patch's description, until `save`."""
        self._new[patch.digest] = _row(patch)

    def save(self) -> None:
        """Write what is new; where that is not possible, nothing is remembered and nothing is said."""
        if not self._new or self._place is None:
            return
        kept = self._rows if len(self._rows) + len(self._new) <= LIMIT else {}
        data = json.dumps({"schema": SCHEMA, "patches": {**kept, **self._new}})
        with suppress(OSError):
            userfiles.write(self._place, data.encode())


def _read(place: Path | None) -> Mapping[str, Any]:
    if place is None:
        return {}
    try:
        content = json.loads(userfiles.read(place) or b"{}")
        rows = content["patches"] if content["schema"] == SCHEMA else {}
        return rows if isinstance(rows, dict) else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _row(patch: Patch) -> dict[str, Any]:
    return {
        **{name: getattr(patch, name) for name in TEXTS},
        "when": dict(patch.when),
        "files": patch.files,
        "needle": [needle.hex() for needle in patch.needle],
        "expect": [patch.expect.minimum, patch.expect.maximum, patch.expect.zero],
    }


def _patch(row: Mapping[str, Any], digest: str) -> Patch:
    texts = {name: row[name] for name in TEXTS}
    files, when = tuple(row["files"]), dict(row["when"])
    if not all(isinstance(text, str) for text in (*texts.values(), *files, *when, *when.values())):
        raise TypeError(digest)
    return Patch(
        **texts,
        when=when,
        files=files,
        needle=tuple(bytes.fromhex(needle) for needle in row["needle"]),
        expect=Expect(*row["expect"]),
        transforms=(),
        cases=(),
        unchanged=(),
        digest=digest,
    )
