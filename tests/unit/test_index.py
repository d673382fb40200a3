from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from surgeon import registry
from tests import support


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "m3d-surgeon" / "patches.json"


def remembered() -> dict[str, bool]:
    """Each patch, and whether the index knew it."""
    found = registry.load(support.GADGETS, remembered=True)
    assert not found.problems
    return {name: not patch.transforms for name, patch in found.patches.items()}


def test_a_second_run_loads_nothing_and_knows_the_same(place: Path) -> None:
    assert not any(remembered().values())
    assert all(remembered().values())
    whole = registry.load(support.GADGETS)
    short = registry.load(support.GADGETS, remembered=True)
    assert list(short.patches) == list(whole.patches)
    for name, patch in whole.patches.items():
        known = short.patches[name]
        for field in ("why", "symptom", "versions", "when", "files", "needle", "expect", "probe", "digest"):
            assert getattr(known, field) == getattr(patch, field), field
    assert short.complete(short.patches) == whole.patches


def test_an_edited_patch_is_loaded_anew(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "patches"
    folder.mkdir()
    source = next(iter(sorted(support.GADGETS.glob("*.py"))))
    copy = folder / source.name
    copy.write_bytes(source.read_bytes().replace(b'id="', b'id="other-'))
    first = registry.load(folder, remembered=True)
    copy.write_bytes(copy.read_bytes().replace(b'versions="', b'versions="!=9.9,'))
    second = registry.load(folder, remembered=True)
    (name,) = {n for n in second.patches if n.startswith("other-")}
    assert second.patches[name].versions == f"!=9.9,{first.patches[name].versions}"
    assert second.patches[name].digest == first.patches[name].digest


@pytest.mark.parametrize(
    "data", ["", "[]", "{}", '{"schema": 1, "patches": 3}', '{"schema": 9, "patches": {}}']
)
def test_a_damaged_index_is_not_used(place: Path, data: str) -> None:
    remembered()
    place.write_text(data)
    assert not any(remembered().values())
    assert all(remembered().values())


def test_a_damaged_row_is_not_used(place: Path) -> None:
    remembered()
    content = json.loads(place.read_text())
    for number, row in enumerate(content["patches"].values()):
        row[("files", "needle", "expect", "when", "id")[number % 5]] = 3
    place.write_text(json.dumps(content))
    assert not any(remembered().values())


def test_one_that_others_may_write_is_not_used(place: Path) -> None:
    remembered()
    place.chmod(0o666)
    assert not any(remembered().values())


def test_a_pipe_or_a_link_in_its_place_is_no_trap(place: Path, tmp_path: Path) -> None:
    remembered()
    place.rename(tmp_path / "elsewhere.json")
    place.symlink_to(tmp_path / "elsewhere.json")
    assert not any(remembered().values())
    place.unlink()
    os.mkfifo(place)
    assert not any(remembered().values())


@pytest.mark.parametrize("home", ["", "relative", "/proc/nowhere"])
def test_without_a_place_for_it_everything_works(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    assert not any(remembered().values())
    assert not any(remembered().values())


def test_it_does_not_grow_without_end(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surgeon.index.LIMIT", 3)
    remembered()
    content = json.loads(place.read_text())
    content["patches"] = {str(n): {} for n in range(4)}
    place.write_text(json.dumps(content))
    remembered()
    assert set(json.loads(place.read_text())["patches"]).isdisjoint(map(str, range(4)))
