"""The store: what was done to a site directory, kept beside it in `.m3d-surgeon/`.

Nothing read from it is trusted: a path must be contained, a hash must be one, a type must be the
right one; anything else makes the whole file damaged. Whether a path is one of the distribution's
and whether an object holds what RECORD lists is checked where it is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from surgeon.errors import EnvironmentUnusable, RecoveryFailed, Refused, SurgeonError
from surgeon.site.fs import TEMPORARY_SUFFIX, Root, is_contained

FOLDER = ".m3d-surgeon"
LOCK = f"{FOLDER}/lock"
OBJECTS = f"{FOLDER}/objects"
MANIFEST = f"{FOLDER}/manifest.json"
JOURNAL = f"{FOLDER}/journal.json"
SCHEMA = 1
LARGEST_STORE_FILE = 64 * 1024 * 1024
FARTHEST_NS = 2**63 * 10**9
"""A file system's time is 64 bits of seconds, before or after the epoch, and nanoseconds."""

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Entry:
    """What the store knows of one file.

    Attributes:
        distribution: normalised name.
        version: of the release whose file this was.
        original: sha256 of the bytes that RECORD lists; the object that revert puts back.
        result: sha256 of what we wrote; equal to `original` where nothing needed changing.
        mtime_ns: the original's modification time (a link's own), put back by revert; any time that a
            file system has, 0 and those before 1970 among them.
        link: where the original pointed if it was a symbolic link (uv's symlink mode), or `None`.
        patches: the patches in `result`, each with its digest.
        looked: patches that were run on the original and matched nothing, each with its digest.
    """

    distribution: str
    version: str
    original: str
    result: str
    mtime_ns: int
    link: str | None
    patches: Mapping[str, str]
    looked: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One file of a transaction: from the bytes `before` to the bytes `after` (sha256 each)."""

    path: str
    distribution: str
    before: str
    after: str
    before_mtime_ns: int
    before_link: str | None


@dataclass(frozen=True)
class Journal:
    """A transaction under way. It is committed once the manifest on disk has the hash `manifest`."""

    manifest: str
    steps: tuple[Step, ...]

    def to_bytes(self) -> bytes:
        """As it is written.

        Raises:
            EnvironmentUnusable: something in it could not be read back.
        """
        return _dump(self, {"schema": SCHEMA, **asdict(self)}, _journal)


@dataclass(frozen=True)
class Manifest:
    """Every file that we have changed or looked at, by its path in the site directory.

    `generation` counts the commits, so that no two manifests of a store are the same.
    """

    files: Mapping[str, Entry] = field(default_factory=dict)
    generation: int = 0

    def followed_by(self, files: Mapping[str, Entry]) -> Manifest:
        """The next manifest."""
        return Manifest(files, self.generation + 1)

    def to_bytes(self) -> bytes:
        """As it is written; the same manifest always gives the same bytes.

        Raises:
            EnvironmentUnusable: something in it could not be read back.
        """
        files = {path: asdict(entry) for path, entry in sorted(self.files.items())}
        return _dump(self, {"schema": SCHEMA, "generation": self.generation, "files": files}, _manifest)


class Store:
    """The store of one site directory. Reading never needs the folder to exist."""

    def __init__(self, root: Root) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        """The manifest; an empty one where there is none.

        Raises:
            EnvironmentUnusable: it is damaged, or was written by a newer m3d-surgeon.
        """
        data = self._read(MANIFEST)
        if data is None:
            return Manifest()
        return self._parsed(MANIFEST, data, _manifest, EnvironmentUnusable)

    def tidy(self) -> None:
        """Remove what a run left that was killed while it made the store's folder."""
        self.root.remove_temporary(FOLDER)

    def is_leftover(self) -> bool:
        """Tell whether the store says nothing: a run was killed before its first word or after its last."""
        return self.root.exists(FOLDER) and not self.root.exists(JOURNAL) and not self.manifest().files

    def manifest_bytes(self) -> bytes | None:
        """The manifest file as it lies there, or `None`."""
        return self._read(MANIFEST)

    def journal(self) -> Journal | None:
        """The journal that a killed run left, or `None`.

        Raises:
            RecoveryFailed: likewise.
        """
        data = self._read(JOURNAL)
        if data is None:
            return None
        return self._parsed(JOURNAL, data, _journal, RecoveryFailed)

    def object(self, digest: str) -> bytes:
        """The bytes whose sha256 is `digest`.

        Raises:
            Refused: the object is missing or is not what its name says.
        """
        with suppress(OSError):
            data = self.root.read(f"{OBJECTS}/{digest}")
            if sha256(data) == digest:
                return data
        raise Refused(
            "the stored original is missing or damaged",
            path=f"{OBJECTS}/{digest}",
            code="object-damaged",
        )

    def sync(self) -> None:
        """Make durable what a run before this one, perhaps killed, did to the store."""
        for folder in ("", FOLDER, OBJECTS):
            self.root.sync(folder)

    def put_object(self, data: bytes) -> str:
        """Store bytes under their sha256, durably, and return it."""
        digest = sha256(data)
        try:
            self.object(digest)
        except Refused:
            if not self.root.exists(OBJECTS):
                self.root.make_folder(FOLDER)
                self.root.make_folder(OBJECTS)
            self.root.write(f"{OBJECTS}/{digest}", data)
        return digest

    def write_manifest(self, data: bytes | None) -> None:
        """Replace the manifest, or remove it; this rename is what commits a transaction."""
        if data is None:
            self.root.remove(MANIFEST)
            return
        self.root.make_folder(FOLDER)
        self.root.write(MANIFEST, data)

    def write_journal(self, journal: Journal) -> None:
        """Write down what is about to be done, durably, before any of it is."""
        self.root.write(JOURNAL, journal.to_bytes())

    def remove_journal(self) -> None:
        """Forget the transaction: it is committed, or undone."""
        self.root.remove(JOURNAL)

    def collect(self, manifest: Manifest) -> None:
        """Remove the objects that no changed file needs, and what killed runs left half made."""
        needed = {entry.original for entry in manifest.files.values() if entry.patches}
        with self.root.together():
            for name in self.root.listing(OBJECTS):
                if name not in needed:
                    self.root.remove(f"{OBJECTS}/{name}")
            self.root.remove_temporary(OBJECTS)
            for name in self.root.listing(FOLDER):
                if name.endswith(TEMPORARY_SUFFIX):
                    self.root.remove(f"{FOLDER}/{name}")

    def dissolve(self) -> None:
        """Remove the store itself, which says nothing any more. The lock goes with it: this comes last."""
        self.root.remove_folder(OBJECTS)
        self.root.remove(MANIFEST)
        self.root.remove(LOCK)
        self.root.remove_folder(FOLDER)

    def _read(self, path: str) -> bytes | None:
        try:
            return self.root.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EnvironmentUnusable(
                f"the store cannot be read: {error.strerror}",
                path=str(self.root.folder / path),
                hint="check the permissions of this file",
                code="store-unreadable",
            ) from error

    def _parsed(
        self, path: str, data: bytes, parse: Callable[[Any], Parsed], failure: type[SurgeonError]
    ) -> Parsed:
        try:
            return _load(data, parse)
        except _NewerError as error:
            raise failure(
                f"the store was written by a newer m3d-surgeon: {error}",
                path=str(self.root.folder / path),
                hint="run that one, or upgrade this one (pip install --upgrade m3d-surgeon)",
                code="store-newer",
            ) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise failure(
                f"the store is damaged: {error}",
                path=str(self.root.folder / path),
                hint=f"move {self.root.folder / path} away, run `m3d-surgeon status`, "
                "and reinstall what it lists as foreign-edit",
                code="store-damaged",
            ) from error


