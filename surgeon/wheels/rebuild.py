"""A proven wheel and new sources in, a patched wheel out. Pure: bytes to bytes.

What names the release is changed (file name, dist-info and .data folder, METADATA's Version), and
RECORD with it. WHEEL and every other entry stay as they are, in their order, with their modes.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from surgeon.wheels.archive import DateTime, Member, write
from surgeon.wheels.wheel import SIGNATURES, Wheel, record_digest, stated_version

NOTE = "m3d_surgeon.json"
"""The file in the dist-info folder that says what was patched."""
BYTECODE = re.compile(r"(?:(?P<folder>.*)/)?__pycache__/(?P<stem>[^/]+?)\.[^/]*\.pyc")
READABLE_FILE = 0o100644 << 16
UNIX = 3


@dataclass(frozen=True)
class Rebuilt:
    """A patched wheel.

    Attributes:
        filename: as the specification wants it: `name-version(-build)-python-abi-platform.whl`.
        dropped: entries that are left out: signatures, and bytecode of changed sources.
    """

    filename: str
    version: str
    data: bytes
    dropped: tuple[str, ...]


def rebuild(
    wheel: Wheel,
    version: str,
    sources: Mapping[str, bytes],
    note: Mapping[str, object],
    date_time: DateTime | None = None,
) -> Rebuilt:
    """Put new sources and a new version into a wheel.

    Args:
        version: the new one, normalised.
        sources: the changed entries, by the names that they have in `wheel`; METADATA may be among them.
        note: what `NOTE` is to say.
        date_time: of every entry, instead of its own.

    Raises:
        BadArchive: the result would need Zip64.
    """
    renamed = _Names(wheel, version)
    dropped = tuple(member.name for member in wheel.members if _is_stale(member.name, wheel, sources))
    metadata = f"{wheel.info}/METADATA"
    stated = sources.get(metadata) or wheel.content(metadata)
    changed = {**sources, metadata: with_version(stated, version)}
    note_path = f"{renamed.info}/{NOTE}"
    written = (json.dumps(note, indent=1, sort_keys=True) + "\n").encode()
    record = _record(wheel, renamed, changed, dropped, note_path, written)
    members: list[Member] = []
    for member in wheel.members:
        if member.name in dropped:
            continue
        fresh = replace(member, name=renamed(member.name))
        if member.name == f"{wheel.info}/RECORD":
            noted = Member(note_path, b"", 0, 0, 0, member.date_time, UNIX, READABLE_FILE)
            members += [noted.holding(written), fresh.holding(record)]
        else:
            members.append(fresh.holding(changed[member.name]) if member.name in changed else fresh)
    return Rebuilt(renamed_file(wheel.filename, version), version, write(members, date_time), dropped)


def renamed_file(filename: str, version: str) -> str:
    """A wheel's file name with another version.

    A normalised version (PEP 440) holds no `-`, and `+` stays as it is: nothing is to be escaped.
    """
    name, _, *rest = filename.split("-")
    return "-".join([name, version, *rest])


def with_version(metadata: bytes, version: str) -> bytes:
    """METADATA that states another version, and is otherwise the same bytes."""
    stated = stated_version(metadata)
    return metadata[: stated.start(2)] + version.encode() + metadata[stated.end(2) :]


class _Names:
    """What entries are called in the new wheel."""

    def __init__(self, wheel: Wheel, version: str) -> None:
        stem = wheel.info.removesuffix(".dist-info").partition("-")[0]
        self.info = f"{stem}-{version}.dist-info"
        self._folders = {wheel.info: self.info, wheel.data: f"{stem}-{version}.data"}

    def __call__(self, name: str) -> str:
        folder, slash, rest = name.partition("/")
        return f"{self._folders.get(folder, folder)}{slash}{rest}"


def _signatures(wheel: Wheel) -> frozenset[str]:
    return frozenset(f"{wheel.info}/{name}" for name in SIGNATURES)


def _is_stale(name: str, wheel: Wheel, sources: Mapping[str, bytes]) -> bool:
    """Tell whether an entry is a signature of the old RECORD, or bytecode of a changed source."""
    if name in _signatures(wheel):
        return True
    found = BYTECODE.fullmatch(name)
    if found is None:
        return False
    folder = f"{found['folder']}/" if found["folder"] else ""
    return f"{folder}{found['stem']}.py" in sources


def _record(
    wheel: Wheel,
    renamed: _Names,
    changed: Mapping[str, bytes],
    dropped: tuple[str, ...],
    note_path: str,
    note: bytes,
) -> bytes:
    """RECORD in its old order, with the new names, hashes and sizes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    own = f"{wheel.info}/RECORD"
    # RECORD may list a signature that was never put in.
    left_out = {*dropped, own, *_signatures(wheel)}
    for row in wheel.rows:
        if row.path in left_out:
            continue
        data = changed.get(row.path)
        facts = (row.digest, row.size) if data is None else (record_digest(data), str(len(data)))
        writer.writerow((renamed(row.path), *facts))
    writer.writerow((note_path, record_digest(note), len(note)))
    writer.writerow((renamed(own), "", ""))
    return out.getvalue().encode()
