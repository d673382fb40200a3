"""Programs that are not ours, an interpreter, pip and uv: run to their end, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
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


def failure(command: Sequence[str], timeout_seconds: int) -> str:
    """Run a program to its end: why it failed, or an empty string."""
    try:
        done = ended(command, timeout_seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not done.returncode:
        return ""
    said = done.stderr.decode(errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error") or "No module named" in line]
    return (errors or lines or [f"exit status {done.returncode}"])[-1]
