"""uvx, pipx and conda against another environment: the commands of the page, as they stand there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, support
from tests.recipes.pages import block

PAGE = "other-environments.md"
TARGET = "diffusers/utils/torch_utils.py"


def packages(site: Path) -> set[str]:
    return {path.name for path in site.iterdir() if path.name != ".m3d-surgeon"}


def test_uvx(pod: Path, tmp_path: Path, shell: Callable[..., object]) -> None:
    site = support.site_packages(pod)
    before, names = (site / TARGET).read_bytes(), packages(site)
    shell(block(PAGE, "uvx", tmp_path))
    assert (site / TARGET).read_bytes() != before
    assert packages(site) == names
    assert support.surgeon("status", "-p", pod).exit_code == 0


def test_pipx(pod: Path, tmp_path: Path, shell: Callable[..., object], tool: Callable[..., Path]) -> None:
    site = support.site_packages(pod)
    before, names = (site / TARGET).read_bytes(), packages(site)
    shell(block(PAGE, "pipx", tmp_path), tmp_path / "pipx-bin", tool("pipx"))
    assert (tmp_path / "pipx-bin" / "m3d-surgeon").exists()
    assert (site / TARGET).read_bytes() != before
    assert packages(site) == names


def test_a_folder_in_condas_layout(tmp_path: Path, shell: Callable[..., object]) -> None:
    prefix = conda(tmp_path / "conda" / "envs" / "pod")
    site = support.site_packages(prefix)
    environments.install(prefix, "--no-deps", "--break-system-packages", "diffusers==0.36.0")
    support.install(site, "torch", "2.1.0")
    cached = into_cache(prefix, site, tmp_path / "conda" / "pkgs")
    assert (site / TARGET).stat().st_nlink > 1
    before = support.hashes(cached)
    shell(block(PAGE, "conda"), CONDA_PREFIX=str(prefix))
    assert (site / TARGET).read_bytes() != (cached / TARGET).read_bytes()
    assert support.hashes(cached) == before, "conda's cache was written through"
    status = support.surgeon("status", "-p", prefix)
    assert status.exit_code == 0
    assert status.patch_states()["diffusers-xpu"] == "applied"


def conda(prefix: Path) -> Path:
    """A Python of its own in `prefix`, as conda lays it: no virtual environment."""
    home = target_home()
    if home == Path("/usr") or not (home / "lib").is_dir():
        pytest.skip("needs a Python that has a folder to itself")
    away = shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a")
    for folder in ("bin", "lib"):
        shutil.copytree(home / folder, prefix / folder, symlinks=True, ignore=away)
    next((prefix / "lib").glob("python3.*/")).joinpath("site-packages").mkdir()
    meta = prefix / "conda-meta"
    meta.mkdir()
    (meta / "history").write_text("")
    assert not (prefix / "pyvenv.cfg").exists()
    return prefix


def target_home() -> Path:
    answer = support.run(support.target_python(), "-c", "import sys; print(sys.base_prefix)")
    return Path(answer.stdout.strip())


def into_cache(prefix: Path, site: Path, pkgs: Path) -> Path:
    """Turn an installed package into one that conda linked out of its cache."""
    cached = pkgs / "diffusers-0.36.0-pyhd8ed1ab_0" / "site-packages"
    paths = []
    for path in sorted(path for path in site.glob("diffusers*/**/*") if path.is_file()):
        place = cached / path.relative_to(site)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        path.unlink()
        os.link(place, path)
        paths.append({"_path": str(path.relative_to(prefix)), "path_type": "hardlink"})
    meta = {"name": "diffusers", "version": "0.36.0", "paths_data": {"paths": paths}}
    (prefix / "conda-meta" / "diffusers-0.36.0-pyhd8ed1ab_0.json").write_text(json.dumps(meta))
    return cached
