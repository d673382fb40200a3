"""Where each name and each import of a source stands, for those who hold its tree of another parser."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from surgeon.sources.names import Binding, Context, Scope, Source
from surgeon.sources.references import Reader

if TYPE_CHECKING:
    from surgeon.sources.guards import Judge


@dataclass(frozen=True)
class Position:
    """Where a name or an import stands.

    Attributes:
        context: what must hold for it to run.
        test: the test of the `if` that it is in, of the innermost.
        scope: where the names in that test are looked up.
        bindings: what gives the name its meaning.
    """

    context: Context
    scope: Scope
    test: ast.expr | None = None
    bindings: tuple[Binding, ...] = ()


@dataclass
class Places:
    """A source, read.

    Attributes:
        names: by spelling, in the order of the source; `None` for one that nothing reads.
        imports: the statements in that order, without those that import `*`.
        judges: those that have been made, by the name that is missing and the release.
    """

    source: Source
    names: dict[str, list[Position | None]]
    imports: list[Position]
    judges: dict[tuple[str, str], Judge] = field(default_factory=dict)


def locate(text: str, top: str) -> Places:
    """Read a source.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it cannot be parsed.
    """
    tree = ast.parse(text)
    reader = _Locating(top, "", False)
    source = reader.source(tree)
    names: dict[str, list[Position | None]] = {}
    imports = []
    for node in in_order(tree):
        found = reader.places.get(id(node))
        if word := spelling(node):
            names.setdefault(word, []).append(found)
        elif found is not None:
            imports.append(found)
    return Places(source, names, imports)


class _Locating(Reader):
    def __init__(self, top: str, package: str, lazy_annotations: bool) -> None:
        super().__init__(top, package, lazy_annotations)
        self.places: dict[int, Position] = {}
        self._tests: dict[int, ast.expr] = {}

    def visit(self, node: ast.AST) -> None:
        root = node.func if isinstance(node, ast.Call) else node
        while isinstance(root, ast.Attribute):
            root = root.value
        if (isinstance(root, (ast.Import, ast.ImportFrom)) or spelling(root)) and id(root) not in self.places:
            bindings = tuple(self.scope.find(root.id)) if isinstance(root, ast.Name) else ()
            self.places[id(root)] = Position(self.context, self.scope, self._tests.get(id(root)), bindings)
        super().visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._tests |= {id(each): node.test for each in ast.walk(node.test)}
        super().visit_If(node)

    def annotation(self, node: ast.expr) -> None:
        self.visit(node)


def in_order(tree: ast.Module) -> Iterator[ast.AST]:
    """Names and imports in the order of the source, whatever an f-string says of its own lines."""
    for part in _parts(tree):
        own = [each for each in _within(part) if spelling(each)]
        yield from sorted(own, key=_end)
        if isinstance(part, (ast.Import, ast.ImportFrom)) and part.names[0].name != "*":
            yield part


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Statements, handlers and cases."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield each
            yield from _parts(each)


def _within(part: ast.AST) -> Iterator[ast.AST]:
    """What is in a statement and in no other below it."""
    waiting = [part]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            each
            for each in ast.iter_child_nodes(node)
            if not isinstance(each, (ast.stmt, ast.ExceptHandler, ast.match_case))
        ]


def spelling(node: ast.AST) -> str:
    """The name that a node reads, binds or deletes by itself; an import's are the statement's."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return node.name or ""
    if isinstance(node, ast.Constant):  # libcst reads these as names
        return str(node.value) if node.value is None or isinstance(node.value, bool) else ""
    return node.rest or "" if isinstance(node, ast.MatchMapping) else ""


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
