"""Names that a file imports for a newer torch alone, and then uses on any."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.checking import FALLBACK, Checked, Needed
from surgeon.edits.guards import outcome

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.scopes import ImportedName
    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class Preset(Checked):
    """Bind a name ahead of the import that an older torch skips.

    `Preset("torch.distributed.tensor.DTensor", "{name} = ()")` turns

        if is_torch_greater_or_equal("2.5"):
            from torch.distributed.tensor import DTensor

    into

        DTensor = ()  # m3d-surgeon: an-id
        if is_torch_greater_or_equal("2.5"):
            from torch.distributed.tensor import DTensor

    It looks at an `if` at the top level of the file whose test says "no" where `name` is missing.
    A file that binds the name anywhere else at its top level, in the `else` say, is left alone.

    Attributes:
        name: what is imported, in full.
        definition: statements that bind `{name}`, which stands for the name that the file uses.
        since: the first release that has it (see `is_guarded`).
    """

    name: str
    definition: str
    since: str = ""
    needed: ClassVar[Mapping[str, Needed]] = {"definition": FALLBACK}

    def __call__(self, tree: Tree) -> int:
        matches = 0
        for each in tree.imports(self.name):
            condition = self._condition(tree, each)
            if condition is not None and _bindings(tree).count(each.local) == 1:
                tree.insert_before(condition, self.definition.replace("{name}", each.local))
                matches += 1
        return matches

    def _condition(self, tree: Tree, imported: ImportedName) -> cst.If | None:
        """The `if` that skips the import, where it is a statement of the module itself."""
        import libcst as cst

        around = [outer for outer, _ in tree.ancestors(imported.statement)]  # line, block, `if`, module
        if imported.name != self.name or len(around) != 4 or not isinstance(around[2], cst.If):
            return None
        condition = around[2]
        return condition if outcome(tree, condition.test, self.name, self.since) is False else None


def _bindings(tree: Tree) -> list[str]:
    """Every name that is bound outside functions and classes, as often as that is done."""
    return list(_bound(ast.parse(tree.module.code)))


def _bound(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child.name
        elif isinstance(child, ast.alias):
            yield child.asname or child.name.partition(".")[0]
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        else:
            yield from _bound(child)
