"""Remembers what patches say of themselves, so that a patch that is not needed is not loaded.

Loading thirty patch modules takes as long as all else that `status` does. The index is keyed by
the path and the text of each patch's module (its digest stays the same where only a description
changes), lies in the user's cache folder, and may be deleted at any time; one that others may write,
or that is damaged, is not used. Where a module that the patch imports has changed, it is loaded anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon import userfiles
from surgeon.patch import Expect, Patch

SCHEMA = 2
TEXTS = ("id", "symptom", "why", "distribution", "versions", "probe", "upstream", "digest")
LIMIT = 5_000
"""Patches that the file holds at most; when it is full, those of this run remain."""


class PatchIndex:
    """The descriptions of patches that were loaded once before, by a hash of their modules' path and text."""

    def __init__(self) -> None:
        cache = userfiles.folder("XDG_CACHE_HOME", ".cache")
        self._place = cache / "patches.json" if cache else None
        self._rows = _read(self._place)
        self._new: dict[str, Any] = {}

    def recall(self, key: str) -> Patch | None:
        """A patch without its edits and examples, or `None` where it is not known."""
        row = self._rows.get(key)
        if row is None:
            return None
        try:
            if any(_sha256(Path(path).read_bytes()) != hashed for path, hashed in row["helpers"].items()):
                return None
            return _patch(row)
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            return None

    def remember(self, key: str, patch: Patch, helpers: Mapping[Path, bytes]) -> None:
        """Keep a valid patch's description, until `save`.

        Args:
            helpers: the modules of its own that its module imports, with their bytes.
        """
        hashed = {str(path): _sha256(data) for path, data in helpers.items()}
        self._new[key] = {**_row(patch), "helpers": hashed}

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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _row(patch: Patch) -> dict[str, Any]:
    return {
        **{name: getattr(patch, name) for name in TEXTS},
        "when": dict(patch.when),
        "files": patch.files,
        "needle": [needle.hex() for needle in patch.needle],
        "expect": [patch.expect.minimum, patch.expect.maximum, patch.expect.zero],
    }


def _patch(row: Mapping[str, Any]) -> Patch:
    texts = {name: row[name] for name in TEXTS}
    files, when = tuple(row["files"]), dict(row["when"])
    if not all(isinstance(text, str) for text in (*texts.values(), *files, *when, *when.values())):
        raise TypeError("a text that is none")
    return Patch(
        **texts,
        when=when,
        files=files,
        needle=tuple(bytes.fromhex(needle) for needle in row["needle"]),
        expect=Expect(*row["expect"]),
        transforms=(),
        cases=(),
        unchanged=(),
    )
