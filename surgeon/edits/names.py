"""Names that an older torch has under another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.checking import ABSOLUTE, MEMBER, Checked, Needed
from surgeon.edits.guards import is_guarded
from surgeon.edits.imports import RelocateImport

if TYPE_CHECKING:
    from surgeon.edits.scopes import ImportedName
    from surgeon.edits.tree import Chain, Reference, Tree


@dataclass(frozen=True)
class Rename(Checked):
    """Use another name, wherever the file reads or imports the first.

    `Rename("torch.utils._pytree.register_pytree_node", "torch.utils._pytree._register_pytree_node")`
    turns `pytree.register_pytree_node(...)` into `pytree._register_pytree_node(...)`, and
    `from torch.utils._pytree import register_pytree_node` into an import of the other name under
    the name that the file uses.

    Attributes:
        name: what the file uses, in full.
        to: what to use instead, in full. It must be reachable through the module that the file
            imports: `torch.a.X` can become `torch.b.Y` where the file says `torch.a.X`, not where
            it says `a.X`. Where that is in another module, the module is imported below the import
            that the file uses: `import collections` does not bring `collections.abc` along.
        since: the first release that has `name` (see `is_guarded`).
        reachable: whether the other module is there without that, because the package imports it itself.
    """

    name: str
    to: str
    since: str = ""
    reachable: bool = False
    needed: ClassVar[Mapping[str, Needed]] = {"name": MEMBER, "to": ABSOLUTE}

    def __call__(self, tree: Tree) -> int:
        imports = {each.local for each in tree.imports(self.name) if each.name == self.name}
        needing: list[Chain] = []
        matches = RelocateImport(self.name, self.to, self.since)(tree)
        for each in tree.references(self.name):
            through_import = tree.source(each.node).partition(".")[0].strip() in imports
            if each.exact is None or is_guarded(tree, each.node, self.name, self.since):
                continue
            if not (through_import and _is_plain(each)):
                tree.replace(each.exact, self._spelled(tree, each))
                needing.append(each.node)
                matches += 1
        if not self.reachable:
            self._import(tree, needing)
        return matches

    def _import(self, tree: Tree, nodes: Sequence[Chain]) -> None:
        """Import the module of `to` beside each import that the references go through.

        Raises:
            EditError: the file has no such name free to import it under.
        """
        from surgeon.edits.tree import EditError, is_below

        module, old = self.to.rpartition(".")[0], self.name.rpartition(".")[0]
        there = {id(line) for line in tree.module.body}
        if is_below(old, module) or any(
            is_below(each.name, module) and id(tree.parent(each.statement)) in there
            for each in tree.index.imports
        ):
            return
        used = {tree.source(each).partition(".")[0].strip() for each in nodes}
        through = [each for each in tree.index.imports if each.local in used and _leads_to(each, self.name)]
        top = module.partition(".")[0]
        if any(scope.lookup(top) != [top] for _, _, scope in tree.index.names.get(top, [])):
            raise EditError(f"{module} cannot be imported: {top} is something else in this file")
        lines = {id(line): line for line in (tree.line(each.statement) for each in through)}
        for line in lines.values():
            tree.insert_after(line, f"import {module}")

    def _spelled(self, tree: Tree, reference: Reference) -> str:
        from surgeon.edits.scopes import dotted
        from surgeon.edits.tree import EditError, is_below

        written = dotted(reference.exact).split(".")
        # `dist.device_mesh.X`: the first word stands for what is left of the full name.
        root = ".".join(self.name.split(".")[: len(self.name.split(".")) - len(written) + 1])
        if not is_below(self.to, root) or self.to == root:
            raise EditError(f"{self.to} cannot be reached through {tree.source(reference.node)}")
        return written[0] + self.to[len(root) :]


def _leads_to(imported: ImportedName, name: str) -> bool:
    """Tell whether what an import binds is `name`'s module or lies above it."""
    import libcst as cst

    from surgeon.edits.tree import is_below

    whole = isinstance(imported.statement, cst.ImportFrom) or imported.alias.asname is not None
    return is_below(name, imported.name if whole else imported.name.partition(".")[0])


def _is_plain(reference: Reference) -> bool:
    """Tell whether the file reads the name through a from-import: that was renamed already."""
    import libcst as cst

    return isinstance(reference.exact, cst.Name)
