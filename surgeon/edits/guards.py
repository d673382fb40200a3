"""Is a piece of code already safe on a torch that lacks a name? Edits leave such code alone.

The answer is the one that `scan` gives: the same reading of the same text (`surgeon.sources.references`),
judged by the same evaluator (`surgeon.sources.guards`). What differs is what is known. `scan` knows what
is installed; an edit must make the same bytes of the same text anywhere, so it knows the name that is
missing, the release that brought it, and nothing of other packages, the interpreter or the machine.
What only those decide is no guard here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree
    from surgeon.sources.guards import Judge
    from surgeon.sources.places import Places, Position


def is_guarded(tree: Tree, node: cst.CSTNode, name: str, since: str = "") -> bool:
    """Tell whether `node`, which needs `name`, is not run, or not fatal, where `name` is missing.

    It is when it stands in a `try` that catches the failure, or where a test (of an `if`, a conditional
    expression, an `and`, a comprehension, an `assert`, an early return) keeps it for a torch that has
    `name`: `hasattr`, a version check, an availability check that speaks of `name`, `TYPE_CHECKING`, or
    a flag that was set by one of these.

    Args:
        tree: the file.
        node: the code that needs the name.
        name: the name, in full.
        since: the first release with `name`. With it, a check for an older release is no guard;
            without it, every version check is taken for one.

    Raises:
        EditError: this Python cannot parse the file.
    """
    import libcst as cst

    from surgeon.sources.guards import ATTRIBUTE_ERRORS, IMPORT_ERRORS

    places = _places(tree, name)
    place = _place(tree, places, node)
    if place is None:
        return False
    errors = IMPORT_ERRORS if isinstance(node, (cst.Import, cst.ImportFrom)) else ATTRIBUTE_ERRORS
    if place.context.caught & errors:
        return True
    bindings = [each for each in place.bindings if each.target]
    return all(judge.is_guarded(place.context, bindings, name) for judge in _judges(places, name, since))


def outcome(tree: Tree, test: cst.BaseExpression, name: str, since: str = "") -> bool | None:
    """What the test of an `if` comes to where `name` is missing, or `None` if that cannot be told.

    Raises:
        EditError: this Python cannot parse the file.
    """
    places = _places(tree, name)
    place = _place(tree, places, test)
    if place is None or place.test is None:
        return None
    sides = {judge.outcome(place.test, place.scope, name) for judge in _judges(places, name, since)}
    return sides.pop() if len(sides) == 1 else None


def _judges(places: Places, name: str, since: str) -> Iterator[Judge]:
    """One for each release that may be the one installed: an answer holds if all of them give it."""
    from surgeon.sources.guards import Judge, World

    top = name.partition(".")[0]
    for release in _releases_before(since):
        if (name, release) not in places.judges:
            world = World(top, {top: release}, None, frozenset({name}), python=(), constants={})
            places.judges[name, release] = Judge(world, places.source)
        yield places.judges[name, release]


@lru_cache
def _releases_before(since: str) -> tuple[str, ...]:
    """Releases that stand for all that are older; of an older major release, its first and its last."""
    if not since:
        return ("0.0.1",)  # every version check is for a newer one
    major, minor, micro = (int(each) for each in (*since.split("."), "0", "0")[:3])
    found = [f"{lower}.{end}.0" for lower in range(major) for end in (0, 99)]
    found += [f"{major}.{lower}.{end}" for lower in range(minor) for end in (0, 1, 2, 99)]
    found += [f"{major}.{minor}.{lower}" for lower in range(micro)]
    return tuple(reversed(found)) or ("0.0.0",)


def _places(tree: Tree, name: str) -> Places:
    """The reading of a file, made once; it holds for every name below the same module."""
    from surgeon.edits.tree import EditError
    from surgeon.sources.places import locate

    top = name.partition(".")[0]
    if top not in tree.index.readings:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree.index.readings[top] = locate(tree.module.code, top)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise EditError(f"its guards cannot be judged by this Python: {error}") from error
    return tree.index.readings[top]


def _place(tree: Tree, places: Places, node: cst.CSTNode) -> Position | None:
    """Where a node stands: the nth name of its spelling or the nth import, in libcst's tree as in `ast`'s."""
    import libcst as cst

    from surgeon.edits.scopes import children
    from surgeon.edits.tree import EditError

    if isinstance(node, (cst.Import, cst.ImportFrom)):
        statements = list(dict.fromkeys(id(each.statement) for each in tree.index.imports))
        return places.imports[statements.index(id(node))] if id(node) in statements else None
    below = [node]
    while below:
        each = below.pop()
        if isinstance(each, cst.Name) and id(each) in tree.index.scopes:
            found = places.names.get(each.value, [])
            if len(found) != len(tree.index.names[each.value]):
                raise EditError(f"two parsers read {each.value} differently")
            return found[tree.index.rank(each)]
        below += reversed(list(children(each)))
    return None
