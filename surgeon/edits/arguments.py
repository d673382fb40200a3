"""Arguments that an older torch reads wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class MakeContiguous(Checked):
    """Hand tensors over in one piece of memory.

    `MakeContiguous("torch.attend", ("query", "key"), if_given=("mask", 2))` turns
    `torch.attend(q, key=k, mask=m)` into `torch.attend(q.contiguous(), key=k.contiguous(), mask=m)`.
    Left alone: an argument that is made contiguous there already, or is a name that the function
    around the call makes contiguous itself. What `*args` passes cannot be seen. A call counts once.

    Attributes:
        name: the function, in full.
        arguments: the names of its first parameters, in order.
        if_given: the name and the place of a parameter; calls without it are left alone.
        since: the first release that reads such tensors rightly (see `is_guarded`).
    """

    name: str
    arguments: tuple[str, ...]
    if_given: tuple[str, int]
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        matches = 0
        for each in tree.references(self.name):
            call = tree.parent(each.node)
            if each.node is not each.exact or not isinstance(call, cst.Call) or call.func is not each.node:
                continue
            if is_guarded(tree, each.node, self.name, self.since):
                continue
            found = self._arguments(call)
            keyword, _ = self.if_given
            values = [found[word] for word in self.arguments if word in found] if keyword in found else []
            scattered = [value for value in values if not _is_contiguous(tree, value)]
            for value in scattered:
                tree.replace(value, _contiguous(tree, value))
            matches += bool(scattered)
        return matches

    def _arguments(self, call: cst.Call) -> dict[str, cst.BaseExpression]:
        """The call's arguments by the names of the parameters that this edit speaks of."""
        keyword, place = self.if_given
        names = {**dict(enumerate(self.arguments)), place: keyword}
        found: dict[str, cst.BaseExpression] = {}
        positional = True
        for number, argument in enumerate(call.args):
            positional = positional and not argument.star
            if argument.keyword is not None:
                found[argument.keyword.value] = argument.value
            elif positional and number in names:
                found[names[number]] = argument.value
        return found


def _is_contiguous(tree: Tree, value: cst.BaseExpression) -> bool:
    import libcst as cst

    if _makes_contiguous(value):
        return True
    if not isinstance(value, cst.Name):
        return False
    scope = tree.index.scopes[id(value)]
    for _, name, other in tree.index.names[value.value]:
        target = tree.parent(name)
        if other is scope and isinstance(target, cst.AssignTarget):
            assignment = tree.parent(target)
            if isinstance(assignment, cst.Assign) and _makes_contiguous(assignment.value):
                return True
    return False


def _makes_contiguous(value: cst.BaseExpression) -> bool:
    import libcst as cst

    called = value.func if isinstance(value, cst.Call) else None
    return isinstance(called, cst.Attribute) and called.attr.value == "contiguous"


def _contiguous(tree: Tree, value: cst.BaseExpression) -> str:
    import libcst as cst

    simple = value.lpar or isinstance(value, (cst.Name, cst.Attribute, cst.Call, cst.Subscript))
    code = tree.source(value)
    return f"{code}.contiguous()" if simple else f"({code}).contiguous()"
