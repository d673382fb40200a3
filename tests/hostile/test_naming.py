"""However an environment is named, its interpreter runs the patched code after apply, and no old code."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from surgeon.site.environment import find_environment
from tests import support
from tests.tools.scale import TORTURE
from tests.unit.test_bytecode import SOURCE, TORCH

MODES = ("UNCHECKED_HASH", "CHECKED_HASH", "TIMESTAMP") if TORTURE else ("UNCHECKED_HASH",)


@dataclass(frozen=True)
class World:
    """An environment that is complete: its interpreter, its packages, and what its processes have set.

    Attributes:
        packages: the folder of packages, as its interpreter's path spells it.
        environ: the variables of its users' shells.
        owned: whether an interpreter that imports from the folder is to be found.
    """

    python: Path
    packages: Path
    environ: dict[str, str]
    owned: bool = True


def venv(folder: Path) -> World:
    return World(folder / "v" / "bin" / "python", support.make_venv(folder / "v"), {})


def with_lib64(folder: Path) -> World:
    """Fedora's: packages lie below lib64, and lib is a folder of its own."""
    plain = venv(folder)
    lib64 = folder / "v" / "lib64" / plain.packages.parent.name / "site-packages"
    (folder / "v" / "lib64").unlink(missing_ok=True)
    lib64.mkdir(parents=True)
    (plain.packages / "lib64.pth").write_text(f"{lib64}\n")
    return World(plain.python, lib64, {})


def user_site(folder: Path) -> World:
    """`pip install --user` (PEP 370), with the interpreter on PATH."""
    python = support.target_python()
    packages = folder / "home" / "lib" / named(python) / "site-packages"
    packages.mkdir(parents=True)
    return World(python, packages, {"PYTHONUSERBASE": str(folder / "home"), "PATH": on_path(folder, python)})


def target(folder: Path) -> World:
    """`pip install --target`, in PYTHONPATH."""
    python = support.target_python()
    packages = folder / "vendored"
    packages.mkdir()
    return World(python, packages, {"PYTHONPATH": str(packages), "PATH": on_path(folder, python)})


def nobodys(folder: Path) -> World:
    """`pip install --target`, put on the path by the program itself: no interpreter can be found."""
    packages = folder / "vendored"
    packages.mkdir()
    return World(support.target_python(), packages, {}, owned=False)


def below_a_link(folder: Path) -> World:
    """The path names the environment's folder through a link."""
    plain = venv(folder / "real")
    (folder / "link").symlink_to("real")
    moved = folder / "link" / "v"
    return World(moved / "bin" / "python", moved / plain.packages.relative_to(folder / "real" / "v"), {})


