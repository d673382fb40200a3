"""Nothing of the current folder or of the target environment is ever run."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests import support
from tests.crash import seam
from tests.hostile import world as w

NAMES = (
    "json",
    "libcst",
    "typer",
    "surgeon",
    "packaging",
    "sitecustomize",
    "usercustomize",
    "encodings",
    "site",
)


def test_no_code_is_imported_from_here_or_from_the_target(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    trap = f"open({str(marker)!r}, 'a').write(__file__ + '\\n')\n"
    here = tmp_path / "here"
    here.mkdir()
    site = support.make_venv(tmp_path / "venv")
    support.gadget(site)
    for folder in (here, site):
        for name in NAMES:
            (folder / f"{name}.py").write_text(trap)
    (site / "evil.pth").write_text(f"import os; open({str(marker)!r}, 'a').write('pth')\n")
    (site / "gadget" / "__init__.py").write_text(trap)
    program = Path(sys.executable).parent / "m3d-surgeon"
    options = ("-p", tmp_path / "venv", "--patches", support.GADGETS)
    for command in ("status", "apply", "diff", "status", "revert"):
        done = support.run(program, command, *options, check=False, cwd=here)
        assert done.returncode in (0, 1), done.stdout + done.stderr
    assert not marker.exists(), marker.read_text()


@pytest.mark.parametrize("name", ["RECORD", "METADATA", "direct_url.json"])
def test_a_pipe_in_the_place_of_metadata_is_no_trap(memory: Path, name: str) -> None:
    site = w.build(memory / "world", w.WORLDS["fresh"]) / w.SITE
    (site / w.INFO / name).unlink(missing_ok=True)
    os.mkfifo(site / w.INFO / name)
    child = os.fork()
    if child == 0:
        seam.command("status", site)
        os._exit(0)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("it waits for ever")
