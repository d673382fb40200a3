"""Reads a wheel and proves it: name, metadata, and every entry against its RECORD.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from surgeon.errors import Refused
from surgeon.site.distribution import normalised
from surgeon.site.fs import is_contained
from surgeon.site.versions import parsed
from surgeon.wheels.archive import BadArchive, Member, read

SIGNATURES = ("RECORD.jws", "RECORD.p7s")
SCHEMES = ("purelib", "platlib")
ALGORITHMS = ("sha256", "sha384", "sha512")
"""The specification allows no weaker ones in RECORD."""
VERSION_HEADER = re.compile(rb"^(Version:[ \t]*)([^\r\n]*?)([ \t]*\r?)$", re.MULTILINE | re.IGNORECASE)
HEADER_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True)
class Row:
    """One line of RECORD.

    Attributes:
        digest: `sha256=...` as RECORD writes it; empty for RECORD itself.
        size: bytes, as text; may be empty.
    """

    path: str
    digest: str
    size: str


@dataclass(frozen=True)
class Wheel:
    """A wheel whose every entry is the one that its RECORD lists.

    Attributes:
        filename: of the wheel.
        name: of the distribution, normalised.
        info: its dist-info folder, without a slash.
        sha256: hex, of the whole file.
        members: in the order of the archive.
        rows: RECORD's lines, in their order.
    """

    filename: str
    name: str
    version: Version
    info: str
    sha256: str
    members: tuple[Member, ...]
    rows: tuple[Row, ...]

    @property
    def data(self) -> str:
        """The name that its `.data` folder has, if there is one."""
        return f"{self.info.removesuffix('.dist-info')}.data"

    @cached_property
    def listed(self) -> Mapping[str, str]:
        """The hash that RECORD lists for each path, as it writes it."""
        return {row.path: row.digest for row in self.rows}

    @cached_property
    def _by_name(self) -> Mapping[str, Member]:
        return {member.name: member for member in self.members}

    def content(self, name: str) -> bytes:
        """One entry's bytes."""
        return self._by_name[name].content()

    def installed_as(self, name: str) -> str:
        """Where an entry lands in site-packages; empty where it goes elsewhere (scripts, headers)."""
        folder, _, rest = name.partition("/")
        if folder != self.data:
            return name
        scheme, _, path = rest.partition("/")
        return path if scheme in SCHEMES else ""


def open_wheel(path: Path) -> Wheel:
    """Read a wheel.

    Raises:
        Refused: it cannot be read, is none (`bad-wheel`), or is not what its RECORD says (`bad-record`).
    """
    try:
        data = path.read_bytes()
        wheel = _parse(path.name, data, read(data))
        faults = _faults(wheel)
    except (OSError, BadArchive, InvalidWheelFilename, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Refused(
            f"not a wheel that can be patched: {reason}",
            path=str(path),
            hint="download it again, or name another",
            code="bad-wheel",
        ) from error
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise Refused(
            f"the wheel is not what its RECORD says: {faults[0]}{more}",
            path=str(path),
            hint="download it again from where it was published",
            code="bad-record",
        )
    return wheel


def stated_version(metadata: bytes) -> re.Match[bytes]:
    """The `Version` header of METADATA.

    Raises:
        ValueError: there is none, or more than one.
    """
    end = HEADER_END.search(metadata)
    found = list(VERSION_HEADER.finditer(metadata, 0, end.start() + 1 if end else len(metadata)))
    if len(found) != 1:
        raise ValueError("METADATA does not state one version")
    return found[0]


def record_digest(data: bytes, algorithm: str = "sha256") -> str:
    """A hash as RECORD writes it: urlsafe base64 without padding."""
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _parse(filename: str, data: bytes, members: Sequence[Member]) -> Wheel:
    name, version, _, _ = parse_wheel_filename(filename)
    if unsafe := [m.name for m in members if not is_contained(m.name.removesuffix("/"))]:
        raise ValueError(f"an entry's name is not safe: {unsafe[0]!r}")
    folders = {member.name.partition("/")[0] for member in members if "/" in member.name}
    infos = [folder for folder in folders if folder.endswith(".dist-info")]
    if len(infos) != 1:
        raise ValueError(f"it holds {len(infos)} dist-info folders")
    wheel = Wheel(
        filename, normalised(name), version, infos[0], hashlib.sha256(data).hexdigest(), tuple(members), ()
    )
    stated_name, _, stated = wheel.info.removesuffix(".dist-info").partition("-")
    if normalised(stated_name) != wheel.name or parsed(stated) != version:
        raise ValueError(f"its name says {name} {version}, its folder is {wheel.info}")
    entries = {member.name for member in members}
    for needed in ("METADATA", "WHEEL", "RECORD"):
        if f"{wheel.info}/{needed}" not in entries:
            raise ValueError(f"it has no {needed}")
    metadata = stated_version(wheel.content(f"{wheel.info}/METADATA"))[2].decode()
    if parsed(metadata) != version:
        raise ValueError(f"its name says {version}, its METADATA {metadata}")
    lines = io.StringIO(wheel.content(f"{wheel.info}/RECORD").decode(), newline="")
    rows = tuple(Row(*[*row, "", ""][:3]) for row in csv.reader(lines) if row)
    return replace(wheel, rows=rows)


def _faults(wheel: Wheel) -> list[str]:
    """Every way in which the entries are not those that RECORD lists: each mentioned, each hashed."""
    own = {f"{wheel.info}/{name}" for name in ("RECORD", *SIGNATURES)}
    listed = {row.path: row for row in wheel.rows}
    counts = Counter(row.path for row in wheel.rows)
    faults = [f"{path} is listed twice" for path, count in counts.items() if count > 1]
    for member in wheel.members:
        if member.is_folder or member.name in own:
            continue
        row = listed.get(member.name)
        if row is None:
            faults.append(f"{member.name} is not listed")
        elif fault := _fault(row, member):
            faults.append(f"{member.name} {fault}")
    present = {member.name for member in wheel.members}
    return faults + [f"{path} is missing" for path in listed if path not in present | own]


def _fault(row: Row, member: Member) -> str:
    algorithm = row.digest.partition("=")[0]
    if algorithm not in ALGORITHMS:
        return f"is listed without a hash that proves it ({algorithm or 'none'})"
    data = member.content()
    if record_digest(data, algorithm) != row.digest.rstrip("=") or row.size not in ("", str(len(data))):
        return "has another hash than the listed one"
    return ""
