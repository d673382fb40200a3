"""What the recipes need: the tool as a wheel on an index, an environment to patch, other people's tools."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, support


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tool's own wheel, built from this checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in ("surgeon", "patches"):
        shutil.copytree(support.CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(support.CHECKOUT / name, source / name)
    folder = tmp_path_factory.mktemp("distribution")
    support.uv("build", "--quiet", "--wheel", "--out-dir", folder, source)
    return folder


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`opt/pod` in a scratch folder: a release that needs patches, and the metadata of torch 2.1.0."""
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    return environments.light(tmp_path / "opt" / "pod", "diffusers==0.36.0")


@pytest.fixture
def surgeon_at(tmp_path: Path) -> Callable[[Path], Path]:
    """Lays the tool where a recipe has it: a command that runs this checkout."""

    def lay(folder: Path) -> Path:
        command = folder / "bin" / "m3d-surgeon"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m surgeon "$@"\n')
        command.chmod(0o755)
        return command

    return lay


@pytest.fixture(scope="session")
def tool() -> Callable[..., Path]:
    """A program of the Python Package Index, in an environment of its own; returns its `bin`."""

    def get(*requirements: str) -> Path:
        folder = support.CACHE / "tools" / requirements[0].partition("==")[0]
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            support.uv("venv", "--quiet", "--python", sys.executable, folder)
            environments.install(folder, *requirements)
            (folder / "done").touch()
        return folder / "bin"

    return get


@pytest.fixture
def shell(tmp_path: Path, distribution: Path) -> Callable[..., object]:
    """Runs a block as a user would: in a shell of its own that stops at the first failure."""

    def run(commands: str, *path: Path, check: bool = True, **extra: str) -> object:
        folders = [*map(str, path), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        environ = support.clean_environ(
            PATH=os.pathsep.join(folders),
            HOME=str(tmp_path / "home"),
            UV_CACHE_DIR=str(tmp_path / "uv-cache"),
            UV_TOOL_DIR=str(tmp_path / "uv-tools"),
            UV_FIND_LINKS=str(distribution),
            PIP_FIND_LINKS=str(distribution),
            PIPX_HOME=str(tmp_path / "pipx"),
            PIPX_BIN_DIR=str(tmp_path / "pipx-bin"),
        )
        (tmp_path / "home").mkdir(exist_ok=True)
        return support.run(
            "/bin/bash",
            "-e",
            "-o",
            "pipefail",
            "-c",
            commands,
            check=check,
            cwd=tmp_path,
            env={**environ, **extra},
        )

    return run
