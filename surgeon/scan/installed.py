"""An installed module, asked in one fresh process of its own interpreter; its answers are remembered."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon.errors import EnvironmentUnusable
from surgeon.scan import cache
from surgeon.scan.surface import Found, Question
from surgeon.site.environment import Environment
from surgeon.site.installers import end_with_all

TIMEOUT_SECONDS = 300
"""An import, or an answer, that takes longer never comes."""
SAYS_WHERE_SECONDS = 2
"""So long a process that hangs is given to write down where."""
PIECE_BYTES = 1 << 16
_FRAME = re.compile(r'^  File "([^"<]+)", line (\d+) in ', re.MULTILINE)


class LiveModule:
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
        self._outgoing, self._incoming = b"", b""
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
            try:  # in a session of its own, so that it ends with all that it has started
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    bufsize=0,
                    start_new_session=True,
                )
            except OSError as error:
                self._said.close()
                raise self._died(str(error)) from error
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
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
        if self._process is not None:
            end_with_all(self._process)
            self._said.close()

    def _send(self, questions: Collection[Question]) -> None:
        fresh = [each for each in dict.fromkeys(questions) if each not in self._answers]
        if not fresh:
            return
        self._start()
        self._due = [[each.name, each.imported] for each in fresh]
        self._outgoing = json.dumps(self._due).encode() + b"\n"
        self._move(0)

    def _move(self, seconds: float) -> bool:
        """Write what it takes, read what it says, and wait for either so long; whether anything moved.

        A process that is still importing reads nothing, and what a pipe holds is not much.
        """
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        sending = [process.stdin] if self._outgoing else []
        try:
            hearing, sending, _ = select.select([process.stdout], sending, [], seconds)
            if sending:
                self._outgoing = self._outgoing[process.stdin.write(self._outgoing[:PIECE_BYTES]) :]
            if hearing:
                said = os.read(process.stdout.fileno(), PIECE_BYTES)
                if not said:
                    raise self._died("")
                self._incoming += said
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._died("") from error
        return bool(sending or hearing)

    def _receive(self) -> None:
        """Take what is due. Nothing else may be asked before: both sides would wait for the other to read."""
        if not self._due:
            return
        last = time.monotonic() + TIMEOUT_SECONDS
        while b"\n" not in self._incoming:
            works = next(self.meanwhile, True) is None
            left = last - time.monotonic()
            if not self._move(0 if works else max(left, 0)) and left <= 0:
                raise self._hangs()
        line, _, self._incoming = self._incoming.partition(b"\n")
        try:
            answered = json.loads(line)
        except ValueError as error:
            raise self._died("it answered something else") from error
        if isinstance(answered, str):
            raise self._died(answered)
        if not isinstance(answered, list) or len(answered) != len(self._due):
            raise self._died("it answered something else")
        for line_asked, answer in zip(self._due, answered, strict=True):
            self._take(line_asked, answer)
        self._due = []

    def _hangs(self) -> EnvironmentUnusable:
        """The process gave no answer in time: where it is."""
        assert self._process is not None
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGUSR1)
            self._process.wait(SAYS_WHERE_SECONDS)
        end_with_all(self._process)
        found = _FRAME.findall(self._words())
        where = f"; it is at {found[0][0]}, line {found[0][1]}" if found else ""
        instead = " or name a release, which is looked up in a table, with --torch VERSION"
        return EnvironmentUnusable(
            f"{self._module} cannot be asked: no answer in {TIMEOUT_SECONDS} s while it is imported{where}",
            path=str(self._python),
            hint=f"see what `{self._python} -c 'import {self._module}'` waits for"
            + (instead if self._module == "torch" else ""),
            code="module-hangs",
        )

    def _words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def _died(self, reason: str) -> EnvironmentUnusable:
        status: int | str = "?"
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
                status = self._process.returncode
            end_with_all(self._process)
            said = self._words().strip().splitlines()
            reason = reason or (said[-1] if said else "")
        reason = reason or f"the interpreter died with status {status}"
        return EnvironmentUnusable(
            f"{self._module} cannot be asked: {reason}",
            path=str(self._python),
            hint=f"run `{self._python} -c 'import {self._module}'`",
            code="module-unusable",
        )
