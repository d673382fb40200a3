"""Computes what an expression comes to: a small interpreter that runs nothing of what it reads.

Packages ask in a hundred ways whether torch is new enough: texts that are split, tuples, regular
expressions, helpers in other modules, classes whose instances are true or false. All of them are
computed from what is known (versions, modules that are installed, names that exist), by Python's
own rules; nothing is judged by its name. What cannot be computed for certain raises `CannotTell`.
"""

from __future__ import annotations

import ast
import builtins
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from surgeon.sources.bounds import is_too_large, is_too_much
from surgeon.sources.names import Binding, Scope, below

if TYPE_CHECKING:
    from surgeon.sources.guards import Judge

STEPS = 5_000
"""How many expressions one answer may take."""
DEPTH = 25
"""How deep calls and names may lead."""


class CannotTell(Exception):
    """This depends on something that is not known."""


class Raised(Exception):
    """The code raises; `kinds` are the names of the exception's class and of those above it."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = frozenset(kinds)


class Missing(Raised):
    """An import fails, or the metadata of a distribution is not there."""

    def __init__(self, *more: str) -> None:
        super().__init__(*more, "ModuleNotFoundError", "ImportError", "Exception", "BaseException")


@dataclass(frozen=True)
class Thing:
    """Something of a module whose inside is not looked at: `torch.xpu`, `importlib.metadata.version`."""

    name: str


@dataclass(frozen=True)
class Function:
    """A function that is written in a source.

    Attributes:
        frame: where its free names are looked up.
        first: what it is bound to: an instance or a class.
    """

    node: ast.FunctionDef | ast.Lambda
    frame: Frame
    first: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Class:
    """A class that is written in a source."""

    node: ast.ClassDef
    frame: Frame


@dataclass(eq=False)
class Instance:
    """What a call of a class makes."""

    kind: Class
    attributes: dict[str, Any] = field(default_factory=dict)


class Release(str):
    """torch's `__version__`: a text that compares as a version, with texts and with tuples."""

    __slots__ = ()
    __hash__ = str.__hash__

    def _compared(self, other: Any, sign: Callable[[Any, Any], bool]) -> bool:
        try:
            text = other if isinstance(other, (str, Version)) else ".".join(map(str, other))
            return sign(Version(str(self)), text if isinstance(text, Version) else Version(text))
        except InvalidVersion:
            return sign(str(self), str(other))

    def __eq__(self, other: object) -> bool:
        return self._compared(other, operator.eq)

    def __ne__(self, other: object) -> bool:
        return self._compared(other, operator.ne)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other, operator.lt)

    def __le__(self, other: Any) -> bool:
        return self._compared(other, operator.le)

    def __gt__(self, other: Any) -> bool:
        return self._compared(other, operator.gt)

    def __ge__(self, other: Any) -> bool:
        return self._compared(other, operator.ge)


