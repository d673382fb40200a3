"""Times `scan` on a whole stack with real torch: `python -m tests.tools.scan_speed` changes docs/scan.md.

Cold: an empty cache folder, as on a new machine; the files themselves have been read before, and have
their bytecode, as pip leaves them. Warm: the same command again. Medians of wall time; processor time
is that of all processes together.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests import environments, support

STACK = "nov26"
ROUNDS = 3
PAGE = support.CHECKOUT / "docs" / "scan.md"
COST = re.compile(r"A first scan of the whole .*? processor time\.(?= Torch)", re.DOTALL)


def once(venv: Path, cache: str) -> tuple[float, float]:
    """Wall and processor time of one scan, in seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = (sys.executable, "-m", "surgeon", "scan", "--python", venv)
    support.run(*command, check=False, env=support.clean_environ(XDG_CACHE_HOME=cache), cwd="/")
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sentence(cold: list[tuple[float, float]], warm: list[tuple[float, float]]) -> str:
    """What stands on the page."""
    walls = [statistics.median(wall for wall, _ in each) for each in (cold, warm)]
    busy = statistics.median(processor for _, processor in cold)
    return (
        f"A first scan of the whole {STACK} stack took {walls[0]:.1f} s on {os.cpu_count()} cores, with "
        f"nothing changed {walls[1]:.2f} s (`python -m tests.tools.scan_speed`); the first took {busy:.0f} s "
        "of processor time."
    )


def main() -> None:
    """Measure, print, and write it down."""
    venv = environments.pod(support.CACHE / "scan" / STACK, STACK)
    environments.compile_all(venv)
    cold, warm = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(once(venv, cache))
            warm.append(once(venv, cache))
    said = sentence(cold, warm)
    page, number = COST.subn(lambda _: said, PAGE.read_text())
    assert number == 1, f"{PAGE} has no place for it"
    PAGE.write_text(page)
    print(said)


if __name__ == "__main__":
    main()
