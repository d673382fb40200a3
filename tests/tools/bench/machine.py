"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from tests import support
from tests.tools.bench import scenes

VERSIONS = "import importlib.metadata as m; print(*(m.version(n) for n in ('libcst', 'rich', 'typer')))"


def facts() -> dict[str, Any]:
    """Cores, processor, memory, file system, versions."""
    versions = support.run(scenes.tool(), "-c", VERSIONS).stdout.split()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "file_system": support.run("stat", "-f", "-c", "%T", scenes.FOLDER).stdout.strip(),
        "python": platform.python_version(),
        **dict(zip(("libcst", "rich", "typer"), versions, strict=True)),
    }


def load() -> float:
    """How many processes want a core, over the last minute: above 1 the times mean little."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )
