"""Peak memory of the first `apply`: of its largest process, and of all its processes together."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests import support
from tests.tools.bench import scenes, verdict

LIMIT_MB = 300
PAUSE_SECONDS = 0.01


def section(rounds: int) -> dict[str, Any]:
    """Measure it on nov26, the larger stack; the largest of all rounds counts."""
    runs = [one("nov26") for _ in range(rounds)]
    together = max(run["together_mb"] for run in runs)
    largest = max(run["largest_mb"] for run in runs)
    return {
        "runs": runs,
        "targets": [
            verdict.plain(f"{what} of the first apply on nov26", LIMIT_MB, value, "memory", " MB")
            for what, value in (
                ("all processes' memory together", together),
                ("the largest process' resident set", largest),
            )
        ],
    }


def one(stack: str) -> dict[str, Any]:
    """One first `apply`, looked at every hundredth of a second.

    A page that processes share counts once in the proportional set sizes' sum (PSS), as it does for
    a container's limit. The largest resident set is what the kernel itself kept (wait4, VmHWM).
    """
    work = scenes.lay(scenes.pristine(stack), scenes.FOLDER / "work")
    command = [str(word) for word in scenes.command("apply", "--quiet", "--python", work)]
    process = subprocess.Popen(command, env=support.clean_environ(**scenes.plain()), cwd="/")
    together, most, peaks, looks = 0, 0, {}, 0
    while (found := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        sizes = {pid: _kilobytes(pid, "smaps_rollup", "Pss:") for pid in _family(process.pid)}
        peaks |= {pid: max(peaks.get(pid, 0), _kilobytes(pid, "status", "VmHWM:")) for pid in sizes}
        together, most = max(together, sum(sizes.values())), max(most, len(sizes))
        looks += 1
        time.sleep(PAUSE_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(found[1])
    assert process.returncode == 0
    largest = max(found[2].ru_maxrss, *peaks.values())
    return {
        "together_mb": round(together * 1024 / 1e6, 1),
        "largest_mb": round(largest * 1024 / 1e6, 1),
        "each_mb": sorted((round(peak * 1024 / 1e6, 1) for peak in peaks.values()), reverse=True),
        "processes_at_once": most,
        "looks": looks,
    }


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def _kilobytes(pid: int, file: str, key: str) -> int:
    """A figure out of /proc; 0 once the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
