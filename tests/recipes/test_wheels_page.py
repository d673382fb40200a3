"""The page on patched wheels: its commands, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import support
from tests.recipes.pages import block


@pytest.mark.e2e
def test_the_commands(tmp_path: Path, shell: Callable[..., object]) -> None:
    """Both installs have the whole index at hand as well, and take the patched wheel."""
    venv = tmp_path / "venv"
    support.uv("venv", "--quiet", "--seed", "--python", support.target_python(), venv)
    build, pip, uv = block("wheels.md", "wheels").splitlines()
    shell(build)
    assert len(list((tmp_path / "wheels").iterdir())) == 3
    python = venv / "bin" / "python"
    for command in (pip, uv):
        shell(command, venv / "bin", VIRTUAL_ENV=str(venv))
        assert (
            support.site_packages(venv) / "diffusers-0.36.0+m3d.1.dist-info" / "m3d_surgeon.json"
        ).exists()
        support.uv("pip", "uninstall", "--quiet", "--python", python, "diffusers")
