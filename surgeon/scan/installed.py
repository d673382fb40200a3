"""An installed module, asked in one fresh process of its own interpreter; its answers are remembered."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon.environment import Environment
from surgeon.errors import EnvironmentUnusable
from surgeon.scan import cache
from surgeon.scan.surface import Found, Question

TIMEOUT_SECONDS = 300


class Installed:
    """The module of an environment. The process is started at once, and imports while we read sources.

    Where answers are remembered, it is only started for a question that is new.

    Args:
        keep_out: the top-level modules of what is scanned, which it must not import.
        memory: the name under which answers are kept; they hold for as long as it is the same.

    Attributes:
        drags: what importing a part of the module imports of the packages that were kept out.
        meanwhile: work that is done piece by piece while an answer is waited for.
    """

    meanwhile: Iterator[None] = iter(())

    def __init__(
        self,
        environment: Environment,
        module: str,
        version: str,
        keep_out: Collection[str] = (),
        memory: str = "",
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
        self._memory, self._known = memory, 0
        self._lines: list[tuple[list[Any], list[Any]]] = []
        self._due: list[list[Any]] = []
        parts = (Path(__file__).with_name(name) for name in ("outsiders.py", "answers.py"))
        program = "\n".join(each.read_text(encoding="utf-8") for each in parts)
        self._command = [str(environment.python), "-I", "-B", "-W", "ignore", "-c", program, module]
        self._command += [",".join(sorted(keep_out)), *map(str, environment.path)]
        self._process: subprocess.Popen[bytes] | None = None
        self._remember()
        if not self._answers:
            self._start()

    @property
    def is_running(self) -> bool:
        """Whether a process has been started."""
        return self._process is not None

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
                )
            except OSError as error:
                raise self._died(str(error)) from error
        return self._process

    def _remember(self) -> None:
        with suppress(KeyError, TypeError, ValueError):
            for line, answer in (cache.load(self._memory) or {}).get("answers", ()):
                self._take(line, answer)
        self._known = len(self._lines)

    def _take(self, line: list[Any], answer: list[Any]) -> None:
        name, imported = line
        exists, missing, parameters, *drags = answer
        known = None if parameters is None else frozenset(parameters)
        self._answers[Question(name, imported)] = Found(bool(exists), str(missing), known)
        if drags and drags[0]:
            self.drags[name] = frozenset(drags[0])
        self._lines.append((line, answer))

    @property
    def description(self) -> str:
        """For people."""
        return f"{self._module} {self._version}, installed"

    def ask(self, questions: Collection[Question]) -> Mapping[Question, Found]:
        """Answer every question; what was asked before is remembered.

        Raises:
            EnvironmentUnusable: the module cannot be imported, or the interpreter died.
        """
        self._receive()
        self._send(questions)
        self._receive()
        return {each: self._answers[each] for each in questions}

    def expect(self, questions: Collection[Question]) -> None:
        """Ask something whose answers are wanted later, if the process runs anyway.

        Raises:
            EnvironmentUnusable: the interpreter died.
        """
        if self.is_running and not self._due:
            self._send(questions)

    def close(self) -> None:
        """End the process, and remember what it said."""
        if self._memory and len(self._lines) > self._known:
            cache.save(self._memory, {"answers": self._lines})
        if self._process is None:
            return
        with suppress(OSError):
            self._process.kill()
        self._process.communicate()
        self._said.close()

    def _send(self, questions: Collection[Question]) -> None:
        fresh = [each for each in dict.fromkeys(questions) if each not in self._answers]
        if not fresh:
            return
        process = self._start()
        assert process.stdin is not None
        self._due = [[each.name, each.imported] for each in fresh]
        try:
            process.stdin.write(json.dumps(self._due).encode() + b"\n")
            process.stdin.flush()
        except OSError as error:
            raise self._died("") from error

    def _receive(self) -> None:
        """Take what is due. Nothing else may be asked before: both sides would wait for the other to read."""
        if not self._due:
            return
        process = self._start()
        assert process.stdout is not None
        try:
            while not select.select([process.stdout], [], [], 0)[0]:
                if next(self.meanwhile, True):
                    break
            answered = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            raise self._died("") from error
        if isinstance(answered, str):
            raise self._died(answered)
        if not isinstance(answered, list) or len(answered) != len(self._due):
            raise self._died("it answered something else")
        for line, answer in zip(self._due, answered, strict=True):
            self._take(line, answer)
        self._due = []

    def _died(self, reason: str) -> EnvironmentUnusable:
        status: int | str = "?"
        if self._process is not None:
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
