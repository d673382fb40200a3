"""`doctor --probe` in real interpreters: every way in which a probe can end, and nothing is touched."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.doctor import probing
from surgeon.doctor.examine import examine
from surgeon.doctor.finding import Diagnosis, Probe
from surgeon.operations.work import silent
from surgeon.site.environment import find_environment
from tests import support
from tests.real.patient import listing

TORCH = {"torch/__init__.py": b"class replaced: pass\n"}
PATCH = """
from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="{id}",
    symptom=r"module 'torch' has no attribute 'original'",
    why="the gadget reads torch.original",
    distribution="gadget",
    versions=">=1.0",
    when={{"torch": "<2.6"}},
    files=("gadget/{module}.py",),
    needle=(b"torch.{before}",),
    transforms=(Rename("torch.{before}", "torch.{after}"),),
    expect=at_least(1),
    cases=(Case(before="import torch\\nX = torch.{before}\\n", after="import torch\\nX = torch.{after}\\n"),),
    unchanged=(),
    probe={probe!r},
)
"""
LEFT_BEHIND = ["sleep", "61.0625"]
"""A program that a probe starts and does not wait for; the number tells it from others on this machine."""
SOURCES = {
    "gadget/__init__.py": b"from gadget import deep\n",
    "gadget/deep/__init__.py": b"",
    "gadget/deep/core.py": b"import torch\nVALUE = torch.original\n",
    "gadget/extra.py": b"import torch, gadget.data\nVALUE = torch.original\n",
    "gadget/data.py": b"",
}


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    site = support.make_venv(tmp_path / "venv")
    support.install(site, "torch", "2.1.0", TORCH)
    support.install(site, "gadget", "1.0", SOURCES)
    return tmp_path / "venv"


def patches(folder: Path, **probes: str) -> Path:
    """A folder with a patch for each probe, all of them on the same module."""
    folder.mkdir()
    for name, probe in probes.items():
        text = PATCH.format(id=name, module="deep/core", before="original", after="replaced", probe=probe)
        (folder / f"{name}.py").write_text(text)
    return folder


def probe(venv: Path, folder: Path) -> tuple[Diagnosis, dict[str, Probe]]:
    known = registry.load(folder)
    environment = find_environment(str(venv))
    before = listing(venv)
    diagnosis = probing.with_probes(examine(environment, known, silent), environment, known, silent)
    assert listing(venv) == before, "a probe touched the environment"
    return diagnosis, {row.patch: row for row in diagnosis.probes}


@pytest.mark.parametrize("applied", [False, True])
def test_before_and_after_whether_it_is_applied_or_not(venv: Path, tmp_path: Path, applied: bool) -> None:
    folder = patches(tmp_path / "patches", renamed="import gadget.deep.core")
    if applied:
        assert support.surgeon("apply", "-p", venv, "--patches", folder).exit_code == 0
    diagnosis, rows = probe(venv, folder)
    row = rows["renamed"]
    assert (row.state, row.before, row.after) == ("applied" if applied else "pristine", "fails", "passes")
    assert row.before_said == "AttributeError: module 'torch' has no attribute 'original'"
    assert diagnosis.exit_code == (0 if applied else 1)


@pytest.mark.parametrize(
    ("statement", "after", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "died", "signal 9"),
        ("import os; os.abort()", "died", "signal 6"),
        ("raise SystemExit(3)", "fails-otherwise", ""),
        ("import no_such_module", "fails-otherwise", "No module named 'no_such_module'"),
        ("not python at all", "fails-otherwise", "SyntaxError"),
        ("import torch; torch.original", "fails", "has no attribute 'original'"),
        ("import time; time.sleep(60)", "timeout", "no answer"),
        (f"import subprocess; subprocess.Popen({LEFT_BEHIND})", "passes", ""),
        (f"import subprocess, time; subprocess.Popen({LEFT_BEHIND}); time.sleep(60)", "timeout", "no answer"),
        ("import sys; sys.stdout.buffer.write(b'x' * 10**7)", "passes", ""),
        ("import sys; sys.stdin.read()", "passes", ""),
    ],
)
def test_however_a_probe_ends_it_is_told(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, after: str, said: str
) -> None:
    monkeypatch.setattr(probing, "TIMEOUT_SECONDS", 10)
    diagnosis, rows = probe(venv, patches(tmp_path / "patches", odd=statement))
    assert rows["odd"].after == after
    assert ended(LEFT_BEHIND[1]), "what a probe started outlived it"
    assert said in rows["odd"].after_said
    assert ("probe-failed" in {finding.code for finding in diagnosis.findings}) is (after != "passes")
    assert diagnosis.exit_code == 1


def ended(argument: str) -> bool:
    """Tell whether no program with this argument runs any more, at once or in a moment."""
    for _ in range(20):
        if argument not in support.run("ps", "-eo", "args").stdout:
            return True
        time.sleep(0.1)
    return False


def test_one_that_dies_does_not_stop_the_rest(venv: Path, tmp_path: Path) -> None:
    folder = patches(tmp_path / "patches", dies="import os; os.kill(os.getpid(), 9)")
    text = PATCH.format(
        id="works", module="extra", before="original", after="replaced", probe="import gadget.extra"
    )
    (folder / "works.py").write_text(text)
    _, rows = probe(venv, folder)
    assert [(row.before, row.after) for row in rows.values()] == [("died", "died"), ("fails", "passes")]


def test_what_is_not_needed_is_not_probed(venv: Path, tmp_path: Path) -> None:
    support.uninstall(support.site_packages(venv), "torch")
    support.install(support.site_packages(venv), "torch", "2.7.0", TORCH)
    _, rows = probe(venv, patches(tmp_path / "patches", renamed="import gadget.deep.core"))
    assert rows == {}