def named(python: Path) -> str:
    return support.run(python, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").stdout.strip()


def on_path(folder: Path, python: Path) -> str:
    """A PATH on which this interpreter is found first."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(python)
    return f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


WORLDS: dict[str, Callable[[Path], World]] = {
    "venv": venv,
    "lib64": with_lib64,
    "user site": user_site,
    "pip install --target": target,
    "nobody's folder": nobodys,
    "below a link": below_a_link,
}


def by_python(world: World, _folder: Path) -> tuple[str | Path, ...]:
    return ("--python", world.python)


def by_folder(world: World, _folder: Path) -> tuple[str | Path, ...]:
    return ("--site-packages", world.packages)


def by_a_link(world: World, folder: Path) -> tuple[str | Path, ...]:
    (folder / "short").symlink_to(world.packages)
    return ("--site-packages", folder / "short")


def by_a_way_round(world: World, _folder: Path) -> tuple[str | Path, ...]:
    return ("--site-packages", f"{world.packages.parent}/nowhere/../{world.packages.name}/.")


def by_the_real_path(world: World, _folder: Path) -> tuple[str | Path, ...]:
    return ("--site-packages", world.packages.resolve())


NAMES = {
    "--python": by_python,
    "--site-packages": by_folder,
    "through a link": by_a_link,
    "not straight": by_a_way_round,
    "its real path": by_the_real_path,
}


def lay(world: World) -> Path:
    core = support.gadget(world.packages, source=SOURCE)
    support.uninstall(world.packages, "torch")
    support.install(world.packages, "torch", "2.1.0", TORCH)
    return core


def observed(world: World, extra: dict[str, str]) -> str:
    """What a fresh process finds: packages of nobody's folder are put on the path by the program."""
    program = f"import sys; sys.path.append({str(world.packages)!r}); import gadget.core as c; print(c.VALUE)"
    environ = support.clean_environ(**{**world.environ, **extra})
    return support.run(world.python, "-c", program, cwd="/", env=environ).stdout.strip()


def compiled(world: World, core: Path, mode: str, extra: dict[str, str]) -> None:
    program = (
        f"import py_compile as p; p.compile({str(core)!r}, doraise=True,"
        f" invalidation_mode=p.PycInvalidationMode.{mode})"
    )
    support.run(world.python, "-c", program, cwd="/", env=support.clean_environ(**{**world.environ, **extra}))
    assert observed(world, extra) in ("original", "replaced")


@pytest.mark.parametrize("way", NAMES)
@pytest.mark.parametrize("kind", WORLDS)
def test_no_old_code_runs(kind: str, way: str, tmp_path: Path) -> None:
    world = WORLDS[kind](tmp_path)
    if way == "--python" and not world.owned:
        pytest.skip("there is no interpreter to name")
    if way == "not straight":
        (world.packages.parent / "nowhere").mkdir()
    options = (*NAMES[way](world, tmp_path), "--patches", support.GADGETS)
    core = lay(world)
    for number, (mode, prefixed) in enumerate(itertools.product(MODES, (True, False))):
        extra = {"PYTHONPYCACHEPREFIX": str(tmp_path / f"cache{number}")} if prefixed else {}
        environ = {**world.environ, **extra}
        for command, expected in (("apply", "replaced"), ("revert", "original")):
            compiled(world, core, mode, extra)
            answer = support.surgeon(command, *options, **environ)
            assert answer.exit_code == 0, answer.json
            assert observed(world, extra) == expected, (mode, prefixed, command)
            status = support.surgeon("status", *options, **environ)
            assert status.exit_code == (0 if command == "apply" else 1), status.json


def test_the_trap_is_real(tmp_path: Path) -> None:
    """Unchecked bytecode below a prefix wins over a changed source: the test above can fail."""
    world = venv(tmp_path)
    core = lay(world)
    extra = {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    compiled(world, core, "UNCHECKED_HASH", extra)
    core.write_bytes(SOURCE.replace(b"original", b"replaced"))
    assert observed(world, extra) == "original"


@pytest.mark.parametrize("kind", [name for name in WORLDS if name != "nobody's folder"])
def test_a_folder_is_what_its_interpreter_has(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version, platform, path and prefix are the same, whether the interpreter is named or its folder."""
    world = WORLDS[kind](tmp_path)
    lay(world)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "cache"))
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    asked, found = find_environment(str(world.python)), find_environment(site_packages=world.packages)
    assert (found.version, found.told, found.path) == (asked.version, asked.told, asked.path)
    assert found.pycache_prefix == asked.pycache_prefix == tmp_path / "cache"
    assert found.python is not None
    assert found.site_directories == (world.packages,)


def test_a_folder_of_nobodys_has_the_prefix_of_the_running_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = nobodys(tmp_path)
    lay(world)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "cache"))
    found = find_environment(site_packages=world.packages)
    assert (found.python, found.pycache_prefix) == (None, tmp_path / "cache")


def test_what_lies_before_and_after_on_the_path_counts(tmp_path: Path) -> None:
    """torch lies in another folder of the path; and a copy before the folder hides the one in it."""
    world = venv(tmp_path)
    core = lay(world)
    support.uninstall(world.packages, "torch")
    after, before = tmp_path / "after", tmp_path / "before"
    support.install(after, "torch", "2.1.0", TORCH)
    (world.packages / "after.pth").write_text(f"{after}\n")
    for options in (("-p", world.python), ("--site-packages", world.packages)):
        answer = support.surgeon("status", *options, "--patches", support.GADGETS)
        assert answer.states()["gadget/core.py"] == "pristine", options
    hiding = support.gadget(before, source=SOURCE)
    options = ("--site-packages", world.packages, "--patches", support.GADGETS)
    answer = support.surgeon("apply", *options, PYTHONPATH=str(before))
    assert (answer.exit_code, core.read_bytes(), hiding.read_bytes()) == (0, SOURCE, SOURCE)
    rows = {row["id"]: row["reason"] for row in answer.json["patches"]}  # type: ignore[attr-defined]
    assert str(before) in rows["gadget-shiny"]


@pytest.mark.parametrize("layout", ["python3/dist-packages", "local/lib/python3.10/dist-packages"])
def test_debians_folders(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/usr/lib/python3/dist-packages` and `/usr/local/lib/pythonX.Y/dist-packages`: of /usr/bin/python3."""
    usr = tmp_path / "usr"
    packages = usr / ("lib" if layout.startswith("python3") else "") / layout
    support.install(packages, "gadget", "1.0", {})
    (usr / "bin").mkdir()
    real = support.target_python()
    (usr / "bin" / "python3").write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec {real} "$@"\n')
    (usr / "bin" / "python3").chmod(0o755)
    found = find_environment(site_packages=packages)
    assert found.path[0] == packages
    assert found.folder == packages
    assert found.python is not None


def test_an_interpreter_of_another_folder_is_not_taken(tmp_path: Path) -> None:
    """The environment was made anew with another Python: the old folder keeps its own version."""
    world = venv(tmp_path)
    old = tmp_path / "v" / "lib" / "python3.8" / "site-packages"
    support.install(old, "gadget", "1.0", {})
    found = find_environment(site_packages=old)
    assert (found.python, found.version, found.path) == (None, (3, 8), (old,))
    assert world.python.exists()


def test_an_interpreter_that_does_not_run_is_named(tmp_path: Path) -> None:
    world = venv(tmp_path)
    lay(world)
    shutil.rmtree(tmp_path / "v" / "bin")
    (tmp_path / "v" / "bin").mkdir()
    world.python.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    world.python.chmod(0o755)
    answer = support.surgeon("apply", "--site-packages", world.packages, "--patches", support.GADGETS)
    assert answer.exit_code == 0
    assert any("broken" in each for each in answer.json["warnings"])  # type: ignore[attr-defined]


def test_attributes_that_cannot_be_kept_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has no os.listxattr: what is lost there is not lost silently."""
    from tests.crash import seam

    monkeypatch.delattr(os, "listxattr", raising=False)
    site = tmp_path / "site"
    support.gadget(site)
    assert any("attributes" in each for each in seam.command("apply", site).warnings)
    assert not any("attributes" in each for each in seam.command("apply", site).warnings)
