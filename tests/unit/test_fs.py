"""Paths are contained, and a replaced file keeps everything but its bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from surgeon.site import fs
from surgeon.site.fs import Root


@pytest.mark.parametrize("path", ["../x", "a/../x", "/etc/passwd", "", "a//b", "./a", "a/", "a\0b", "a\\b"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        Root(tmp_path).read(path)


def test_a_link_in_place_of_a_folder_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f.py").write_bytes(b"precious")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pkg").symlink_to(outside)
    root = Root(tmp_path / "site")
    looks = Root(outside).looks("f.py")
    for attempt in (
        lambda: root.read("pkg/f.py"),
        lambda: root.replace("pkg/f.py", b"evil", looks),
        lambda: root.make_folder("pkg/sub"),
    ):
        with pytest.raises(OSError):
            attempt()
    root.remove("pkg/f.py")
    assert (outside / "f.py").read_bytes() == b"precious"
    assert sorted(p.name for p in outside.iterdir()) == ["f.py"]


def test_a_replaced_file_keeps_mode_owner_attributes_and_gets_its_time(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_bytes(b"old")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    os.setxattr(file, "user.origin", b"here")
    before = file.stat()
    root = Root(tmp_path)
    looks = root.looks("f.py")
    root.replace("f.py", b"new", looks)
    after = file.stat()
    assert file.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid, after.st_mtime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
        before.st_mtime_ns,
    )
    assert os.getxattr(file, "user.origin") == b"here"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.py"]


def test_a_hard_linked_neighbour_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"old")
    (tmp_path / "f.py").hardlink_to(tmp_path / "cache")
    root = Root(tmp_path)
    root.replace("f.py", b"new", root.looks("f.py"))
    assert (tmp_path / "cache").read_bytes() == b"old"


def test_a_symbolic_link_is_replaced_itself_and_can_be_put_back(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"old")
    (tmp_path / "f.py").symlink_to("cache")
    root = Root(tmp_path)
    looks = root.looks("f.py")
    assert looks.link == "cache"
    root.replace("f.py", b"new", fs.Looks(0o644, None, None, None, None, ()))
    assert not (tmp_path / "f.py").is_symlink()
    assert (tmp_path / "cache").read_bytes() == b"old"
    root.replace("f.py", b"old", looks)
    assert os.readlink(tmp_path / "f.py") == "cache"  # noqa: PTH115


def test_a_failed_replacement_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f.py").write_bytes(b"old")
    root = Root(tmp_path)
    looks = root.looks("f.py")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fs.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        root.replace("f.py", b"new", looks)
    assert (tmp_path / "f.py").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.py"]


def test_the_store_is_readable_by_others_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        root = Root(tmp_path)
        root.make_folder("store")
        root.write("store/file", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "store" / "file").stat().st_mode) == 0o644


def test_a_fifo_in_a_files_place_is_no_trap(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.py")
    with pytest.raises(OSError, match="not a regular file"):
        Root(tmp_path).read("f.py")


def test_a_folder_in_a_files_place_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "f.py").mkdir()
    before = os.dup(0)
    os.close(before)
    with pytest.raises(OSError, match="not a regular file"):
        Root(tmp_path).read("f.py")
    after = os.dup(0)
    os.close(after)
    assert after == before, "the lowest free descriptor is another one now"


def test_a_new_time_is_two_seconds_from_every_other_in_what_bytecode_keeps_of_it() -> None:
    second = 1_000_000_000
    assert fs.later(5 * second + 7, 3 * second) == 5 * second + 7
    assert fs.later(5 * second + 7, 5 * second + 900) == 8 * second + 7
    assert fs.later(5 * second, 5 * second, 6 * second) == 8 * second
    assert fs.later(5 * second, 5 * second - 2**32 * second) == 7 * second
    assert fs.later(5 * second, 4 * second + 2**32 * second) == 6 * second
    assert fs.later(second // 2, -second // 2) == second + second // 2


def test_the_longest_name_has_room_for_its_replacement(tmp_path: Path) -> None:
    """The temporary name is longer than the file's own, and 255 bytes are all that there are."""
    for name in ("n" * 252 + ".py", "n" * 238 + ".py", "\u00fc" * 126 + ".py"):
        (tmp_path / name).write_bytes(b"old")
        root = Root(tmp_path)
        root.replace(name, b"new", root.looks(name))
        assert root.read(name) == b"new"
        (tmp_path / fs.temporary_name(name)).write_bytes(b"left by a kill")
        root.remove_temporary(name)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_that_the_locale_cannot_spell_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="locale"):
        Root(tmp_path).read("gadget/\ud800.py")