PLAIN = (
    str, bytes, int, float, bool, type(None), tuple, list, dict, set, frozenset, range, slice,
    Version, SpecifierSet, Requirement, re.Match, re.Pattern,
)  # fmt: skip
_TYPES: Mapping[str, type] = {
    each.__name__: each for each in (str, bytes, int, float, bool, tuple, list, dict, set, frozenset)
}
_METHODS: Mapping[type, str] = {
    str: "capitalize casefold count endswith find format index isalnum isalpha isdecimal isdigit "
    "isidentifier isnumeric join lower lstrip partition removeprefix removesuffix replace rfind rpartition "
    "rsplit rstrip "
    "split splitlines startswith strip title upper zfill",
    tuple: "count index",
    list: "append copy count extend index insert pop remove reverse sort",
    dict: "copy get items keys pop setdefault update values",
    set: "add copy difference intersection issubset issuperset union update",
    frozenset: "copy difference intersection issubset issuperset union",
    SpecifierSet: "contains",
    re.Match: "end group groupdict groups span start",
    re.Pattern: "findall fullmatch match search split sub",
}
_ATTRIBUTES: Mapping[type, str] = {
    Version: "base_version dev epoch is_devrelease is_postrelease is_prerelease local major micro minor post "
    "pre public release",
    Requirement: "extras name specifier marker",
    re.Match: "string",
}
_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
}
_SIMPLE: Mapping[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (abs, all, any, bool, dict, enumerate, float, frozenset, int, len)},
    **{each.__name__: each for each in (list, max, min, range, repr, reversed, set, sorted, str, sum)},
    **{each.__name__: each for each in (tuple, zip)},
    **{f"operator.{n}": getattr(operator, n) for n in ("eq", "ne", "lt", "le", "gt", "ge", "add", "not_")},
    **{f"_operator.{n}": getattr(operator, n) for n in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{f"re.{n}": getattr(re, n) for n in ("compile", "escape", "findall", "fullmatch", "match", "search")},
    "re.split": re.split,
    "dict.fromkeys": dict.fromkeys,
    "re.sub": re.sub,
    **{
        f"{package}.{name}": kind
        for package in ("packaging", "pkg_resources.extern.packaging", "pkg_resources.packaging")
        for name, kind in {
            "version.Version": Version,
            "version.parse": Version,
            "requirements.Requirement": Requirement,
            "specifiers.SpecifierSet": SpecifierSet,
        }.items()
    },
    "pkg_resources.parse_version": Version,
    "distutils.version.LooseVersion": Version,
    "distutils.version.StrictVersion": Version,
    "looseversion.LooseVersion": Version,
}
_IDENTITY = frozenset({"functools.lru_cache", "functools.cache"})
_KNOWN: Mapping[str, str] = {
    **dict.fromkeys(_IDENTITY, "_first"),
    "identity": "_first",
    "map": "_mapped",
    "isinstance": "_is_instance",
    "callable": "_is_callable",
    "bool": "_truth_of",
    **dict.fromkeys(
        (f"importlib{e}metadata.{n}" for e in "._" for n in ("version", "distribution")), "_version_of"
    ),
    "pkg_resources.get_distribution": "_version_of",
    **dict.fromkeys(("importlib.util.find_spec", "importlib.find_loader", "pkgutil.find_loader"), "_spec_of"),
    "importlib.import_module": "_module_of",
    "os.environ.get": "_variable",
    "os.getenv": "_variable",
}
"""Functions that are answered here; `Computer` has a method for each."""
_FAILURES = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    InvalidVersion,
    InvalidRequirement,
)
_UNKNOWN = object()


@dataclass(frozen=True)
class Frame:
    """Where names are looked up: a scope of a source, and above it the variables of a call.

    Attributes:
        judge: of the source.
        variables: of the call that is being computed, and of those that its function stands in.
    """

    judge: Judge
    scope: Scope
    variables: tuple[dict[str, Any], ...] = ()


