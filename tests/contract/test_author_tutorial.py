"""docs/authoring.md: its commands are run as they stand there, and print what stands below them."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests import support

TEXT = (support.CHECKOUT / "docs" / "authoring.md").read_text()
BLOCK = re.compile(r"(?:Put this into `(?P<path>[^`]+)`:\n\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)
FAILS = re.compile(r"^(error|ImportError): ", re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """Commands with the lines that they print, and modules with the path that they are to be put into."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.finditer(TEXT):
        if block["path"]:
            found.append((f"write {block['path']}", block["body"]))
        elif block["kind"] == "console":
            for command in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
                line, _, printed = command.partition("\n")
                found.append((line, printed))
    return found


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with the two programs that the reader is told to have."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs = {"python3": [support.target_python()], "m3d-surgeon": [sys.executable, "-m", "surgeon"]}
    for name, command in programs.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        script.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_tutorial_s_commands_do_what_it_says(tmp_path: Path, path: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    environ = support.clean_environ(PATH=path, PYTHONPATH=str(support.CHECKOUT), COLUMNS="200")
    done = steps()
    assert len(done) > 12
    for step, text in done:
        if step.startswith("write "):
            (here / step.removeprefix("write ")).write_text(text)
            continue
        run = support.run("/bin/sh", "-c", step, check=False, cwd=here, env=environ)
        printed = run.stdout + run.stderr
        assert (run.returncode != 0) == bool(FAILS.search(text)), f"{step}\n{printed}"
        for line in text.splitlines():
            assert line in printed, f"{step}\n{printed}"


def test_the_text_names_what_exists() -> None:
    from surgeon import edits

    for name in re.findall(r"`((?:Replace|Relocate)\w+)\(", TEXT):
        assert hasattr(edits, name)
    for file in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert (support.CHECKOUT / file).exists()
