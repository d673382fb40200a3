"""Versions in tests: what an expression comes to, given what is installed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from packaging.version import Version

from surgeon.site.versions import parsed, release
from surgeon.sources.names import Binding, Scope, dotted

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
SIGNS: Mapping[type[ast.cmpop], str] = {
    ast.GtE: ">=",
    ast.Gt: ">",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
VERSION_CHECK = re.compile(r"version|greater_or_equal|at_least|less_than|_ge_|_gte_")
_VERSION = re.compile(r"\d+(\.\d+)*([ab]\d*|rc\d*|\.?dev\d*)?(\.\*)?$")
_AROUND_A_NAME = re.compile(r"\d+|versions?|installed|get|is|current|parsed|_{2,}")
_DEPTH = 12


class Versions:
    """Computes versions.

    Args:
        installed: by top-level module or distribution name, lower case, `_` for `-`.
    """

    def __init__(self, installed: Mapping[str, str]) -> None:
        self._installed = installed
        self._given: dict[Binding, Version | None] = {}

    def comparison(self, left: ast.expr, sign: str, right: ast.expr, scope: Scope) -> bool | None:
        """What a comparison comes to, or `None` where one side is no version that is known."""
        here, there = self.of(left, scope), self.of(right, scope)
        return None if here is None or there is None else _compare(here, sign, there)

    def check(self, word: str, texts: list[str]) -> bool | None:
        """`is_torch_version(">=", "2.4")`, `is_torch_greater_or_equal("2.4")`, `_2_4` at a name's end.

        Args:
            word: the function's or the flag's name.
            texts: the texts among its arguments.
        """
        sign = "<" if "less" in word or "_lt" in word else ">="
        sign = next((each for each in texts if each in COMPARE), sign)
        spoken = [
            name for name in self._installed if re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", word)
        ]
        named = next((each for each in texts if _as_variable(each) in self._installed), "")
        here = self._of_distribution(named or max(spoken, key=len, default=""))
        there = _parsed(next((each for each in texts if _VERSION.match(each)), ""))
        return None if here is None or there is None else _compare(here, sign, there)

    def of(self, node: ast.expr, scope: Scope, depth: int = 0) -> Version | None:
        """The version that an expression comes to: a text, a tuple, or what is installed of what it names."""
        if depth > _DEPTH:
            return None
        if isinstance(node, ast.Constant):
            return _parsed(node.value) if isinstance(node.value, str) and _VERSION.match(node.value) else None
        if isinstance(node, (ast.Tuple, ast.List)):
            numbers = [str(each.value) for each in node.elts if isinstance(each, ast.Constant)]
            return _parsed(".".join(numbers)) if numbers and len(numbers) == len(node.elts) else None
        if isinstance(node, ast.Subscript):
            return self.of(node.value, scope, depth + 1)
        return (
            self._of_call(node, scope, depth)
            if isinstance(node, ast.Call)
            else self._of_name(node, scope, depth)
        )

    def _of_call(self, node: ast.Call, scope: Scope, depth: int) -> Version | None:
        """`version.parse(x)`, `Version(x)`, `importlib.metadata.version("torch")`, `get_torch_version()`."""
        called = dotted(node.func).rpartition(".")[2].lower()
        if "version" in called and node.args and isinstance(node.args[0], ast.Constant):
            found = self._of_distribution(str(node.args[0].value))
            return found or self.of(node.args[0], scope, depth + 1)
        if node.args:
            return self.of(node.args[0], scope, depth + 1)
        if isinstance(node.func, ast.Attribute) and not self._spoken_of(called):
            return self.of(node.func.value, scope, depth + 1)
        return self._of_distribution(self._spoken_of(called))

    def _of_name(self, node: ast.expr, scope: Scope, depth: int) -> Version | None:
        """`torch.__version__`, `_torch_version`, or a name that was given such a value."""
        name = dotted(node)
        for binding in scope.find(name) if name else ():
            if binding not in self._given:
                self._given[binding] = None  # what leads to itself says nothing
                if binding.value is not None:
                    self._given[binding] = self.of(binding.value, binding.scope_of(scope), depth + 1)
            if found := self._given[binding]:
                return found
        if isinstance(node, ast.Attribute):
            if node.attr in ("__version__", "VERSION", "version"):
                return self._of_distribution(name.partition(".")[0])
            if node.attr in ("base_version", "release", "public"):
                return self.of(node.value, scope, depth + 1)
        return self._of_distribution(self._spoken_of(name.rpartition(".")[2].lower())) if name else None

    def _spoken_of(self, word: str) -> str:
        """The distribution that a word like `_torch_version` speaks of, or an empty string."""
        if not VERSION_CHECK.search(word):
            return ""
        rest = _AROUND_A_NAME.sub("_", word).strip("_")
        return rest if rest in self._installed else ""

    def _of_distribution(self, name: str) -> Version | None:
        return _parsed(self._installed.get(_as_variable(name), ""))


def _as_variable(name: str) -> str:
    return name.lower().replace("-", "_")


def _compare(left: Version, sign: str, right: Version) -> bool:
    """Compare as the packages do: without a local part, a prerelease as the release that it leads to."""
    return COMPARE[sign](release(left), release(right))


def _parsed(text: str) -> Version | None:
    return parsed(text.removesuffix(".*"))
