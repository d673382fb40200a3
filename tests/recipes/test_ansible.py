"""The task of Ansible, run by ansible-core on this machine."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import support
from tests.recipes.pages import block

TARGET = "diffusers/utils/torch_utils.py"


@pytest.fixture
def play(
    pod: Path, tmp_path: Path, tool: Callable[..., Path], surgeon_at: Callable[[Path], Path]
) -> Callable[..., tuple[dict[str, int], str]]:
    """Runs the playbook; the counts of its recap, and all that it said."""
    surgeon_at(tmp_path / "opt" / "m3d-surgeon")
    book = tmp_path / "pod.yml"
    book.write_text(block("ansible.md", "pod.yml", tmp_path))
    command = tool("ansible-core") / "ansible-playbook"

    def run(*more: str) -> tuple[dict[str, int], str]:
        home = str(tmp_path / "home")
        environ = support.clean_environ(HOME=home, ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8", ANSIBLE_HOME=home)
        inventory = ("-i", "here,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}")
        done = support.run(command, *inventory, *more, book, check=False, cwd=tmp_path, env=environ)
        (recap,) = re.findall(r"^here +: (.+)$", done.stdout, re.M)
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", recap)}, done.stdout

    return run


Play = Callable[..., tuple[dict[str, int], str]]


def test_changed_then_ok(pod: Path, play: Play) -> None:
    target = support.site_packages(pod) / TARGET
    before = target.read_bytes()
    counts, said = play("--check")
    assert (counts["changed"], counts["failed"]) == (1, 0), said
    assert target.read_bytes() == before
    counts, said = play()
    assert (counts["ok"], counts["changed"], counts["failed"]) == (2, 1, 0), said
    assert target.read_bytes() != before
    for more in ((), ("--check",)):
        counts, said = play(*more)
        assert (counts["ok"], counts["changed"], counts["failed"]) == (2, 0, 0), said


def test_a_refusal_fails_with_its_message(pod: Path, play: Play) -> None:
    target = support.site_packages(pod) / TARGET
    edited = target.read_bytes().replace(b"import", b"import ", 1)
    target.unlink()
    target.write_bytes(edited)
    counts, said = play()
    assert (counts["changed"], counts["failed"]) == (1, 1), said
    assert "left as it is: it is neither what RECORD lists nor what was written here" in said


def test_a_tool_that_is_missing_fails(pod: Path, play: Play, tmp_path: Path) -> None:
    (tmp_path / "opt" / "m3d-surgeon" / "bin" / "m3d-surgeon").unlink()
    counts, said = play()
    assert (counts["changed"], counts["failed"]) == (0, 1), said
    assert f"{tmp_path}/opt/m3d-surgeon/bin/m3d-surgeon: " in said, said
