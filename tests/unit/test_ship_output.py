"""The output folder: a wheel is there whole or not at all, and never in place of another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from surgeon.errors import EnvironmentUnusable, Refused
from surgeon.wheels.output import lies_there, put


def test_it_is_written_beside_and_moved(tmp_path: Path) -> None:
    place = tmp_path / "new" / "x.whl"
    assert not lies_there(place, b"data")
    put(place, b"data")
    assert lies_there(place, b"data")
    assert [path.name for path in place.parent.iterdir()] == ["x.whl"]


def test_another_wheel_is_never_replaced(tmp_path: Path) -> None:
    place = tmp_path / "x.whl"
    place.write_bytes(b"other")
    for attempt in (lies_there, put):
        with pytest.raises(Refused, match="lies there") as refusal:
            attempt(place, b"data")
        assert refusal.value.code == "exists"
    assert place.read_bytes() == b"other"
    assert [each.name for each in tmp_path.iterdir()] == ["x.whl"]


def test_somebody_who_wrote_the_same_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"data")
    put(tmp_path / "x.whl", b"data")
    assert (tmp_path / "x.whl").read_bytes() == b"data"
    assert [each.name for each in tmp_path.iterdir()] == ["x.whl"]


def test_where_there_are_no_links_a_rename_must_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    put(tmp_path / "x.whl", b"data")
    assert (tmp_path / "x.whl").read_bytes() == b"data"
    with pytest.raises(Refused):
        put(tmp_path / "x.whl", b"other")
    assert [each.name for each in tmp_path.iterdir()] == ["x.whl"]


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(EnvironmentUnusable, match="No space left"):
        put(tmp_path / "x.whl", b"data")
    assert [each.name for each in tmp_path.iterdir()] == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentUnusable):
        put(tmp_path / "file" / "x.whl", b"data")
