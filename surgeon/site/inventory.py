"""Lists what is installed as it lies on the disk, whole or damaged. Imports and runs nothing of it."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from importlib_metadata import distributions

from surgeon.site.distribution import normalised
from surgeon.site.environment import Environment
from surgeon.site.versions import is_version

LARGEST_METADATA = 64 * 1024 * 1024
WRITES_RECORD = frozenset({"", "pip", "uv", "poetry", "pdm"})
"""Installers that write RECORD (PEP 627 has it optional); the others are systems' package managers."""

SYSTEM = ("/usr/lib/", "/usr/lib64/")
UNREADABLE = "may not be read by this user"
"""A fault that is none: for another user everything may be well."""
NAME = re.compile(r"[a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9]", re.IGNORECASE)
"""A distribution's name (PEP 508). Nothing else goes into an installer's command: `-x` is an option there."""
URL = re.compile(r"(?:[a-z]+\+)?(?:https?|ssh|file|git)://\S+", re.IGNORECASE)


class Row(NamedTuple):
    """RECORD's hash (`sha256=...`, or empty) and size in bytes (-1 where it lists none) of a file."""

    digest: str
    size: int


@dataclass(frozen=True)
class Copy:
    """One installed copy of a distribution: a dist-info folder, or an older kind of metadata.

    Attributes:
        name: normalised (PEP 503); from the folder's name where METADATA does not say.
        site: the site directory that it lies in.
        info: the name of its metadata folder or file in `site`.
        installer: what INSTALLER says, in lower case.
        requires: the lines of Requires-Dist.
        rows: what RECORD lists, by path relative to `site`.
        recorded_ns: RECORD's modification time; what was written later was not by the installer.
        faults: what of its metadata is missing or cannot be read, one sentence each.
        system: a system's package manager (or a zip) keeps it: it is never judged.
        editable: its sources are somebody's checkout.
        origin: the URL that it was installed from (PEP 610), as a requirement names it; else empty.
    """

    name: str
    version: str
    site: Path
    info: str
    installer: str = ""
    requires: tuple[str, ...] = ()
    rows: Mapping[str, Row] = field(default_factory=dict, compare=False, repr=False)
    recorded_ns: int = 0
    faults: tuple[str, ...] = ()
    system: bool = False
    editable: bool = False
    origin: str = ""

    @property
    def unreadable(self) -> bool:
        """Whether its metadata is whole cannot be said."""
        return any(fault.endswith(UNREADABLE) for fault in self.faults)

    @property
    def verifiable(self) -> bool:
        """Its RECORD can be held against its files."""
        return bool(self.rows) and not self.system and not self.editable


@dataclass(frozen=True)
class Inventory:
    """Everything that is installed, in the order of the path.

    Attributes:
        copies: all of it in the site directories that are looked at, shadowed copies included.
        used: by name, the copy that `import` finds first, wherever that is.
    """

    copies: tuple[Copy, ...]
    used: Mapping[str, Copy]

    def version(self, name: str) -> str:
        """The version of a distribution in use, or an empty string."""
        copy = self.used.get(normalised(name))
        return copy.version if copy else ""


def take(environment: Environment) -> Inventory:
    """List the distributions of an environment. What cannot be read is a copy's fault, never an error."""
    everywhere = [copy for entry in environment.path for copy in _in(entry)]
    used: dict[str, Copy] = {}
    for copy in everywhere:
        # Beside a whole copy, a damaged one of the same name is not what import sees.
        if copy.name not in used or (used[copy.name].faults and used[copy.name].site == copy.site):
            used[copy.name] = copy
    copies = (copy for copy in everywhere if environment.folder in (None, copy.site))
    return Inventory(tuple(copies), used)


def is_system(site: Path) -> bool:
    """Tell whether a system's package manager keeps a folder: Debian's own dist-packages, or /usr/lib."""
    place = str(site)
    return place.startswith(SYSTEM) or (site.name == "dist-packages" and not place.startswith("/usr/local/"))


