"""What one source asks for in vain: every use of a name or a keyword that is not there, and when it bites."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from surgeon.scan.surface import Found, Question
from surgeon.sources.glance import LOADING, Statement
from surgeon.sources.guards import ATTRIBUTE_ERRORS, IMPORT_ERRORS, KEYWORD_ERRORS, NAME_ERRORS, Judge, World
from surgeon.sources.names import Import, Loader, Order, Source, Use, below, text

Asking = Callable[[Collection[Question]], Mapping[Question, Found]]


class When(enum.Enum):
    """When a gap bites."""

    IMPORT = "import"
    CALL = "call"
    GUARDED = "guarded"


@dataclass(frozen=True)
class Gap:
    """One use of something that is missing.

    Attributes:
        name: what is missing: `torch.xpu`; of a function that exists, the function.
        keyword: the keyword that it does not take, or an empty string.
        line: 1-based.
        imported: whether an import statement asks for it.
        unbound: what the source calls it, where that name is not defined because its import is skipped.
    """

    name: str
    keyword: str
    when: When
    line: int
    imported: bool = False
    unbound: str = ""

    @property
    def errors(self) -> frozenset[str]:
        """What a `try` must catch to deal with it."""
        if self.unbound:
            return NAME_ERRORS
        if self.keyword:
            return KEYWORD_ERRORS
        return IMPORT_ERRORS if self.imported else ATTRIBUTE_ERRORS


@dataclass(frozen=True)
class Judged:
    """One source, judged.

    Attributes:
        gaps: in the order of their lines.
        imports: what importing it imports, for certain, each with the errors that are caught around it.
        loaders: its functions that import what they are given.
        orders: what it gives to functions of other modules while it is imported.
        reach: its functions, classes and methods whose calls bite, by their names, each with the first gap.
    """

    gaps: tuple[Gap, ...]
    imports: tuple[tuple[Statement, frozenset[str]], ...]
    loaders: tuple[Loader, ...]
    orders: tuple[Handed, ...]
    reach: tuple[tuple[str, Gap], ...] = ()


@dataclass(frozen=True)
class Handed:
    """Texts that a function of another module is called with.

    Attributes:
        target: its dotted name.
        arguments: those given by position; of a name that another module defines, that dotted name.
        keywords: those given by keyword.
        line: 1-based.
        caught: the errors that are caught around the call.
        source: the call; empty for a decorator.
    """

    target: str
    arguments: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...]
    line: int
    caught: frozenset[str]
    source: str = ""


def questions(source: Source) -> list[Question]:
    """What must be asked to judge a source."""
    return [
        *(_question(source, use) for use in source.uses),
        *(_check(source, each) for each in source.checks),
    ]


def judge(
    source: Source, world: World, found: Mapping[Question, Found], loadable: Collection[str] = ()
) -> Judged:
    """Find the gaps of a source that has been read, and which of its imports really run.

    Args:
        loadable: modules that exist, are not there after a mere import of the top, and that other
            sources load: by the time a function is called, they are there.
    """
    asked = {use: _question(source, use) for use in source.uses}
    lacking = [each for each in questions(source) if not found[each].exists]
    missing = frozenset(name for each in lacking for name in (each.name, found[each].missing) if name)
    existing = frozenset(each for each in source.checks if found[_check(source, each)].exists)
    judge = Judge(replace(world, missing=missing, existing=existing), source)
    found_gaps = [
        (gap, use)
        for use, question in asked.items()
        for gap in _gaps(judge, source, use, found[question])
        if gap.imported or gap.when is not When.CALL or gap.name not in loadable
    ]
    unbound = (gap for use in (*source.uses, *source.unsure) if (gap := _unbound(judge, use)))
    gaps = sorted((*unbound, *(gap for gap, _ in found_gaps)), key=lambda gap: gap.line)
    reach = _reach(judge, source, found_gaps)
    imports = (
        (Statement(each.module, each.names, each.line, True), each.context.caught)
        for each in source.imports
        if _runs(judge, each)
    )
    loads = (
        (Statement(LOADING[each.name], (), 0, True), each.context.caught)
        for each in source.uses
        if each.name in LOADING
        and not judge.is_dead(each.context)
        and judge.runs_at_import(each.context, "", frozenset())
    )
    orders = (_handed(each, source) for each in source.orders if _is_done(judge, each))
    return Judged(tuple(dict.fromkeys(gaps)), (*imports, *loads), source.loaders, tuple(orders), tuple(reach))


def _unbound(judge: Judge, use: Use) -> Gap | None:
    """A use, while the module is imported, of a name whose import is skipped here: a NameError."""
    if use.binding is None or not use.binding.context.conditions or use.context.caught & NAME_ERRORS:
        return None
    if not judge.is_unbound(use.rivals) or judge.is_dead(use.context):
        return None
    if not judge.runs_at_import(use.context, "", NAME_ERRORS):
        return None
    return Gap(use.binding.target, "", When.IMPORT, use.line, unbound=use.local)


def _reach(judge: Judge, source: Source, gaps: Iterable[tuple[Gap, Use]]) -> list[tuple[str, Gap]]:
    """The names that another module may call, and what bites then."""
    by_function: dict[int, Gap] = {}
    for gap, use in gaps:
        if gap.when is When.CALL:
            for function in judge.leads(use.context, gap.name, gap.errors):
                by_function.setdefault(function, gap)
    names = {
        name: each.function
        for scope, before in ((source.scope, ""), *source.methods)
        for name, bindings in scope.bindings.items()
        for name, each in ((before + name, each) for each in bindings)
        if each.function is not None
    }
    return [(name, by_function[key]) for name, key in names.items() if key in by_function]


def _question(source: Source, use: Use) -> Question:
    return Question(use.name, use.imported, frozenset() if use.imported else source.loaded)


def _check(source: Source, name: str) -> Question:
    return Question(name, False, source.loaded)


def _gaps(judge: Judge, source: Source, use: Use, found: Found) -> list[Gap]:
    if not found.exists:
        if any(below(use.name, stored) for stored in source.stored):
            return []
        if use.binding is not None and use.binding.imported and below(use.binding.target, found.missing):
            return []  # the import that makes the name is the gap
        errors = IMPORT_ERRORS if use.imported else ATTRIBUTE_ERRORS
        return [Gap(found.missing, "", _when(judge, use, found.missing, errors), use.line, use.imported)]
    if found.parameters is None:
        return []
    return [
        Gap(use.name, keyword, _when(judge, use, use.name, KEYWORD_ERRORS), use.line)
        for keyword in use.keywords
        if keyword not in found.parameters
    ]


def _when(judge: Judge, use: Use, missing: str, errors: frozenset[str]) -> When:
    bindings = [] if use.binding is None else [use.binding]
    if use.context.caught & errors or judge.is_guarded(use.context, bindings, missing):
        return When.GUARDED
    return When.IMPORT if judge.runs_at_import(use.context, missing, errors) else When.CALL


def _is_done(judge: Judge, order: Order) -> bool:
    """Whether importing the module gives an order."""
    if order.context.function is not None and order.context.function not in judge.reached:
        return False
    return not judge.is_dead(order.context) and judge.runs_at_import(order.context, "", frozenset())


def _handed(order: Order, source: Source) -> Handed:
    call = order.call
    return Handed(
        order.target,
        tuple(_word(each, source) for each in call.args) if call else (),
        tuple((each.arg, _word(each.value, source)) for each in call.keywords if each.arg) if call else (),
        order.line,
        order.context.caught,
        ast.unparse(call) if call else "",
    )


def _word(node: ast.expr, source: Source) -> str:
    """A text; of a name that another module defines, that dotted name."""
    if isinstance(node, ast.Name):
        found = source.scope.find(node.id)
        if len(found) != 1:
            return ""
        if found[0].value is None:
            return found[0].target
        node = found[0].value
    return text(node)


def _runs(judge: Judge, each: Import) -> bool:
    return not judge.is_dead(each.context) and judge.runs_at_import(each.context, "", frozenset())
