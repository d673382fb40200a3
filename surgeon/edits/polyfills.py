"""Functions and classes that an older torch does not have and that can be written in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded
from surgeon.edits.placing import insert_after_imports

if TYPE_CHECKING:
    from surgeon.edits.scopes import ImportedName
    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class Polyfill(Checked):
    """Define a name once, near the top of the file, and use it in the place of the missing one.

    `Polyfill("torch.get_default_device", "_m3d_get_default_device", DEFINITION)` inserts the
    definition after the file's imports (or ahead of the first import of the name) and turns
    `torch.get_default_device()` into `_m3d_get_default_device()`; `from torch import
    get_default_device` becomes `get_default_device = _m3d_get_default_device`. References in
    annotations are replaced as well.

    Attributes:
        name: what is missing, in full.
        private: the name that the definition binds; begin it with an underscore.
        definition: statements that stand on their own (they import what they need), with one
            statement a line and four spaces a level.
        since: the first release that has `name` (see `is_guarded`).
    """

    name: str
    private: str
    definition: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        imports = [
            each
            for each in tree.imports(self.name)
            if each.name == self.name
            and isinstance(each.statement, cst.ImportFrom)
            and not is_guarded(tree, each.statement, self.name, self.since)
        ]
        nodes: list[cst.CSTNode] = [
            each.exact
            for each in tree.references(self.name)
            if isinstance(each.exact, cst.Attribute)
            and not is_guarded(tree, each.node, self.name, self.since)
        ]
        for node in nodes:
            tree.replace(node, cst.Name(self.private))
        for imported in imports:
            self._bind(tree, imported)
        if (nodes or imports) and self.private not in tree.index.names:
            uses = [*nodes, *(each.statement for each in imports)]
            insert_after_imports(tree, self.definition, ahead_of=uses)
        return len(nodes) + len(imports)

    def _bind(self, tree: Tree, imported: ImportedName) -> None:
        from surgeon.edits.imports import split

        line = tree.line(imported.statement)
        _, rest = split(imported)
        added = tree.statements(f"{imported.local} = {self.private}")
        tree.replace_line(line, added if rest is None else [line.with_changes(body=[rest]), *added])
