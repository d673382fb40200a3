"""The neighbours by which the place of a change is told from others, and their texts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import libcst as cst

from surgeon.edits import likeness, statements
from surgeon.edits.likeness import COMPOUND, Compound, Statement

MOST_CONTEXT = 2
LONGEST_CONTEXT = 10
"""Statements of more lines than this make no context: the next release may well change them."""


def contexts(
    above: int, below: int, old: Sequence[Statement], fresh: Sequence[Statement]
) -> list[tuple[int, int]]:
    """How many statements of context to try above and below, the fewest first.

    What is replaced is itself the proof that this is the place. Where something is inserted or
    removed, the neighbours on both sides are: what has come between them may change its meaning.
    """
    sizes = [*product(range(min(above, MOST_CONTEXT) + 1), range(min(below, MOST_CONTEXT) + 1))]
    if _anywhere(old, fresh):
        sizes = [(p, q) for p, q in sizes if p + q or old]
    elif not (old and fresh):
        sizes = [(p, q) for p, q in sizes if p >= min(above, 1) and q >= min(below, 1) and p + q]
    return sorted(sizes, key=lambda size: (sum(size), -size[0]))


def edges(above: int, below: int, old: Sequence[Statement], fresh: Sequence[Statement]) -> tuple[bool, bool]:
    """Whether a run is at the beginning and at the end of its block, where that takes a neighbour's place."""
    if (old and fresh) or _anywhere(old, fresh):
        return False, False
    return not above, not below


def _anywhere(old: Sequence[Statement], fresh: Sequence[Statement]) -> bool:
    """Tell whether what is inserted or removed might stand anywhere in its scope."""
    return all(map(statements.is_free, fresh)) if not old else not fresh and all(map(_is_import, old))


def _is_import(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and statements.is_free(statement)


def head_source(node: Compound) -> str:
    """A compound statement with `...` for its body."""
    stub = cst.SimpleStatementSuite([cst.Expr(cst.Ellipsis())])
    blank = {"orelse": None} if hasattr(node, "orelse") else {}
    return plain(node.with_changes(body=stub, **blank))


def context_source(statement: cst.CSTNode) -> str:
    """A neighbour, as far as it is named: in full, or a compound one by its name or head; or nothing."""
    if isinstance(statement, cst.FunctionDef):
        return f"def {statement.name.value}(): ...\n"
    if isinstance(statement, cst.ClassDef):
        return f"class {statement.name.value}: ...\n"
    text = head_source(statement) if isinstance(statement, COMPOUND) else plain(statement)
    return text if text.count("\n") <= LONGEST_CONTEXT else ""


def plain(statement: cst.CSTNode) -> str:
    """A statement's text without the comments above it."""
    bare = statement.with_changes(leading_lines=()) if hasattr(statement, "leading_lines") else statement
    return written(bare)


def written(statement: cst.CSTNode) -> str:
    """A statement's text with the comments above it."""
    text = likeness.BARE.code_for_node(statement).replace("\r\n", "\n")
    return text if text.endswith("\n") else f"{text}\n"


def said(node: object) -> str:
    """A node's words, to compare what is no statement; nothing where there is no node."""
    return " ".join(written(node).split()) if isinstance(node, cst.CSTNode) else ""


def first_line(node: cst.CSTNode) -> str:
    """A statement's first line, to name it."""
    return next((each.strip() for each in plain(node).splitlines() if each.strip()), "")
