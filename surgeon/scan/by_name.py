"""Imports by a name that is handed on: `block("package.part")`, where `block` lies in another module.

Only what is certain counts: a function that always imports what it is given, called while a module
is imported, with a text, or with a name that some module sets to one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from surgeon.scan.gaps import Handed
from surgeon.scan.reading import Key, Reading
from surgeon.sources.glance import Statement
from surgeon.sources.names import Loader

Found = tuple[Statement, frozenset[str]]
"""An import, and the errors that are caught around it."""


def imports_by_name(reading: Reading) -> dict[Key, tuple[Found, ...]]:
    """What files import by handing a name to another module's function."""
    offering = [key for key, each in reading.glances.items() if each.by_name]
    reading.judge(offering)
    loaders = {
        f"{reading.files[key].module}.{loader.name}": loader
        for key in offering
        if (judged := reading.certain(key))
        for loader in judged.loaders
    }
    ordering = [key for key in reading.glances if _may_order(reading, key, loaders.keys())]
    reading.judge(ordering)
    found = ((key, tuple(_ordered(reading, key, loaders))) for key in ordering)
    return {key: each for key, each in found if each}


def _may_order(reading: Reading, key: Key, functions: Collection[str]) -> bool:
    statements = reading.glances[key].statements
    return any(f"{each.module}.{name}" in functions for each in statements for name in each.names)


def _ordered(reading: Reading, key: Key, loaders: Mapping[str, Loader]) -> Iterator[Found]:
    judged = reading.certain(key)
    for order in judged.orders if judged else ():
        loader = loaders.get(order.target)
        if loader and (module := reading.text_of(_given(order, loader))):
            yield Statement(module, (), order.line, False), order.caught | loader.caught


def _given(order: Handed, loader: Loader) -> str:
    """What a function is given for the parameter that it imports."""
    given = {**dict(zip(loader.parameters, order.arguments, strict=False)), **dict(order.keywords)}
    return given.get(loader.parameter, "")
