"""The store is parsed strictly: what is not exactly what we write is damage, never an instruction."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from surgeon.errors import EnvironmentUnusable, RecoveryFailed, Refused
from surgeon.site import store as store_module
from surgeon.site.fs import Root
from surgeon.site.store import (
    JOURNAL,
    MANIFEST,
    OBJECTS,
    Entry,
    Journal,
    Manifest,
    Step,
    Store,
    refuse_unstorable,
    sha256,
)

A, B = sha256(b"a"), sha256(b"b")
ENTRY = Entry("gadget", "1.0", A, B, 5, None, {"some-patch": A}, {})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(Root(tmp_path))
    store.write_manifest(Manifest({"gadget/core.py": ENTRY}, 3).to_bytes())
    store.write_journal(Journal(A, (Step("gadget/core.py", "gadget", A, B, 5, None),)))
    return store


def test_what_is_written_is_read_back(store: Store) -> None:
    assert store.manifest() == Manifest({"gadget/core.py": ENTRY}, 3)
    assert store.journal() == Journal(A, (Step("gadget/core.py", "gadget", A, B, 5, None),))


def test_a_missing_store_is_an_empty_one(tmp_path: Path) -> None:
    store = Store(Root(tmp_path))
    assert store.manifest() == Manifest()
    assert store.journal() is None
    assert list(tmp_path.iterdir()) == []


def entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["files"]["gadget/core.py"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "harm",
    [
        lambda m: m.update(schema="1"),
        lambda m: m.pop("generation"),
        lambda m: m.update(generation=-1),
        lambda m: m.update(generation=True),
        lambda m: m.update(files=[]),
        lambda m: m["files"].update({"../out.py": entry(m)}),
        lambda m: m["files"].update({"/etc/passwd": entry(m)}),
        lambda m: m["files"].update({"a/../../out.py": entry(m)}),
        lambda m: m["files"].update({".m3d-surgeon/manifest.json": entry(m)}),
        lambda m: m["files"].update({"gadget\0core.py": entry(m)}),
        lambda m: entry(m).update(original="../../etc/passwd"),
        lambda m: entry(m).update(original=A.upper()),
        lambda m: entry(m).update(result=None),
        lambda m: entry(m).update(mtime_ns=2**63 * 10**9),
        lambda m: entry(m).update(mtime_ns=-(2**63) * 10**9 - 1),
        lambda m: entry(m).update(mtime_ns=1.5),
        lambda m: entry(m).update(mtime_ns=None),
        lambda m: entry(m).update(patches=["some-patch"]),
        lambda m: entry(m).update(patches={"some-patch": 1}),
        lambda m: entry(m).update(link=7),
        lambda m: entry(m).update(link="\ud800.py"),
        lambda m: m["files"].update({"gadget/\ud800.py": entry(m)}),
        lambda m: entry(m).pop("version"),
    ],
)
def test_a_harmed_manifest_is_damage(
    store: Store, tmp_path: Path, harm: Callable[[dict[str, Any]], None]
) -> None:
    file = tmp_path / MANIFEST
    content = json.loads(file.read_text())
    harm(content)
    file.write_text(json.dumps(content))
    with pytest.raises(EnvironmentUnusable) as error:
        store.manifest()
    assert error.value.code == "store-damaged"
    assert error.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(schema=2),
        lambda m: m.update(schema=999, files=None),
        lambda m: m.update(surprise=1),
        lambda m: entry(m).update(surprise=1),
    ],
)
def test_what_a_newer_release_wrote_is_no_damage_and_is_left_alone(
    store: Store, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Nobody is told to move it away: the release that wrote it reads it."""
    file = tmp_path / MANIFEST
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(EnvironmentUnusable, match="written by a newer m3d-surgeon") as error:
        store.manifest()
    assert error.value.code == "store-newer"
    assert "upgrade" in error.value.hint
    assert "move" not in error.value.hint


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("gadget/core.py", {"version": "1.0\0"}),
        ("gadget/core.py", {"distribution": "gadget\ud800"}),
        ("gadget/core.py", {"link": "\udfff"}),
        ("gadget/core.py", {"mtime_ns": 2**63 * 10**9}),
        ("gadget/core.py", {"mtime_ns": 1.5}),
        ("gadget\\core.py", {}),
        (".m3d-surgeon/core.py", {}),
        ("gadget/../core.py", {}),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    store: Store, tmp_path: Path, path: str, change: dict[str, Any]
) -> None:
    before = (tmp_path / MANIFEST).read_bytes()
    entry = replace(ENTRY, **change)
    with pytest.raises(Refused) as refusal:
        refuse_unstorable(path, entry)
    assert refusal.value.code == "not-storable"
    with pytest.raises(EnvironmentUnusable, match="cannot hold"):
        store.write_manifest(Manifest({path: entry}).to_bytes())
    assert (tmp_path / MANIFEST).read_bytes() == before


def test_a_store_that_nobody_would_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LARGEST_STORE_FILE", 10_000)
    few = {f"gadget/m{number}.py": ENTRY for number in range(10)}
    many = {f"gadget/m{number}.py": ENTRY for number in range(100)}
    assert Manifest(few).to_bytes()
    with pytest.raises(EnvironmentUnusable, match="larger than any store"):
        Manifest(many).to_bytes()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1e999}', b'{"files": {}}']
)
def test_what_is_no_manifest_is_damage(store: Store, tmp_path: Path, data: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(data)
    (tmp_path / JOURNAL).write_bytes(data)
    with pytest.raises(EnvironmentUnusable):
        store.manifest()
    with pytest.raises(RecoveryFailed):
        store.journal()


def test_an_object_is_what_its_name_says_or_nothing(store: Store, tmp_path: Path) -> None:
    digest = store.put_object(b"precious")
    assert store.object(digest) == b"precious"
    (tmp_path / OBJECTS / digest).write_bytes(b"tampered")
    with pytest.raises(Refused):
        store.object(digest)
    store.put_object(b"precious")
    assert store.object(digest) == b"precious"
    with pytest.raises(Refused):
        store.object(A)


def test_objects_that_nothing_needs_are_collected_and_an_empty_store_goes(
    store: Store, tmp_path: Path
) -> None:
    store.put_object(b"a")
    store.put_object(b"b")
    store.collect(store.manifest())
    assert [p.name for p in (tmp_path / OBJECTS).iterdir()] == [A]
    store.remove_journal()
    store.collect(Manifest({}, 4))
    store.dissolve()
    assert list(tmp_path.iterdir()) == []
