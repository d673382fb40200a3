"""The first `apply`, against the least that libcst needs for the same files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests import support
from tests.tools.bench import measure, scenes, verdict
from tests.tools.bench.measure import Case

LIMIT = 1.3
COLD_ROUNDS = 2
FLOOR = Path(__file__).with_name("floor.py")
COUNTED = Path(__file__).with_name("count.py")


def floor(stack: str, site: Path | None = None) -> Case:
    """libcst's own floor over the files that `apply` changes."""
    listing = scenes.FOLDER / f"{stack}-changed.txt"
    site = site or support.site_packages(scenes.pristine(stack))
    listing.write_text("\n".join(scenes.changed(stack)))
    return Case((scenes.tool(), FLOOR, site, listing), extra=scenes.plain())


def first(stack: str, *, cold: bool = False) -> Case:
    """A first `apply`; `cold` also without what is remembered of the patches."""
    work = scenes.FOLDER / "work"
    extra = scenes.plain(XDG_CACHE_HOME=str(work / "no-cache")) if cold else scenes.plain()
    lay: Callable[[], object] = partial(scenes.lay, scenes.pristine(stack), work)
    rounds = COLD_ROUNDS if cold else None
    return Case(scenes.command("apply", "--python", work), before=lay, extra=extra, rounds=rounds)


def section(rounds: int) -> dict[str, Any]:
    """Measure both stacks."""
    found: dict[str, Any] = {"stacks": {}, "targets": []}
    for stack in scenes.STACKS:
        samples = measure.in_turns(
            {"floor": floor(stack), "apply": first(stack), "apply, cold index": first(stack, cold=True)},
            rounds,
            warm_up=False,  # the scenes have read all of it before
        )
        found["stacks"][stack] = {
            **counts(stack),
            "rows": {name: measure.summary(each) for name, each in samples.items()},
        }
        found["targets"] += [
            verdict.compared(
                f"first {name} on {stack}", LIMIT, samples[name], samples["floor"], "libcst's floor"
            )
            for name in ("apply", "apply, cold index")
        ]
    return found


def counts(stack: str) -> dict[str, int]:
    """How many files are looked at, parsed (each once, whatever its patches) and changed."""
    site = support.site_packages(scenes.pristine(stack))
    work = scenes.lay(scenes.pristine(stack), scenes.FOLDER / "work")
    done = support.run(
        scenes.tool(),
        COUNTED,
        "apply",
        "--python",
        work,
        "--json",
        env=support.clean_environ(**scenes.plain()),
    )
    parsed, distinct = map(int, done.stderr.splitlines()[-1].split())
    return {
        "python_files": sum(1 for _ in site.rglob("*.py")),
        "files_changed": len(scenes.changed(stack)),
        "bytes_changed": scenes.size(site, scenes.changed(stack)),
        "files_parsed": distinct,
        "parses": parsed,
    }
