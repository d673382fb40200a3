"""The user's own files: where they lie, and that none is ever half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon import userfiles
from surgeon.author import project
from surgeon.scan import cache


def test_the_variable_comes_first_and_only_if_it_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert userfiles.folder("XDG_CACHE_HOME", ".cache") == Path("/var/cache/m3d-surgeon")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert userfiles.folder("XDG_CACHE_HOME", ".cache") == Path("/home/somebody/.cache/m3d-surgeon")


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_home_nothing_is_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    cache.save("answer", {"some": "thing"})
    assert cache.load("answer") is None
    named = tmp_path / "pyproject.toml"
    named.write_text('[tool.m3d-surgeon]\npatches = ["mine"]\n')
    (tmp_path / "mine").mkdir()
    assert project.folders(named).folders == (tmp_path / "mine",)
    assert project.folders(None).folders == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "pyproject.toml"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "deep" / "file"
    userfiles.write(place, b"old")
    assert place.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        userfiles.write(place, b"new")
    assert place.read_bytes() == b"old"
    assert [path.name for path in place.parent.iterdir()] == ["file"]
