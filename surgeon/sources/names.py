"""The names of one source: what a name was bound to where it is read, by Python's own scoping rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Attempt: TypeAlias = "list[str]"
"""The dotted names that the body of one `try` imports or reads, gathered while it is read."""


@dataclass(frozen=True, eq=False)
class Condition:
    """Something that must come out one way for a piece of code to run.

    Attributes:
        test: an expression, or what the body of a `try` needs in order to run to its end.
        wanted: what it must come to.
        scope: where the names in it are looked up.
    """

    test: ast.expr | Attempt
    wanted: bool
    scope: Scope


@dataclass(frozen=True, eq=False)
class Context:
    """Where a piece of code stands.

    Attributes:
        function: the innermost function around it, whose call runs it; `None` where importing the
            module does.
        conditions: what must hold for it to run.
        caught: the errors that a `try` or a `suppress` around it, in the same function, deals with.
    """

    function: int | None = None
    conditions: tuple[Condition, ...] = ()
    caught: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Binding:
    """One place that gives a name its meaning.

    Attributes:
        context: where that is.
        target: the dotted name that an import or a plain assignment makes it; may be empty.
        value: what is assigned, where that is an expression.
        function: the function or class that it is a definition of (`Reader.functions`).
        imported: whether an import statement binds it.
    """

    context: Context
    target: str = ""
    value: ast.expr | None = None
    function: int | None = None
    imported: bool = False

    def scope_of(self, otherwise: Scope) -> Scope:
        """Where the names in its value are looked up: where the last condition on it stands."""
        return self.context.conditions[-1].scope if self.context.conditions else otherwise


@dataclass(eq=False)
class Scope:
    """A module's, a class's, a function's or a comprehension's names."""

    outer: Scope | None = None
    is_class: bool = False
    bindings: dict[str, list[Binding]] = field(default_factory=dict)

    def bind(self, name: str, binding: Binding, base: int) -> None:
        """Add a meaning; one that is sure to happen (no more conditions than `base`) replaces all others."""
        if len(binding.context.conditions) <= base:
            self.bindings[name] = [binding]
        else:
            self.bindings.setdefault(name, []).append(binding)

    def find(self, name: str) -> list[Binding]:
        """What a name may mean here: classes around a function are passed over."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope is self or not scope.is_class):
                return scope.bindings[name]
            scope = scope.outer
        return []

    def resolve(self, node: ast.expr) -> Iterator[tuple[str, Binding]]:
        """The dotted names that a chain of attributes may be, each with the binding of its first part."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            for binding in self.find(node.id):
                if binding.target:
                    yield ".".join([binding.target, *reversed(parts)]), binding


@dataclass(frozen=True, eq=False)
class Use:
    """One use of a name of the module that is asked.

    Attributes:
        name: dotted, in full.
        line: 1-based.
        context: where it stands.
        imported: whether an import statement it is.
        keywords: those that a call passes to it.
        binding: what makes it that name, if not the statement itself.
        local: how the source calls the first part of it.
        rivals: all that may give that its meaning here.
    """

    name: str
    line: int
    context: Context
    imported: bool = False
    keywords: tuple[str, ...] = ()
    binding: Binding | None = None
    local: str = ""
    rivals: tuple[Binding, ...] = ()


@dataclass(frozen=True, eq=False)
class Import:
    """One import of any module: `names` are what a `from` takes out of it, `*` among them."""

    module: str
    names: tuple[str, ...]
    line: int
    context: Context


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a function or class that the same source defines."""

    function: int
    context: Context


@dataclass(frozen=True)
class Loader:
    """A function of a module's own that always imports the module whose name it is given.

    Attributes:
        name: its own.
        parameters: those that may be given by position, in order.
        parameter: the one that it imports.
        caught: the errors that it deals with.
    """

    name: str
    parameters: tuple[str, ...]
    parameter: str
    caught: frozenset[str]


@dataclass(frozen=True, eq=False)
class Order:
    """One call of an imported function: `target` is its dotted name; a decorator without a call is one."""

    target: str
    call: ast.Call | None
    context: Context
    line: int


@dataclass(frozen=True, eq=False)
class Source:
    """What was read of one source.

    Attributes:
        uses: of the module that is asked, in the order of their lines.
        unsure: of names that other modules define, where an import that may not run binds them.
        imports: all of them.
        calls: of its own functions.
        checks: the names that it asks for itself with `hasattr` or `getattr`.
        loaded: the modules below the one asked that it imports.
        stored: the names that it sets itself.
        scope: the module's names.
        loaders: its functions that import what they are given.
        orders: what may be given to those of other modules.
        definitions: the module's functions and classes, by their numbers.
        methods: the names in its classes, each with what stands before them (`A.`).
        reassigned: the names that functions declare to be global, to give them other meanings.
        package: the package that it is in.
    """

    uses: tuple[Use, ...]
    unsure: tuple[Use, ...]
    imports: tuple[Import, ...]
    calls: tuple[Call, ...]
    checks: frozenset[str]
    loaded: frozenset[str]
    stored: frozenset[str]
    scope: Scope
    loaders: tuple[Loader, ...]
    orders: tuple[Order, ...]
    definitions: Mapping[int, ast.AST]
    methods: tuple[tuple[Scope, str], ...]
    reassigned: frozenset[str]
    package: str


def text(node: ast.expr) -> str:
    """What a text says; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def dotted(node: ast.expr) -> str:
    """A chain of attributes as it is written, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def absolute(module: str, level: int, package: str) -> str:
    """The module that a `from` statement names, relative ones resolved (PEP 328); empty if it leads out."""
    if not level:
        return module
    parts = package.split(".")
    if level > len(parts):
        return ""
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{module}" if module else base


def below(name: str, top: str) -> bool:
    """Tell whether a dotted name is `top` or something in it."""
    return name == top or name.startswith(top + ".")
