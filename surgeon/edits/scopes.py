"""One walk over a parsed module: parents, scopes, names and imports.

libcst's own providers give all this and more, at six to ten times the cost of a parse. This walk
skips everything that cannot hold a name (whitespace, operators, punctuation) and costs a fraction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import libcst as cst

if TYPE_CHECKING:
    from surgeon.sources.places import Places

ImportStatement: TypeAlias = "cst.Import | cst.ImportFrom"


@dataclass(frozen=True)
class ImportedName:
    """One name that an import statement brings in.

    Attributes:
        name: what it is, in full (`torch.nn.RMSNorm`); leading dots where the import is relative.
        local: the name that the file uses for it (`torch` for `import torch.nn`).
        alias: its part of the statement.
        statement: the import statement.
    """

    name: str
    local: str
    alias: cst.ImportAlias
    statement: ImportStatement


@dataclass(eq=False)
class Block:
    """The names bound in a module, a class, a function, a lambda or a comprehension."""

    kind: str
    parent: Block | None = None
    bindings: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: dict[str, Block] = field(default_factory=dict)
    """Names declared `global` or `nonlocal`, and where to go on looking for them."""

    def bind(self, name: str, target: str = "") -> None:
        """Bind `name`: to what an import names, or to something unknown."""
        found = self.elsewhere.get(name, self).bindings.setdefault(name, [])
        if target and target not in found:
            found.append(target)

    def lookup(self, name: str) -> list[str]:
        """Every import that `name` may stand for here; none where it is something else."""
        scope: Block | None = self
        while scope is not None:
            if name in scope.elsewhere:
                return scope.elsewhere[name].lookup(name)
            if name in scope.bindings and (scope is self or scope.kind != "class"):
                return scope.bindings[name]
            scope = scope.parent
        return []

    def enclosing(self, *skipped: str) -> Block:
        """This scope or the nearest one around it that is not of a `skipped` kind."""
        scope = self
        while scope.kind in skipped and scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass
class NameIndex:
    """What one walk found; nodes are keyed by `id`, the module keeps them alive."""

    module: cst.Module
    parents: dict[int, cst.CSTNode] = field(default_factory=dict)
    names: dict[str, list[tuple[int, cst.Name, Block]]] = field(default_factory=dict)
    """Where each name stands: its rank in source order, the node, the scope."""
    imports: list[ImportedName] = field(default_factory=list)
    bound: dict[str, set[str]] = field(default_factory=dict)
    """For every name that an import binds anywhere: all that it is bound to."""
    stores: set[int] = field(default_factory=set)
    """Names and attributes that are assigned or deleted, not read."""
    scopes: dict[int, Block] = field(default_factory=dict)
    """The scope in which each name stands."""
    readings: dict[str, Places] = field(default_factory=dict)
    """The same module as `scan` reads it, by the module that is asked."""

    def rank(self, name: cst.Name) -> int:
        """How many names of this spelling stand before it."""
        return next(n for n, (_, each, _) in enumerate(self.names[name.value]) if each is name)


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` for a plain chain of names, an empty string for anything else."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return ""
    return ".".join([node.value, *reversed(parts)])


_Item: TypeAlias = "tuple[cst.CSTNode, cst.CSTNode, Block]"
_Handler: TypeAlias = "Callable[[NameIndex, Any, Block], list[_Item]]"

_PUNCTUATION = re.compile(
    r".*whitespace.*|leading_lines|lines_after_.*|header|footer|indent|[lr](par|bracket|brace)|comma|semicolon|"
    r"equal|.*colon|dot|operator|star|relative|asynchronous|newline|posonly_ind"
)
# Fields of these hold a name that is a label or a declaration, never a use, or are not in the source's order.
_USES: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Attribute: ("value",),
    cst.Arg: ("value",),
    cst.Param: ("annotation", "default"),
    cst.Parameters: ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    cst.IfExp: ("body", "test", "orelse"),
    cst.MatchCase: ("pattern", "guard", "body"),
    cst.ExceptHandler: ("type", "name", "body"),
    cst.ExceptStarHandler: ("type", "name", "body"),
    cst.MatchKeywordElement: ("pattern",),
    cst.Global: (),
    cst.Nonlocal: (),
}
_FIELDS: dict[type[cst.CSTNode], tuple[str, ...]] = {}


def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    found = _FIELDS.get(kind)
    if found is None:
        found = tuple(each.name for each in fields(kind) if not _PUNCTUATION.fullmatch(each.name))
        _FIELDS[kind] = found = _USES.get(kind, found)
    return found


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes right below `node` that may hold a name, in source order."""
    for name in _fields(node.__class__):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            yield value
        elif value.__class__ is tuple or value.__class__ is list:
            for each in value:
                if isinstance(each, cst.CSTNode):
                    yield each


def build(module: cst.Module) -> NameIndex:
    """Walk `module` once, in source order."""
    index = NameIndex(module)
    parents, names, scopes = index.parents, index.names, index.scopes
    handlers = _HANDLERS
    top = Block("module")
    stack: list[_Item] = [(each, module, top) for each in reversed(module.body)]
    while stack:
        node, parent, scope = stack.pop()
        key = id(node)
        parents[key] = parent
        kind = node.__class__
        if kind is cst.Name:
            assert isinstance(node, cst.Name)
            names.setdefault(node.value, []).append((len(scopes), node, scope))
            scopes[key] = scope
            continue
        handler = handlers.get(kind)
        if handler is not None:
            below = handler(index, node, scope)
        else:
            below = [(each, node, scope) for each in children(node)]
        below.reverse()
        stack += below
    return index


