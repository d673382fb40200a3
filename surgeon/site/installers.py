"""Programs that are not ours, an interpreter, pip and uv: run to their end, and none outlives it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


def ended(
    command: Sequence[str], timeout_seconds: float, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, in a session of its own: what it started ends with it.

    Raises:
        OSError, subprocess.TimeoutExpired: it cannot be run, or takes too long.
    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    try:
        said, complained = process.communicate(stdin, timeout_seconds)
    finally:
        end_with_all(process)
    return subprocess.CompletedProcess(command, process.returncode, said, complained)


def end_with_all(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a session, and everything in it; it may have ended by itself."""
    with suppress(ProcessLookupError, PermissionError):  # the latter is macOS's word for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):  # what was not written yet
                pipe.close()


def answer(command: Sequence[str], timeout_seconds: float, given: str = "") -> tuple[str, str]:
    """Run a program to its end: what it wrote, and why it failed or an empty string.

    Args:
        given: what it reads from stdin.
    """
    try:
        done = ended(command, timeout_seconds, given.encode())
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    said = done.stdout.decode(errors="replace")
    if not done.returncode:
        return said, ""
    complained = done.stderr.decode(errors="replace")
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error") or "No module named" in line]
    return said, (errors or lines or [f"exit status {done.returncode}"])[-1]


def failure(command: Sequence[str], timeout_seconds: int) -> str:
    """Run a program to its end: why it failed, or an empty string."""
    return answer(command, timeout_seconds)[1]


def pips(python: Path | None) -> list[list[str]]:
    """Where to look for pip, best first: the target's own, then any other, told which Python it is for."""
    target = [str(python)] if python else []
    others = [sys.executable, shutil.which("python3"), shutil.which("python")]
    commands = [[each, "-I", "-B", "-m", "pip"] for each in target]
    for each in dict.fromkeys(other for other in others if other and other not in target):
        commands.append([each, "-I", "-B", "-m", "pip", *(["--python", *target] if target else [])])
    return commands
