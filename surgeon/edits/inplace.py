"""Assignments in place that fail, because the tensor's elements share memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.checking import Checked, Needed

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree

_OPERATORS = {
    "AddAssign": "+",
    "BitAndAssign": "&",
    "BitOrAssign": "|",
    "BitXorAssign": "^",
    "DivideAssign": "/",
    "MultiplyAssign": "*",
    "SubtractAssign": "-",
}


@dataclass(frozen=True)
class OutOfPlace(Checked):
    """Make a new value instead of changing the old one.

    `OutOfPlace("mask", "|")` turns `mask |= allowed` into `mask = mask | allowed`. Only a plain name
    that is local to a function is changed: whoever else holds the value, or a parameter's caller,
    does not see the change any more.

    Attributes:
        variable: the variable that is changed in place.
        operator: one of `+ - * / & | ^`.
    """

    variable: str
    operator: str
    needed: ClassVar[Mapping[str, Needed]] = {
        "operator": (f"one of {' '.join(_OPERATORS.values())}", lambda value: value in _OPERATORS.values())
    }

    def __call__(self, tree: Tree) -> int:
        matches = 0
        for _, name, scope in tree.index.names.get(self.variable, []):
            statement = tree.parent(name)
            local = scope.kind == "function" and self.variable not in scope.elsewhere
            if local and self._is_meant(statement, name):
                tree.replace(statement, self._written_out(tree, statement))
                matches += 1
        return matches

    def _is_meant(self, statement: cst.CSTNode, name: cst.Name) -> bool:
        import libcst as cst

        if not isinstance(statement, cst.AugAssign) or statement.target is not name:
            return False
        return _OPERATORS.get(type(statement.operator).__name__) == self.operator

    def _written_out(self, tree: Tree, statement: cst.CSTNode) -> cst.Assign:
        import libcst as cst

        assert isinstance(statement, cst.AugAssign)
        simple = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float)
        value = tree.source(statement.value)
        if not statement.value.lpar and not isinstance(statement.value, simple):
            value = f"({value})"
        return cst.Assign(
            targets=[cst.AssignTarget(statement.target)],
            value=tree.expression(f"{self.variable} {self.operator} {value}"),
            semicolon=statement.semicolon,
        )