def _same(node: cst.CSTNode, scope: Block) -> list[_Item]:
    return [(each, node, scope) for each in children(node)]


def _bind_target(index: NameIndex, target: cst.CSTNode | None, scope: Block) -> None:
    """Bind every name in an assignment target and note what is written rather than read."""
    if isinstance(target, cst.Name):
        index.stores.add(id(target))
        scope.bind(target.value)
    elif isinstance(target, cst.Attribute):
        index.stores.add(id(target))
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            _bind_target(index, element.value, scope)


def _binds(attribute: str, *skipped: str) -> _Handler:
    def handler(index: NameIndex, node: Any, scope: Block) -> list[_Item]:
        _bind_target(index, getattr(node, attribute), scope.enclosing(*skipped))
        return _same(node, scope)

    return handler


def _declared(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    target = scope.enclosing("class", "function", "comprehension")
    if isinstance(node, cst.Nonlocal) and scope.parent is not None:
        target = scope.parent.enclosing("class", "comprehension")
    for item in node.names:
        if scope is not target:
            scope.elsewhere[item.name.value] = target
    return []


def _type_scope(node: Any, scope: Block, below: list[_Item]) -> Block:
    if node.type_parameters is None:
        return scope
    inner = Block("function", scope)
    below.append((node.type_parameters, node, inner))
    return inner


def _function(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    scope.bind(node.name.value)
    below: list[_Item] = [(each, node, scope) for each in node.decorators]
    outer = _type_scope(node, scope, below)
    signature = [node.params] if node.returns is None else [node.params, node.returns]
    below += [(each, node, outer) for each in signature]
    return [*below, (node.body, node, _function_scope(node.params, outer))]


def _lambda(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    return [(node.params, node, scope), (node.body, node, _function_scope(node.params, scope))]


def _function_scope(parameters: cst.Parameters, outer: Block) -> Block:
    scope = Block("function", outer)
    found = [*parameters.posonly_params, *parameters.params, *parameters.kwonly_params]
    found += [each for each in (parameters.star_arg, parameters.star_kwarg) if isinstance(each, cst.Param)]
    for each in found:
        scope.bind(each.name.value)
    return scope


def _class(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    scope.bind(node.name.value)
    below: list[_Item] = [(each, node, scope) for each in node.decorators]
    outer = _type_scope(node, scope, below)
    below += [(each, node, outer) for each in (*node.bases, *node.keywords)]
    below.append((node.body, node, Block("class", outer)))
    return below


def _comprehension(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    inner = Block("comprehension", scope)
    return [(each, node, inner) for each in children(node)]


def _comp_for(index: NameIndex, node: Any, scope: Block) -> list[_Item]:
    _bind_target(index, node.target, scope)
    first = not isinstance(index.parents[id(node)], cst.CompFor)
    outer = scope.parent if first and scope.parent is not None else scope
    below: list[_Item] = [(node.target, node, scope), (node.iter, node, outer)]
    below += [(each, node, scope) for each in node.ifs]
    if node.inner_for_in is not None:
        below.append((node.inner_for_in, node, scope))
    return below


def _import(index: NameIndex, node: Any, scope: Block) -> list[_Item]:
    if isinstance(node.names, cst.ImportStar):
        return []
    prefix = ""
    if isinstance(node, cst.ImportFrom):
        module = dotted(node.module)
        prefix = "." * len(node.relative) + (module + "." if module else "")
    for alias in node.names:
        index.parents[id(alias)] = node
        path = dotted(alias.name)
        target = prefix + path
        local = dotted(alias.asname.name) if alias.asname is not None else path
        if isinstance(node, cst.Import) and alias.asname is None:
            local = bound = path.partition(".")[0]
        else:
            bound = target
        scope.bind(local, bound)
        index.bound.setdefault(local, set()).add(bound)
        index.imports.append(ImportedName(target, local, alias, node))
    return []


def _type_variable(_: NameIndex, node: Any, scope: Block) -> list[_Item]:
    scope.bind(node.name.value)
    return [(each, node, scope) for each in children(node) if each is not node.name]


_HANDLERS: dict[type, _Handler] = {
    cst.FunctionDef: _function,
    cst.Lambda: _lambda,
    cst.ClassDef: _class,
    cst.CompFor: _comp_for,
    cst.Import: _import,
    cst.ImportFrom: _import,
    cst.Global: _declared,
    cst.Nonlocal: _declared,
    cst.NamedExpr: _binds("target", "comprehension"),
    cst.AsName: _binds("name"),
    cst.MatchAs: _binds("name"),
    cst.MatchStar: _binds("name"),
    cst.MatchMapping: _binds("rest"),
    cst.TypeAlias: _binds("name"),
    **dict.fromkeys((cst.TypeVar, cst.TypeVarTuple, cst.ParamSpec), _type_variable),
    **dict.fromkeys((cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp), _comprehension),
    **dict.fromkeys((cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.Del), _binds("target")),
}
