"""Where inserted statements go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree


def insert_after_imports(tree: Tree, source: str, *, ahead_of: Sequence[cst.CSTNode] = ()) -> None:
    """Insert marked statements after the file's leading imports, but ahead of the given nodes.

    A docstring and `from __future__` imports count as leading imports.
    """
    from surgeon.edits.tree import EditError

    body = tree.module.body
    places = {id(line): place for place, line in enumerate(body)}
    end = _leading_imports(tree.module)
    for node in ahead_of:
        chain = [node, *(outer for outer, _ in tree.ancestors(node))]
        end = min(end, next(places[id(each)] for each in chain if id(each) in places))
    if end > 0:
        tree.insert_after(body[end - 1], source)
    elif body:
        tree.insert_before(body[0], source)
    else:
        raise EditError("an empty file")


def _leading_imports(module: cst.Module) -> int:
    """How many statements the docstring and the imports at the top of a file take."""
    import libcst as cst

    for place, line in enumerate(module.body):
        small = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        docstring = place == 0 and len(small) == 1 and isinstance(small[0], cst.Expr)
        if not docstring and not (
            small and all(isinstance(each, (cst.Import, cst.ImportFrom)) for each in small)
        ):
            return place
    return len(module.body)
