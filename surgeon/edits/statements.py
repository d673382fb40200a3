"""Finds statements in a module by what they say, for `surgeon.edits.anchored`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from surgeon.edits.likeness import COMPOUND, DEFINITION, Block, Compound, Statement, key, matches
from surgeon.edits.tree import EditError

BRANCHES = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Stretch:
    """Statements that follow each other in one block.

    Attributes:
        around: the statements around that block, from the inside out, by `id`.
    """

    block: Block
    start: int
    stop: int
    around: tuple[int, ...]

    def lies_in(self, other: Stretch) -> bool:
        """Tell whether all of it is part of another, longer run, or of a statement of one."""
        if self.block is other.block:
            longer = other.stop - other.start > self.stop - self.start
            return longer and other.start <= self.start and self.stop <= other.stop
        return any(id(each) in self.around for each in other.block.body[other.start : other.stop])


def scopes(module: cst.Module, anchor: str) -> list[cst.CSTNode]:
    """The functions or classes with a qualified name; the module itself for an empty one.

    Raises:
        EditError: there is none.
    """
    found: list[cst.CSTNode] = [module]
    for name in anchor.split(".") if anchor else ():
        inside = (each for scope in found for block, _ in blocks(scope) for each in block.body)
        found = [each for each in inside if isinstance(each, DEFINITION) and each.name.value == name]
    if not found:
        raise EditError(f"there is no {anchor}")
    return found


def blocks(scope: cst.CSTNode) -> Iterator[tuple[Block, tuple[int, ...]]]:
    """The blocks of a scope, each with the statements around it; not those of functions and classes in it."""
    pending: list[tuple[cst.CSTNode, tuple[int, ...]]] = [(scope, ())]
    while pending:
        node, around = pending.pop(0)
        if isinstance(node, (cst.Module, cst.IndentedBlock)):
            yield node, around
        inner = (id(node), *around)
        for each in branches(node):
            if not isinstance(each, DEFINITION):
                pending.append((each, inner))


def branches(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What may hold blocks right below a node: its own block, `else`, handlers, statements."""
    for name in BRANCHES:
        value = getattr(node, name, None)
        if isinstance(value, cst.CSTNode):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (each for each in value if not isinstance(each, cst.SimpleStatementLine))


def compounds(scope: cst.CSTNode) -> Iterator[Compound]:
    """The compound statements of a scope, `elif` and `except` among them."""
    seen: list[cst.CSTNode] = [*branches(scope)]
    while seen:
        node = seen.pop(0)
        if isinstance(node, COMPOUND):
            yield node
        if not isinstance(node, DEFINITION):
            seen += branches(node)


def runs(
    scope: cst.CSTNode, wanted: Sequence[tuple[str, ...]], first: bool = False, last: bool = False
) -> Iterator[Stretch]:
    """Where statements that match follow each other; at the beginning or the end of a block if so asked."""
    if not wanted:
        return
    for block, around in blocks(scope):
        body = block.body
        for start in range(len(body) - len(wanted) + 1):
            if (first and start) or (last and start + len(wanted) < len(body)):
                continue
            if all(matches(body[start + n], each) for n, each in enumerate(wanted)):
                yield Stretch(block, start, start + len(wanted), around)


def places(
    module: cst.Module,
    anchor: str,
    before: Sequence[tuple[str, ...]],
    after: Sequence[tuple[str, ...]],
    first: bool = False,
    last: bool = False,
) -> tuple[list[Stretch], int]:
    """Where `before` is to become `after`, and in how many places it has.

    What lies in a longer run of the other kind is only a part of it: the statement below which
    something was inserted is still there.

    Raises:
        EditError: there is no such anchor.
    """
    found = scopes(module, anchor)
    old = [each for scope in found for each in runs(scope, before, first, last)]
    new = [each for scope in found for each in runs(scope, after, first, last)]
    free = [run for run in old if not any(run.lies_in(other) for other in new)]
    done = [run for run in new if not any(run.lies_in(other) for other in old)]
    return free, len(done)


def settled(anchor: str, source: str, found: int, done: int) -> bool:
    """Tell whether nothing is to be done: no place to change is left, and the change is there.

    Raises:
        EditError: several places match, or there is neither the one nor the other.
    """
    where = f"{anchor}: " if anchor else ""
    line = next((each.strip() for each in source.splitlines() if each.strip()), "")
    if found > 1:
        raise EditError(f"{where}ambiguous, {found} places hold `{line}`")
    if not found and not done:
        raise EditError(f"{where}neither `{line}` nor what it was to become is there")
    return not found


def is_free(statement: cst.CSTNode) -> bool:
    """Tell whether it makes no difference where in its scope a statement stands: imports, functions."""
    if isinstance(statement, cst.SimpleStatementLine):
        return all(isinstance(each, (cst.Import, cst.ImportFrom)) for each in statement.body)
    return isinstance(statement, cst.FunctionDef) and not statement.decorators


def has_elsewhere(module: cst.Module, anchor: str, fresh: Sequence[Statement]) -> bool:
    """Tell whether the imports that are to be inserted stand in the scope already.

    Raises:
        EditError: a function of that name does.
    """
    body = [each for scope in scopes(module, anchor) for block, _ in blocks(scope) for each in block.body]
    names = {each.name.value for each in body if isinstance(each, DEFINITION)}
    for each in fresh:
        if is_free(each) and isinstance(each, cst.FunctionDef) and each.name.value in names:
            raise EditError(f"there is a function {each.name.value} already, in another place")
    imports = [each for each in fresh if is_free(each) and not isinstance(each, cst.FunctionDef)]
    if not imports or len(imports) < len(fresh):
        return False
    keys = {key(each) for each in body if isinstance(each, cst.SimpleStatementLine) and is_free(each)}
    return all(key(each) in keys for each in imports)
