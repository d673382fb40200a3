"""An installed module, asked in one fresh process of its own interpreter."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon.environment import Environment
from surgeon.errors import EnvironmentUnusable
from surgeon.scan.surface import Found, Question

TIMEOUT_SECONDS = 300


class Installed:
    """The module of an environment. The process is started at once, and imports while we read sources.

    Attributes:
        drags: what importing a part of the module imports of the packages that were kept out.
    """

    def __init__(
        self, environment: Environment, module: str, version: str, keep_out: Collection[str] = ()
    ) -> None:
        if environment.python is None:
            raise EnvironmentUnusable(
                f"{module} cannot be asked: no interpreter belongs to this folder",
                path=str(environment.path[0]) if environment.path else None,
                hint="name the environment with --python, or a release with --torch VERSION",
                code="no-interpreter",
            )
        self._python, self._module, self._version = environment.python, module, version
        self._answers: dict[Question, Found] = {}
        self.drags: dict[str, frozenset[str]] = {}
        program = Path(__file__).with_name("answers.py").read_text(encoding="utf-8")
        command = [str(environment.python), "-I", "-B", "-W", "ignore", "-c", program, module]
        command.append(",".join(sorted(keep_out)))
        command += [str(each) for each in environment.path]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            raise self._died(str(error)) from error

    @property
    def description(self) -> str:
        """For people."""
        return f"{self._module} {self._version}, installed"

    def ask(self, questions: Collection[Question]) -> Mapping[Question, Found]:
        """Answer every question; what was asked before is remembered.

        Raises:
            EnvironmentUnusable: the module cannot be imported, or the interpreter died.
        """
        fresh = [each for each in dict.fromkeys(questions) if each not in self._answers]
        if fresh:
            lines = [[each.name, each.imported, sorted(each.loaded)] for each in fresh]
            for question, (exists, missing, parameters, *drags) in zip(fresh, self._talk(lines), strict=True):
                known = None if parameters is None else frozenset(parameters)
                self._answers[question] = Found(bool(exists), str(missing), known)
                if drags and drags[0]:
                    self.drags[question.name] = frozenset(drags[0])
        return {each: self._answers[each] for each in questions}

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.kill()
        self._process.communicate()
        self._said.close()

    def _talk(self, lines: list[list[object]]) -> list[list[Any]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(lines).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            answered = json.loads(answer)
        except (OSError, ValueError) as error:
            raise self._died("") from error
        if isinstance(answered, str):
            raise self._died(answered)
        if not isinstance(answered, list) or len(answered) != len(lines):
            raise self._died("it answered something else")
        return answered

    def _died(self, reason: str) -> EnvironmentUnusable:
        status: int | str = "?"
        if hasattr(self, "_process"):
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=5)
                status = self._process.returncode
                self._said.seek(0)
                said = self._said.read().decode(errors="replace").strip().splitlines()
                reason = reason or (said[-1] if said else "")
        reason = reason or f"the interpreter died with status {status}"
        return EnvironmentUnusable(
            f"{self._module} cannot be asked: {reason}",
            path=str(self._python),
            hint=f"run `{self._python} -c 'import {self._module}'`",
            code="module-unusable",
        )
