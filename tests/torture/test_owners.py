"""Run by root in somebody else's folder: everything that is made belongs to him, and he can go on."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from surgeon import userfiles
from tests import support
from tests.crash import scenes, seam
from tests.tools.scale import scaled

Figure = Callable[[str, object], None]
OWNER = 12_345
UMASKS = (0o022, 0o077)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root, and to give that up")


@pytest.fixture
def place(memory: Path) -> Iterator[Path]:
    """A folder that everybody can reach."""
    memory.chmod(0o755)
    yield memory


def give(folder: Path) -> None:
    """Give a folder and all in it to the owner."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)


def laid(site: Path) -> dict[str, tuple[str, int, int]]:
    site.mkdir()
    scenes.fresh(site)
    give(site)
    return support.tree(site)


def by_owner(work: Callable[[], int]) -> int:
    """Do something as the owner, in a process of its own; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(OWNER)
            os.setuid(OWNER)
            os._exit(work())
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def with_umask(umask: int) -> Iterator[None]:
    old = os.umask(umask)
    try:
        yield
    finally:
        os.umask(old)


def command_of_owner(name: str, site: Path) -> int:
    """The exit code of a command that the owner runs."""
    return by_owner(lambda: seam.command(name, site).exit_code)


def command_of_root(name: str, site: Path) -> int:
    return seam.command(name, site).exit_code


def of_roots(folder: Path) -> list[str]:
    """What belongs to somebody else than the owner."""
    every = (folder, *folder.rglob("*"))
    return [str(path) for path in every if (path.lstat().st_uid, path.lstat().st_gid) != (OWNER, OWNER)]


@pytest.mark.parametrize("umask", UMASKS)
@pytest.mark.parametrize("following", ["revert", "recover", "apply"])
def test_what_root_makes_belongs_to_the_owner_who_goes_on(following: str, umask: int, place: Path) -> None:
    site = place / "site"
    before = laid(site)
    with with_umask(umask):
        assert command_of_root("apply", site) == 0
    assert (site / ".m3d-surgeon" / "lock").exists()
    assert of_roots(site) == []
    assert command_of_owner(following, site) == 0
    assert command_of_owner("revert", site) == 0
    assert support.tree(site) == before


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_lock_that_an_older_release_left_to_root(mode: int, place: Path) -> None:
    """0600 is what root's umask may have made of it: then the owner cannot even read it."""
    site = place / "site"
    before = laid(site)
    seam.command("apply", site)
    lock = site / ".m3d-surgeon" / "lock"
    os.chown(lock, 0, 0)
    lock.chmod(mode)
    assert command_of_owner("revert", site) == 0
    assert support.tree(site) == before
    seam.command("apply", site)
    os.chown(lock, 0, 0)
    lock.chmod(mode)
    scenes.compiled(site)
    give(site / "gadget")
    seam.command("revert", site)
    assert of_roots(site) == []
    assert support.tree(site) == before


def test_a_lock_that_somebody_put_there_is_not_given_away(place: Path) -> None:
    """A hard link to a file of root's, in the owner's folder, in the place of the lock."""
    site = place / "site"
    laid(site)
    precious = place / "precious"
    for content in (b"", b"secret"):
        precious.write_bytes(content)
        store = site / ".m3d-surgeon"
        store.mkdir()
        os.chown(store, OWNER, OWNER)
        (store / "lock").hardlink_to(precious)
        seam.command("apply", site)
        seam.command("revert", site)
        assert (precious.stat().st_uid, precious.read_bytes()) == (0, content)
        shutil.rmtree(store, ignore_errors=True)


@pytest.mark.parametrize("umask", UMASKS)
def test_root_is_killed_at_any_point_and_the_owner_goes_on(
    umask: int, place: Path, record_property: Figure
) -> None:
    laid(place / "model")
    before = scenes.looks(place / "model")
    site, stride, died, kills = place / "site", scaled(2, 1), True, 0
    for call in itertools.count(1, stride):
        shutil.copytree(place / "model", site, symlinks=True)
        give(site)
        with with_umask(umask):
            died = seam.die_before(call, "apply", site)
        following = ("recover", "apply", "revert")[kills % 3]
        when = f"killed before call {call}, then {following}"
        assert command_of_owner(following, site) == 0, when
        assert of_roots(site) == [], when
        assert command_of_owner("revert", site) == 0, when
        assert scenes.looks(site) == before, when
        shutil.rmtree(site)
        if not died:
            break
        kills += 1
    assert kills > 30 // stride
    record_property("kills", kills)


