"""Names that a module does not have in some of the package's releases, and that others import."""

from __future__ import annotations

import symtable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.checking import IDENTIFIER, Checked, Needed
from surgeon.edits.placing import insert_after_imports

if TYPE_CHECKING:
    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class Supply(Checked):
    """Give a module a name that it lacks, at its end.

    `Supply("pad", "from torch.nn.functional import pad")` appends that import, unless the module
    binds `pad` anywhere at its top level.

    Attributes:
        name: what is missing; it counts as a match.
        definition: statements that bind it, one a line, four spaces a level; they may use what
            the module has.
        public: whether `from module import *` is to bring it along: where the module has
            `__all__`, the name is added to that.
    """

    name: str
    definition: str
    public: bool = False
    needed: ClassVar[Mapping[str, Needed]] = {"name": IDENTIFIER}

    def __call__(self, tree: Tree) -> int:
        bound = _top_level(tree)
        if self.name in bound:
            return 0
        export = f'__all__ += ["{self.name}"]\n' if self.public and "__all__" in bound else ""
        source = self.definition.rstrip("\n") + "\n" + export
        if tree.module.body:
            tree.insert_after(tree.module.body[-1], source)
        else:
            insert_after_imports(tree, source)
        return 1


def _top_level(tree: Tree) -> set[str]:
    """Every name that the module binds outside functions and classes."""
    table = symtable.symtable(tree.module.code, "<target>", "exec")
    return {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