class Computer:
    """Computes one answer."""

    def __init__(self) -> None:
        self._steps = STEPS
        self._depth = 0

    # Expressions

    def value(self, node: ast.expr, frame: Frame) -> Any:
        """What an expression comes to.

        Raises:
            CannotTell: that is not known.
            Raised: it raises.
        """
        self._steps -= 1
        if self._steps < 0 or self._depth > DEPTH:
            raise CannotTell
        rule = getattr(self, f"_{type(node).__name__.lower()}", None)
        if rule is None:
            raise CannotTell
        return rule(node, frame)

    def truth(self, node: ast.expr, frame: Frame) -> bool:
        """Whether an expression comes to something that counts as true: that may be known where it is not."""
        if not isinstance(node, ast.BoolOp):
            return self.is_true(self.value(node, frame))
        decisive, unsure = isinstance(node.op, ast.Or), False
        for each in node.values:
            try:
                if self.truth(each, frame) is decisive:
                    return decisive
            except CannotTell:
                unsure = True
        if unsure:
            raise CannotTell
        return not decisive

    def is_true(self, value: Any) -> bool:
        if isinstance(value, PLAIN):
            return bool(value)
        if isinstance(value, (Function, Class)):
            return True
        if isinstance(value, Instance):
            for name in ("__bool__", "__len__"):
                if (method := self._member(value.kind, name)) is not None:
                    return self.is_true(self.call(self._bound(method, value), [], {}))
            return True
        raise CannotTell  # a thing is an object that is there, or a constant

    def _constant(self, node: ast.Constant, _: Frame) -> Any:
        return node.value

    def _name(self, node: ast.Name, frame: Frame) -> Any:
        for variables in frame.variables:
            if node.id in variables:
                if variables[node.id] is _UNKNOWN:
                    raise CannotTell
                return variables[node.id]
        return self.named(node.id, frame)

    def named(self, name: str, frame: Frame) -> Any:
        """What a name means in a source."""
        if frame.scope is not frame.judge.source.scope:
            return self._named(name, frame)
        return self._once(frame.judge, name, lambda: self._named(name, frame))

    def _once(self, judge: Judge, key: Any, work: Callable[[], Any]) -> Any:
        """What was computed before is not computed again: nothing here changes."""
        if key not in judge.computed:
            judge.computed[key] = _UNKNOWN  # what leads to itself says nothing
            try:
                judge.computed[key] = work()
            except CannotTell:
                if self._steps <= 0 or self._depth > DEPTH:  # another way may lead to it sooner
                    del judge.computed[key]
                raise
            except Raised:
                del judge.computed[key]
                raise
        if judge.computed[key] is _UNKNOWN:
            raise CannotTell
        return judge.computed[key]

    def _named(self, name: str, frame: Frame) -> Any:
        source = frame.judge.source
        found = frame.judge.live(name, frame.scope, "")
        if not found:  # a package that loads its parts on demand says them to type checkers
            found = [each for each in frame.scope.find(name) if each.imported]
        if name in source.reassigned:
            raise CannotTell
        if not found:
            if frame.scope.find(name):
                raise CannotTell  # it is given its meaning where that never happens
            for module in frame.judge.starred():
                try:
                    return self.attribute(Thing(module), name, frame)
                except (CannotTell, Raised):
                    continue
            if name in _SIMPLE or name in ("hasattr", "getattr", "isinstance", "map", "callable", "type"):
                return Thing(name)
            raise CannotTell
        self._depth += 1
        values = []
        try:
            for each in reversed(found):  # the last that surely happens takes away those before it
                values.append(self._meaning(each, frame))
                if frame.judge.is_sure(each.context):
                    break
        finally:
            self._depth -= 1
        if any(each != values[0] for each in values[1:]):
            raise CannotTell
        return values[0]

    def _meaning(self, binding: Binding, frame: Frame) -> Any:
        if binding.value is not None:
            scope = binding.scope_of(frame.scope)
            return self.value(binding.value, Frame(frame.judge, scope))
        if binding.function is not None:
            return self._defined(frame.judge.source.definitions.get(binding.function), frame)
        if binding.imported and binding.target:
            return self.dotted(binding.target, frame)
        raise CannotTell

    def _defined(self, node: ast.AST | None, frame: Frame) -> Any:
        top = Frame(frame.judge, frame.judge.source.scope, frame.variables)
        if isinstance(node, ast.ClassDef):
            return Class(node, top)
        if not isinstance(node, ast.FunctionDef):
            raise CannotTell
        found: Any = Function(node, top)
        for decorator in reversed(node.decorator_list):
            made = self._decorated(decorator, found, top)
            found = made if isinstance(made, (Function, Instance)) else found
        return found

    def _decorated(self, decorator: ast.expr, function: Function, frame: Frame) -> Any:
        """What a decorator makes of a function; one that cannot be followed is taken for a cache."""
        try:
            made = self.value(decorator, frame)
            return function if made == Thing("identity") else self.call(made, [function], {})
        except (CannotTell, Raised):
            return function

    def dotted(self, name: str, frame: Frame) -> Any:
        """What a dotted name of some module is."""
        if name in ("typing.TYPE_CHECKING", "typing_extensions.TYPE_CHECKING"):
            return False
        if name in _SIMPLE or below(name, frame.judge.world.top):
            return self._thing(name, frame)
        parts = name.split(".")
        for number in range(len(parts), 0, -1):
            if frame.judge.other(".".join(parts[:number])) is not None:
                found: Any = Thing(".".join(parts[:number]))
                for part in parts[number:]:
                    found = self.attribute(found, part, frame)
                return found
        return Thing(name)

    def _thing(self, name: str, frame: Frame) -> Any:
        top = frame.judge.world.top
        if name in (f"{top}.__version__", f"{top}.version.__version__", f"{top}.torch_version.__version__"):
            version = frame.judge.world.versions.get(top)
            if version is None:
                raise CannotTell
            return version if name.endswith(".version.__version__") else Release(version)
        return Thing(name)

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Any:
        return self.attribute(self.value(node.value, frame), node.attr, frame)

    def attribute(self, owner: Any, name: str, frame: Frame) -> Any:
        """An attribute of a value."""
        if isinstance(owner, Thing):
            return self._of_thing(owner, name, frame)
        if isinstance(owner, Instance):
            return self._of_instance(owner, name)
        if isinstance(owner, Class) and (member := self._member(owner, name)) is not None:
            return self._bound(member, None, owner)
        if isinstance(owner, (_Record, *PLAIN)):
            return _of_value(owner, name)
        raise CannotTell

    def _of_instance(self, owner: Instance, name: str) -> Any:
        if name not in owner.attributes:
            member = self._member(owner.kind, name)
            if member is None:
                raise Raised("AttributeError", "Exception", "BaseException")
            return self._bound(member, owner)
        if owner.attributes[name] is _UNKNOWN:
            raise CannotTell
        return owner.attributes[name]

    def _of_thing(self, owner: Thing, name: str, frame: Frame) -> Any:
        full = f"{owner.name}.{name}"
        judge = frame.judge
        if below(full, judge.world.top):
            if judge.exists(full) is False:
                raise Raised("AttributeError", "Exception", "BaseException")
            return self._thing(full, frame)
        other = judge.other(owner.name)
        if other is not None and (other.source.scope.find(name) or not judge.other(full)):
            if full not in _SIMPLE:
                return self.named(name, Frame(other, other.source.scope))
        elif name == "__version__" and "." not in owner.name:
            return judge.world.versions.get(owner.name.lower(), Thing(full))
        elif (known := self._platform(full, judge)) is not None:
            return known
        return False if name == "TYPE_CHECKING" else Thing(full)

    def _platform(self, name: str, judge: Judge) -> Any:
        world = judge.world
        if name == "sys.version_info" and world.python:
            return tuple(world.python)
        return world.constants.get(name, "posix" if name == "os.name" else None)

    def _boolop(self, node: ast.BoolOp, frame: Frame) -> Any:
        decisive = isinstance(node.op, ast.Or)
        value: Any = None
        for each in node.values:
            value = self.value(each, frame)
            if self.is_true(value) is decisive:
                break
        return value

    def _unaryop(self, node: ast.UnaryOp, frame: Frame) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand, frame)
        return self._plainly(_OPERATORS.get(type(node.op)), self.value(node.operand, frame))

    def _binop(self, node: ast.BinOp, frame: Frame) -> Any:
        left, right = self.value(node.left, frame), self.value(node.right, frame)
        return self._plainly(_OPERATORS.get(type(node.op)), left, right)

    def _compare(self, node: ast.Compare, frame: Frame) -> Any:
        left = self.value(node.left, frame)
        for sign, each in zip(node.ops, node.comparators, strict=True):
            right = self.value(each, frame)
            if isinstance(sign, (ast.Is, ast.IsNot)) and (left is None or right is None):
                same = left is right
                if same is isinstance(sign, ast.IsNot):
                    return False
            elif not self._plainly(_OPERATORS.get(type(sign)), left, right):
                return False
            left = right
        return True

    def _plainly(self, operation: Callable[..., Any] | None, *values: Any) -> Any:
        if operation is None or not all(isinstance(each, PLAIN) for each in values):
            raise CannotTell
        if len(values) > 1 and isinstance(values[0], Version) is not isinstance(values[1], Version):
            text = next(each for each in values if not isinstance(each, Version))
            if isinstance(text, str):  # LooseVersion compares with texts
                values = tuple(_safely(Version, [each], {}) if each is text else each for each in values)
        return _safely(operation, values, {})

    def _ifexp(self, node: ast.IfExp, frame: Frame) -> Any:
        return self.value(node.body if self.truth(node.test, frame) else node.orelse, frame)

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Any:
        return tuple(self._items(node.elts, frame))

    def _list(self, node: ast.List, frame: Frame) -> Any:
        return self._items(node.elts, frame)

    def _set(self, node: ast.Set, frame: Frame) -> Any:
        return _safely(set, [self._items(node.elts, frame)], {})

    def _items(self, nodes: Sequence[ast.expr], frame: Frame) -> list[Any]:
        found: list[Any] = []
        for each in nodes:
            if isinstance(each, ast.Starred):
                found += _safely(list, [self._plain(self.value(each.value, frame))], {})
            else:
                found.append(self.value(each, frame))
        return found

    def _dict(self, node: ast.Dict, frame: Frame) -> Any:
        found: dict[Any, Any] = {}
        for key, each in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self._plain(self.value(each, frame)))
            else:
                found[self._plain(self.value(key, frame))] = self._or_unknown(each, frame)
        return found

    def _or_unknown(self, node: ast.expr, frame: Frame) -> Any:
        try:
            return self.value(node, frame)
        except CannotTell:
            return _UNKNOWN

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Any:
        owner = self._plain(self.value(node.value, frame))
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            index: Any = slice(*(None if each is None else self.value(each, frame) for each in parts))
        else:
            index = self.value(node.slice, frame)
        found = _safely(operator.getitem, [owner, index], {})
        if found is _UNKNOWN:
            raise CannotTell
        return found

    def _joinedstr(self, node: ast.JoinedStr, frame: Frame) -> str:
        return "".join(str(self._plain(self.value(each, frame))) for each in node.values)

    def _formattedvalue(self, node: ast.FormattedValue, frame: Frame) -> str:
        value = self._plain(self.value(node.value, frame))
        spec = "" if node.format_spec is None else self.value(node.format_spec, frame)
        return str(_safely(format, [repr(value) if node.conversion == 114 else value, spec], {}))

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, frame: Frame) -> Any:
        return self._gathered(node.generators, node.elt, frame)

    _generatorexp = _listcomp

    def _setcomp(self, node: ast.SetComp, frame: Frame) -> Any:
        return _safely(set, [self._gathered(node.generators, node.elt, frame)], {})

    def _gathered(self, loops: Sequence[ast.comprehension], element: ast.expr, frame: Frame) -> list[Any]:
        if not loops:
            return [self.value(element, frame)]
        found: list[Any] = []
        for each in _safely(list, [self._plain(self.value(loops[0].iter, frame))], {}):
            variables: dict[str, Any] = {}
            inner = Frame(frame.judge, frame.scope, (variables, *frame.variables))
            self._bind(loops[0].target, each, inner)
            if all(self.truth(test, inner) for test in loops[0].ifs):
                found += self._gathered(loops[1:], element, inner)
        return found

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Any:
        return Function(node, frame)

    def _namedexpr(self, node: ast.NamedExpr, frame: Frame) -> Any:
        value = self.value(node.value, frame)
        if frame.variables:
            frame.variables[0][node.target.id] = value
        return value

    # Calls

    def _call(self, node: ast.Call, frame: Frame) -> Any:
        function = self.value(node.func, frame)
        if isinstance(function, Thing) and function.name in ("hasattr", "getattr"):
            return self._asked(node, frame, function.name)
        arguments = self._items(node.args, frame)
        keywords: dict[str, Any] = {}
        for each in node.keywords:
            if each.arg is None:
                keywords.update(self._plain(self.value(each.value, frame)))
            else:
                keywords[each.arg] = self.value(each.value, frame)
        return self.call(function, arguments, keywords, frame)

    def _asked(self, node: ast.Call, frame: Frame, function: str) -> Any:
        if len(node.args) < 2 or node.keywords:
            raise CannotTell
        owner, name = self.value(node.args[0], frame), self.value(node.args[1], frame)
        if not isinstance(name, str):
            raise CannotTell
        if isinstance(owner, Thing):
            if not below(owner.name, frame.judge.world.top):
                raise CannotTell
            if _known(frame.judge.exists(f"{owner.name}.{name}")):
                return True if function == "hasattr" else self._of_thing(owner, name, frame)
        else:
            try:
                found = self.attribute(owner, name, frame)
                return True if function == "hasattr" else found
            except Raised as error:
                if "AttributeError" not in error.kinds:
                    raise
        if function == "hasattr":
            return False
        if len(node.args) < 3:
            raise Raised("AttributeError", "Exception", "BaseException")
        return self.value(node.args[2], frame)

    def call(
        self, function: Any, arguments: list[Any], keywords: dict[str, Any], frame: Frame | None = None
    ) -> Any:
        """What a call comes to."""
        if isinstance(function, _Method):
            return self._of_plain(function, arguments, keywords)
        if isinstance(function, Function):
            return self._run(function, arguments, keywords)
        if isinstance(function, Class):
            return self._made(function, arguments, keywords)
        if isinstance(function, Instance):
            member = self._member(function.kind, "__call__")
            if member is None:
                raise CannotTell
            return self.call(self._bound(member, function), arguments, keywords, frame)
        if not isinstance(function, Thing) or frame is None:
            raise CannotTell
        return self._of_library(function.name, arguments, keywords, frame)

    def _of_library(self, name: str, arguments: list[Any], keywords: dict[str, Any], frame: Frame) -> Any:
        """A call of what is not written in a source that can be read, or need not be."""
        world = frame.judge.world
        known = _KNOWN.get(name)
        if known is not None and (arguments or known == "_first"):
            return getattr(self, known)(name, arguments, frame)
        if name == f"{world.top}.torch_version.TorchVersion":
            return Release(str(self._plain(arguments[0])))
        if below(name, world.top):
            return _known(frame.judge.part_available(name, ""))
        if f"{name}()" in world.constants:
            return world.constants[f"{name}()"]
        if name.endswith("metadata.packages_distributions") and world.modules is not None:
            return {each: [each] for each in world.versions}
        if name not in _SIMPLE:
            raise CannotTell
        plain = [self._plain(each) for each in arguments]
        return _safely(_SIMPLE[name], plain, {k: self._plain(each) for k, each in keywords.items()})

    def _first(self, _: str, arguments: list[Any], __: Frame) -> Any:
        return next((each for each in arguments if isinstance(each, Function)), Thing("identity"))

    def _mapped(self, _: str, arguments: list[Any], frame: Frame) -> Any:
        if len(arguments) != 2:
            raise CannotTell
        return [self.call(arguments[0], [each], {}, frame) for each in self._plain(arguments[1])]

    def _is_instance(self, _: str, arguments: list[Any], __: Frame) -> bool:
        value, kinds = arguments
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        known = [_TYPES[each.name] for each in kinds if isinstance(each, Thing) and each.name in _TYPES]
        if len(known) != len(kinds):
            raise CannotTell
        return isinstance(self._plain(value), tuple(known))

    def _is_callable(self, _: str, arguments: list[Any], __: Frame) -> bool:
        if not isinstance(arguments[0], (Function, Class)):
            raise CannotTell
        return True

    def _truth_of(self, _: str, arguments: list[Any], __: Frame) -> bool:
        return self.is_true(arguments[0])

    def _spec_of(self, _: str, arguments: list[Any], frame: Frame) -> Any:
        there = _known(frame.judge.is_module(str(self._plain(arguments[0]))))
        return Thing(f"spec of {arguments[0]}") if there else None

    def _module_of(self, _: str, arguments: list[Any], frame: Frame) -> Any:
        return self._imported(str(self._plain(arguments[0])), frame)

    def _variable(self, _: str, arguments: list[Any], __: Frame) -> Any:
        """Of the process: what a run of the program takes unless it is told something else."""
        if len(arguments) < 2:
            raise CannotTell
        return arguments[1]

    def _version_of(self, function: str, arguments: list[Any], frame: Frame) -> Any:
        world = frame.judge.world
        name = str(self._plain(arguments[0]))
        variable = re.split(r"[^\w.-]", name)[0].lower().replace("-", "_").replace(".", "_")
        version = world.versions.get(variable)
        if version is None:
            if world.modules is None:
                raise CannotTell
            raise Missing("PackageNotFoundError", "DistributionNotFound")
        if function.endswith(".version"):
            return version
        return _Record(version)

    def _imported(self, module: str, frame: Frame) -> Any:
        there = frame.judge.is_module(module)
        if there is None and not below(module, frame.judge.world.top):
            raise CannotTell
        if there is False:
            raise Missing
        return self.dotted(module, frame)

    def _of_plain(self, method: _Method, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        plain = [self._plain(each) for each in arguments]
        for kind, names in _METHODS.items():
            if isinstance(method.owner, kind) and method.name in names.split():
                found = _safely(getattr(method.owner, method.name), plain, keywords)
                if found is _UNKNOWN:
                    raise CannotTell
                return list(found) if type(found).__name__.startswith("dict_") else found
        raise CannotTell

    def _plain(self, value: Any) -> Any:
        if not isinstance(value, PLAIN):
            raise CannotTell
        return value

    def _made(self, kind: Class, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if kind.node.keywords or kind.node.decorator_list or self._member(kind, "__new__") is not None:
            raise CannotTell
        made = Instance(kind)
        initialiser = self._member(kind, "__init__")
        if initialiser is not None:
            self.call(self._bound(initialiser, made), arguments, keywords, kind.frame)
        elif arguments or keywords:
            raise CannotTell
        return made

    def _member(self, kind: Class, name: str) -> Any:
        """What a class says of a name, its bases after it; `None` if nothing does."""
        for node in reversed(kind.node.body):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node, kind.frame
            if isinstance(node, ast.Assign) and any(
                isinstance(each, ast.Name) and each.id == name for each in node.targets
            ):
                return node.value, kind.frame
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                if node.target.id == name:
                    return node.value, kind.frame
            elif isinstance(node, (ast.If, ast.Try)) and any(
                isinstance(each, ast.Name) and each.id == name for each in ast.walk(node)
            ):
                raise CannotTell
        for base in kind.node.bases:
            if isinstance(base, ast.Name) and base.id == "object":
                continue
            above = self.value(base, kind.frame)
            if not isinstance(above, Class):
                raise CannotTell
            if (found := self._member(above, name)) is not None:
                return found
        return None

    def _bound(self, member: tuple[ast.AST, Frame], owner: Instance | None, kind: Class | None = None) -> Any:
        node, frame = member
        if not isinstance(node, ast.FunctionDef):
            assert isinstance(node, ast.expr)
            return self.value(node, frame)
        words = {each.id for each in node.decorator_list if isinstance(each, ast.Name)}
        if len(words) != len(node.decorator_list):
            raise CannotTell
        if "staticmethod" in words:
            return Function(node, frame)
        if "classmethod" in words:
            return Function(node, frame, (kind or (owner.kind if owner else None),))
        method = Function(node, frame, (owner,) if owner is not None else ())
        if words & {"property", "cached_property"} and owner is not None:
            return self._run(method, [], {})
        return method

    # Functions

    def _run(self, function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        given = (*arguments, *keywords.items())
        if function.first or function.frame.variables or not all(_is_simple(each) for each in given):
            return self._done(function, arguments, keywords)
        key = function.node, tuple(arguments), tuple(sorted(keywords.items()))
        return self._once(function.frame.judge, key, lambda: self._done(function, arguments, keywords))

    def _done(self, function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        node = function.node
        variables = self._given(function, [*function.first, *arguments], dict(keywords))
        frame = function.frame
        inner = Frame(frame.judge, frame.scope, (variables, *frame.variables))
        self._depth += 1
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body, inner)
            if _is_generator(node):
                raise CannotTell
            ended = self._block(node.body, inner)
            return ended.value if isinstance(ended, _Returned) else None
        finally:
            self._depth -= 1

    def _given(self, function: Function, values: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        given = function.node.args
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        variables: dict[str, Any] = dict(zip(names, values, strict=False))
        if given.vararg:
            variables[given.vararg.arg] = tuple(values[len(names) :])
        elif len(values) > len(names):
            raise Raised("TypeError", "Exception", "BaseException")
        every = {*names, *(each.arg for each in given.kwonlyargs)}
        for name in list(keywords):
            if name in every:
                variables[name] = keywords.pop(name)
        if given.kwarg:
            variables[given.kwarg.arg] = keywords
        elif keywords:
            raise Raised("TypeError", "Exception", "BaseException")
        defaults = [
            *zip(reversed(names), reversed(given.defaults), strict=False),
            *zip([each.arg for each in given.kwonlyargs], given.kw_defaults, strict=True),
        ]
        for name, default in defaults:
            if name not in variables and default is not None:
                variables[name] = self._or_unknown(default, function.frame)
        if every - set(variables):
            raise CannotTell
        return variables

    def _block(self, body: Sequence[ast.stmt], frame: Frame) -> Any:
        for statement in body:
            self._steps -= 1
            if self._steps < 0:
                raise CannotTell
            ended = self._statement(statement, frame)
            if ended is not None:
                return ended
        return None

    def _statement(self, node: ast.stmt, frame: Frame) -> Any:
        """Do one statement; what it gives says that the block ends there."""
        rule = getattr(self, f"_do_{type(node).__name__.lower()}", None)
        if rule is None:
            raise CannotTell
        return rule(node, frame)

    def _do_return(self, node: ast.Return, frame: Frame) -> Any:
        return _Returned(None if node.value is None else self.value(node.value, frame))

    def _do_expr(self, node: ast.Expr, frame: Frame) -> None:
        with suppress(CannotTell):  # it writes a message, or remembers something
            self.value(node.value, frame)

    def _do_assign(self, node: ast.Assign | ast.AnnAssign, frame: Frame) -> None:
        if node.value is not None:
            value = self._or_unknown(node.value, frame)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._bind(target, value, frame)

    _do_annassign = _do_assign

    def _do_augassign(self, node: ast.AugAssign, frame: Frame) -> None:
        if isinstance(node.target, ast.Name):
            read = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
            self._bind(node.target, self._or_unknown(read, frame), frame)

    def _do_raise(self, node: ast.Raise, _: Frame) -> None:
        raise _error(node.exc)

    def _do_assert(self, node: ast.Assert, frame: Frame) -> None:
        if not self.truth(node.test, frame):
            raise Raised("AssertionError", "Exception", "BaseException")

    def _do_functiondef(self, node: ast.FunctionDef, frame: Frame) -> None:
        frame.variables[0][node.name] = Function(node, frame)

    def _do_break(self, node: ast.Break | ast.Continue, _: Frame) -> Any:
        return node

    _do_continue = _do_break

    def _do_with(self, node: ast.With, frame: Frame) -> Any:
        return self._block(node.body, frame)

    def _do_pass(self, node: ast.stmt, frame: Frame) -> None:
        """Nothing."""

    _do_global = _do_nonlocal = _do_pass

    def _do_if(self, node: ast.If, frame: Frame) -> Any:
        try:
            taken = self.truth(node.test, frame)
        except CannotTell:
            inside = [each for part in (*node.body, *node.orelse) for each in ast.walk(part)]
            if any(isinstance(each, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for each in inside):
                raise
            for each in inside:  # whether it was done or not, what follows does not know these
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    frame.variables[0][each.id] = _UNKNOWN
                elif isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(each.ctx, ast.Store):
                    self._forget(each, frame)
            return None
        return self._block(node.body if taken else node.orelse, frame)

    def _forget(self, node: ast.expr, frame: Frame) -> None:
        """Something in a container or an instance may have changed: it is not known any more."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        if isinstance(node, ast.Name):
            frame.variables[0][node.id] = _UNKNOWN

    def _do_try(self, node: ast.Try, frame: Frame) -> Any:
        try:
            ended = self._block(node.body, frame)
        except Raised as error:
            handler = next((each for each in node.handlers if _catches(each, error)), None)
            if handler is None:
                self._block(node.finalbody, frame)
                raise
            if handler.name:
                frame.variables[0][handler.name] = _UNKNOWN
            ended = self._block(handler.body, frame)
        else:
            if ended is None:
                ended = self._block(node.orelse, frame)
        return self._block(node.finalbody, frame) or ended

    def _do_for(self, node: ast.For, frame: Frame) -> Any:
        for each in _safely(list, [self._plain(self.value(node.iter, frame))], {}):
            self._bind(node.target, each, frame)
            ended = self._block(node.body, frame)
            if isinstance(ended, ast.Break):
                return None
            if isinstance(ended, _Returned):
                return ended
        return self._block(node.orelse, frame)

    def _do_import(self, node: ast.Import | ast.ImportFrom, frame: Frame) -> None:
        for alias, module, name in frame.judge.imported_by(node):
            self._imported(module, frame)
            if name:
                full = f"{module}.{name}"
                top = frame.judge.world.top
                if below(full, top) and frame.judge.exists(full) is not True:
                    if frame.judge.exists(full) is False:
                        raise Raised("ImportError", "Exception", "BaseException")
                    raise CannotTell
            else:
                full = alias if alias == module.partition(".")[0] else module
            try:
                frame.variables[0][alias] = self.dotted(full, frame)
            except CannotTell:
                frame.variables[0][alias] = _UNKNOWN

    _do_importfrom = _do_import

    def _bind(self, target: ast.expr, value: Any, frame: Frame) -> None:
        if isinstance(target, ast.Name):
            frame.variables[0][target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            if value is _UNKNOWN:
                values = [_UNKNOWN] * len(target.elts)
            else:
                values = _safely(list, [self._plain(value)], {})
            if len(values) != len(target.elts) or any(isinstance(each, ast.Starred) for each in target.elts):
                raise CannotTell
            for each, part in zip(target.elts, values, strict=True):
                self._bind(each, part, frame)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, frame)
            if isinstance(owner, Instance):
                owner.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            owner = self._or_unknown(target.value, frame)
            if isinstance(owner, dict):
                owner[self._plain(self.value(target.slice, frame))] = value


@dataclass(frozen=True)
class _Method:
    owner: Any
    name: str


@dataclass(frozen=True)
class _Returned:
    value: Any


@dataclass(frozen=True)
class _Record:
    """The metadata of a distribution."""

    version: str


@cache
def _is_generator(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, (ast.Yield, ast.YieldFrom, ast.Await)) for each in ast.walk(node))


def _is_simple(value: Any) -> bool:
    """Whether a value never changes and tells itself from others."""
    if isinstance(value, tuple):
        return all(_is_simple(each) for each in value)
    return isinstance(value, (str, int, float, bool, type(None), Thing))


def _known(answer: bool | None) -> bool:
    if answer is None:
        raise CannotTell
    return answer


def _of_value(owner: Any, name: str) -> Any:
    """An attribute of a plain value; what is neither one that is known nor a method cannot be called."""
    for kind, names in _ATTRIBUTES.items():
        if isinstance(owner, kind) and name in names.split():
            return getattr(owner, name)
    if isinstance(owner, Version) and name == "version":  # LooseVersion's numbers
        return list(owner.release)
    return owner.version if isinstance(owner, _Record) else _Method(owner, name)


def _catches(handler: ast.ExceptHandler, error: Raised) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {each.id if isinstance(each, ast.Name) else getattr(each, "attr", "") for each in kinds}
    return bool(names & error.kinds)


def _error(node: ast.expr | None) -> Raised:
    """What a `raise` raises."""
    if isinstance(node, ast.Call):
        node = node.func
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return Raised(*(each.__name__ for each in kind.__mro__))
    return Raised(name, "Exception", "BaseException")


def _safely(operation: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Do something with plain values; what Python raises, the code would.

    Raises:
        CannotTell: it could take long, or what comes of it is huge.
        Raised: it raises.
    """
    if is_too_much(operation, arguments, keywords):
        raise CannotTell
    try:
        found = operation(*arguments, **keywords)
    except _FAILURES as error:
        raise Raised(*(each.__name__ for each in type(error).__mro__)) from error
    except (RecursionError, MemoryError, re.error, OverflowError) as error:
        raise CannotTell from error
    if is_too_large(found):
        raise CannotTell
    return found
