"""Ordinary libcst codemods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class Visitor(Checked):
    """Run a plain `libcst.CSTTransformer`, for what the other edits cannot say.

    `Visitor(make_transformer)`, where `make_transformer` imports libcst, defines the transformer
    and returns an instance. If that has an attribute `matches`, it is the count; otherwise a
    module that changed counts as one. A visit costs half as much as parsing the file; lines that
    the transformer inserts have to be marked by itself.

    Attributes:
        factory: makes a fresh transformer for every file.
    """

    factory: Callable[[], cst.CSTTransformer]

    def __call__(self, tree: Tree) -> int:
        transformer = self.factory()
        result = tree.module.visit(transformer)
        if result.code == tree.module.code:
            return 0
        tree.replace_module(result)
        return int(getattr(transformer, "matches", 1))
