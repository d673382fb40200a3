"""Version checks that let through a torch which has a function, but not yet as the code needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree

_VERSION = re.compile(r"\d+(\.\d+)+")


@dataclass(frozen=True)
class RaiseBound(Checked):
    """Ask for a newer release in the check that guards a name.

    `RaiseBound("torch.library.custom_op", "2.5.0")` turns

        if torch.__version__ >= "2.4.0":
            op = torch.library.custom_op

    into `if torch.__version__ >= "2.5.0":` and leaves the rest, the `else` too, as it is. It looks at
    the test of the `if` nearest to the name, in whose block the name stands, and at the version that is
    written there as a string.

    Attributes:
        name: what is guarded, in full.
        bound: the first release that is to pass.
    """

    name: str
    bound: str

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        found: dict[int, cst.SimpleString] = {}
        for each in tree.references(self.name):
            for outer, inner in tree.ancestors(each.node):
                if isinstance(outer, cst.If) and inner is outer.body:
                    found.update((id(text), text) for text in _strings(outer.test) if self._is_low(text))
                    break
        for text in found.values():
            tree.replace(text, text.with_changes(value=f"{text.prefix}{text.quote}{self.bound}{text.quote}"))
        return len(found)

    def _is_low(self, text: cst.SimpleString) -> bool:
        value = text.evaluated_value
        if not isinstance(value, str) or not _VERSION.fullmatch(value):
            return False
        return _numbers(value) < _numbers(self.bound)


def _strings(test: cst.BaseExpression) -> Iterator[cst.SimpleString]:
    """The strings that `test` compares with a lower bound, or hands to a function with `">="`."""
    import libcst as cst

    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        yield from _strings(test.left)
        yield from _strings(test.right)
    elif isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        if isinstance(test.comparisons[0].operator, cst.GreaterThanEqual):
            compared = test.comparisons[0].comparator
            if isinstance(compared, cst.Call) and len(compared.args) == 1:  # parse("2.4")
                compared = compared.args[0].value
            if isinstance(compared, cst.SimpleString):
                yield compared
    elif isinstance(test, cst.Call):
        words = [each.value for each in test.args if isinstance(each.value, cst.SimpleString)]
        if any(each.evaluated_value == ">=" for each in words):
            yield from words


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(each) for each in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))
