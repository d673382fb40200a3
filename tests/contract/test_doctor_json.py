"""`doctor` speaks one JSON whatever happens, reads only, and takes a mistake as one error."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from surgeon.doctor.profile import REQUIREMENT_KEYS
from tests import support
from tests.contract.test_commands import check_shape
from tests.contract.test_start_up import loaded

SHAPE = json.loads((Path(__file__).parent / "doctor-1.json").read_text())
MANUAL = (support.CHECKOUT / "docs" / "doctor.md").read_text()


def test_the_json_is_frozen(site: Path) -> None:
    """Additions only: whatever is here stays, under its name and with its type."""
    support.gadget(site)
    (site / "~orch").mkdir()
    before = support.tree(site)
    answer = support.surgeon(
        "doctor", "--site-packages", site, "--patches", support.GADGETS, "--profile", "matrix3d"
    )
    check_shape(answer.json, SHAPE)
    assert (answer.exit_code, answer.json["schema"], answer.json["command"]) == (1, 1, "doctor")
    assert answer.json["profiles"] == ["torch", "matrix3d"]
    assert answer.json["findings"]
    numbers = range(len(answer.json["remedies"]))  # type: ignore[arg-type]
    for number, row in enumerate(answer.json["findings"]):  # type: ignore[arg-type, var-annotated]
        assert row["why"]
        assert row["remedies"] or row["advice"], row
        for step in row["remedies"]:
            assert step in numbers
            assert number in answer.json["remedies"][step]["findings"]  # type: ignore[index]
    assert support.tree(site) == before
    assert not (site / ".m3d-surgeon").exists()


def test_an_environment_in_which_nothing_is_wrong(site: Path) -> None:
    support.install(site, "fine", "1.0", {"fine.py": b""})
    answer = support.surgeon("doctor", "--site-packages", site)
    check_shape(answer.json, SHAPE)
    assert (answer.exit_code, answer.json["findings"], answer.json["remedies"]) == (0, [], [])


def test_a_profile_that_nobody_has_is_one_error(site: Path) -> None:
    support.install(site, "fine", "1.0")
    answer = support.surgeon("doctor", "--site-packages", site, "--profile", "matrix4d")
    check_shape(answer.json, SHAPE)
    assert (answer.exit_code, answer.error_codes()) == (2, ["unknown-profile"])


@pytest.mark.parametrize("program", ["exit 3", "kill -9 $$", "echo '{'", "echo '[]'"])
def test_an_interpreter_that_dies_is_one_error(tmp_path: Path, program: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    answer = support.surgeon("doctor", "-p", python)
    check_shape(answer.json, SHAPE)
    assert (answer.exit_code, answer.error_codes()) == (4, ["environment"])


def test_an_interpreter_that_dies_at_the_second_question_is_one_error(tmp_path: Path) -> None:
    """It said where its packages are, and then nothing more."""
    venv = tmp_path / "venv"
    support.install(support.make_venv(venv), "fine", "1.0")
    python = venv / "bin" / "python"
    real = python.resolve()
    python.unlink()
    python.write_text(
        f'#!/bin/bash\ncase "$*" in *python_full_version*) kill -9 $$;; esac\nexec -a "$0" {real} "$@"\n'
    )
    python.chmod(0o755)
    answer = support.surgeon("doctor", "-p", python)
    assert (answer.exit_code, answer.error_codes()) == (4, ["environment"])


def test_a_probe_needs_an_interpreter(tmp_path: Path) -> None:
    support.gadget(tmp_path)
    answer = support.surgeon("doctor", "--site-packages", tmp_path, "--probe")
    assert (answer.exit_code, answer.error_codes()) == (4, ["environment"])


def test_a_pipe_gets_whole_lines_and_plain_text(site: Path) -> None:
    support.gadget(site)
    command = (
        sys.executable,
        "-m",
        "surgeon",
        "doctor",
        "--site-packages",
        site,
        "--patches",
        support.GADGETS,
    )
    done = support.run(*command, check=False, cwd="/")
    assert f"  m3d-surgeon apply --site-packages {site} --patches {support.GADGETS}\n" in done.stdout
    assert "\x1b" not in done.stdout
    quiet = support.run(*command, "--quiet", check=False, cwd="/")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")


def test_nothing_is_loaded_that_is_not_needed(site: Path) -> None:
    support.gadget(site)
    assert "surgeon.operations.run" in loaded("doctor", "--site-packages", site)
    assert not loaded("doctor", "--site-packages", site) & {"libcst", "rich"}


def test_the_manual_names_every_key_of_a_profile_and_every_code() -> None:
    for key in REQUIREMENT_KEYS:
        assert f"`{key}`" in MANUAL, key
    sources = "".join(path.read_text() for path in (support.CHECKOUT / "surgeon" / "doctor").glob("*.py"))
    codes = set(re.findall(r'(?:Finding\(|code =)\s*"([a-z-]+)"', sources))
    codes |= set(re.findall(r'"([a-z]+(?:-[a-z]+)*)" if version else "missing-requirement"', sources))
    assert len(codes) > 10
    for code in codes:
        assert f"`{code}`" in MANUAL, code
