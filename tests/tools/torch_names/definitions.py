"""What a function's or a class's definition says, from syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.tools.torch_names.events import OPAQUE, Class, Function, Value
from tests.tools.torch_names.expressions import (
    decided,
    dotted,
    function_of,
    literal_strings,
    names_in,
    text_of,
)

PRESERVING = frozenset(
    {
        "_beartype",
        "_deprecated",
        "_disable_dynamo",
        "_exception_logger",
        "_overload_method",
        "_time_logger",
        "abstractmethod",
        "allow_in_graph",
        "api_boundary",
        "assume_constant_result",
        "beartype",
        "cache",
        "classmethod",
        "compatibility",
        "contextmanager",
        "deprecate",
        "deprecated",
        "disable",
        "disable_dynamo",
        "enable_grad",
        "export",
        "exposed_in",
        "final",
        "forbid_in_graph",
        "ignore",
        "inference_mode",
        "justknobs_check",
        "leaf_function",
        "lru_cache",
        "mark_compile_region",
        "no_grad",
        "no_type_check",
        "nonstrict_trace",
        "override",
        "property",
        "register_decomposition",
        "set_module",
        "singledispatch",
        "staticmethod",
        "substitute_in_graph",
        "unused",
    }
)
"""Decorators that leave a function's parameters as they are, by their last name."""

OVERLOADS = frozenset({"overload", "_overload", "_overload_method"})

ANY_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def function_value(
    node: ast.FunctionDef | ast.AsyncFunctionDef, *, stub: bool, method: bool = False, static: bool = True
) -> Value:
    """A function.

    Args:
        node: its definition.
        stub: whether it stands in a stub, where an overload counts.
        method: whether it stands in a class: its first parameter is left out.
        static: whether to heed `@staticmethod`, which keeps it.
    """
    decorators = {text_of(d).rpartition(".")[2] for d in node.decorator_list}
    if decorators & OVERLOADS and not stub:
        return OPAQUE
    if "property" in decorators or any(d.endswith(("setter", "cached_property")) for d in decorators):
        return OPAQUE
    if not decorators <= (PRESERVING | OVERLOADS):
        return Function(None)
    return Function(function_of(node.args, method=method and not (static and "staticmethod" in decorators)))


@dataclass(frozen=True)
class Body:
    """Where a class stands.

    Attributes:
        stub: in a stub.
        written: the names that this file passes to `setattr` as the object.
        constants: the file's names of literals.
    """

    stub: bool
    written: frozenset[str]
    constants: Mapping[str, ast.expr]

    def class_value(self, node: ast.ClassDef) -> Class:
        """A class."""
        members: dict[str, Value] = {}
        for statement in flat(node.body):
            if isinstance(statement, ANY_FUNCTION):
                value = function_value(
                    statement, stub=self.stub, method=True, static=statement.name != "__new__"
                )
                members[statement.name] = joined(members.get(statement.name), value) if self.stub else value
            elif isinstance(statement, ast.ClassDef):
                members[statement.name] = self.class_value(statement)
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and (statement.value or self.stub):
                members.update(self._assigned(statement, members))
        decorators = {text_of(d).rpartition(".")[2] for d in node.decorator_list}
        harmless = {"final", "deprecated", "compatibility", "exposed_in", "set_module"}
        return Class(
            tuple(dotted(_generic(b)) or "?" for b in node.bases),
            {_mangled(name, node.name): value for name, value in members.items()},
            bool(node.keywords) or node.name in self.written or not decorators <= harmless,
        )

    def _assigned(
        self, node: ast.Assign | ast.AnnAssign, members: Mapping[str, Value]
    ) -> Iterator[tuple[str, Value]]:
        known = members.get(node.value.id) if isinstance(node.value, ast.Name) else None
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for name in names_in(target):
                yield name, known if isinstance(known, Function) else OPAQUE
                if name == "__slots__" and node.value is not None:
                    yield from ((slot, OPAQUE) for slot in literal_strings(node.value, self.constants)[0])


def flat(statements: list[ast.stmt]) -> list[ast.stmt]:
    """A class body, with what stands under conditions."""
    found: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.If):
            truth = decided(statement.test)
            found += flat(statement.body) if truth is not False else []
            found += flat(statement.orelse) if truth is not True else []
        elif isinstance(statement, ast.Try | ast.With):
            found += flat(statement.body)
            for handler in getattr(statement, "handlers", []):
                found += flat(handler.body)
        else:
            found.append(statement)
    return found


def _mangled(name: str, owner: str) -> str:
    """What a class makes of a name with two leading underscores."""
    private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.lstrip('_')}{name}" if private else name


def _generic(base: ast.expr) -> ast.expr:
    return base.value if isinstance(base, ast.Subscript) else base


def joined(first: Value | None, second: Value) -> Value:
    """One function out of two overloads of it."""
    if not (isinstance(first, Function) and isinstance(second, Function)):
        return second
    if first.parameters is None or second.parameters is None:
        return Function(None)
    return Function(first.parameters | second.parameters)
