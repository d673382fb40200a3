"""All releases' facts as one small file: each name once, with the releases in which it is what."""

from __future__ import annotations

import json
import lzma
from collections.abc import Collection, Sequence

from tests.tools.torch_names.facts import Facts

SCHEMA = 1


def encoded(
    releases: Sequence[str], facts: Sequence[Facts], common: Collection[str], not_covered: Collection[str]
) -> bytes:
    """The table's bytes: the same for the same facts.

    One JSON object. `spaces` maps a module (`torch.nn`) or class (`torch.nn:Module`) to lines, one a name:
    `name cell` if it was so as long as the space was there, else `name|FROM-UNTIL cell|FROM-UNTIL cell`,
    where the numbers are places in `releases`.
    """
    commons = frozenset(common)
    spaces = {}
    for space in sorted({space for release in facts for space in release}):
        spaces[space] = "\n".join(_lines(space, facts, commons))
    table = {
        "schema": SCHEMA,
        "releases": list(releases),
        "common": " ".join(sorted(common)),
        "not_covered": list(not_covered),
        "spaces": spaces,
    }
    text = json.dumps(table, separators=(",", ":"), sort_keys=True).encode()
    filters = [
        {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 24, "lc": 4, "lp": 0}
    ]
    return lzma.compress(text, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)


def _lines(space: str, facts: Sequence[Facts], common: frozenset[str]) -> list[str]:
    there = [n for n, release in enumerate(facts) if space in release]
    names = sorted({name for n in there for name in facts[n][space]})
    lines = []
    for name in names:
        cells = [facts[n][space].get(name) for n in there]
        if ":" not in space and name in common and not any(cells):
            continue
        if len(set(cells)) == 1 and (name or there[-1] - there[0] + 1 == len(there) == len(facts)):
            lines.append(f"{name} {cells[0]}".rstrip(" ") if name else f" {cells[0]}")
        else:
            lines.append("|".join([name, *_runs(there, cells)]))
    return lines


def _runs(places: Sequence[int], cells: Sequence[str | None]) -> list[str]:
    """`FROM-UNTIL cell` for each stretch of releases in which a name is the same."""
    runs: list[tuple[int, int, str]] = []
    for place, cell in zip(places, cells, strict=True):
        if cell is None:
            continue
        if runs and runs[-1][1] == place - 1 and runs[-1][2] == cell:
            runs[-1] = (runs[-1][0], place, cell)
        else:
            runs.append((place, place, cell))
    return [f"{first}-{last} {cell}".rstrip(" ") for first, last, cell in runs]
