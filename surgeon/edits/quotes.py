"""Annotations that name what an older torch does not have."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class QuoteAnnotation(Checked):
    """Turn annotations that name something into strings, which Python does not evaluate.

    `QuoteAnnotation("torch.distributed.device_mesh")` turns

        mesh: torch.distributed.device_mesh.DeviceMesh | None = None

    into `mesh: "torch.distributed.device_mesh.DeviceMesh | None" = None`. The annotation is quoted
    whole: `"A.B" | None` would fail, and dataclasses find `ClassVar[...]` and `InitVar[...]` in a
    string only at its start. Left alone: annotations of local variables, which Python does not
    evaluate, and whole files with `from __future__ import annotations`.

    Attributes:
        name: the name or module that is missing, in full.
        since: the first release that has it (see `is_guarded`).
    """

    name: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        if tree.postpones_annotations():
            return 0
        found: dict[int, cst.BaseExpression] = {}
        for each in tree.references(self.name):
            annotation = tree.annotation(each.node)
            if annotation is None or _is_local(tree, annotation):
                continue
            if not is_guarded(tree, each.node, self.name, self.since):
                found[id(annotation)] = annotation
        for annotation in found.values():
            tree.replace(annotation, quoted(tree.source(annotation)))
        return len(found)


def quoted(source: str) -> str:
    """The string literal that means the same annotation."""
    text = source.strip()
    if any(each in text for each in "\n\r\\#") or text.startswith("(") or ('"' in text and "'" in text):
        text = ast.unparse(ast.parse(f"({text}\n)", mode="eval"))  # one line, one kind of quotes
    return repr(text) if '"' in text else f'"{text}"'


def _is_local(tree: Tree, annotation: cst.BaseExpression) -> bool:
    import libcst as cst

    declaration = tree.parent(tree.parent(annotation))
    if not (isinstance(declaration, cst.AnnAssign) and isinstance(declaration.target, cst.Name)):
        return False
    for outer, _ in tree.ancestors(declaration):
        if isinstance(outer, (cst.FunctionDef, cst.ClassDef)):
            return isinstance(outer, cst.FunctionDef)
    return False
