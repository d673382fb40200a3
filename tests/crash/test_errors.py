"""Every system call that changes the disk fails, once or for good: never success over a wrong state."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError
from tests import support
from tests.crash import seam
from tests.crash.scenes import SCENES, check_settled, contents, looks

ERRORS = ("ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT", "EMFILE")


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", ERRORS)
def test_one_failure_anywhere_leaves_everything_as_it_was(
    name: str, scene: str, memory: Path, record_property: Callable[[str, object], None]
) -> None:
    prepare, action = SCENES[scene]
    model = memory / "model"
    model.mkdir()
    prepare(model)
    finished = shutil.copytree(model, memory / "finished")
    points = seam.count(action, finished)
    for point in range(1, points + 1):
        site = shutil.copytree(model, memory / "failed")
        answer = seam.fail_at(point, getattr(errno, name), action, site, for_good=False)
        if isinstance(answer, SurgeonError):
            assert answer.exit_code in (4, 5), f"{point}: {answer!r}"
            assert answer.hint, f"{point}: {answer!r}"
            assert looks(site) == looks(model) or contents(site) == contents(finished), f"mixed at {point}"
        else:
            assert contents(site) == contents(finished), f"exit code {answer.exit_code} at {point}"
        seam.command(action, site)
        check_settled(site, action, f"{action} after a failure at {point}")
        assert contents(site) == contents(finished), f"{action} after a failure at {point}"
        shutil.rmtree(site)
    record_property("points", points)


@pytest.mark.parametrize("scene", SCENES)
def test_a_disk_that_fails_for_good_is_settled_once_it_works_again(scene: str, memory: Path) -> None:
    prepare, action = SCENES[scene]
    model = memory / "model"
    model.mkdir()
    prepare(model)
    finished = shutil.copytree(model, memory / "finished")
    points = seam.count(action, finished)
    for point in range(1, points + 1):
        site = shutil.copytree(model, memory / "failed")
        answer = seam.fail_at(point, errno.EIO, action, site, for_good=True)
        assert isinstance(answer, SurgeonError) or contents(site) == contents(finished), point
        seam.command("recover", site)
        check_settled(site, "recover", f"recover after point {point}")
        assert looks(site) == looks(model) or contents(site) == contents(finished), f"mixed at {point}"
        shutil.rmtree(site)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=200", "none", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """A real file system at 20 levels: refused as a whole, then done once there is room."""
    refused = 0
    for spare_kib in range(0, 40, 2):
        site = small_disk / "site"
        site.mkdir()
        support.gadget(site, source=support.GADGET + b"# filling\n" * 300)
        before = looks(site)
        ballast = small_disk / "ballast"
        fill(ballast, spare_kib * 1024)
        try:
            seam.command("apply", site)
            check_settled(site, "apply", f"{spare_kib} KiB left")
        except SurgeonError as error:
            refused += 1
            assert (error.exit_code, error.code) == (4, "unwritable"), error
            assert "free some space" in error.hint
            assert looks(site) == before
        ballast.unlink()
        assert seam.command("apply", site).exit_code == 0
        assert seam.command("revert", site).exit_code == 0
        assert looks(site) == before
        shutil.rmtree(site)
    assert 0 < refused < 20, "the disk was never full, or always"


def fill(ballast: Path, spare: int) -> None:
    """Fill a file system until only `spare` bytes are left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - spare))


def test_a_read_only_file_system(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    support.gadget(site)
    mount = ["mount", "--bind", "-o", "ro", site, site]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    subprocess.run(["mount", "-o", "remount,bind,ro", site], check=True)
    options = ("--site-packages", site, "--patches", support.GADGETS)
    try:
        before = support.tree(site)
        assert support.surgeon("status", *options).exit_code == 1
        answer = support.surgeon("apply", *options)
        assert (answer.exit_code, answer.error_codes()) == (4, ["unwritable"])
        assert support.surgeon("apply", "--dry-run", *options).exit_code == 0
        assert support.tree(site) == before
    finally:
        subprocess.run(["umount", "-l", site], check=True)
    assert support.surgeon("apply", *options).exit_code == 0