def test_the_owner_of_a_link_is_its_own_and_not_its_targets(place: Path) -> None:
    """A cache of root's behind an owner's links: what takes their place is his, and so is a link again."""
    site = place / "site"
    laid(site)
    core = site / scenes.TARGETS[0]
    (place / "cached.py").write_bytes(core.read_bytes())
    core.unlink()
    core.symlink_to("../../cached.py")
    os.chown(core, OWNER, OWNER, follow_symlinks=False)
    for command in (command_of_root, command_of_owner):
        assert command("apply", site) == 0
        assert not core.is_symlink()
        assert of_roots(site) == []
        assert command("revert", site) == 0
        assert core.is_symlink()
        assert of_roots(site) == []
    assert (place / "cached.py").stat().st_uid == 0


def test_the_owners_read_only_file_keeps_its_attributes(place: Path) -> None:
    site = place / "site"
    laid(site)
    core = site / scenes.TARGETS[0]
    os.setxattr(core, "user.origin", b"here")
    core.chmod(0o444)
    assert command_of_owner("apply", site) == 0
    assert os.getxattr(core, "user.origin") == b"here"
    assert core.stat().st_mode & 0o777 == 0o444


COMMANDS = {
    "status": ("status", "--patches", "PROJECT"),
    "apply": ("apply", "--patches", "PROJECT"),
    "scan": ("scan", "--torch", "2.1", "gadget"),
    "doctor": ("doctor",),
    "list": ("list",),
    "explain": ("explain", "diffusers-xpu"),
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of the owner, reachable by him."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder, "home")
        home.mkdir()
        os.chown(home, OWNER, OWNER)
        yield home


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("variables", [(), ("XDG_CACHE_HOME", "XDG_STATE_HOME")])
def test_root_leaves_nothing_in_somebody_elses_home(
    name: str, variables: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    """`sudo` and containers may leave HOME as it was."""
    site = tmp_path / "site"
    site.mkdir()
    support.gadget(site)
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.m3d-surgeon]\npatches = ["mine"]\n')
    shutil.copytree(support.GADGETS, tmp_path / "mine")
    words = [str(project) if word == "PROJECT" else word for word in COMMANDS[name]]
    for where in (home, tmp_path / "own"):
        environ = {"HOME": str(where), **{variable: str(where / ".of" / "mine") for variable in variables}}
        assert support.surgeon(*words, "--site-packages", site, **environ).exit_code in (0, 1)
    assert list(home.rglob("*")) == []
    assert list((tmp_path / "own").rglob("*.json")), "there was something to remember"


def test_root_believes_nothing_in_somebody_elses_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that names folders of patches is code that runs."""
    folder = home / ".local" / "state" / "m3d-surgeon"
    folder.mkdir(parents=True)
    (folder / "patch-folders.json").write_text(json.dumps({"schema": 1, "folders": ["/trap"]}))
    give(home)
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    assert userfiles.folder("XDG_STATE_HOME", ".local/state") is None
    assert userfiles.read(folder / "patch-folders.json") is None
    os.chown(folder, 0, 0)
    assert userfiles.folder("XDG_STATE_HOME", ".local/state") is None, "the home above it is his"
    monkeypatch.setenv("XDG_STATE_HOME", "/")
    assert userfiles.folder("XDG_STATE_HOME", ".local/state") == Path("/m3d-surgeon")


def test_the_owners_own_files_are_his(home: Path) -> None:
    """He is remembered as ever."""
    place = home / ".cache" / "m3d-surgeon" / "file"

    def work() -> int:
        userfiles.write(place, b"mine")
        return 0 if userfiles.read(place) == b"mine" else 1

    assert by_owner(work) == 0
    assert of_roots(home) == []
    assert userfiles.read(place) is None, "root does not believe it"
