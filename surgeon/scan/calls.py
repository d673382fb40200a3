"""Functions of one module that another one calls while it is imported, where calling them bites."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from surgeon.scan.gaps import Gap
from surgeon.scan.reading import Key, Reading
from surgeon.sources.compute import CannotTell, Computer, Frame, Raised
from surgeon.sources.guards import Judge

_DEPTH = 6
"""How many packages may hand a name on."""
_AT_THE_MARGIN = r"(?m)^(?:[ \t]*@|[^\s#][^\n]*)\b(?:%s)\b"
"""A decorator, or a statement at the left margin; what stands in a class's body is not looked for."""


def calls(reading: Reading, keys: Collection[Key]) -> Iterator[tuple[Key, int, Key, Gap]]:
    """Which files call such a function, on which line, where it is, and what it lacks.

    Args:
        keys: the files with gaps.
    """
    reach: dict[str, tuple[Key, Gap]] = {}
    for key in keys:
        judged = reading.certain(key)
        for name, gap in judged.reach if judged else ():
            reach[f"{reading.files[key].module}.{name}"] = key, gap
    if not reach:
        return
    words: dict[str, set[str]] = {}
    for each in reach:
        owner, _, name = each.rpartition(".")
        words.setdefault(owner, set()).add(name)
    candidates = [key for key in reading.glances if _may_call(reading, key, words, reach)]
    reading.judge(candidates)
    for key in candidates:
        judged = reading.certain(key)
        for order in judged.orders if judged else ():
            found = reach.get(_defined(reading, order.target))
            if not found or found[0] == key or order.caught & found[1].errors:
                continue
            if not _returns(reading, key, order.source):
                yield key, order.line, *found


def _returns(reading: Reading, key: Key, call: str) -> bool:
    """Whether a call is known to come to something, on a way that leads past what bites."""
    judge = Judge(replace(reading.world, asked=reading.known.exists), reading.source_of(key))
    try:
        Computer().value(ast.parse(call, mode="eval").body, Frame(judge, judge.source.scope))
    except (CannotTell, Raised, SyntaxError, RecursionError):
        return False
    return True


def _may_call(reading: Reading, key: Key, words: Mapping[str, set[str]], reach: Mapping[str, object]) -> bool:
    """Whether a file imports one of them, or a module or class with one, and names it at the left margin."""
    taken: set[str] = set()
    for statement in reading.glances[key].statements:
        if not statement.names:
            taken |= words.get(statement.module, set())
        for name in statement.names:
            full = _defined(reading, f"{statement.module}.{name}")
            if full in reach:
                taken.add(name)
            taken |= {rf"{name}.{each}" for each in words.get(full, ())}
    if not taken:
        return False
    try:
        data = reading.bytes_of(key)
    except (OSError, ValueError):
        return False
    pattern = _AT_THE_MARGIN % "|".join(map(re.escape, sorted(taken)))
    return re.search(pattern.encode(), data) is not None


def _defined(reading: Reading, name: str) -> str:
    """A dotted name as the module that defines it says it: packages hand names on."""
    for _ in range(_DEPTH):
        owner, _, last = name.rpartition(".")
        if name in reading.keys or owner not in reading.keys:
            return name
        glance = reading.glances.get(reading.keys[owner])
        statement = next((s for s in glance.statements if last in s.names), None) if glance else None
        if statement is None or not statement.module:
            return name
        name = f"{statement.module}.{last}"
    return name
