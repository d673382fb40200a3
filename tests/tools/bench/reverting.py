"""`revert`, against start-up and the very same changes to the disk, fsyncs included."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from tests import support
from tests.tools.bench import measure, scenes, start_up, verdict
from tests.tools.bench.measure import Case

LIMIT = 1.5
RECORD = Path(__file__).with_name("record.py")
REPLAY = Path(__file__).with_name("replay.py")


def recorded(stack: str, work: Path) -> Path:
    """The calls by which one revert changes the disk, in a file."""
    log = scenes.FOLDER / f"{stack}-revert.json"
    scenes.lay(scenes.patched(stack), work)
    environ = support.clean_environ(**scenes.plain())
    support.run(scenes.tool(), RECORD, log, "revert", "--quiet", "--python", work, env=environ)
    check(stack, work)
    return log


def check(stack: str, work: Path) -> None:
    """The recorded run must have been a whole revert, or the floor is too low or too high."""
    here, there = support.site_packages(work), support.site_packages(scenes.pristine(stack))
    for path in scenes.changed(stack):
        assert (here / path).read_bytes() == (there / path).read_bytes(), path


def cases(stack: str, work: Path) -> dict[str, Case]:
    """`revert`, its floor, and plain start-up; each on a fresh copy of the patched environment."""
    lay, extra = partial(scenes.lay, scenes.patched(stack), work), scenes.plain()
    log = recorded(stack, work)
    return {
        "start-up": Case((scenes.tool(), *scenes.BASE), extra=extra),
        "start-up and the same changes": Case((scenes.tool(), REPLAY, log), before=lay, extra=extra),
        "revert": Case(scenes.command("revert", "--python", work), before=lay, extra=extra),
    }


def counts(stack: str) -> dict[str, int]:
    """How often each call was made; fsyncs of files and of folders apart."""
    calls = json.loads((scenes.FOLDER / f"{stack}-revert.json").read_text())
    files = {path for call, path, *_ in calls if call == "open"}
    names = (
        f"fsync of a {'file' if path in files else 'folder'}" if call == "fsync" else call
        for call, path, *_ in calls
    )
    return dict(sorted(Counter(names).items()))


def section(rounds: int) -> dict[str, Any]:
    """Measure it on dec25."""
    stack = "dec25"
    samples = measure.in_turns(cases(stack, scenes.FOLDER / "work"), rounds)
    floor = samples["start-up and the same changes"]
    return {
        "files": len(scenes.changed(stack)),
        "calls": counts(stack),
        "base": start_up.BASE,
        "rows": {name: measure.summary(each) for name, each in samples.items()},
        "targets": [
            verdict.compared(
                f"revert on {stack}", LIMIT, samples["revert"], floor, "start-up and the same fsyncs"
            )
        ],
    }
