"""The pod's own layout, with the machine's own Python; see `debian_scene`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import support


def local_dist_packages() -> Path | None:
    """Where Debian's Python has the packages that pip installs, or `None` on another system."""
    wanted = "p.startswith('/usr/local/') and p.endswith('dist-packages')"
    program = f"import sys; print(next(p for p in sys.path if {wanted}))"
    done = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def may_mount() -> bool:
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="needs Debian's Python")
def test_system_python_and_user_site(tmp_path: Path) -> None:
    folder = local_dist_packages()
    if folder is None or not may_mount():
        pytest.skip("needs dist-packages under the local prefix and the right to mount")
    done = support.run(
        "unshare",
        "-m",
        sys.executable,
        "-m",
        "tests.real.debian_scene",
        folder,
        tmp_path,
        cwd=support.CHECKOUT,
    )
    assert "the layout of Debian works" in done.stdout
