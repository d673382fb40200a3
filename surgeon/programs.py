"""Other people's programs, pip and uv: run to their end, and what they say of a failure in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def failure(command: Sequence[str], timeout_seconds: int) -> str:
    """Run a program to its end: why it failed, or an empty string."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not done.returncode:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error") or "No module named" in line]
    return (errors or lines or [f"exit status {done.returncode}"])[-1]