def read_regular(path: Path, limit: int = LARGEST_METADATA) -> bytes:
    """A regular file's bytes.

    Raises:
        OSError: it cannot be read, is no regular file (a FIFO would hold us for ever), or is larger
            than `limit` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError("not a regular file")
        if seen.st_size > limit:
            raise OSError(f"larger than {limit} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def exists(path: Path) -> bool:
    """Tell whether something lies there, as far as it can be seen: a Path raises where it may not look."""
    return os.path.exists(path)  # noqa: PTH110


def is_folder(path: Path) -> bool:
    """Tell whether a folder lies there, as far as it can be seen."""
    return os.path.isdir(path)  # noqa: PTH112


def _in(entry: Path) -> Iterator[Copy]:
    if not is_folder(entry):
        yield from _zipped(entry)
        return
    try:
        names = sorted(place.name for place in entry.iterdir())
    except OSError:
        return
    for name in names:
        if name.startswith("~"):
            continue
        if name.endswith(".dist-info"):
            yield _copy(entry, name)
        elif name.endswith(".egg-info") or name == "EGG-INFO":
            yield _legacy(entry, name)


def _zipped(entry: Path) -> Iterator[Copy]:
    try:
        for found in distributions(path=[str(entry)]):
            yield Copy(normalised(found.metadata["Name"]), found.version, entry, "", system=True)
    except Exception:  # a zip that is none, or holds nonsense: whatever it raises, it is not ours to judge
        return


def _legacy(entry: Path, info: str) -> Copy:
    """An egg-info file or folder: it names a version and its requirements, and lists nothing with a hash."""
    place = entry / info
    try:
        header = _header(read_regular(place / "PKG-INFO" if is_folder(place) else place))
    except OSError:
        header = {}
    name, version = _named(entry.name if info == "EGG-INFO" else info, header)
    requires = tuple(header.get("requires-dist", ()))
    return Copy(name, version, entry, info, requires=requires, system=True)


def _copy(entry: Path, info: str) -> Copy:
    place, faults = entry / info, []
    header: dict[str, list[str]] = {}
    try:
        header = _header(read_regular(place / "METADATA"))
        if not is_name(header.get("name", [""])[0]) or not is_version(header.get("version", [""])[0]):
            faults.append("METADATA does not say its name and version")
    except OSError as error:
        faults.append(f"METADATA {_trouble(error)}")
    name, version = _named(info, header)
    installer = _word(place / "INSTALLER")
    rows: Mapping[str, Row] = {}
    recorded_ns = 0
    system = is_system(entry) and installer not in ("pip", "uv")
    try:
        rows = _rows(read_regular(place / "RECORD"))
        recorded_ns = (place / "RECORD").stat().st_mtime_ns
        if not rows:
            faults.append("RECORD lists nothing")
    except FileNotFoundError:
        system = system or installer not in WRITES_RECORD
        faults.append("RECORD is missing")
    except (OSError, ValueError, csv.Error) as error:
        faults.append(f"RECORD {_trouble(error)}")
    editable, origin = _origin(place)
    return Copy(
        name,
        version,
        entry,
        info,
        installer,
        tuple(header.get("requires-dist", ())),
        rows,
        recorded_ns,
        () if system else tuple(faults),
        system,
        editable,
        origin,
    )


def _header(data: bytes) -> dict[str, list[str]]:
    """METADATA's fields (an e-mail's header), by name in lower case, up to the first empty line."""
    fields: dict[str, list[str]] = {}
    for line in data.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0].decode(errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace() and "\0" not in line:
            fields.setdefault(key.lower(), []).append(value.strip())
    return fields


def _named(info: str, header: Mapping[str, list[str]]) -> tuple[str, str]:
    """Name and version: METADATA's, else those in the folder's name."""
    stem = info.rsplit(".", 1)[0]
    name, _, version = stem.partition("-")
    version = re.sub(r"-py\d.*$", "", version)
    said_name, said_version = header.get("name", [""])[0], header.get("version", [""])[0]
    versions = (each for each in (said_version, version) if is_version(each))
    return normalised(said_name if is_name(said_name) else name or info), next(versions, "")


def _rows(data: bytes) -> dict[str, Row]:
    rows = csv.reader(data.decode().splitlines())
    return {row[0]: Row(row[1], int(row[2]) if row[2].isdigit() else -1) for row in rows if len(row) > 2}


def _word(path: Path) -> str:
    try:
        return read_regular(path, 4096).decode(errors="replace").strip().lower()
    except OSError:
        return ""


def is_name(text: str) -> bool:
    """Tell whether a text can be a distribution's name."""
    return NAME.fullmatch(text) is not None


def _origin(place: Path) -> tuple[bool, str]:
    """Whether it is editable, and where it was installed from: direct_url.json (PEP 610, 660).

    A file or folder that is not there any more is no origin.
    """
    try:
        said = json.loads(read_regular(place / "direct_url.json"))
        if said.get("dir_info", {}).get("editable", False):
            return True, ""
        url, vcs = str(said["url"]), said.get("vcs_info")
        if vcs:
            url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        if subfolder := said.get("subdirectory"):
            url += f"#subdirectory={subfolder}"
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return False, ""
    lost = url.startswith("file://") and not exists(Path(unquote(urlsplit(url).path)))
    return False, url if URL.fullmatch(url) and not lost else ""


def _trouble(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return UNREADABLE
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, UnicodeDecodeError):
        return "is no text"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
