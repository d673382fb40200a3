"""Arguments that ask an older torch for what it does anyway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.calls import without_argument
from surgeon.edits.checking import Checked, Needed
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


_LITERALS = (str, int, bool)


@dataclass(frozen=True)
class OmitDefault(Checked):
    """Leave out a keyword argument where it has the one value that an older torch implies.

    `OmitDefault("torch.nn.utils.rnn.pad_sequence", "padding_side", "right")` turns
    `pad_sequence(rows, padding_side="right")` into `pad_sequence(rows)`, and leaves
    `padding_side="left"` and `padding_side=side` alone: those ask for something else, or may.

    Attributes:
        name: the function, in full.
        keyword: the keyword.
        value: the value, a literal.
        since: the first release whose function takes the keyword (see `is_guarded`).
    """

    name: str
    keyword: str
    value: str | int | bool | None
    since: str = ""
    needed: ClassVar[Mapping[str, Needed]] = {
        "value": ("a text, a whole number, True, False or None", lambda v: v is None or type(v) in _LITERALS)
    }

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        matches = 0
        for each in tree.references(self.name):
            call = tree.parent(each.node)
            if each.node is not each.exact or not isinstance(call, cst.Call) or call.func is not each.node:
                continue
            place = next((n for n, arg in enumerate(call.args) if self._is_default(arg)), None)
            if place is not None and not is_guarded(tree, each.node, self.name, self.since):
                tree.replace(call, without_argument(call, place))
                matches += 1
        return matches

    def _is_default(self, argument: cst.Arg) -> bool:
        import libcst as cst

        if argument.keyword is None or argument.keyword.value != self.keyword:
            return False
        value = argument.value
        if isinstance(value, cst.Name):
            return value.value in ("None", "True", "False") and value.value == repr(self.value)
        if isinstance(value, (cst.SimpleString, cst.Integer)):
            return type(value.evaluated_value) is type(self.value) and value.evaluated_value == self.value
        return False
