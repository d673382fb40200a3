"""A real neighbour that dies on torch 2.1: `doctor` finds a real release that does not."""

from __future__ import annotations

from pathlib import Path

from packaging.version import Version

from tests import environments, support
from tests.real.patient import Patient


def test_bitsandbytes_beside_torch_2_1(tmp_path: Path) -> None:
    """Torch is its metadata alone: the table of its releases answers. `tests/e2e` has the real one."""
    folder = environments.light(tmp_path / "env", "bitsandbytes==0.50.2")
    patient = Patient(folder, "uv", XDG_CACHE_HOME=str(tmp_path / "cache"))
    answer = patient.doctor()
    rows = [row for row in answer.json["findings"] if row["code"] == "cannot-import"]  # type: ignore[attr-defined]
    (finding,) = rows
    assert "torch.library.register_fake is missing (bitsandbytes/_ops.py:" in finding["message"]
    commands = [row["command"] for row in answer.json["remedies"]]  # type: ignore[attr-defined]
    found = next(word for line in commands for word in line.split() if word.startswith("bitsandbytes=="))
    assert Version("0.40") <= Version(found.partition("==")[2]) < Version("0.50")


def test_without_a_network_it_is_said(tmp_path: Path) -> None:
    folder = environments.light(tmp_path / "env", "bitsandbytes==0.50.2")
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "none"), "PIP_NO_INDEX": "1"}
    offline |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}
    answer = Patient(folder, "uv", XDG_CACHE_HOME=str(tmp_path / "cache"), **offline).doctor()
    rows = [row for row in answer.json["findings"] if row["code"] == "cannot-import"]  # type: ignore[attr-defined]
    assert "could not be looked up" in rows[0]["why"]
    assert any(" uninstall " in row["command"] for row in answer.json["remedies"])  # type: ignore[attr-defined]
    assert support.site_packages(folder).exists()
