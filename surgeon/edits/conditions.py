"""Tests that ask a module for something where an older torch does not have the module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Reference, Tree


@dataclass(frozen=True)
class GuardCondition(Checked):
    """Ask first whether there is such a module, and take "no" for an answer.

    `GuardCondition("torch.xpu")` turns `if torch.xpu.is_available():` into
    `if hasattr(torch, "xpu") and torch.xpu.is_available():`, and does the same with
    `torch.xpu.device_count() > 1`. It looks at calls, alone or compared with `>` or `>=`, that are
    a condition or a part of one; anything else might mean "yes" where the module is missing.

    Attributes:
        name: the module that is missing, in full.
        since: the first release that has it (see `is_guarded`).
    """

    name: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        matches = 0
        for each in tree.references(self.name):
            test = self._test(tree, each)
            if test is None or is_guarded(tree, each.node, self.name, self.since):
                continue
            tree.replace(test, self._guarded(tree, each, test))
            matches += 1
        return matches

    def _test(self, tree: Tree, reference: Reference) -> cst.BaseExpression | None:
        import libcst as cst

        call = tree.parent(reference.node)
        if not isinstance(reference.exact, cst.Attribute) or not isinstance(call, cst.Call):
            return None
        test: cst.BaseExpression = call
        outer = tree.parent(call)
        if isinstance(outer, cst.Comparison) and call is outer.left and len(outer.comparisons) == 1:
            if not isinstance(outer.comparisons[0].operator, (cst.GreaterThan, cst.GreaterThanEqual)):
                return None
            test = outer
        return test if call.func is reference.node and _is_condition(tree, test) else None

    def _guarded(self, tree: Tree, reference: Reference, test: cst.BaseExpression) -> str:
        import libcst as cst

        assert isinstance(reference.exact, cst.Attribute)
        exact = reference.exact
        code = f'hasattr({tree.source(exact.value)}, "{exact.attr.value}") and {tree.source(test)}'
        outer = tree.parent(test)
        plain = isinstance(outer, (cst.If, cst.While)) or (
            isinstance(outer, cst.BooleanOperation) and isinstance(outer.operator, cst.And)
        )
        return code if plain else f"({code})"


def _is_condition(tree: Tree, test: cst.BaseExpression) -> bool:
    import libcst as cst

    outer = tree.parent(test)
    if isinstance(outer, (cst.If, cst.While, cst.IfExp, cst.Assert)):
        return outer.test is test
    if isinstance(outer, cst.UnaryOperation):
        return isinstance(outer.operator, cst.Not)
    return isinstance(outer, cst.BooleanOperation)
