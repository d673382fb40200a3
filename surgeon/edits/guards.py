"""Is a piece of code already safe on a torch that lacks a name? Edits leave such code alone."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.tree import Tree

_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_ATTRIBUTE_ERRORS = {"AttributeError", "Exception", "BaseException"}
_VERSION = re.compile(r"(?<![\w.])(\d+(?:\.\d+)+)")
_VERSION_IN_NAME = re.compile(r"_(\d+)_(\d+)$")
_VERSION_CHECK = re.compile(r"version|greater_or_equal|at_least|less_than|_ge_|_gte_")
_AVAILABILITY = re.compile(r"available|support|^_?has_|^_?have_|^_?can_use")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}
_FLIPPED = {">=": "<=", ">": "<", "<": ">", "<=": ">="}


def is_guarded(tree: Tree, node: cst.CSTNode, name: str, since: str = "") -> bool:
    """Tell whether `node`, which needs `name`, is not run, or not fatal, where `name` is missing.

    It is when it stands in a `try` that catches the failure, or on the branch of an `if`, a
    conditional expression, an `and` or an `or` that a test keeps for a torch that has `name`:
    `hasattr`, a version check, an availability check that speaks of `name`, `TYPE_CHECKING`.

    Args:
        tree: the file.
        node: the code that needs the name.
        name: the name, in full.
        since: the first release with `name`. With it, a check for an older release is no guard;
            without it, every version check is taken for one.
    """
    import libcst as cst

    errors = _IMPORT_ERRORS if isinstance(node, (cst.Import, cst.ImportFrom)) else _ATTRIBUTE_ERRORS
    deferred = False  # a function's body does not run inside the `try` around its `def`
    for outer, inner in tree.ancestors(node):
        if isinstance(outer, (cst.FunctionDef, cst.Lambda)) and inner is outer.body:
            deferred = True
        elif isinstance(outer, (cst.Try, cst.TryStar)):
            if inner is outer.body and not deferred and _catches(tree, outer, errors):
                return True
        elif isinstance(outer, cst.With) and inner is outer.body and not deferred:
            if any(_suppresses(tree, item, errors) for item in outer.items):
                return True
        elif _branch_is_dead(tree, outer, inner, name, since):
            return True
    return False


def _branch_is_dead(tree: Tree, outer: cst.CSTNode, inner: cst.CSTNode, name: str, since: str) -> bool:
    """Tell whether `inner` is a part of `outer` that is skipped where `name` is missing."""
    import libcst as cst

    if isinstance(outer, (cst.If, cst.IfExp)) and inner is not outer.test:
        return outcome(tree, outer.test, name, since) is (inner is not outer.body)
    if isinstance(outer, cst.BooleanOperation) and inner is outer.right:
        return outcome(tree, outer.left, name, since) is isinstance(outer.operator, cst.Or)
    return False


def outcome(tree: Tree, test: cst.BaseExpression, name: str, since: str = "") -> bool | None:
    """What a test comes to where `name` is missing, or `None` if that cannot be told."""
    import libcst as cst

    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner = outcome(tree, test.expression, name, since)
        return None if inner is None else not inner
    if isinstance(test, cst.BooleanOperation):
        sides = {outcome(tree, test.left, name, since), outcome(tree, test.right, name, since)}
        decisive = isinstance(test.operator, cst.Or)
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    if isinstance(test, cst.Comparison):
        return _comparison(tree, test, name, since)
    if isinstance(test, cst.Call):
        return _call(tree, test, name, since)
    return _flag(test, name, since)


def _comparison(tree: Tree, test: cst.Comparison, name: str, since: str) -> bool | None:
    import libcst as cst

    if len(test.comparisons) != 1:
        return None
    compared, right = test.comparisons[0].operator, test.comparisons[0].comparator
    if isinstance(compared, (cst.Is, cst.IsNot)) and isinstance(right, cst.Name) and right.value == "None":
        found = isinstance(test.left, cst.Call) and _call(tree, test.left, name, since) is False
        return isinstance(compared, cst.Is) if found else None
    texts = [tree.source(test.left), tree.source(right)]
    versions = [_VERSION.findall(each) for each in texts]
    sign = next(
        (s for s, k in zip((">=", ">", "<", "<="), _comparisons(), strict=True) if isinstance(compared, k)),
        "",
    )
    if not sign or bool(versions[0]) is bool(versions[1]) or not _speaks_of(" ".join(texts), name):
        return None
    if versions[0]:
        sign = _FLIPPED[sign]
    return _holds(sign, (versions[0] or versions[1])[0], since)


def _comparisons() -> tuple[type, ...]:
    import libcst as cst

    return cst.GreaterThanEqual, cst.GreaterThan, cst.LessThan, cst.LessThanEqual


def _call(tree: Tree, test: cst.Call, name: str, since: str) -> bool | None:
    import libcst as cst

    from surgeon.scopes import dotted

    called = dotted(test.func)
    words = [_text(each.value) for each in test.args]
    if called in ("hasattr", "getattr") and len(words) >= 2:
        checked = f"{tree.qualified(test.args[0].value)}.{words[1]}"
        missing = name == checked or name.startswith(checked + ".")
        falsy = called == "hasattr" or (
            len(words) == 3 and tree.source(test.args[2].value) in ("None", "False")
        )
        return False if missing and falsy else None
    last = called.rpartition(".")[2].lower()
    if _VERSION_CHECK.search(last):
        if not _speaks_of(tree.source(test), name):
            return None
        version = next((each for each in words if _VERSION.fullmatch(each)), "")
        sign = next((each for each in words if each in _COMPARE), "<" if "less" in last else ">=")
        return _holds(sign, version, since) if version else None
    if isinstance(test.func, cst.Name) or tree.qualified(test.func):
        return _availability(last, name)
    return None


def _flag(test: cst.BaseExpression, name: str, since: str) -> bool | None:
    from surgeon.scopes import dotted

    flag = dotted(test).rpartition(".")[2]
    if flag == "TYPE_CHECKING":
        return False
    version = _VERSION_IN_NAME.search(flag)
    if version and _VERSION_CHECK.search(flag.lower()) and _speaks_of(flag, name):
        return _holds("<" if "less" in flag.lower() else ">=", ".".join(version.groups()), since)
    return _availability(flag.lower(), name)


def _availability(word: str, name: str) -> bool | None:
    """`is_torch_xpu_available` is false without torch.xpu; `is_torch_available` says nothing of it."""
    # Packages shorten the longest of torch's names.
    spoken, part = word.replace("attn", "attention"), name.lower().rpartition(".")[2].strip("_")
    return False if len(part) > 2 and part in spoken and _AVAILABILITY.search(word) else None


def _holds(sign: str, version: str, since: str) -> bool | None:
    """Whether `release <sign> version` holds for every release before `since`; `None` if for some."""
    if not since:
        return sign in ("<", "<=")
    checked, first = _numbers(version), _numbers(since)
    if sign in (">=", ">"):
        return False if checked >= first else None
    return True if checked >= first else None


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(each) for each in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _speaks_of(text: str, name: str) -> bool:
    """Tell whether `text` names the package of `name`: `torch` does not occur in `torchvision`."""
    root = re.escape(name.partition(".")[0])
    return re.search(rf"(?<![a-z]){root}(?![a-z])", text.lower()) is not None


def _text(node: cst.BaseExpression) -> str:
    import libcst as cst

    value = node.evaluated_value if isinstance(node, cst.SimpleString) else ""
    return value if isinstance(value, str) else ""


def _catches(tree: Tree, node: cst.Try | cst.TryStar, errors: set[str]) -> bool:
    return any(
        _names_error(tree, each.type, errors) and not _raises_again(each.body) for each in node.handlers
    )


def _suppresses(tree: Tree, item: cst.WithItem, errors: set[str]) -> bool:
    import libcst as cst

    from surgeon.scopes import dotted

    call = item.item
    if not isinstance(call, cst.Call) or dotted(call.func).rpartition(".")[2] != "suppress":
        return False
    return any(_names_error(tree, each.value, errors) for each in call.args)


def _names_error(tree: Tree, kind: cst.BaseExpression | None, errors: set[str]) -> bool:
    import libcst as cst

    if kind is None:
        return True
    kinds = [each.value for each in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    return any(tree.source(each).strip() in errors for each in kinds)


def _raises_again(body: cst.BaseSuite) -> bool:
    import libcst as cst

    last = body.body[-1] if body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, cst.Raise)
