"""The package installs in every way that people install packages, with its patches."""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import support

FOLDER = support.CHECKOUT / "patches"
PATCHES = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py")}
RUNTIME = {"importlib-metadata", "libcst", "packaging", "rich", "typer"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that no build leaves anything in the checkout."""
    folder = tmp_path_factory.mktemp("source") / "m3d"
    folder.mkdir()
    for name in ("surgeon", "patches"):
        shutil.copytree(support.CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(support.CHECKOUT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel built from it."""
    out = tmp_path_factory.mktemp("dist")
    support.run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", out, checkout)
    return out


def test_the_wheel_and_the_sdist_hold_the_patches_and_nothing_strange(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    inside = "surgeon/patches/"
    assert {name.removeprefix(inside) for name in names if name.startswith(inside)} == PATCHES
    assert {"surgeon/py.typed", "surgeon/operations/tested.json"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"surgeon", "m3d_surgeon"}
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        found = {name.partition("/patches/")[2] for name in sdist.getnames() if name.endswith(".py")}
        assert found - {""} == PATCHES


def test_the_runtime_dependencies_are_the_five(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist")
    ]
    runtime = {line.split(">=")[0].strip() for line in required if "extra ==" not in line}
    assert runtime == RUNTIME


@pytest.mark.parametrize("how", ["wheel", "sdist", "pip-editable", "uv-editable"])
def test_every_way_of_installing_gives_a_command_that_knows_its_patches(
    how: str, checkout: Path, built: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    support.uv("venv", "--quiet", "--seed", "--python", support.target_python(), venv)
    python = venv / "bin" / "python"
    if how == "pip-editable":
        editable = tmp_path / "editable"
        shutil.copytree(checkout, editable)
        support.run(python, "-m", "pip", "install", "--quiet", "-e", editable)
    elif how == "uv-editable":
        editable = tmp_path / "editable"
        shutil.copytree(checkout, editable)
        support.uv("pip", "install", "--quiet", "--python", python, "-e", editable)
    else:
        pattern = "*.whl" if how == "wheel" else "*.tar.gz"
        support.uv("pip", "install", "--quiet", "--python", python, next(built.glob(pattern)))
    listed = support.run(venv / "bin" / "m3d-surgeon", "list", "-p", venv, cwd="/").stdout
    modules = {name for name in PATCHES if not name.endswith("__init__.py")}
    ids = {name.removesuffix(".py").replace("_", "-").replace("/", "-") for name in modules}
    assert all(patch in listed for patch in ids), listed
    as_module = support.run(python, "-m", "surgeon", "--version", cwd="/").stdout
    assert as_module == support.run(venv / "bin" / "m3d-surgeon", "--version", cwd="/").stdout == "0.1.0\n"
