"""Names that an older torch has under another name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.guards import is_guarded
from surgeon.edits.imports import RelocateImport

if TYPE_CHECKING:
    from surgeon.tree import Reference, Tree


@dataclass(frozen=True)
class Rename:
    """Use another name, wherever the file reads or imports the first.

    `Rename("torch.utils._pytree.register_pytree_node", "torch.utils._pytree._register_pytree_node")`
    turns `pytree.register_pytree_node(...)` into `pytree._register_pytree_node(...)`, and
    `from torch.utils._pytree import register_pytree_node` into an import of the other name under
    the name that the file uses.

    Attributes:
        name: what the file uses, in full.
        to: what to use instead, in full. It must be reachable through the module that the file
            imports: `torch.a.X` can become `torch.b.Y` where the file says `torch.a.X`, not where
            it says `a.X`.
        since: the first release that has `name` (see `is_guarded`).
    """

    name: str
    to: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        imports = {each.local for each in tree.imports(self.name) if each.name == self.name}
        matches = RelocateImport(self.name, self.to, self.since)(tree)
        for each in tree.references(self.name):
            through_import = tree.source(each.node).partition(".")[0].strip() in imports
            if each.exact is None or is_guarded(tree, each.node, self.name, self.since):
                continue
            if not (through_import and _is_plain(each)):
                tree.replace(each.exact, self._spelled(tree, each))
                matches += 1
        return matches

    def _spelled(self, tree: Tree, reference: Reference) -> str:
        from surgeon.scopes import dotted
        from surgeon.tree import EditError, is_below

        written = dotted(reference.exact).split(".")
        # `dist.device_mesh.X`: the first word stands for what is left of the full name.
        root = ".".join(self.name.split(".")[: len(self.name.split(".")) - len(written) + 1])
        if not is_below(self.to, root) or self.to == root:
            raise EditError(f"{self.to} cannot be reached through {tree.source(reference.node)}")
        return written[0] + self.to[len(root) :]


def _is_plain(reference: Reference) -> bool:
    """Tell whether the file reads the name through a from-import: that was renamed already."""
    import libcst as cst

    return isinstance(reference.exact, cst.Name)
