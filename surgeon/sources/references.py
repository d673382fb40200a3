"""Reads one source: what it asks of a module, where, and whether importing or calling does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from surgeon.sources.expressions import Asked, Expressions, Kind, arguments_of, leaves
from surgeon.sources.names import (
    Attempt,
    Condition,
    Context,
    Import,
    Scope,
    Source,
    Use,
    absolute,
    below,
    dotted,
    text,
)


def read(
    source: bytes | ast.Module, top: str, package: str = "", *, lazy_annotations: bool = False
) -> Source:
    """Read a source.

    Args:
        source: its bytes, the encoding cookie among them, or its tree.
        top: the module that is asked: `torch`.
        package: the package that it is in, for its relative imports.
        lazy_annotations: whether the interpreter leaves annotations alone (PEP 649, Python 3.14).

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it cannot be parsed.
    """
    tree = ast.parse(source) if isinstance(source, bytes) else source
    return Reader(top, package, lazy_annotations).source(tree)


class Reader(Expressions):
    """One walk over a tree. The bodies of functions are read last, when the names around them are known."""

    def source(self, tree: ast.Module) -> Source:
        """What was read of a module."""
        self.module(tree)
        return Source(
            uses=tuple(sorted(self.uses, key=lambda use: use.line)),
            unsure=tuple(self.unsure),
            imports=tuple(self.imports),
            calls=tuple(self.calls),
            checks=frozenset(self.checks),
            loaded=frozenset(use.name for use in self.uses if use.imported)
            | frozenset(use.name.rpartition(".")[0] for use in self.uses if use.imported),
            stored=frozenset(self.stored),
            scope=self.top_scope,
            loaders=tuple(self.loaders),
            orders=tuple(self.orders),
            definitions=self.definitions,
            methods=tuple(
                (self.classes[key].scope, f"{node.name}.")
                for key, node in self.definitions.items()
                if isinstance(node, ast.ClassDef)
            ),
            reassigned=frozenset(self.reassigned),
            package=self.package,
        )

    def module(self, tree: ast.Module) -> None:
        self.lazy |= any(
            isinstance(each, ast.ImportFrom)
            and each.module == "__future__"
            and any(name.name == "annotations" for name in each.names)
            for each in tree.body
        )
        self.block(tree.body)
        while self._later:
            self._later.pop()()
        self.settle()

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self.imports.append(Import(each.name, (), node.lineno, self.context))
            target = each.name if each.asname else each.name.partition(".")[0]
            self.attempt(each.name)
            if below(each.name, self.top):
                self.uses.append(Use(each.name, node.lineno, self.context, imported=True))
            self.bind(each.asname or target, target=target, imported=True)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = absolute(node.module or "", node.level, self.package)
        names = tuple(each.name for each in node.names)
        self.imports.append(Import(module, names, node.lineno, self.context))
        for each in node.names:
            target = module if each.name == "*" else f"{module}.{each.name}"
            self.attempt(target)
            if module and below(module, self.top):
                self.uses.append(Use(target, node.lineno, self.context, imported=True))
            if each.name != "*":
                self.bind(each.asname or each.name, target=target if module else "", imported=True)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.inside(self.where(node.test, True), node.body)
        self.inside(self.where(node.test, False), node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self.inside(self.where(node.test, True), node.body)
        self.block(node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        caught = frozenset(error for each in node.handlers if not _raises(each) for error in _errors(each))
        before, attempts = self.context, self.attempts
        tried: Attempt = []
        if node.handlers:
            self.attempts = (*attempts, tried)
        self.context = replace(before, caught=before.caught | caught)
        for statement in node.body:
            self.visit(statement)
            if isinstance(statement, ast.If) and leaves(statement.body) and not statement.orelse:
                self.context = self.where(statement.test, False)
            elif others := self._others(statement):
                # What follows in the body runs only if this could be imported.
                needs = Condition(others, True, self.scope)
                self.context = replace(self.context, conditions=(*self.context.conditions, needs))
        finished, self.attempts = self.context.conditions, attempts
        failed = (*before.conditions, Condition(tried, False, self.scope)) if tried else before.conditions
        for handler in node.handlers:
            self.context = replace(before, conditions=failed)
            if handler.type:
                self.visit(handler.type)
            if handler.name:
                self.bind(handler.name)
            self.block(handler.body)
        passed = (*finished, Condition(tried, True, self.scope)) if tried else finished
        self.inside(replace(before, conditions=passed), node.orelse)
        self.context = before
        self.block(node.finalbody)

    visit_TryStar = visit_Try

    def _others(self, statement: ast.stmt) -> list[str]:
        """The modules that a statement imports, without the one that is asked."""
        if isinstance(statement, ast.Import):
            names = [each.name for each in statement.names]
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            names = [statement.module or ""]
        else:
            return []
        return [name for name in names if not below(name, self.top)]

    def visit_With(self, node: ast.With) -> None:
        caught: set[str] = set()
        for item in node.items:
            self.children(item)
            call = item.context_expr
            if isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] == "suppress":
                caught |= {dotted(each).rpartition(".")[2] for each in call.args}
        self.inside(replace(self.context, caught=self.context.caught | caught), node.body)

    visit_AsyncWith = visit_With

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for each in node.decorator_list:
            self.visit(each)
            self.decorated_by(each)
        self.defaults(node.args)
        for argument in arguments_of(node.args):
            if argument.annotation:
                self.annotation(argument.annotation)
        if node.returns:
            self.annotation(node.returns)
        before = self.context
        for each in node.decorator_list:
            if (needs := _implemented_for(each)) is not None:
                self.context = self.where(needs, True)
        key = self.function(node.args, node.body)
        self.context = before
        if self.scope is self.top_scope and isinstance(node, ast.FunctionDef):
            self.definitions[key] = node
        self.bind(node.name, function=key)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for each in [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]:
            self.visit(each)
        for each in node.decorator_list:
            self.decorated_by(each)
        self._functions += 1
        key = self._functions
        outer, around = self.scope, self._kind
        kind = Kind(Scope(outer, is_class=True), [k for base in node.bases for k in self.kinds_of(base)])
        self.scope, self._kind = kind.scope, kind
        self.block(node.body)
        self.scope, self._kind = outer, around
        self.classes[key] = kind
        for name in ("__init__", "__new__", "__post_init__"):  # calling the class calls these
            self._asked_of.append(Asked(kind, name, Context(function=key)))
        self._asked_of += (Asked(base, "__init_subclass__", self.context) for base in kind.bases)
        for meta in (
            k for each in node.keywords if each.arg == "metaclass" for k in self.kinds_of(each.value)
        ):
            self._asked_of += (Asked(meta, name, self.context) for name in ("__new__", "__init__"))
        for bindings in kind.scope.bindings.values():
            for made in (b.value.func for b in bindings if isinstance(b.value, ast.Call)):
                self._asked_of += (Asked(k, "__set_name__", self.context) for k in self.kinds_of(made))
        if outer is self.top_scope:
            self.definitions[key] = node
        self.bind(node.name, function=key)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self.context.function is None:
            self.annotation(node.annotation)
        if node.value:
            self.visit(node.value)
            self.assign(node.target, node.value)

    def annotation(self, node: ast.expr) -> None:
        """What a signature, a module or a class says of a type."""
        if not self.lazy:
            self.visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        """A global's other meanings come from functions that may run at any time: they take none away."""
        self.reassigned.update(node.names)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and not any(isinstance(each, ast.Starred) for each in target.elts):
            parts = value.elts if isinstance(value, ast.Tuple) else ()
            for number, each in enumerate(target.elts):
                part = ast.Subscript(value, ast.Constant(number), ast.Load())
                self.assign(each, parts[number] if len(parts) == len(target.elts) else part)
            return
        if not isinstance(target, ast.Name):
            self.visit(target)
            return
        resolved = ""
        # Other meanings than a module's own are too short-lived to be followed.
        if isinstance(value, (ast.Name, ast.Attribute)) and self.scope is self.top_scope:
            resolved = next((name for name, _ in self.scope.resolve(value) if below(name, self.top)), "")
        self.bind(target.id, target=resolved, value=value)


def _implemented_for(decorator: ast.expr) -> ast.expr | None:
    """The test that `@implement_for("torch", "2.3", "2.5")` of pyvers and tensordict makes, as a test."""
    if not isinstance(decorator, ast.Call) or dotted(decorator.func).rpartition(".")[2] != "implement_for":
        return None
    words = [text(each) for each in decorator.args]
    if not words or not words[0]:
        return None
    tests = [
        f"is_{words[0]}_version({sign!r}, {word!r})"
        for sign, word in zip((">=", "<"), words[1:], strict=False)
        if word
    ]
    return ast.parse(" and ".join(tests) or "True", mode="eval").body


def _raises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


def _errors(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "BaseException"
    elif isinstance(handler.type, ast.Tuple):
        yield from (dotted(each).rpartition(".")[2] for each in handler.type.elts)
    else:
        yield dotted(handler.type).rpartition(".")[2]
