"""Measures, and writes docs/performance.json, docs/performance.md and its pictures.

`python -m tests.tools.bench [--only SECTION[,SECTION]...] [--rounds N] [--page]`: every section's figures
are written when it is through, so that one alone can be measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import support
from tests.tools.bench import machine

DOCS = support.CHECKOUT / "docs"
SECTIONS = {
    "startup": ("start_up", 21),
    "apply": ("first_apply", 5),
    "revert": ("reverting", 9),
    "growth": ("growth", 3),
    "memory": ("memory", 3),
    "others": ("side_by_side", 2),
}
"""Each section's module, and how often everything in it is run."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", action="append", default=[], help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, help="how often everything is run, instead of what is usual")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page again")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where to write instead of docs/")
    chosen = parser.parse_args()
    chosen.only = [name for each in chosen.only for name in each.split(",")] or list(SECTIONS)
    if unknown := set(chosen.only) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return chosen


def main() -> int:
    """Measure the chosen sections; 1 if a target was missed."""
    chosen = arguments()
    place = chosen.docs / "performance.json"
    figures: dict[str, Any] = json.loads(place.read_text()) if place.is_file() else {"sections": {}}
    for name in () if chosen.page else chosen.only:
        module, rounds = SECTIONS[name]
        figures["sections"][name] = measured(name, module, chosen.rounds or rounds)
        place.write_text(json.dumps(figures, indent=1) + "\n")
    from tests.tools.bench import page

    page.write(figures, chosen.docs)
    missed = [
        target
        for name in chosen.only
        for target in figures["sections"].get(name, {}).get("targets", ())
        if not target["met"]
    ]
    return 1 if missed else 0


def measured(name: str, module: str, rounds: int) -> dict[str, Any]:
    """One section's figures, with the machine that they are from; its targets are printed."""
    print(f"{name}: {rounds} rounds ...", flush=True)
    started = time.monotonic()
    section: Callable[[int], dict[str, Any]] = import_module(f"tests.tools.bench.{module}").section
    before = machine.load()
    found = {**section(rounds), "machine": {**machine.facts(), "load_before": before}, "rounds": rounds}
    for target in found["targets"]:
        verdict = "pass" if target["met"] else "MISS"
        cpu = f" (processor time {target['cpu']})" if "cpu" in target else ""
        unit = target.get("unit", "")
        print(f"  {verdict}  {target['what']}: {target['measured']}{unit} of {target['limit']}{unit}{cpu}")
    print(f"  {time.monotonic() - started:.0f} s, load before it {before}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
