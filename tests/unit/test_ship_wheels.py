"""A wheel is proved before it is patched: every entry mentioned in RECORD, and correctly hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from surgeon.errors import Refused
from surgeon.wheels.wheel import open_wheel, record_digest
from tests.unit.ship_support import INFO, NAME, members, pack, recorded

RECORD = f"{INFO}/RECORD"


def test_a_sound_wheel_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path, members())
    wheel = open_wheel(path)
    assert (wheel.name, str(wheel.version), wheel.info) == ("gadget", "1.0", INFO)
    assert wheel.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert wheel.content("gadget/core.py").startswith(b"import torch")


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"gadget/core.py": b"tampered"}, "gadget/core.py has another hash"),
        ({"gadget/more.py": b"smuggled"}, "gadget/more.py is not listed"),
        ({f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n"}, "WHEEL has another hash"),
        ({f"{INFO}/RECORD": b""}, "and 3 more"),
    ],
)
def test_a_tampered_wheel_is_refused(tmp_path: Path, spoilt: dict[str, bytes], words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        open_wheel(pack(tmp_path, members() | spoilt))
    assert refusal.value.code == "bad-record"
    assert refusal.value.path == str(tmp_path / NAME)


def record_with(change: tuple[str, str]) -> dict[str, bytes]:
    entries = members()
    text = entries[RECORD].decode()
    assert change[0] in text
    return entries | {RECORD: text.replace(*change).encode()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("gadget/__init__.py,", "gadget/gone.py,"), "not listed, and 1 more"),
        (("sha256=", "md5="), "without a hash that proves it"),
        (("gadget/core.py,", "gadget/core.py,,\ngadget/core.py,"), "listed twice"),
        ((f"{RECORD},,", ""), None),
    ],
)
def test_a_record_that_proves_nothing_is_refused(
    tmp_path: Path, change: tuple[str, str], words: str | None
) -> None:
    path = pack(tmp_path, record_with(change))
    if words is None:
        open_wheel(path)
        return
    with pytest.raises(Refused, match=words):
        open_wheel(path)


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_hashes_are_taken(tmp_path: Path, algorithm: str) -> None:
    entries = members()
    digest = record_digest(b"", algorithm)
    entries[RECORD] = entries[RECORD].replace(record_digest(b"").encode(), digest.encode())
    assert open_wheel(pack(tmp_path, entries)).listed["gadget/__init__.py"] == digest


@pytest.mark.parametrize(
    ("entries", "name", "words"),
    [
        (members(), "gadget.whl", "Invalid wheel filename"),
        (members(), "gadget-2.0-py3-none-any.whl", "says gadget 2.0"),
        (members(), "widget-1.0-py3-none-any.whl", "says widget 1.0"),
        ({"gadget/core.py": b""}, NAME, "0 dist-info folders"),
        (members() | {"other-1.dist-info/METADATA": b""}, NAME, "2 dist-info folders"),
        (recorded({f"{INFO}/METADATA": b"Version: 1.0\n"}), NAME, "no WHEEL"),
        (
            recorded(members() | {f"{INFO}/METADATA": b"Name: gadget\n\nVersion: 1.0\n"}),
            NAME,
            "does not state",
        ),
        (recorded(members() | {f"{INFO}/METADATA": b"Version: 1.0\nVersion: 2\n\n"}), NAME, "does not state"),
        (recorded(members() | {f"{INFO}/METADATA": b"Version: 2.0\n\n"}), NAME, "its METADATA 2.0"),
        (recorded(members() | {"../evil.py": b""}), NAME, "not safe"),
        (recorded(members() | {"/evil.py": b""}), NAME, "not safe"),
        (recorded(members() | {"a\\b.py": b""}), NAME, "not safe"),
    ],
)
def test_what_is_no_wheel_is_said(tmp_path: Path, entries: dict[str, bytes], name: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        open_wheel(pack(tmp_path, entries, name))
    assert refusal.value.code == "bad-wheel"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(Refused, match="directory"):
        open_wheel(tmp_path / NAME)


def test_the_names_are_compared_as_the_index_does(tmp_path: Path) -> None:
    """`Foo.Bar` and `foo_bar` are one distribution; its folder may be spelt either way."""
    info = "Foo.Bar-1.0.dist-info"
    entries = recorded(
        {f"{info}/METADATA": b"Version: 1.0.0\n\n", f"{info}/WHEEL": b"", f"{info}/RECORD": b""}, info
    )
    assert open_wheel(pack(tmp_path, entries, "foo_bar-1.0-py3-none-any.whl")).name == "foo-bar"
