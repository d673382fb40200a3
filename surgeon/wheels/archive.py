"""Zip archives whose entries are kept as they are: what is not changed is not even compressed again.

zlib's output differs between its releases and its rivals. An unchanged entry therefore keeps its
compressed bytes, and a changed one is stored uncompressed, so that the archive is the same byte for
byte on every machine. The format is that of PKWARE's APPNOTE.TXT, 6.3.10.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

DateTime = tuple[int, int, int, int, int, int]
"""Year, month, day, hour, minute, second: without a zone, as zip has it."""

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1
VERSION_NEEDED = 20
LIMIT_BYTES, LIMIT_ENTRIES = 2**32 - 1, 2**16 - 1
"""Beyond these the Zip64 format is needed."""


class BadArchive(Exception):
    """It is no zip archive, is damaged, or uses what no wheel uses; the message says which."""


@dataclass(frozen=True)
class Member:
    """One entry, as it lies in an archive.

    Attributes:
        raw: its bytes, compressed as `method` says (`ZIP_STORED` or `ZIP_DEFLATED`).
        crc: CRC-32 of its content.
        size: of its content, bytes.
        system: the system that `attributes` are those of (3: Unix).
        attributes: on Unix the mode in the upper 16 bits.
    """

    name: str
    raw: bytes
    method: int
    crc: int
    size: int
    date_time: DateTime
    system: int
    attributes: int

    @property
    def is_folder(self) -> bool:
        """Folders have entries of their own in some archives."""
        return self.name.endswith("/")

    def content(self) -> bytes:
        """The entry's bytes.

        Raises:
            BadArchive: they are not those that the archive's checksum is of.
        """
        try:
            data = self.raw if self.method == zipfile.ZIP_STORED else _inflated(self.raw, self.size)
        except zlib.error as error:
            raise BadArchive(f"{self.name} cannot be unpacked: {error}") from error
        if len(data) != self.size or zlib.crc32(data) != self.crc:
            raise BadArchive(f"{self.name} is damaged: its checksum is wrong")
        return data

    def holding(self, data: bytes) -> Member:
        """This entry with another content."""
        return replace(self, raw=data, method=zipfile.ZIP_STORED, crc=zlib.crc32(data), size=len(data))


def read(data: bytes) -> list[Member]:
    """The entries of an archive, in its order.

    Raises:
        BadArchive: it is none, or holds what no wheel does: encrypted entries, two of one name, or
            another compression than deflate.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [_member(data, info) for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
        raise BadArchive(str(error)) from error
    counts = Counter(member.name for member in members)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise BadArchive(f"it holds two entries named {twice[0]}")
    return members


def write(members: Sequence[Member], date_time: DateTime | None = None) -> bytes:
    """An archive of these entries, in their order.

    Args:
        date_time: of every entry, instead of its own.

    Raises:
        BadArchive: it would need Zip64.
    """
    body, central = bytearray(), bytearray()
    for member in members:
        name, flag = _encoded(member.name)
        moment = _dos(date_time or member.date_time)
        sizes = (member.crc, len(member.raw), member.size)
        facts = (VERSION_NEEDED, flag, member.method, *moment, *sizes, len(name), 0)
        made_by = member.system << 8 | VERSION_NEEDED
        if len(body) + len(member.raw) > LIMIT_BYTES or member.size > LIMIT_BYTES:
            raise BadArchive("it is larger than 4 GiB")
        central += CENTRAL.pack(b"PK\1\2", made_by, *facts, 0, 0, 0, member.attributes, len(body)) + name
        body += LOCAL.pack(b"PK\3\4", *facts) + name + member.raw
    if len(members) > LIMIT_ENTRIES or len(body) > LIMIT_BYTES:
        raise BadArchive("it is larger than 4 GiB, or holds more than 65535 entries")
    count = len(members)
    return bytes(body + central + END.pack(b"PK\5\6", 0, 0, count, count, len(central), len(body), 0))


def _member(data: bytes, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & ENCRYPTED_FLAG:
        raise BadArchive(f"{info.filename} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive(f"{info.filename} is compressed in a way that wheels do not use")
    header = LOCAL.unpack_from(data, info.header_offset)
    begin = info.header_offset + LOCAL.size + header[-2] + header[-1]
    raw = data[begin : begin + info.compress_size]
    if header[0] != b"PK\3\4" or len(raw) != info.compress_size:
        raise BadArchive(f"{info.filename} does not lie where the archive's directory says")
    return Member(
        name=info.orig_filename,
        raw=raw,
        method=info.compress_type,
        crc=info.CRC,
        size=info.file_size,
        date_time=info.date_time,
        system=info.create_system,
        attributes=info.external_attr,
    )


def _inflated(raw: bytes, size: int) -> bytes:
    """Unpack, but never more than the archive announces: a zip bomb is not worth the memory."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, size + 1)


def _encoded(name: str) -> tuple[bytes, int]:
    return (name.encode(), 0) if name.isascii() else (name.encode(), UTF8_FLAG)


def _dos(moment: DateTime) -> tuple[int, int]:
    """Time and date as MS-DOS has them: from 1980 on, in steps of two seconds."""
    year, month, day, hour, minute, second = max(moment, (1980, 1, 1, 0, 0, 0))
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
