"""docs/tutorial.md: its commands are run as they stand there, one after the other, in one shell."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from tests import support

TEXT = (support.CHECKOUT / "docs" / "tutorial.md").read_text()


def commands() -> list[str]:
    """Every command of the page."""
    blocks = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "m3d-surgeon"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-m", "surgeon"])} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "bin" / "python3").symlink_to(support.target_python())
    said = [f"echo '## {number}'\n{command}" for number, command in enumerate(commands())]
    done = support.run(
        "/bin/sh",
        "-e",
        "-c",
        "\n".join(said),
        check=False,
        cwd=tmp_path,
        env=support.clean_environ(
            PATH=f"{program.parent}:/usr/bin:/bin", PYTHONPATH=str(support.CHECKOUT), COLUMNS="200"
        ),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = re.split(r"^## \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    answers = dict(zip(commands(), printed, strict=True))
    statuses = [text for command, text in answers.items() if command.startswith("m3d-surgeon status")]
    assert "pristine" in statuses[0]
    assert "exit code 1" in statuses[0]
    assert "why: " in answers["m3d-surgeon explain diffusers-xpu --python pod"]
    assert "+++ b/diffusers/" in answers["m3d-surgeon diff diffusers-xpu --python pod"]
    assert "would be changed" in answers["m3d-surgeon apply --dry-run --python pod"]
    assert re.search(r"^\d+ files changed", answers["m3d-surgeon apply --python pod"], re.MULTILINE)
    assert "applied" in answers["m3d-surgeon status --python pod"]
    assert "put back" in answers["m3d-surgeon revert --python pod"]
