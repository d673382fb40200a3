"""An environment for `doctor` to look at: damaged by a test, put right by the commands it names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from tests import support

TOOLS = Path(sys.executable).parent
Row = dict[str, Any]


class Patient:
    """A virtual environment, and `doctor` on it."""

    def __init__(self, folder: Path, installer: str, **environ: str) -> None:
        self.folder = folder
        self.environ = {**environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        self.installer = installer
        if folder.exists():
            pass
        elif installer == "pip":
            support.run(support.target_python(), "-m", "venv", folder)
        else:
            support.uv("venv", "--quiet", "--python", support.target_python(), folder)
        self.site = support.site_packages(folder)
        self.python = folder / "bin" / "python"

    def install(self, *what: str | Path) -> None:
        if self.installer == "pip":
            command = (self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            support.run(*command, *what, env=support.clean_environ(**self.environ))
        else:
            support.uv("pip", "install", "--quiet", "--python", self.python, *what, **self.environ)

    def doctor(self, *options: str | Path) -> support.Answer:
        before = listing(self.folder)
        answer = support.surgeon("doctor", "-p", self.folder, *options, **self.environ)
        assert listing(self.folder) == before, "doctor changed the environment"
        return answer

    def findings(self, *options: str | Path) -> dict[str, Row]:
        """Findings by code and distribution."""
        rows: list[Row] = self.doctor(*options).json["findings"]  # type: ignore[assignment]
        return {f"{row['code']} {row['distribution']}".strip(): row for row in rows}

    def follow(self, *options: str | Path) -> list[str]:
        """Run the commands that `doctor` names, in their order; then nothing may be wrong any more."""
        answer = self.doctor(*options)
        assert answer.exit_code == 1
        commands = [row["command"] for row in answer.json["remedies"]]  # type: ignore[attr-defined]
        for command in commands:
            support.run("bash", "-ec", command, env=support.clean_environ(**self.environ), cwd="/")
        answer = self.doctor(*options)
        assert (answer.exit_code, answer.json["findings"]) == (0, []), (commands, answer.json)
        return commands

    def runs(self, statement: str) -> bool:
        done = support.run(self.python, "-c", statement, check=False, cwd="/")
        return done.returncode == 0


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder, with size and time; what is read only stays the same."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }
