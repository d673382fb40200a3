"""Does a piece of code run, or do harm, where a name is missing? Tests are computed as far as they can be.

Edits ask the same of one name at a time (`surgeon.edits.guards`), in a world in which nothing is known
but that the name is missing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from surgeon.sources.compute import CannotTell, Computer, Frame, Raised, Thing
from surgeon.sources.library import Library
from surgeon.sources.names import Binding, Condition, Context, Scope, Source, absolute, below, dotted
from surgeon.sources.version_tests import COMPARE, SIGNS, VERSION_CHECK, Versions

IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
ATTRIBUTE_ERRORS = frozenset({"AttributeError", "Exception", "BaseException"})
NAME_ERRORS = frozenset({"NameError", "Exception", "BaseException"})
KEYWORD_ERRORS = frozenset({"TypeError", "Exception", "BaseException"})

_VERSION_IN_NAME = re.compile(r"_(\d+)_(\d+)$")
_AVAILABILITY = re.compile(r"available|support|^_?has_|^_?have_|^_?can_use")
_KNOWN_AS = {
    "vision": "PIL",
    "sklearn": "sklearn",
    "opencv": "cv2",
    "cv2": "cv2",
    "bs4": "bs4",
    "flash_attention": "flash_attn",
}
WINDOWS = {
    ("sys.platform", "win32"),
    ("sys.platform", "cygwin"),
    ("os.name", "nt"),
    ("platform.system()", "Windows"),
}
"""Expressions, and what they come to where this tool does not run."""
_DEPTH = 12
"""How many flags may lead from one to another before we give up."""


@dataclass(frozen=True)
class World:
    """What is known of the environment that the code would run in.

    Attributes:
        top: the module that is asked: `torch`.
        versions: of what is installed, by top-level module or distribution name, lower case, `_` for `-`.
        modules: the top-level modules that can be imported, the standard library's among them; `None`
            where that is not known.
        missing: dotted names that are known not to exist.
        existing: dotted names that are known to exist.
        python: the interpreter's version; empty where that is not known.
        library: the sources of what is installed, for what a test asks of another module.
        asked: whether a name exists, of those that have been asked for; `None` for others.
        constants: what it is, by the expressions that ask: `sys.platform`, `platform.system()`; those that
            are not there are not known (but it is never Windows).
    """

    top: str
    versions: Mapping[str, str]
    modules: Collection[str] | None
    missing: Collection[str] = frozenset()
    existing: Collection[str] = frozenset()
    python: tuple[int, ...] = sys.version_info[:3]
    constants: Mapping[str, str | int] = field(
        default_factory=lambda: {"sys.platform": "linux", "os.name": "posix"}
    )
    library: Library | None = None
    asked: Callable[[str], bool | None] = lambda _: None

    @property
    def platform(self) -> str:
        """The interpreter's `sys.platform`; empty where that is not known."""
        return str(self.constants.get("sys.platform", ""))


NEWEST = "99.0.0"
"""A release that has everything."""


def _has_all(_: str) -> bool:
    return True


def is_closed(package: str, world: World) -> bool:
    """Tell whether a package's own `is_torch_available()` says no to the torch that is there."""
    if world.library is None or (source := world.library.source(package)) is None:
        return False
    judge, asked = Judge(world, source), f"is_{world.top}_available"
    frame = Frame(judge, source.scope)
    for owner in (package, f"{package}.utils", f"{package}.utils.import_utils"):
        computer = Computer()
        try:
            found = computer.attribute(Thing(owner), asked, frame)
            return not computer.is_true(computer.call(found, [], {}, frame))
        except (CannotTell, Raised, RecursionError):
            continue
    return False


@dataclass(eq=False)
class Judge:
    """Decides about one source."""

    world: World
    source: Source
    _sites: dict[int, list[Context]] = field(default_factory=dict)
    computed: dict[Any, Any] = field(default_factory=dict)
    """What the names of the module come to, and the calls of its functions; see `Computer`."""
    _come_to: dict[tuple[Condition, str], bool | None] = field(default_factory=dict)
    _ideal: Judge | None = None
    _flags: dict[tuple[Binding, str], bool | None] = field(default_factory=dict)
    _computed: dict[ast.expr, bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._versions = Versions(self.world.versions)
        for call in self.source.calls:
            self._sites.setdefault(call.function, []).append(call.context)

    def is_dead(self, context: Context, missing: str = "") -> bool:
        """Tell whether code is never reached where `missing` is."""
        return any(self._dead(each, missing) for each in context.conditions)

    def is_guarded(self, context: Context, bindings: Iterable[Binding], missing: str) -> bool:
        """Tell whether code never runs where `missing` is, or its name means something else then.

        Args:
            context: where the code stands.
            bindings: what makes its name the one that is missing; none for an import statement.
        """
        bindings = list(bindings)
        return self.is_dead(context, missing) or (
            bool(bindings) and all(self.is_dead(each.context, missing) for each in bindings)
        )

    def is_unbound(self, bindings: Collection[Binding]) -> bool:
        """Tell whether a name has no meaning here, and would have one with a module that has everything."""
        if not bindings or self.starred() or not all(self.is_dead(each.context) for each in bindings):
            return False
        top = self.world.top
        newest = {**self.world.versions, top: NEWEST}
        nothing: frozenset[str] = frozenset()
        ideal = replace(self.world, versions=newest, missing=nothing, existing=nothing, asked=_has_all)
        judge = self._ideal = self._ideal or Judge(ideal, self.source)
        return any(not judge.is_dead(each.context) for each in bindings)

    def leads(self, context: Context, missing: str, errors: frozenset[str]) -> set[int]:
        """The functions whose calls run this code."""
        found: set[int] = set()
        waiting = [context.function]
        while waiting:
            function = waiting.pop()
            if function is None or function in found:
                continue
            found.add(function)
            waiting += [
                site.function
                for site in self._sites.get(function, ())
                if not (site.caught & errors or self.is_dead(site, missing))
            ]
        return found

    @cached_property
    def reached(self) -> frozenset[int]:
        """The functions that importing the module may call, whatever the tests on the way come to."""
        calls: dict[int | None, set[int]] = {}
        for call in self.source.calls:
            calls.setdefault(call.context.function, set()).add(call.function)
        found: set[int] = set()
        waiting = list(calls.get(None, ()))
        while waiting:
            if (function := waiting.pop()) not in found:
                found.add(function)
                waiting += calls.get(function, ())
        return frozenset(found)

    def runs_at_import(self, context: Context, missing: str, errors: frozenset[str]) -> bool:
        """Tell whether importing the module runs this code: directly, or by calling the function it is in."""
        return self._runs(context, missing, errors, frozenset())

    def _runs(self, context: Context, missing: str, errors: frozenset[str], seen: frozenset[int]) -> bool:
        if context.function is None:
            return True
        if context.function in seen or context.function not in self.reached:
            return False
        return any(
            not (site.caught & errors or self.is_dead(site, missing))
            and self._runs(site, missing, errors, seen | {context.function})
            for site in self._sites.get(context.function, ())
        )

    def is_sure(self, context: Context) -> bool:
        """Tell whether all that code needs in order to be reached is known to hold."""
        return all(self._comes_to(each, "") is each.wanted for each in context.conditions)

    def _dead(self, condition: Condition, missing: str) -> bool:
        come_to = self._comes_to(condition, missing)
        return come_to is not None and come_to is not condition.wanted

    def _comes_to(self, condition: Condition, missing: str) -> bool | None:
        key = condition, missing
        if key not in self._come_to:
            self._come_to[key] = None  # flags that lead to each other say nothing
            self._come_to[key] = self.outcome(condition.test, condition.scope, missing)
        return self._come_to[key]

    def outcome(
        self, test: ast.expr | list[str], scope: Scope, missing: str = "", depth: int = 0
    ) -> bool | None:
        """What a test comes to here, or `None` if that cannot be told."""
        if depth > _DEPTH:
            return None
        if isinstance(test, list):
            return self._completes(test, missing)
        if isinstance(test, ast.Constant):
            return bool(test.value)
        if (known := self._compute(test, scope)) is not None:
            return known
        computed: Mapping[type[ast.expr], Callable[..., bool | None]] = {
            ast.UnaryOp: self._negation,
            ast.BoolOp: self._boolean,
            ast.IfExp: self._either,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            ast.Name: self._flag,
            ast.Attribute: self._flag,
        }
        compute = computed.get(type(test))
        return compute(test, scope, missing, depth) if compute else None

    def _compute(self, test: ast.expr, scope: Scope) -> bool | None:
        if test not in self._computed:
            self._computed[test] = None  # what leads to itself says nothing
            with suppress(CannotTell, Raised, RecursionError):
                self._computed[test] = Computer().truth(test, Frame(self, scope))
        return self._computed[test]

    def _negation(self, test: ast.UnaryOp, scope: Scope, missing: str, depth: int) -> bool | None:
        come_to = (
            self.outcome(test.operand, scope, missing, depth + 1) if isinstance(test.op, ast.Not) else None
        )
        return None if come_to is None else not come_to

    def _boolean(self, test: ast.BoolOp, scope: Scope, missing: str, depth: int) -> bool | None:
        decisive = isinstance(test.op, ast.Or)
        sides = [self.outcome(each, scope, missing, depth + 1) for each in test.values]
        if decisive in sides:
            return decisive
        if None not in sides:
            return not decisive
        # `TYPE_CHECKING or SLOW_IMPORT`: what a run of the program does not do unless it is told to.
        if decisive and any(dotted(each).endswith("TYPE_CHECKING") for each in test.values):
            return False
        return None

    def _either(self, test: ast.IfExp, scope: Scope, missing: str, depth: int) -> bool | None:
        come_to = self.outcome(test.test, scope, missing, depth + 1)
        if come_to is not None:
            return self.outcome(test.body if come_to else test.orelse, scope, missing, depth + 1)
        sides = {self.outcome(each, scope, missing, depth + 1) for each in (test.body, test.orelse)}
        return sides.pop() if len(sides) == 1 else None

    def _completes(self, names: list[str], missing: str) -> bool | None:
        """Whether the body of a `try` runs to its end: not if it needs something that is not there."""
        for name in names:
            if below(name, self.world.top):
                if (missing and below(name, missing)) or name in self.world.missing:
                    return False
            elif name.partition(".")[0] and self._module(name, missing) is False:
                return False
        return True if names and self.world.modules is not None else None

    def _comparison(self, test: ast.Compare, scope: Scope, missing: str, depth: int) -> bool | None:
        if len(test.ops) != 1:
            return None
        left, compared, right = test.left, test.ops[0], test.comparators[0]
        if (
            isinstance(right, ast.Constant)
            and right.value is None
            and isinstance(compared, (ast.Is, ast.IsNot))
        ):
            exists = self._is_something(left, scope, missing, depth)
            return None if exists is None else exists is isinstance(compared, ast.IsNot)
        sign = SIGNS.get(type(compared), "")
        if not sign:
            return None
        if (known := self._platform(left, sign, right)) is not None:
            return known
        return self._versions.comparison(left, sign, right, scope)

    def _platform(self, left: ast.expr, sign: str, right: ast.expr) -> bool | None:
        """`sys.version_info >= (3, 11)`, `sys.platform == "win32"`, `os.name == "nt"`."""
        name = dotted(left)
        if name == "__name__" and sign in ("==", "!=") and isinstance(right, ast.Constant):
            return (sign == "==") is not (right.value == "__main__")
        if name.endswith("version_info") and isinstance(right, ast.Tuple):
            numbers = tuple(each.value for each in right.elts if isinstance(each, ast.Constant))
            if self.world.python and all(isinstance(each, int) for each in numbers):
                return COMPARE[sign](self.world.python[: max(len(numbers), 2)], numbers)
        asked = f"{dotted(left.func)}()" if isinstance(left, ast.Call) and not left.args else name
        here = self.world.constants.get(asked)
        if isinstance(right, ast.Constant) and here is not None and type(right.value) is type(here):
            return COMPARE[sign](here, right.value)
        if here is None and isinstance(right, ast.Constant) and (asked, right.value) in WINDOWS:
            return {"==": False, "!=": True}.get(sign)
        return None

    def _call(self, test: ast.Call, scope: Scope, missing: str, depth: int) -> bool | None:
        called = dotted(test.func)
        words = [each.value if isinstance(each, ast.Constant) else None for each in test.args]
        if called in ("hasattr", "getattr") and len(words) > 1 and isinstance(words[1], str):
            return self._has(test, str(words[1]), scope, missing)
        last = called.rpartition(".")[2].lower()
        if last == "bool" and test.args:
            return self.outcome(test.args[0], scope, missing, depth + 1)
        if last == "find_spec" and words and isinstance(words[0], str):
            return self._module(words[0], missing)
        if VERSION_CHECK.search(last):
            return self._versions.check(last, [str(each) for each in words if isinstance(each, str)])
        target = next((name for name, _ in scope.resolve(test.func)), "") if called else ""
        if below(target, self.world.top):
            return self.part_available(target, missing)
        return self._availability(last, missing) if called else None

    def _has(self, test: ast.Call, attribute: str, scope: Scope, missing: str) -> bool | None:
        if len(test.args) == 3 and not (
            isinstance(test.args[2], ast.Constant) and test.args[2].value in (None, False)
        ):
            return None
        for name, _ in scope.resolve(test.args[0]):
            checked = f"{name}.{attribute}"
            if (missing and below(missing, checked)) or checked in self.world.missing:
                return False
            if dotted(test.func) == "hasattr" and checked in self.world.existing:
                return True
        return None

    def _is_something(self, node: ast.expr, scope: Scope, missing: str, depth: int) -> bool | None:
        """Whether a name or a look-up is anything but `None`."""
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            if called == "getattr" and len(node.args) == 3 and isinstance(node.args[1], ast.Constant):
                return self._has(node, str(node.args[1].value), scope, missing)
            return self._call(node, scope, missing, depth) if called.endswith("find_spec") else None
        if not isinstance(node, ast.Name):
            return None
        found = self.live(node.id, scope, missing)
        kinds = {not (isinstance(each.value, ast.Constant) and each.value.value is None) for each in found}
        return kinds.pop() if len(kinds) == 1 and kinds == {False} else None

    def live(self, name: str, scope: Scope, missing: str) -> list[Binding]:
        """The bindings of a name that do happen here."""
        return [each for each in scope.find(name) if not self.is_dead(each.context, missing)]

    def _flag(self, test: ast.expr, scope: Scope, missing: str, depth: int) -> bool | None:
        name = dotted(test)
        last = name.rpartition(".")[2]
        if last == "TYPE_CHECKING":
            return False
        if isinstance(test, ast.Name):
            found = self.live(test.id, scope, missing)
            if found and all(each.value is not None for each in found):
                sides = {self._set_to(each, scope, missing, depth) for each in found}
                if len(sides) == 1 and None not in sides:
                    return sides.pop()
        version = _VERSION_IN_NAME.search(last)
        if version and VERSION_CHECK.search(last.lower()):
            return self._versions.check(last.lower(), [".".join(version.groups())])
        return self._availability(last.lower(), missing)

    def _set_to(self, binding: Binding, scope: Scope, missing: str, depth: int) -> bool | None:
        key = binding, missing
        if key not in self._flags and binding.value is not None:
            self._flags[key] = None  # what leads to itself says nothing
            self._flags[key] = self.outcome(binding.value, scope, missing, depth + 1)
        return self._flags.get(key)

    def _availability(self, word: str, missing: str) -> bool | None:
        """`is_torch_xpu_available` is false without torch.xpu; one that is not known to be true is false."""
        part = missing.lower().rpartition(".")[2].strip("_")
        if len(part) > 2 and re.match(rf"_*is_{re.escape(part)}(_|$)", word):
            return False
        if not _AVAILABILITY.search(word):
            return None
        subject = re.sub(r"^_*(is|has|have|can_use)_|_(is_)?available$|^_+", "", word).strip("_")
        if subject == self.world.top:
            return True
        if len(part) > 2 and part in word.replace("attn", "attention"):
            return False
        known = self._module(_KNOWN_AS.get(subject, subject), missing)
        if known is None and self.world.modules is None:
            return None
        return bool(known) or subject in self.world.versions

    def _module(self, name: str, missing: str) -> bool | None:
        if below(name, self.world.top) and name != self.world.top:
            return None if name not in self.world.missing and not below(name, missing or "?") else False
        return None if self.world.modules is None else name.partition(".")[0] in self.world.modules

    def part_available(self, function: str, missing: str) -> bool | None:
        """torch's own answer: no Apple, Intel or Ascend device here; CUDA may well be."""
        module, _, last = function.rpartition(".")
        part = module.rpartition(".")[2]
        if last != "is_available":
            return None
        if missing and missing == module:
            return False
        if part == "distributed":  # every wheel for Linux and macOS has it
            return True
        here = part in ("mps", "xpu", "npu", "mtia", "hpu", "mlu") and self.world.platform
        return False if here else None

    def exists(self, name: str) -> bool | None:
        """Whether a name of the module asked exists; `None` if that is not known."""
        world = self.world
        parts = name.split(".")
        if any(".".join(parts[: number + 1]) in world.missing for number in range(len(parts))):
            return False
        return True if name in world.existing or name == world.top else world.asked(name)

    def is_module(self, name: str) -> bool | None:
        """Whether a module can be found; `None` if that is not known."""
        if below(name, self.world.top):
            return self.exists(name)
        found = self._module(name, "")
        if not found or "." not in name:
            return found
        return self.world.library.has(name) if self.world.library else None

    def other(self, module: str) -> Judge | None:
        """The judge of another module's source; `None` where it cannot be read."""
        library = self.world.library
        if library is None or below(module, self.world.top):
            return None
        key = module, self.world.asked
        if key not in library.judges:
            source = library.source(module)
            world = replace(self.world, missing=frozenset(), existing=frozenset())
            library.judges[key] = None if source is None else Judge(world, source)
        return library.judges[key]

    def starred(self) -> list[str]:
        """The modules from which everything is imported."""
        return [each.module for each in self.source.imports if "*" in each.names]

    def imported_by(self, node: ast.Import | ast.ImportFrom) -> list[tuple[str, str, str]]:
        """What a statement binds: the name, the module, and what it takes out of that."""
        if isinstance(node, ast.Import):
            return [(each.asname or each.name.partition(".")[0], each.name, "") for each in node.names]
        module = absolute(node.module or "", node.level, self.source.package)
        return [(each.asname or each.name, module, each.name) for each in node.names]
