"""Attributes that are read while a file is imported, and that an older torch does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    from surgeon.edits.tree import Reference, Tree


@dataclass(frozen=True)
class GuardAttribute(Checked):
    """Read an attribute with `getattr`, so that it is `None` where it is missing.

    `GuardAttribute("torch.xpu")` turns `{"xpu": torch.xpu.empty_cache}` into
    `{"xpu": getattr(getattr(torch, "xpu", None), "empty_cache", None)}`, and
    `getattr(torch.xpu, "seed", None)` into `getattr(getattr(torch, "xpu", None), "seed", None)`.
    Only what is evaluated at import is changed. Left alone: annotations (see `QuoteAnnotation`),
    and an attribute that is called on the spot, which `None` would not help (see `GuardCondition`).

    Attributes:
        name: the first attribute that is missing, in full.
        default: what stands for it, as source.
        since: the first release that has it (see `is_guarded`).
    """

    name: str
    default: str = "None"
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        found = [each for each in tree.references(self.name) if self._matches(tree, each)]
        for each in found:
            tree.replace(each.node, self._guarded(tree, each))
        return len(found)

    def _matches(self, tree: Tree, reference: Reference) -> bool:
        import libcst as cst

        outer = tree.parent(reference.node)
        called = isinstance(outer, cst.Call) and outer.func is reference.node
        return (
            isinstance(reference.exact, cst.Attribute)
            and not called
            and tree.annotation(reference.node) is None
            and tree.runs_at_import(reference.node)
            and not is_guarded(tree, reference.node, self.name, self.since)
        )

    def _guarded(self, tree: Tree, reference: Reference) -> str:
        import libcst as cst

        assert isinstance(reference.exact, cst.Attribute)
        code = tree.source(reference.exact.value)
        below = reference.name[len(self.name) :].split(".")[1:]
        for attribute in (reference.exact.attr.value, *below):
            code = f'getattr({code}, "{attribute}", {self.default})'
        return code
