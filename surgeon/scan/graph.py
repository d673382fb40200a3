"""Which modules fail when they are imported: those with a gap, and those that import one that fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass

from surgeon.sources.glance import Statement
from surgeon.sources.guards import IMPORT_ERRORS
from surgeon.sources.names import below

_LAZY = re.compile(rb"_LazyModule|def __getattr__\(|lazy_loader")


@dataclass(frozen=True)
class Failure:
    """Why a module fails.

    Attributes:
        root: the module with the gap.
        through: the module that it imports and that fails; itself, where the gap is its own.
        line: of that import, or of the gap.
        errors: the names of the exceptions by which a `try` may catch it.
    """

    root: str
    through: str
    line: int
    errors: frozenset[str]


@dataclass(frozen=True)
class Module:
    """One module of what is scanned.

    Attributes:
        statements: its imports, sure and unsure.
        lazy: whether it loads what it exports when that is first asked for.
    """

    name: str
    statements: tuple[Statement, ...]
    lazy: bool


Certain = Callable[[str], Iterable[tuple[Statement, frozenset[str]]]]
"""The imports that importing a module really does, each with the errors that are caught."""
Expect = Callable[[Collection[str]], None]
"""Is told of which modules `Certain` may be asked next."""
Drags = Callable[[str], Iterable[str]]
"""What importing a part of the module asked imports of the modules scanned."""

_LAZY_ERRORS = frozenset({"RuntimeError"}) | IMPORT_ERRORS
"""What a lazy package makes of an error: transformers and diffusers, by release, one of these."""


def is_lazy(data: bytes, path: str) -> bool:
    """Tell whether a package loads its parts on demand (PEP 562, or a module class of its own)."""
    return path.endswith("__init__.py") and _LAZY.search(data) is not None


class Graph:
    """Who imports whom."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        defines: Callable[[str], Iterable[str]],
        certain: Certain,
        drags: Drags,
        expect: Expect,
        behind: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._modules, self._defines, self._certain, self._drags = modules, defines, certain, drags
        self._expect, self._behind = expect, behind
        self._exports: dict[str, Mapping[str, frozenset[str]]] = {}
        self._targets: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
        self._importers: dict[str, list[tuple[str, Statement]]] = {}
        self._add(modules.values())
        self._children: dict[str, list[str]] = {}
        for name in modules:
            above = name.rpartition(".")[0]
            while above and above not in modules:  # a folder without an `__init__.py` (PEP 420)
                above = above.rpartition(".")[0]
            self._children.setdefault(above, []).append(name)

    def _add(self, modules: Iterable[Module]) -> None:
        for module in modules:
            for statement in module.statements:
                for target in self.targets(statement):
                    self._importers.setdefault(target, []).append((module.name, statement))

    def changed(self, modules: Iterable[Module], certain: Certain, expect: Expect) -> Graph:
        """The graph with other imports in some modules, none of which loads its parts on demand."""
        by_name = {each.name: each for each in modules}
        graph = copy(self)
        graph._certain, graph._expect = certain, expect
        graph._modules = {**self._modules, **by_name}
        graph._importers = {
            target: [each for each in importers if each[0] not in by_name]
            for target, importers in self._importers.items()
        }
        graph._add(by_name.values())
        return graph

    def failing(self, own: Mapping[str, tuple[int, frozenset[str]]]) -> dict[str, Failure]:
        """All modules that fail, given those that do by themselves (the gap's line, what catches it).

        What surely fails comes first: the rest has to be parsed, to see whether an import runs.
        """
        failed = {
            name: Failure(name, name, line, errors)
            for name, (line, errors) in own.items()
            if name in self._modules
        }
        wave = list(failed)
        unsure: list[tuple[str, Statement, str]] = []
        while wave:
            unsure += [
                (importer, statement, name)
                for name in wave
                for importer, statement in self._importers.get(name, ())
                if not statement.sure
            ]
            wave = [each for name in wave for each in self._break(name, failed)]
            if not wave:
                unsure = [each for each in unsure if each[0] not in failed]
                self._expect({importer for importer, *_ in unsure})
                wave = [each for row in unsure for each in self._by_import(*row, failed)]
                unsure = []
        return failed

    def _break(self, name: str, failed: dict[str, Failure]) -> Iterator[str]:
        """Add the modules that surely fail because one does, and say which."""
        failure = failed[name]
        for child in self._children.get(name, ()):
            if child not in failed:
                failed[child] = Failure(failure.root, name, 0, failure.errors)
                yield child
        for importer, statement in self._importers.get(name, ()):
            if statement.sure:
                yield from self._by_import(importer, statement, name, failed)

    def _by_import(
        self, importer: str, statement: Statement, name: str, failed: dict[str, Failure]
    ) -> Iterator[str]:
        """Add a module if one of its imports makes it fail."""
        failure = failed[name]
        if importer not in failed and (errors := self._errors(importer, statement, name, failure)):
            failed[importer] = Failure(failure.root, name, statement.line, errors)
            yield importer

    def _errors(self, importer: str, statement: Statement, name: str, failure: Failure) -> frozenset[str]:
        """How the failure of a module shows where it is imported; empty where it does not."""
        errors = _LAZY_ERRORS if self._is_lazily(statement, name) else failure.errors
        if statement.sure:
            return errors
        for each, caught in self._certain(importer):
            if each.line == statement.line and not caught & errors and name in self.targets(each):
                return errors
        return frozenset()

    def _is_lazily(self, statement: Statement, name: str) -> bool:
        package = self._modules.get(statement.module)
        return (
            package is not None
            and package.lazy
            and not below(statement.module, name)
            and name not in (f"{package.name}.{each}" for each in statement.names)
        )

    def targets(self, statement: Statement) -> tuple[str, ...]:
        """The modules that a statement imports, parents included; a lazy package's name is followed."""
        key = statement.module, statement.names
        if key not in self._targets:
            self._targets[key] = tuple(dict.fromkeys(self._found(statement)))
        return self._targets[key]

    def _found(self, statement: Statement) -> Iterator[str]:
        if not statement.module:
            return
        parts = statement.module.split(".")
        for number in range(1, len(parts) + 1):
            above = ".".join(parts[:number])
            if above in self._modules:
                yield above
        yield from self._drags_any(statement)
        for name in statement.names:
            inner = f"{statement.module}.{name}"
            if inner in self._modules:
                yield inner
            elif name != "*" and (package := self._modules.get(statement.module)) and package.lazy:
                exported = self._exported(package.name).get(name, ())
                yield from (each for each in exported if not self._behind(each))

    def _drags_any(self, statement: Statement) -> list[str]:
        """What importing a part of the module asked imports of what is scanned."""
        asked = (statement.module, *(f"{statement.module}.{name}" for name in statement.names))
        return [each for name in asked for each in self._drags(name) if each in self._modules]

    def _exported(self, package: str) -> Mapping[str, frozenset[str]]:
        """What a lazy package exports, and the modules that it loads for it.

        They are in what only a type checker runs: `from .a import A`, `from .b import *`.
        """
        if package not in self._exports:
            self._exports[package] = {}  # packages that lead to each other
            found: dict[str, set[str]] = {}
            for statement in self._modules[package].statements:
                module = self._modules.get(statement.module)
                if statement.sure or module is None or module.name == package:
                    continue
                for name, loads in self._taken(statement, module):
                    found.setdefault(name, set()).update(loads)
            self._exports[package] = {name: frozenset(loads) for name, loads in found.items()}
        return self._exports[package]

    def _taken(self, statement: Statement, module: Module) -> Iterator[tuple[str, Iterable[str]]]:
        """The names that one statement makes a package export."""
        inner: Mapping[str, Iterable[str]] = self._exported(module.name) if module.lazy else {}
        if "*" not in statement.names:
            yield from ((name, inner.get(name, (module.name,))) for name in statement.names)
        elif module.lazy:
            yield from inner.items()
        else:
            yield from ((name, (module.name,)) for name in self._defines(module.name))
