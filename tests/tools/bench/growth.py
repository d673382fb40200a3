"""How the cost grows: with the bytes to be rewritten, the packages beside them, and the patches."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from tests.tools.bench import measure, scenes, synthetic, verdict
from tests.tools.bench.measure import Case, Sample

TIMES = (1, 2, 4, 8)
OTHERS = (100, 200, 400, 800)
PATCHES = (10, 100, 300, 1000)
MOST_FOR_OTHERS = 0.05
SHORT_RUNS = 10
"""`status` takes a fraction of a second and is run so many times as often as a first `apply`."""


def section(rounds: int) -> dict[str, Any]:
    """Measure all three."""
    of_bytes, of_others, of_patches = by_bytes(rounds), by_others(rounds), by_patches(rounds)
    parts = {"bytes": of_bytes, "others": of_others, "patches": of_patches}
    return {**parts, "targets": [target for part in parts.values() for target in part.pop("targets")]}


def by_bytes(rounds: int) -> dict[str, Any]:
    """The first `apply` of 1, 2, 4 and 8 times the same files."""
    work = scenes.FOLDER / "work"

    def case(times: int) -> Case:
        return Case(
            scenes.command("apply", "--python", work, "--patches", synthetic.copies_patch()),
            before=partial(scenes.lay, synthetic.copies(times), work),
            extra=scenes.plain(),
        )

    samples = measure.in_turns({str(times): case(times) for times in TIMES}, rounds, warm_up=False)
    sizes = [synthetic.bytes_in_copies(times) for times in TIMES]
    walls, cpus = medians(samples, "wall"), medians(samples, "cpu")
    return {
        "points": points(samples, sizes),
        "targets": [
            {
                **verdict.plain(
                    "cost of a byte, from 4x to 8x over from 1x to 8x",
                    1.2,
                    slope(sizes, walls),
                    "linear growth",
                ),
                "cpu": round(slope(sizes, cpus), 2),
            }
        ],
    }


def slope(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The cost of a byte in the last doubling, over that in the whole range; 1 where growth is linear."""
    last = (costs[-1] - costs[-2]) / (sizes[-1] - sizes[-2])
    return last / ((costs[-1] - costs[0]) / (sizes[-1] - sizes[0]))


def by_others(rounds: int) -> dict[str, Any]:
    """`status` beside 100, 200, 400 and 800 distributions that no patch targets."""
    cases = {
        str(number): Case(
            scenes.command("status", "--python", synthetic.with_others(number)), extra=scenes.plain()
        )
        for number in OTHERS
    }
    samples = measure.in_turns(cases, rounds * SHORT_RUNS)
    names = list(samples)
    return {
        "points": points(samples, OTHERS),
        "targets": [
            verdict.compared(
                f"status with {more} other distributions",
                1 + MOST_FOR_OTHERS,
                samples[more],
                samples[less],
                f"with {less}",
            )
            for less, more in pairwise(names)
        ],
    }


def by_patches(rounds: int) -> dict[str, Any]:
    """No-op `apply` with 10 to 1,000 patches besides the shipped ones, and the first run with all."""
    environment, extra = scenes.patched("dec25"), scenes.plain()

    def case(number: int, **more: str) -> Case:
        folder = synthetic.many_patches(number)
        return Case(
            scenes.command("apply", "--python", environment, "--patches", folder), extra={**extra, **more}
        )

    samples = measure.in_turns({str(number): case(number) for number in PATCHES}, rounds * SHORT_RUNS)
    new = case(PATCHES[-1], XDG_CACHE_HOME="/dev/null/none")
    cold = measure.in_turns({"cold": new}, 3)["cold"]
    most, least = str(PATCHES[-1]), str(PATCHES[0])
    return {
        "points": points(samples, PATCHES),
        "first_run": measure.summary(cold),
        "targets": [
            verdict.compared(
                "no-op apply with 1,000 more patches", 2.0, samples[most], samples[least], "with ten more"
            )
        ],
    }


def medians(samples: dict[str, list[Sample]], what: str) -> list[float]:
    """The median of each case, in order."""
    return [statistics.median(getattr(sample, what) for sample in each) for each in samples.values()]


def points(samples: dict[str, list[Sample]], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """What is plotted."""
    return [
        {"size": size, **measure.summary(each)} for size, each in zip(sizes, samples.values(), strict=True)
    ]
