"""Zip archives, entry by entry: what is not changed keeps its very bytes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeon.wheels.archive import BadArchive, read, write
from tests.unit import ship_support


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=6), st.sampled_from([0, 8]))
def test_what_is_written_again_holds_the_same(entries: dict[str, bytes], method: int) -> None:
    before = zipped(entries, method)
    after = write(read(before))
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == entries
    assert [member.raw for member in read(after)] == [member.raw for member in read(before)]
    assert write(read(after)) == after


def test_modes_dates_order_and_compressed_bytes_are_kept(tmp_path: Path) -> None:
    path = ship_support.pack(tmp_path, {"b/x": b"x" * 999, "a/é.py": b"y"}, mode=0o755)
    with (
        zipfile.ZipFile(path) as before,
        zipfile.ZipFile(io.BytesIO(write(read(path.read_bytes())))) as after,
    ):
        for one, other in zip(before.infolist(), after.infolist(), strict=True):
            for fact in ("filename", "date_time", "external_attr", "create_system", "CRC", "compress_size"):
                assert getattr(one, fact) == getattr(other, fact), fact


def test_entries_that_were_streamed_get_their_sizes_in_front() -> None:
    """Written to a pipe, an entry's sizes follow its data; not every reader takes that."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", b"a" * 100)
    (member,) = read(pipe.data)
    assert member.content() == b"a" * 100
    with zipfile.ZipFile(io.BytesIO(write([member]))) as archive:
        assert archive.infolist()[0].flag_bits == 0
        assert archive.read("a.py") == b"a" * 100


def test_a_changed_entry_is_stored_and_one_date_may_stand_for_all() -> None:
    (member,) = read(zipped({"a": b"old" * 100}))
    data = write([member.holding(b"new")], (1979, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (info,) = archive.infolist()
        assert (info.compress_type, info.date_time) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))
        assert archive.read("a") == b"new"


def test_damage_is_seen() -> None:
    (member,) = read(zipped({"a": b"text" * 50}))
    for spoilt in (
        replace(member, crc=member.crc ^ 1),
        replace(member, size=member.size - 1),
        replace(member, raw=b"\xff" * len(member.raw)),
        replace(member, raw=member.raw[:-3]),
    ):
        with pytest.raises(BadArchive, match="a "):
            spoilt.content()


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all", zipped({"a": b"b"})[:-30]])
def test_what_is_no_archive_is_said(data: bytes) -> None:
    with pytest.raises(BadArchive):
        read(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"one")
        archive.writestr("a", b"two")
    with pytest.raises(BadArchive, match="two entries named a"):
        read(out.getvalue())


def test_other_compressions_and_encryption_are_refused() -> None:
    with pytest.raises(BadArchive, match="do not use"):
        read(zipped({"a": b"x" * 99}, zipfile.ZIP_LZMA))
    data = bytearray(zipped({"a": b"x"}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(BadArchive, match="encrypted"):
        read(bytes(data))
