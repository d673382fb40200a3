"""Reads expressions: uses, calls, and what must hold for each part of them to run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from surgeon.sources.names import (
    Attempt,
    Binding,
    Call,
    Condition,
    Context,
    Import,
    Loader,
    Order,
    Scope,
    Use,
    below,
    text,
)

_PLAIN = frozenset({"ctx", "op", "ops", "kind", "type_comment", "type_ignores", "conversion", "level"})
"""Fields of nodes that hold no code."""


@dataclass(eq=False)
class Kind:
    """A class of a source: its names, and those of its bases that the same source defines."""

    scope: Scope
    bases: list[Kind]

    def find(self, method: str) -> list[int | None]:
        """The functions that a method of it may be; none where an attribute is something else."""
        own = self.scope.bindings.get(method)
        if own:
            return [each.function for each in own]
        return [key for base in self.bases for key in base.find(method)]


@dataclass(frozen=True, eq=False)
class Asked:
    """A call of a method, or of a function that a decorator is made by.

    Attributes:
        inner: whether what it returns is called as well.
        function: where there is no class.
    """

    kind: Kind | None
    method: str
    context: Context
    inner: bool = False
    function: int | None = None


class Expressions:
    """One walk over a tree. The bodies of functions are read last, when the names around them are known."""

    def __init__(self, top: str, package: str, lazy_annotations: bool) -> None:
        self.top, self.package, self.lazy = top, package, lazy_annotations
        self.uses: list[Use] = []
        self.unsure: list[Use] = []
        self.imports: list[Import] = []
        self.calls: list[Call] = []
        self.loaders: list[Loader] = []
        self.orders: list[Order] = []
        self.checks: set[str] = set()
        self.stored: set[str] = set()
        self.scope = self.top_scope = Scope()
        self.context = Context()
        self.base = 0
        self.attempts: tuple[Attempt, ...] = ()
        self._later: list[Callable[[], None]] = []
        self._functions = 0
        self._rules: dict[type[ast.AST], Callable[..., None]] = {}
        self._reaching: set[str] = set()
        self.definitions: dict[int, ast.AST] = {}
        self.reassigned: set[str] = set()
        self.classes: dict[int, Kind] = {}
        self._owner: Kind | None = None
        self._kind: Kind | None = None
        self._self = ""
        self._returned: dict[int, list[int]] = {}
        self._asked_of: list[Asked] = []

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Statements in order. What follows an `if` that leaves runs only where that was not taken."""
        before = self.context
        for statement in body:
            self.visit(statement)
            if isinstance(statement, ast.If):
                left, otherwise = leaves(statement.body), leaves(statement.orelse)
                if left != otherwise:
                    self.context = self.where(statement.test, not left)
            elif isinstance(statement, ast.Assert):
                self.context = self.where(statement.test, True)
        self.context = before

    def visit(self, node: ast.AST) -> None:
        """A node by its own rule, or what is in it."""
        kind = type(node)
        rule = self._rules.get(kind)
        if rule is None:
            rule = self._rules[kind] = getattr(self, f"visit_{kind.__name__}", self.children)
        rule(node)

    def children(self, node: ast.AST) -> None:
        """Everything in a node that has no rule of its own."""
        for name in node._fields:
            if name in _PLAIN:
                continue
            value = getattr(node, name, None)
            if isinstance(value, list):
                if value and isinstance(value[0], ast.stmt):
                    self.block(value)
                else:
                    for each in value:
                        if isinstance(each, ast.AST):
                            self.visit(each)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name)
        self.children(node)

    visit_MatchStar = visit_MatchAs

    def visit_Constant(self, node: ast.Constant) -> None:
        """Nothing in it."""

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id in self._reaching:
                self.use(node)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        root = _root(node)
        if not isinstance(root, ast.Name):
            self.visit(root)
        elif root.id not in self._reaching:
            return
        elif isinstance(node.ctx, ast.Load):
            self.use(node)
        else:
            self.stored |= {name for name, _ in self.scope.resolve(node) if below(name, self.top)}

    def visit_Call(self, node: ast.Call) -> None:
        root = _root(node.func)
        if isinstance(root, ast.Name):
            if root.id in self._reaching:
                self.use(node.func, tuple(each.arg for each in node.keywords if each.arg))
            self.called(node.func)
            self.asked(node)
            self.orders_of(node)
        else:
            self.visit(node.func)
        if isinstance(node.func, ast.Attribute):
            self.method_of(node.func)
        for each in node.args:
            self.visit(each)
        for keyword in node.keywords:
            self.visit(keyword.value)

    def asked(self, node: ast.Call) -> None:
        """`hasattr(torch, "x")`, `getattr(torch, "x")` and `import_module("torch.x")`."""
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called not in ("hasattr", "getattr", "import_module", "__import__"):
            return
        words = [text(each) for each in node.args]
        if called in ("import_module", "__import__"):
            if words and below(words[0], self.top):
                self.uses.append(Use(words[0], node.lineno, self.context, imported=True))
            elif words and isinstance(node.args[0], ast.Name):
                self.loads(node.args[0].id)
        elif isinstance(node.func, ast.Name) and len(words) > 1 and words[1]:
            for name, binding in self.scope.resolve(node.args[0]):
                if below(name, self.top):
                    asked = f"{name}.{words[1]}"
                    self.checks.add(asked)
                    if called == "getattr" and len(words) == 2:
                        self.uses.append(Use(asked, node.lineno, self.context, binding=binding))

    def loads(self, name: str) -> None:
        """Note that the function around imports what it is given, where it always does."""
        node = self.definitions.get(self.context.function or 0)
        if (
            not isinstance(node, ast.FunctionDef)
            or len(self.context.conditions) > self.base
            or _means_another(node, name)
        ):
            return
        parameters = tuple(each.arg for each in (*node.args.posonlyargs, *node.args.args))
        if name in parameters or name in (each.arg for each in node.args.kwonlyargs):
            self.loaders.append(Loader(node.name, parameters, name, self.context.caught))

    def orders_of(self, node: ast.Call) -> None:
        """Note a call of an imported function that importing the module may do."""
        for target, binding in self.scope.resolve(node.func):
            if binding.imported and not below(target, self.top):
                self.orders.append(Order(target, node, self.context, node.lineno))

    def method_of(self, node: ast.Attribute, *, inner: bool = False) -> None:
        """Note the call of a method: of the class around it, or of one that is named or made on the spot."""
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id == self._self and self._owner:
            self._asked_of.append(Asked(self._owner, node.attr, self.context, inner))
            return
        if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name):
            if owner.func.id == "super" and self._owner:
                self._asked_of += (Asked(k, node.attr, self.context) for k in self._owner.bases)
                return
            owner = owner.func
        for kind in self.kinds_of(owner):
            self._asked_of.append(Asked(kind, node.attr, self.context, inner))

    def kinds_of(self, node: ast.expr) -> list[Kind]:
        """The classes of this source that an expression is, or is an instance of."""
        found = []
        for binding in self.scope.find(node.id) if isinstance(node, ast.Name) else ():
            if binding.function in self.classes:
                found.append(self.classes[binding.function])
            elif isinstance(binding.value, ast.Call) and isinstance(binding.value.func, ast.Name):
                made = self.top_scope.find(binding.value.func.id)
                found += [self.classes[b.function] for b in made if b.function in self.classes]
        return found

    def decorated_by(self, node: ast.expr) -> None:
        """A decorator is called with what it stands on; one that a call makes, is what that call returns."""
        if not isinstance(node, ast.Call):
            self.called(node)
            if isinstance(node, ast.Attribute):
                self.method_of(node)
            for target, binding in self.scope.resolve(node):
                if binding.imported and not below(target, self.top):
                    self.orders.append(Order(target, None, self.context, node.lineno))
        elif isinstance(node.func, ast.Name):
            for binding in self.scope.find(node.func.id):
                if binding.function is not None:
                    self._asked_of.append(Asked(None, "", self.context, True, binding.function))
        elif isinstance(node.func, ast.Attribute):
            self.method_of(node.func, inner=True)

    def settle(self) -> None:
        """Now that all is read: which functions the calls of methods and of decorators are."""
        for each in self._asked_of:
            called = [each.function] if each.kind is None else each.kind.find(each.method)
            for key in called:
                if key is None:
                    continue
                self.calls.append(Call(key, each.context))
                if each.inner:
                    self.calls += (Call(made, each.context) for made in self._returned.get(key, ()))

    def visit_Return(self, node: ast.Return) -> None:
        self.children(node)
        if isinstance(node.value, ast.Name) and self.context.function is not None:
            for binding in self.scope.find(node.value.id):
                if binding.function is not None:
                    self._returned.setdefault(self.context.function, []).append(binding.function)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        before, wanted = self.context, isinstance(node.op, ast.And)
        for each in node.values:
            self.visit(each)
            self.context = self.where(each, wanted)
        self.context = before

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        before = self.context
        for part, wanted in ((node.body, True), (node.orelse, False)):
            self.context = self.where(node.test, wanted)
            self.visit(part)
            self.context = before

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.defaults(node.args)
        self.function(node.args, node.body)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        before, outer = self.context, self.scope
        self.scope = Scope(outer)
        for each in node.generators:
            self.visit(each.iter)
            self.visit(each.target)
            for test in each.ifs:
                self.visit(test)
                self.context = self.where(test, True)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)
        self.context, self.scope = before, outer

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    def use(self, node: ast.expr, keywords: tuple[str, ...] = ()) -> None:
        root = _root(node)
        assert isinstance(root, ast.Name)
        rivals = tuple(self.scope.find(root.id))
        for name, binding in self.scope.resolve(node):
            use = Use(name, node.lineno, self.context, False, keywords, binding, root.id, rivals)
            if below(name, self.top):
                self.attempt(name)
                self.uses.append(use)
            elif binding.imported and binding.context.conditions:
                self.unsure.append(use)

    def called(self, node: ast.expr) -> None:
        """Note the call of a function of this source."""
        if isinstance(node, ast.Name):
            for binding in self.scope.find(node.id):
                if binding.function is not None:
                    self.calls.append(Call(binding.function, self.context))

    def function(self, arguments: ast.arguments, body: list[ast.stmt] | ast.expr) -> int:
        """Read a function's body, later, and return its number."""
        self._functions += 1
        key, scope = self._functions, Scope(self.scope)
        owner, own = (self._owner, self._self) if not self.scope.is_class else (self._kind, "")
        if self.scope.is_class and arguments.args:
            own = arguments.args[0].arg
        inside = Context(function=key, conditions=self.context.conditions)

        def read_body() -> None:
            self.scope, self.context, self.base, self.attempts = scope, inside, len(inside.conditions), ()
            self._owner, self._self = owner, own
            for argument in arguments_of(arguments):
                self.bind(argument.arg)
            if isinstance(body, list):
                self.block(body)
            else:
                self.visit(body)

        self._later.append(read_body)
        return key

    def defaults(self, arguments: ast.arguments) -> None:
        for each in [*arguments.defaults, *arguments.kw_defaults]:
            if each is not None:
                self.visit(each)

    def bind(
        self,
        name: str,
        *,
        target: str = "",
        value: ast.expr | None = None,
        function: int | None = None,
        imported: bool = False,
    ) -> None:
        """Give a name a meaning here; what a `try` binds, it binds only if it gets that far."""
        context = self.context
        unsure = imported and len(context.conditions) > self.base
        if unsure or (target and (below(target, self.top) or below(self.top, target))):
            self._reaching.add(name)
        if self.attempts:
            tried = (Condition(each, True, self.scope) for each in self.attempts)
            context = Context(context.function, (*context.conditions, *tried), context.caught)
        self.scope.bind(name, Binding(context, target, value, function, imported), self.base)

    def attempt(self, name: str) -> None:
        for each in self.attempts:
            each.append(name)

    def where(self, test: ast.expr, wanted: bool) -> Context:
        context, more = self.context, Condition(test, wanted, self.scope)
        return Context(context.function, (*context.conditions, more), context.caught)

    def inside(self, context: Context, body: Sequence[ast.stmt]) -> None:
        before, self.context = self.context, context
        self.block(body)
        self.context = before


def arguments_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter, the starred ones last."""
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (each for each in (arguments.vararg, arguments.kwarg) if each)


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a block never reaches what follows it."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return leaves(last.body) and leaves(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise, ast.Continue, ast.Break))


def _root(node: ast.expr) -> ast.expr:
    """What a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _means_another(function: ast.FunctionDef, name: str) -> bool:
    """Tell whether a function gives its parameter another meaning, or runs only when it is gone through."""
    return any(
        isinstance(each, (ast.Yield, ast.YieldFrom))
        or (isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store))
        for each in ast.walk(function)
    )
