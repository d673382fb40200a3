"""Life with pip and uv, in every way of linking: caches and neighbours stay, and nothing is left behind."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from surgeon.operations.verdict import State
from tests import support
from tests.crash import seam

MODES = ("clone", "hardlink", "copy", "symlink")
CORE = "gadget/core.py"


def source(version: str) -> bytes:
    return support.GADGET + f"RELEASE = '{version}'\n".encode()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Wheels of three releases of the small package, and of a torch."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version in ("1.0", "1.1", "2.0"):
        files = {"gadget/__init__.py": b"", CORE: source(version), "gadget/extra.py": source(version)}
        support.make_wheel(folder, "gadget", version, files)
    support.make_wheel(folder, "torch", "2.1.0", {"torch/__init__.py": b""})
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "uv-cache"


def uv(cache: Path, shelf: Path, venv: Path, *arguments: str | Path) -> None:
    where = ("--offline", "--no-index", "--find-links", shelf, "--python", venv / "bin" / "python")
    support.uv("pip", *arguments, *where, "--quiet", UV_CACHE_DIR=str(cache))


def pip(venv: Path, shelf: Path, *arguments: str | Path) -> str:
    command = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "--isolated")
    options = ("--disable-pip-version-check",)
    where = ("--no-index", "--find-links", shelf) if arguments[0] == "install" else ()
    return support.run(*command, *arguments, *options, *where).stdout


def states(site: Path) -> set[State]:
    return {file.state for file in seam.command("status", site).files}


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder, links followed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("mode", MODES)
def test_the_cache_and_the_neighbours_never_change(
    mode: str, tmp_path: Path, shelf: Path, cache: Path
) -> None:
    sites = []
    for name in ("ours", "neighbour"):
        sites.append(support.make_venv(tmp_path / name))
        uv(cache, shelf, tmp_path / name, "install", "--link-mode", mode, "gadget==1.0", "torch")
    ours, neighbour = sites
    kept, beside = digests(cache), digests(neighbour)
    shipped = {path: (ours / path).readlink() if (ours / path).is_symlink() else None for path in (CORE,)}
    assert (shipped[CORE] is not None) is (mode == "symlink")
    before = digests(ours)
    seam.command("apply", ours)
    assert states(ours) == {State.APPLIED}
    assert not (ours / CORE).is_symlink()
    assert (digests(cache), digests(neighbour)) == (kept, beside)
    seam.command("revert", ours)
    assert digests(ours) == before
    assert ((ours / CORE).readlink() if (ours / CORE).is_symlink() else None) == shipped[CORE]
    assert (digests(cache), digests(neighbour)) == (kept, beside)
    later = support.make_venv(tmp_path / "later")
    uv(cache, shelf, tmp_path / "later", "install", "--link-mode", mode, "gadget==1.0", "torch")
    assert (later / CORE).read_bytes() == source("1.0")


class Installer:
    """pip or uv over one environment."""

    def __init__(self, name: str, venv: Path, shelf: Path, cache: Path) -> None:
        self._name, self._venv, self._shelf, self._cache = name, venv, shelf, cache

    def install(self, *what: str) -> None:
        if self._name == "pip":
            pip(self._venv, self._shelf, "install", "--quiet", *what)
        else:
            uv(self._cache, self._shelf, self._venv, "install", *what)

    def uninstall(self, what: str) -> None:
        if self._name == "pip":
            pip(self._venv, self._shelf, "uninstall", "--quiet", "--yes", what)
        else:
            where = ("--python", self._venv / "bin" / "python", "--quiet")
            support.uv("pip", "uninstall", what, *where, UV_CACHE_DIR=str(self._cache))


@pytest.mark.parametrize("name", ["pip", "uv"])
def test_a_life_with_an_installer(name: str, tmp_path: Path, shelf: Path, cache: Path) -> None:
    venv = tmp_path / "venv"
    site = support.make_venv(venv)
    installer = Installer(name, venv, shelf, cache)
    installer.install("gadget==1.0", "torch")
    listed = pip(venv, shelf, "list")
    seam.command("apply", site)
    support.run(venv / "bin" / "python", "-m", "compileall", "-q", site / "gadget")
    assert pip(venv, shelf, "list") == listed
    assert "No broken requirements" in pip(venv, shelf, "check")
    installer.install("gadget==1.0")
    assert states(site) == {State.APPLIED}, "nothing to do for the installer, nor for us"
    for what in (["gadget==2.0"], ["gadget==1.1"], [force(name), "gadget==1.1"]):
        installer.install(*what)
        assert (site / CORE).read_bytes() == source(what[-1].removeprefix("gadget=="))
        assert states(site) == {State.SUPERSEDED}, what
        seam.command("apply", site)
        assert states(site) == {State.APPLIED}, what
        assert what[-1].removeprefix("gadget==").encode() in (site / CORE).read_bytes()
    installer.uninstall("gadget")
    assert not (site / "gadget").exists()
    answer = support.run(venv / "bin" / "python", "-c", "import gadget", check=False, cwd="/")
    assert "ModuleNotFoundError" in answer.stderr
    assert states(site) <= {State.SUPERSEDED, State.NOT_NEEDED}
    assert seam.command("apply", site).exit_code == 0
    assert not (site / ".m3d-surgeon").exists()
    assert "No broken requirements" in pip(venv, shelf, "check")


def force(name: str) -> str:
    return "--force-reinstall" if name == "pip" else "--reinstall"


def test_a_site_directory_below_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real" / "site-packages"
    real.mkdir(parents=True)
    support.gadget(real)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    before = support.tree(real)
    seam.command("apply", tmp_path / "linked" / "site-packages")
    assert states(real) == {State.APPLIED}
    seam.command("revert", tmp_path / "linked" / "site-packages")
    assert support.tree(real) == before
