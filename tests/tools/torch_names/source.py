"""What one source file or stub says of its module: what happens on import, in order, as syntax shows it.

Nothing is imported or run. Both sides of a condition happen, unless the condition is one that Linux and
a running interpreter decide (`TYPE_CHECKING`, `sys.platform`).
"""

from __future__ import annotations

import ast
import re

from tests.tools.torch_names.definitions import Body, flat, function_value, joined
from tests.tools.torch_names.events import OPAQUE, Event, From, Function, Local, Module, Opaque, Value
from tests.tools.torch_names.expressions import (
    decided,
    dotted,
    function_of,
    literal_strings,
    loop_constants,
    names_in,
    text_of,
    unwrapped,
)


class Reader:
    """Reads one file.

    Args:
        module: the module's dotted name.
        package: whether it is a package, which decides what a relative import means.
        stub: whether this is a `.pyi` file: then annotations bind, imports do not.
    """

    def __init__(self, module: str, package: bool, stub: bool = False) -> None:
        self.module = module
        self.package = module if package else module.rpartition(".")[0]
        self.stub = stub
        self.events: list[Event] = []
        self._constants: dict[str, ast.expr] = {}
        self._overloads: dict[str, Value] = {}
        self._place = Body(stub, frozenset(), self._constants)

    def read(self, text: str) -> list[Event]:
        """All events of a file.

        Raises:
            SyntaxError: it is not Python.
        """
        tree = ast.parse(text)
        written = frozenset(re.findall(r"\bsetattr\(\s*(\w+)\s*,", text))
        self._place = Body(self.stub, written, self._constants)
        self._body(tree.body, sure=True)
        for line in re.findall(r"^[ \t]+global[ \t]+(\w+(?: *, *\w+)*)[ \t]*(?:#.*)?$", text, re.MULTILINE):
            for name in line.split(","):
                self._emit("bind", name.strip(), sure=False)
        return self.events

    def _emit(
        self,
        kind: str,
        name: str = "",
        value: Value = OPAQUE,
        *,
        names: tuple[str, ...] = (),
        sure: bool = True,
    ) -> None:
        self.events.append(Event(kind, name, value, names, sure))

    def _body(self, statements: list[ast.stmt], *, sure: bool) -> None:
        for statement in statements:
            handler = getattr(self, f"_on_{type(statement).__name__.lower()}", None)
            if handler is not None:
                handler(statement, sure)

    # Definitions

    def _on_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, sure: bool) -> None:
        if node.name == "__getattr__" and not self.stub:
            self._emit("lazy", names=self._lazies(node), sure=sure)
        value = function_value(node, stub=self.stub)
        if self.stub:
            value = self._overloads[node.name] = joined(self._overloads.get(node.name), value)
        self._emit("bind", node.name, value, sure=sure)

    _on_asyncfunctiondef = _on_functiondef

    def _on_classdef(self, node: ast.ClassDef, sure: bool) -> None:
        self._emit("bind", node.name, self._place.class_value(node), sure=sure)
        self._imports_inside(node)

    def _imports_inside(self, node: ast.ClassDef) -> None:
        for statement in flat(node.body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._imports(statement, sure=True, bind=False)
            elif isinstance(statement, ast.ClassDef):
                self._imports_inside(statement)

    # Assignments

    def _on_assign(self, node: ast.Assign, sure: bool) -> None:
        for target in node.targets:
            self._assign(target, node.value, sure)

    def _on_annassign(self, node: ast.AnnAssign, sure: bool) -> None:
        if node.value is not None or self.stub:
            self._assign(node.target, node.value, sure)

    def _on_augassign(self, node: ast.AugAssign, sure: bool) -> None:
        if text_of(node.target) == "__all__":
            self._all("more", node.value)

    def _assign(self, target: ast.expr, value: ast.expr | None, sure: bool) -> None:
        if isinstance(target, ast.Name):
            if target.id == "__all__" and value is not None:
                self._all("all", value)
            elif value is not None and sure:
                self._constants[target.id] = value
            self._emit("bind", target.id, self._value(value), sure=sure)
        elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
            for name in names_in(target):
                self._emit("bind", name, sure=sure)
        elif isinstance(target, ast.Attribute):
            where = text_of(target.value)
            if where == "sys.modules[__name__]" and target.attr == "__class__":
                self._emit("merge", text_of(value), sure=sure)
            elif name := dotted(target):
                self._emit("set", name, self._value(value), sure=sure)
        elif isinstance(target, ast.Subscript):
            self._subscript(target, value, sure)

    def _subscript(self, target: ast.Subscript, value: ast.expr | None, sure: bool) -> None:
        where, key = text_of(target.value), target.slice
        constant = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        if where in {"globals()", "vars()", "sys.modules[__name__].__dict__"}:
            self._emit("bind", constant, sure=sure) if constant else self._emit("open")
        elif where in {"sys.modules", "_sys.modules"} and text_of(key) == "__name__":
            self._emit("merge", text_of(value.func) if isinstance(value, ast.Call) else "?", sure=sure)
        elif where in {"sys.modules", "_sys.modules"} and constant:
            self._emit("replace", constant, self._value(value), sure=sure)

    def _value(self, value: ast.expr | None) -> Value:
        value = unwrapped(value)
        if isinstance(value, ast.Call) and text_of(value.func).endswith("import_module") and value.args:
            name = value.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and len(value.args) == 1:
                self._emit("load", name.value)
                return Module(name.value)
        if isinstance(value, ast.Lambda):
            return Function(function_of(value.args, method=False))
        name = dotted(value)
        return Local(name) if name else Opaque()

    def _all(self, kind: str, value: ast.expr) -> None:
        names, others = literal_strings(value, self._constants)
        self._emit(kind, names=tuple(names))
        for other in others:
            self._emit("more", other)

    # Imports

    def _on_import(self, node: ast.Import | ast.ImportFrom, sure: bool) -> None:
        self._imports(node, sure=sure, bind=not self.stub or bool(getattr(node, "level", 0)))

    _on_importfrom = _on_import

    def _imports(self, node: ast.Import | ast.ImportFrom, *, sure: bool, bind: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._emit("load", alias.name, sure=sure)
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                if bind:
                    self._emit("bind", alias.asname or bound, Module(bound), sure=sure)
            return
        module = self._absolute(node)
        for alias in node.names:
            if alias.name == "*":
                self._emit("star", module, sure=sure)
                continue
            self._emit("load", module, names=(alias.name,), sure=sure)
            if bind:
                self._emit("bind", alias.asname or alias.name, From(module, alias.name), sure=sure)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        base = ".".join(parts[: len(parts) - node.level + 1])
        return f"{base}.{node.module}" if node.module else base

    # Blocks

    def _on_if(self, node: ast.If, sure: bool) -> None:
        truth = decided(node.test)
        if truth is not False:
            self._body(node.body, sure=sure and truth is True)
        if truth is not True:
            self._body(node.orelse, sure=sure and truth is False)

    def _on_try(self, node: ast.Try, sure: bool) -> None:
        self._body(node.body, sure=sure)
        for handler in node.handlers:
            self._body(handler.body, sure=False)
        self._body(node.orelse, sure=sure)
        self._body(node.finalbody, sure=sure)

    def _on_with(self, node: ast.With, sure: bool) -> None:
        for item in node.items:
            for name in names_in(item.optional_vars):
                self._emit("bind", name, sure=sure)
        self._body(node.body, sure=sure)

    def _on_while(self, node: ast.While, sure: bool) -> None:
        self._body(node.body, sure=False)

    def _on_match(self, node: ast.Match, sure: bool) -> None:
        for case in node.cases:
            self._body(case.body, sure=False)

    def _on_for(self, node: ast.For, sure: bool) -> None:
        for name in names_in(node.target):
            self._emit("bind", name, sure=sure)
        before = len(self.events)
        self._body(node.body, sure=False)
        written = [e for e in self.events[before:] if e.kind == "open"]
        if not written:
            return
        self.events[before:] = [e for e in self.events[before:] if e.kind != "open"]
        if isinstance(node.iter, ast.Call) and text_of(node.iter.func) == "dir" and node.iter.args:
            self._emit("copy", text_of(node.iter.args[0]), sure=sure)
            return
        keys = loop_constants(node, self._constants)
        for key in keys:
            self._emit("bind", key, sure=sure)
        if not keys:
            self._emit("open")

    # Statements that call or delete

    def _on_delete(self, node: ast.Delete, sure: bool) -> None:
        for target in node.targets:
            for name in names_in(target):
                self._emit("delete", name, sure=sure)

    def _on_expr(self, node: ast.Expr, sure: bool) -> None:
        call = node.value
        if not isinstance(call, ast.Call):
            return
        what = text_of(call.func)
        if what in {"__all__.extend", "__all__.append"} and call.args:
            self._all("more", call.args[0])
        elif what == "globals().update":
            self._emit("open")
        elif what in {"setattr", "_setattr"} and text_of(call.args[0]) == "sys.modules[__name__]":
            key = call.args[1]
            self._emit("bind", key.value, sure=sure) if isinstance(key, ast.Constant) else self._emit("open")
        elif what.endswith("install_config_module"):
            self._emit("load", "torch.utils._config_module")
            self._emit("merge", "@torch.utils._config_module.ConfigModule", sure=sure)
        elif what.endswith("import_module") or what == "__import__":
            self._value(call)

    def _lazies(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
        """The names that a module's `__getattr__` compares with or looks up; `?` if there are none."""
        found: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Compare):
                compared = [literal_strings(p, {})[0] for p in [part.left, *part.comparators]]
                found.update(name for names in compared for name in names)
            elif isinstance(part, ast.Name) and part.id == "__all__":
                found.add("__all__")
            elif isinstance(part, ast.Name) and part.id in self._constants:
                found.update(literal_strings(self._constants[part.id], self._constants)[0])
        return tuple(sorted(found)) or ("?",)
