"""`doctor` on Debian's own Python, packages under the local prefix: the layout of the pod."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import support
from tests.real.test_debian import local_dist_packages, may_mount


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="needs Debian's Python")
def test_the_system_python(tmp_path: Path) -> None:
    folder = local_dist_packages()
    if folder is None or not may_mount():
        pytest.skip("needs dist-packages under the local prefix and the right to mount")
    scene = (sys.executable, "-m", "tests.real.doctor_debian_scene", folder, tmp_path)
    done = support.run("unshare", "-m", *scene, cwd=support.CHECKOUT)
    assert "the layout of Debian is examined" in done.stdout
