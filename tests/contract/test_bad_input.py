"""A user's mistake is one clear error with the next thing to do: never a traceback, never a change."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests import support

GADGETS = ("--patches", support.GADGETS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["status", "-p", "/no/such/python"], 4, ["/no/such/python", "--python"]),
        (["apply", "-p", "no-such-python-anywhere"], 4, ["no-such-python-anywhere"]),
        (["apply", "-p", "/bin/true"], 4, ["/bin/true"]),
        (["apply", "--site-packages", "/no/such/folder"], 4, ["no such folder"]),
        (["apply", "--site-packages", "/tmp"], 4, ["not a site-packages"]),
        (
            ["revert", "xfuser-ring-attentoin", "--site-packages", "/tmp"],
            2,
            ["did you mean 'xfuser-ring-attention'"],
        ),
        (["explain", "no-such-patch-at-all"], 2, ["m3d-surgeon list"]),
        (["apply", "--site-packages", "/tmp", "-p", "python3"], 2, ["exclude each other"]),
        (["list", "--patches", "/no/such/folder"], 2, ["no such folder of patches"]),
        (["apply", "--no-such-option"], 2, ["--no-such-option"]),
        (["no-such-command"], 2, ["no-such-command"]),
    ],
)
def test_a_mistake_is_told_in_one_error(arguments: list[str], code: int, words: list[str]) -> None:
    done = support.run(sys.executable, "-m", "surgeon", *arguments, check=False, cwd="/")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.lower().count("error:") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stdout == ""


def test_without_an_environment_that_holds_a_target_the_ones_at_hand_are_named(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    support.install(support.make_venv(venv), "diffusers", "0.36.0", {"diffusers/__init__.py": b""})
    empty = tmp_path / "empty"
    support.make_venv(empty)
    path = f"{venv / 'bin'}:/usr/bin:/bin"
    answer = support.surgeon("apply", VIRTUAL_ENV=str(empty), PATH=path)
    assert (answer.exit_code, answer.error_codes()) == (4, ["no-targets"])
    assert str(venv / "bin") in answer.json["errors"][0]["hint"]  # type: ignore[index]
    assert support.surgeon("apply", "-p", empty).exit_code == 0


def test_a_real_editable_install_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    support.gadget(project / "src")
    shutil.rmtree(project / "src" / "gadget-1.0.dist-info")
    shutil.rmtree(project / "src" / "torch-2.1.0+cu121.dist-info")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "gadget"\nversion = "1.0"\n'
    )
    venv = tmp_path / "venv"
    support.install(support.make_venv(venv), "torch", "2.1.0")
    support.uv("pip", "install", "--quiet", "--python", venv / "bin" / "python", "-e", project)
    before = support.tree(project)
    answer = support.surgeon("apply", "-p", venv, *GADGETS)
    assert (answer.exit_code, set(answer.error_codes())) == (3, {"unpatchable"})
    assert "editable" in answer.json["errors"][0]["message"]  # type: ignore[index]
    assert support.surgeon("status", "-p", venv, *GADGETS).exit_code == 1
    assert support.tree(project) == before


def test_quiet_prints_errors_only(site: Path) -> None:
    support.gadget(site)
    command = (sys.executable, "-m", "surgeon", "apply", "--quiet", "--site-packages", site, *GADGETS)
    done = support.run(*command, cwd="/")
    assert done.stdout + done.stderr == ""
    (site / "gadget" / "core.py").write_bytes(b"mine\n")
    done = support.run(*command, check=False, cwd="/")
    assert (done.returncode, done.stdout) == (3, "")
    assert "foreign" not in done.stderr
    assert "gadget/core.py" in done.stderr
    assert "pip install --force-reinstall" in done.stderr


def test_a_pipe_gets_whole_lines_and_plain_text(site: Path) -> None:
    long = "gadget/" + "a_very_long_folder_name_" * 6
    support.install(site, "torch", "2.1.0")
    support.install(site, "gadget", "1.0", {"gadget/__init__.py": b"", f"{long}.py": support.GADGET})
    done = support.run(
        sys.executable, "-m", "surgeon", "status", "--site-packages", site, *GADGETS, check=False, cwd="/"
    )
    assert f"{long}.py  pristine  gadget-shiny" in done.stdout
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
