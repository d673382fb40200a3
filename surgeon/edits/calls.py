"""Calls with arguments that an older torch does not take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class DropKeyword(Checked):
    """Leave out a keyword argument of a call.

    `DropKeyword("torch.utils._pytree.register_pytree_node", "serialized_type_name")` turns
    `pytree.register_pytree_node(A, f, g, serialized_type_name="A")` into
    `pytree.register_pytree_node(A, f, g)`. What `**kwargs` passes cannot be seen and stays.

    Attributes:
        name: the function, in full.
        keyword: the keyword.
        since: the first release whose function takes it (see `is_guarded`).
    """

    name: str
    keyword: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        matches = 0
        for each in tree.references(self.name):
            call = tree.parent(each.node)
            if each.node is not each.exact or not isinstance(call, cst.Call) or call.func is not each.node:
                continue
            place = next((n for n, arg in enumerate(call.args) if _keyword(arg) == self.keyword), None)
            if place is not None and not is_guarded(tree, each.node, self.name, self.since):
                tree.replace(call, without_argument(call, place))
                matches += 1
        return matches


def _keyword(argument: cst.Arg) -> str:
    return argument.keyword.value if argument.keyword is not None else ""


def without_argument(call: cst.Call, place: int) -> cst.Call:
    """`call` less one argument; the other arguments keep their lines and comments."""
    import libcst as cst

    kept = [*call.args[:place], *call.args[place + 1 :]]
    if not kept:
        return call.with_changes(args=[], whitespace_before_args=cst.SimpleWhitespace(""))
    if place == len(kept):
        kept[-1] = _as_last(kept[-1], call.args[place])
    return call.with_changes(args=kept)


def _as_last(argument: cst.Arg, dropped: cst.Arg) -> cst.Arg:
    """`argument` before the closing bracket, in the place of the argument dropped there."""
    import libcst as cst

    before = argument.comma.whitespace_after if isinstance(argument.comma, cst.Comma) else None
    if not isinstance(dropped.comma, cst.Comma):
        after = closing(before, dropped.whitespace_after_arg)
        return argument.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=after)
    assert isinstance(argument.comma, cst.Comma)
    after = closing(before, dropped.comma.whitespace_after)
    return argument.with_changes(comma=argument.comma.with_changes(whitespace_after=after))


def closing(
    before: cst.BaseParenthesizableWhitespace | None, after: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """The end of the line that stays, with its comment, then the bracket where it was."""
    import libcst as cst

    if isinstance(before, cst.ParenthesizedWhitespace) and isinstance(after, cst.ParenthesizedWhitespace):
        return after.with_changes(first_line=before.first_line)
    return after