def sha256(data: bytes) -> str:
    """The sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def refuse_unstorable(path: str, entry: Entry) -> None:
    """Tell before anything is changed that the store cannot hold what it would have to say of a file.

    Raises:
        Refused: a later command could not read it.
    """
    try:
        _path(path)
        _entry(asdict(entry))
    except ValueError as error:
        raise Refused(
            f"the store cannot hold what belongs to this file: {error}",
            path=path,
            hint=f"look at the metadata of {entry.distribution!r}: they are not what an installer writes",
            code="not-storable",
        ) from error


class _NewerError(ValueError):
    """A well-formed file of a release after this one."""


def _dump(value: Parsed, content: Mapping[str, Any], parse: Callable[[Any], Parsed]) -> bytes:
    """What is written is what the parser reads: one grammar for both.

    Raises:
        EnvironmentUnusable: it would not be read back as `value`.
    """
    try:
        data = json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"
        if _load(data, parse) != value:
            raise ValueError("it would be read as something else")
    except ValueError as error:
        raise EnvironmentUnusable(
            f"the store cannot hold this: {error}",
            hint="nothing was changed; run the command for fewer patches, and report this",
            code="not-storable",
        ) from error
    return data


def _load(data: bytes, parse: Callable[[Any], Parsed]) -> Parsed:
    if len(data) > LARGEST_STORE_FILE:
        raise ValueError("larger than any store")
    content = json.loads(data)
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise _NewerError(f"schema {schema}, where this one knows {SCHEMA}")
    return parse(content)


def _manifest(content: Any) -> Manifest:
    _keys(content, {"schema", "generation", "files"})
    if content["schema"] != SCHEMA or not isinstance(content["files"], dict):
        raise ValueError("not a manifest")
    files = {_path(path): _entry(entry) for path, entry in content["files"].items()}
    return Manifest(files, _number(content["generation"]))


def _entry(content: Any) -> Entry:
    _keys(content, set(Entry.__dataclass_fields__))
    return Entry(
        distribution=_text(content["distribution"]),
        version=_text(content["version"]),
        original=_digest(content["original"]),
        result=_digest(content["result"]),
        mtime_ns=_time(content["mtime_ns"]),
        link=None if content["link"] is None else _text(content["link"]),
        patches=_digests(content["patches"]),
        looked=_digests(content["looked"]),
    )


def _journal(content: Any) -> Journal:
    _keys(content, {"schema", "manifest", "steps"})
    if content["schema"] != SCHEMA or not isinstance(content["steps"], list):
        raise ValueError("not a journal")
    return Journal(_digest(content["manifest"]), tuple(_step(step) for step in content["steps"]))


def _step(content: Any) -> Step:
    _keys(content, set(Step.__dataclass_fields__))
    return Step(
        path=_path(content["path"]),
        distribution=_text(content["distribution"]),
        before=_digest(content["before"]),
        after=_digest(content["after"]),
        before_mtime_ns=_time(content["before_mtime_ns"]),
        before_link=None if content["before_link"] is None else _text(content["before_link"]),
    )


def _keys(content: Any, names: set[str]) -> None:
    if not isinstance(content, dict) or not names <= set(content):
        raise ValueError(f"expected an object with {', '.join(sorted(names))}")
    if further := sorted(set(content) - names):
        raise _NewerError(f"it holds {further[0][:80]!r}, which this one does not know")


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected a text")
    # Raises ValueError for what no file is called: a surrogate that stands for no byte (PEP 383).
    value.encode("utf-8", "surrogateescape")
    return value


def _path(value: Any) -> str:
    if not is_contained(_text(value)) or value.split("/")[0] == FOLDER:
        raise ValueError(f"a path that leads out of the site directory: {value[:80]!r}")
    return str(value)


def _digest(value: Any) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", _text(value)):
        raise ValueError("expected a sha256")
    return str(value)


def _digests(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError("expected an object of sha256")
    return {_text(key): _digest(digest) for key, digest in value.items()}


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError("expected a number from 0")
    return value


def _time(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -FARTHEST_NS <= value < FARTHEST_NS:
        raise ValueError("expected a time in nanoseconds")
    return value
