"""Reads what is installed: versions, RECORD, editable installs, conditions. Never imports a target."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Protocol

from importlib_metadata import distributions

from surgeon.site.environment import Environment
from surgeon.site.fs import is_contained


class Metadata(Protocol):
    """What we ask of importlib_metadata's distributions, whose own types changed over its releases."""

    @property
    def version(self) -> str:
        """As METADATA says."""

    def read_text(self, filename: str) -> str | None:
        """A file of the dist-info folder."""


class Unreadable:
    """Metadata that must not be opened: a FIFO in a file's place waits for a writer for ever."""

    version = ""

    def read_text(self, filename: str) -> str | None:
        """Nothing can be read.

        Raises:
            OSError: always.
        """
        raise OSError(errno.EINVAL, "not a regular file", filename)


@dataclass(frozen=True)
class Distribution:
    """One installed distribution, where `import` finds it first.

    Attributes:
        name: normalised (PEP 503).
        version: as its metadata says.
        site: the site directory that it is installed in.
        shadowed: other copies of it, further down the path.
    """

    name: str
    version: str
    site: Path
    metadata: Metadata
    shadowed: tuple[Path, ...] = ()

    @cached_property
    def record_bytes(self) -> bytes | None:
        """RECORD as it lies there, or `None` (a legacy install has none); one that is no text is empty."""
        try:
            text = self.metadata.read_text("RECORD")
        except Exception:  # a damaged zip raises whatever it likes
            return b""
        return None if text is None else text.encode()

    @property
    def paths(self) -> Collection[str]:
        """Every path that RECORD lists with a sha256."""
        return self._rows.keys()

    def recorded(self, path: str) -> str | None:
        """The sha256 (hex) that RECORD lists for a path inside the site directory, or `None`.

        https://packaging.python.org/en/latest/specifications/recording-installed-packages/
        """
        return _hex(self._rows.get(path, "")) if is_contained(path) else None

    @cached_property
    def _rows(self) -> Mapping[str, str]:
        """RECORD's rows, undecoded: a large package has thousands, of which a few are asked for."""
        return _rows(self.record_bytes or b"")

    @cached_property
    def unpatchable(self) -> str:
        """Why no file of it may be edited, or an empty string."""
        if not os.path.isdir(self.site):  # noqa: PTH112 - a Path raises where it may not look
            return "it is inside a zip file"
        if self._editable():
            return "it is an editable install: its sources are somebody's checkout"
        if self.record_bytes is None:
            return "it has no RECORD, so nothing proves what it shipped"
        if not self.paths:
            return "its RECORD lists no file with a sha256"
        return ""

    def _editable(self) -> bool:
        """PEP 660 and pip mark an editable install in direct_url.json (PEP 610)."""
        try:
            origin = json.loads(self.metadata.read_text("direct_url.json") or "{}")
            return bool(origin.get("dir_info", {}).get("editable", False))
        except Exception:  # no such file, no JSON, or a damaged zip
            return False


class Installed:
    """The distributions of an environment, each looked up once."""

    def __init__(self, environment: Environment) -> None:
        self._path = environment.path
        self._folders = {site: _metadata_folders(site) for site in environment.path}
        self._found: dict[str, Distribution | None] = {}

    def find(self, name: str) -> Distribution | None:
        """The distribution `name`, where `import` finds it first, or `None`."""
        key = normalised(name)
        if key not in self._found:
            copies = list(self._copies(key))
            self._found[key] = copies[0] if copies else None
        return self._found[key]

    def _copies(self, name: str) -> Iterator[Distribution]:
        found: list[tuple[Path, Metadata]] = []
        for entry in self._path:
            if any(_is_trap(folder) for folder in self._folders[entry].get(name, ())):
                found.append((entry, Unreadable()))
            else:
                found += [(entry, metadata) for metadata in _found(entry, name)]
        for number, (entry, metadata) in enumerate(found):
            others = tuple(site for site, _ in found[number + 1 :])
            yield Distribution(name, _version(metadata), entry, metadata, others)


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def matching(patterns: tuple[str, ...], paths: Collection[str]) -> Iterator[str]:
    """The paths that a patch's `files` name: exact ones, and what the globs find."""
    for pattern in patterns:
        if not is_glob(pattern):
            if pattern in paths:
                yield pattern
            continue
        glob = re.compile(_glob(pattern))
        yield from (path for path in paths if glob.fullmatch(path) and is_contained(path))


def is_glob(pattern: str) -> bool:
    """Tell whether one of a patch's `files` is a glob rather than an exact path."""
    return "*" in pattern or "?" in pattern


def _glob(pattern: str) -> str:
    """A regular expression for a glob in which `**/` crosses folders and `*` does not."""
    pieces = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    return "".join(pieces.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*|\?)", pattern))


PLAIN_ROW = re.compile(r"^([^,\r\n]+),(sha256=[^,\r\n]*)", re.MULTILINE)
VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
METADATA = ("METADATA", "PKG-INFO", "RECORD", "direct_url.json")
"""The files of a dist-info folder that are read here."""


def _found(entry: Path, name: str) -> list[Metadata]:
    """A distribution's metadata in an entry of the path, copies included; none where that is damaged."""
    try:
        return list(distributions(name=name, path=[str(entry)]))
    except Exception:  # a zip that is damaged raises whatever it likes
        return []


def _metadata_folders(site: Path) -> Mapping[str, list[Path]]:
    """The folders of metadata in a site directory, by the distribution that each is of."""
    folders: dict[str, list[Path]] = {}
    try:
        names = os.listdir(site)  # noqa: PTH208
    except OSError:  # a zip file
        names = []
    for name in names:
        # An egg's is named by the egg itself.
        of = site.name if name == "EGG-INFO" else name if name.endswith("-info") else ""
        if of:
            folders.setdefault(normalised(of.rpartition(".")[0].partition("-")[0]), []).append(site / name)
    return folders


def _is_trap(folder: Path) -> bool:
    """Tell whether a device or a FIFO lies where metadata is read."""
    if not os.path.isdir(folder):  # noqa: PTH112 - a Path raises where it may not look
        return not os.path.isfile(folder)  # noqa: PTH113
    places = [f"{folder}/{file}" for file in METADATA]
    return any(os.path.exists(each) and not os.path.isfile(each) for each in places)  # noqa: PTH110, PTH113


@lru_cache(maxsize=64)  # by content: one command looks up to three times
def _rows(record: bytes) -> Mapping[str, str]:
    text = record.decode(errors="replace")
    if '"' not in text:  # nothing is quoted: five times as fast as reading CSV
        return dict(PLAIN_ROW.findall(text))
    try:
        rows = csv.reader(text.splitlines())
        return {row[0]: row[1] for row in rows if len(row) > 1 and row[1].startswith("sha256=")}
    except csv.Error:
        return {}


def _version(metadata: Metadata) -> str:
    """The release that METADATA states: its header, without loading a parser for mail to read it."""
    try:
        text = metadata.read_text("METADATA") or metadata.read_text("PKG-INFO") or ""
        stated = VERSION.search(re.split(r"\r?\n\r?\n", text, maxsplit=1)[0])
        return stated[1] if stated else str(metadata.version or "")
    except Exception:  # METADATA is missing or is not what an installer writes: damaged, not ours to fix
        return ""


def _hex(encoded: str) -> str | None:
    """RECORD's urlsafe base64 without padding, as hex; `None` where it is no sha256."""
    encoded = encoded.removeprefix("sha256=")
    try:
        digest = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return None
    return digest.hex() if len(digest) == hashlib.sha256().digest_size else None
