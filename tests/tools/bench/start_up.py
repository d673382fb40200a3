"""Start-up: what costs no more than starting Python with typer and rich."""

from __future__ import annotations

from typing import Any

from tests import support
from tests.tools.bench import measure, scenes, verdict
from tests.tools.bench.measure import Case

BASE = "python -c 'import typer, rich.console, rich.table'"


def cases(stack: str = "dec25") -> dict[str, Case]:
    """Everything that is held against the base; the last two as people see them, on a terminal."""
    environment, extra = scenes.patched(stack), scenes.plain()

    def ours(*arguments: str, terminal: bool = False) -> Case:
        return Case(scenes.command(*arguments), extra=extra, terminal=terminal)

    there = ("--python", str(environment))
    return {
        "python -c pass": Case((scenes.tool(), "-c", "pass"), extra=extra),
        BASE: Case((scenes.tool(), *scenes.BASE), extra=extra),
        "python -c 'import libcst'": Case((scenes.tool(), "-c", "import libcst"), extra=extra),
        "m3d-surgeon --help": ours("--help"),
        "m3d-surgeon --version": ours("--version"),
        "m3d-surgeon status": ours("status", *there),
        "m3d-surgeon apply": ours("apply", *there),
        "m3d-surgeon status, on a terminal": ours("status", *there, terminal=True),
        "m3d-surgeon apply, on a terminal": ours("apply", *there, terminal=True),
    }


def section(rounds: int) -> dict[str, Any]:
    """Measure it."""
    samples = measure.in_turns(cases(), rounds)
    limits = {name: 1.2 if "--" in name else 2.0 for name in samples if name.startswith("m3d-surgeon")}
    site = support.site_packages(scenes.patched("dec25"))
    return {
        "distributions": len(list(site.glob("*.dist-info"))),
        "files_patched": len(scenes.changed("dec25")),
        "patches": len(scenes.surgeon("list", "--python", scenes.patched("dec25"))["patches"]),
        "rows": {name: measure.summary(each) for name, each in samples.items()},
        "targets": [
            verdict.compared(name, limit, samples[name], samples[BASE], "start-up")
            for name, limit in limits.items()
        ],
    }
