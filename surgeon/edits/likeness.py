"""What statements say, so that they are known again whatever their formatting, comments and place."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TypeAlias

import libcst as cst

from surgeon.edits.tree import EditError

Statement: TypeAlias = "cst.SimpleStatementLine | cst.BaseCompoundStatement"
Block: TypeAlias = "cst.Module | cst.IndentedBlock"
Compound: TypeAlias = (
    "cst.FunctionDef | cst.ClassDef | cst.If | cst.For | cst.While | cst.With | cst.ExceptHandler"
)
COMPOUND = (cst.FunctionDef, cst.ClassDef, cst.If, cst.For, cst.While, cst.With, cst.ExceptHandler)
DEFINITION = (cst.FunctionDef, cst.ClassDef)
BARE = cst.Module([])
"""Writes nodes out, whatever module they are from."""


@lru_cache(maxsize=8192)
def key(statement: cst.CSTNode) -> str:
    """A statement as a syntax tree, written out: what formatting and comments do not change."""
    return key_of(BARE.code_for_node(statement))


def key_of(source: str) -> str:
    """The key of a statement's source. Syntax that this Python does not know is compared by its words."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return "words: " + " ".join(source.split())


@lru_cache(maxsize=8192)
def header(node: cst.CSTNode) -> str:
    """The key of a compound statement without its bodies."""
    nothing = cst.SimpleStatementSuite([cst.Expr(cst.Ellipsis())])
    blank = {name: None for name in ("orelse", "finalbody") if hasattr(node, name)}
    source = BARE.code_for_node(node.with_changes(body=nothing, **blank))
    return key_of(f"try: ...\n{source}" if isinstance(node, cst.ExceptHandler) else source)


def pattern(statement: cst.CSTNode) -> tuple[str, ...]:
    """What a statement must say to match: all of it, or the name or head of a body that is `...`."""
    if isinstance(statement, COMPOUND) and is_stub(statement):
        return general(statement)
    return ("this", kind(statement), key(statement))


def kind(statement: cst.CSTNode) -> str:
    """What a statement is: most that differ are told apart by this, at no cost."""
    inner = statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
    return " ".join(type(each).__name__ for each in inner)


def general(statement: cst.CSTNode) -> tuple[str, ...]:
    """What a statement is, whatever its body: its kind, with its name or its head."""
    if isinstance(statement, DEFINITION):
        return (type(statement).__name__, statement.name.value)
    return (type(statement).__name__, header(statement))


def is_stub(statement: cst.CSTNode) -> bool:
    """Tell whether a compound statement is written on one line with `...` for its body, and has no other."""
    body = getattr(statement, "body", None)
    if not isinstance(body, cst.SimpleStatementSuite) or getattr(statement, "orelse", None) is not None:
        return False
    only = body.body[0]
    return len(body.body) == 1 and isinstance(only, cst.Expr) and isinstance(only.value, cst.Ellipsis)


def matches(statement: cst.CSTNode, wanted: tuple[str, ...]) -> bool:
    """Tell whether a statement says what a pattern asks for."""
    if wanted[0] == "this":
        return kind(statement) == wanted[1] and key(statement) == wanted[2]
    return wanted[0] == type(statement).__name__ and general(statement) == wanted


def patterns(source: str) -> list[tuple[str, ...]]:
    """The patterns of the statements in a source."""
    return [pattern(each) for each in statements(source)]


def statements(source: str, newline: str = "\n") -> list[Statement]:
    """Parse statements that an edit was given; their indentation will be that of the file they go into."""
    text = source if source.endswith("\n") else f"{source}\n"
    try:
        module = cst.parse_module(text.replace("\n", newline))
    except cst.ParserSyntaxError as error:
        raise EditError(f"not statements: {source!r:.80}") from error
    if not module.body:
        return []
    first = module.body[0].with_changes(leading_lines=[*module.header, *module.body[0].leading_lines])
    return [_without_blank_ends(each) for each in (first, *module.body[1:])]


def _without_blank_ends(statement: Statement) -> Statement:
    """A statement whose blank lines above stay blank, however deep it is going to stand."""
    lines = [each if each.comment else each.with_changes(indent=False) for each in statement.leading_lines]
    return statement.with_changes(leading_lines=lines)


def compound(source: str) -> Compound:
    """Parse a compound statement with `...` for its body; an `except` as well."""
    if source.lstrip().startswith("except"):
        outer = statements(f"try: ...\n{source}")[0]
        assert isinstance(outer, cst.Try)
        return outer.handlers[0]
    found = next(iter(statements(source)), None)
    if not isinstance(found, COMPOUND):
        raise EditError(f"not a compound statement: {source}")
    return found
