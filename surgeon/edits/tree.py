"""A parsed file that edits ask questions of and queue their replacements on.

Nothing is changed in place: `commit()` gives a new module in which only the path from each changed
node to the root was rebuilt, so that every untouched line stays as it was, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst

from surgeon.edits import scopes
from surgeon.edits.scopes import ImportedName, dotted

Chain: TypeAlias = "cst.Name | cst.Attribute"
Line: TypeAlias = "cst.SimpleStatementLine | cst.BaseCompoundStatement"


class EditError(Exception):
    """An edit met code that it cannot change safely; the message says which."""


@dataclass(frozen=True)
class Reference:
    """A place that reads a name.

    Attributes:
        name: what is read, in full (`torch.xpu.empty_cache`).
        node: the outermost chain of attributes (`torch.xpu.empty_cache`).
        exact: the part that is the name asked for (`torch.xpu`), or `None` where the file imports
            something below that name (`from torch.xpu import empty_cache`).
    """

    name: str
    node: Chain
    exact: Chain | None


def is_below(name: str, top: str) -> bool:
    """Tell whether `name` is `top` or an attribute or submodule of it."""
    return name == top or name.startswith(top + ".")


class Tree:
    """One module; `patch_id` marks the lines that the current patch inserts."""

    def __init__(
        self, module: cst.Module, patch_id: str = "", *, index: scopes.NameIndex | None = None
    ) -> None:
        self.module = module
        self.patch_id = patch_id
        self._index = index
        self._replaced: dict[int, list[cst.CSTNode]] = {}
        self._before: dict[int, list[cst.CSTNode]] = {}
        self._after: dict[int, list[cst.CSTNode]] = {}
        self._touched: dict[int, cst.CSTNode] = {}
        self._whole: cst.Module | None = None

    # Questions

    @property
    def index(self) -> scopes.NameIndex:
        """The walk's result, made when first asked for."""
        if self._index is None:
            self._index = scopes.build(self.module)
        return self._index

    def references(self, name: str) -> list[Reference]:
        """Every place that reads `name` or something below it, in source order."""
        index = self.index
        found: list[tuple[int, cst.Name, scopes.Block]] = []
        for local, targets in index.bound.items():
            if any(is_below(name, each) or is_below(each, name) for each in targets):
                found += index.names.get(local, [])
        found.sort(key=lambda each: each[0])
        references = (self._reference(node, scope, name) for _, node, scope in found)
        return [each for each in references if each is not None]

    def imports(self, name: str) -> list[ImportedName]:
        """Every import of `name` or of something below it, in source order."""
        return [each for each in self.index.imports if is_below(each.name, name)]

    def qualified(self, node: cst.CSTNode) -> str:
        """The full name of a chain through the file's imports; empty where it is something else."""
        path = dotted(node)
        root = node
        while isinstance(root, cst.Attribute):
            root = root.value
        scope = self.index.scopes.get(id(root))
        targets = scope.lookup(path.partition(".")[0]) if path and scope is not None else []
        return _extend(targets[0], path) if targets else ""

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        """The node around `node`; whitespace and punctuation have none recorded."""
        return self.index.parents[id(node)]

    def ancestors(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Pairs (outer, inner) from `node` up to the module; `inner` lies directly in `outer`."""
        while node is not self.module:
            outer = self.parent(node)
            yield outer, node
            node = outer

    def line(self, node: cst.CSTNode) -> Line:
        """The statement with lines of its own that holds `node`.

        Raises:
            EditError: the statement shares its line with another, or with the `if` before it.
        """
        for outer, inner in self.ancestors(node):
            if isinstance(outer, (cst.Module, cst.IndentedBlock)):
                assert isinstance(inner, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
                if isinstance(inner, cst.SimpleStatementLine) and len(inner.body) > 1:
                    raise EditError(f"several statements share a line: {self.source(inner).strip()}")
                return inner
            if isinstance(outer, cst.SimpleStatementSuite):
                raise EditError(f"a one-line block: {self.source(outer).strip()}")
        raise EditError("not inside a statement")

    def annotation(self, node: cst.CSTNode) -> cst.BaseExpression | None:
        """The whole annotation that `node` stands in, or `None`."""
        found: cst.BaseExpression | None = None
        for outer, _ in self.ancestors(node):
            if isinstance(outer, cst.Annotation):
                found = outer.annotation
            if isinstance(outer, (cst.BaseStatement, cst.Lambda)):
                break
        return found

    def postpones_annotations(self) -> bool:
        """Tell whether annotations are never evaluated (`from __future__ import annotations`)."""
        return any(each.name == "__future__.annotations" for each in self.index.imports)

    def runs_at_import(self, node: cst.CSTNode) -> bool:
        """Tell whether `node` is evaluated while the file is imported."""
        annotated = False
        for outer, inner in self.ancestors(node):
            annotated = annotated or isinstance(outer, cst.Annotation)
            if isinstance(outer, (cst.FunctionDef, cst.Lambda)) and inner is outer.body:
                return False
        return not (annotated and self.postpones_annotations())

    def source(self, node: cst.CSTNode) -> str:
        """The text of `node`."""
        return self.module.code_for_node(node)

    # Making nodes

    def expression(self, source: str) -> cst.BaseExpression:
        """Parse an expression that is to replace another."""
        _require_ascii(source)
        return cst.parse_expression(source, config=self.module.config_for_parsing)

    def statements(self, source: str) -> list[Line]:
        """Parse statements that are to be inserted; every line is marked with the patch's id.

        `source` has one statement a line, four spaces a level and no strings over several lines.
        """
        _require_ascii(source)
        lines = [each.rstrip() for each in source.splitlines() if each.strip()]
        text = "".join(f"{self._reindent(each)}{self.mark}{self.module.default_newline}" for each in lines)
        return list(cst.parse_module(text, config=self.module.config_for_parsing).body)

    @property
    def mark(self) -> str:
        """The comment that ends every inserted line."""
        return f"  # m3d-surgeon: {self.patch_id}"

    def _reindent(self, line: str) -> str:
        text = line.lstrip(" ")
        return self.module.default_indent * ((len(line) - len(text)) // 4) + text

    # Queueing

    def replace(self, node: cst.CSTNode, new: cst.CSTNode | str) -> None:
        """Put `new` (a node, or the source of an expression) in the place of `node`."""
        fresh = self.expression(new) if isinstance(new, str) else new
        if isinstance(new, str) and any(
            isinstance(each, cst.FormattedString) for each, _ in self.ancestors(node)
        ):
            raise EditError(f"inside an f-string: {self.source(node)}")
        self._queue(self._replaced, node, [fresh])

    def replace_line(self, line: Line, new: Sequence[cst.CSTNode]) -> None:
        """Put statements in the place of one statement; comments above it stay above the first."""
        first = new[0]
        if hasattr(first, "leading_lines"):
            first = first.with_changes(leading_lines=line.leading_lines)
        self._queue(self._replaced, line, [first, *new[1:]])

    def insert_before(self, line: Line, source: str) -> None:
        """Insert marked statements right above a statement and its comments."""
        self._queue(self._before, line, self.statements(source))

    def insert_after(self, line: Line, source: str) -> None:
        """Insert marked statements right below a statement."""
        self._queue(self._after, line, self.statements(source))

    def replace_module(self, module: cst.Module) -> None:
        """Take over the whole result of another transformer."""
        self._whole = module

    # Results

    @property
    def changed(self) -> bool:
        """Tell whether anything is queued."""
        return self._whole is not None or bool(self._touched)

    def commit(self) -> cst.Module:
        """The module with everything queued applied."""
        if self._whole is not None:
            if self._touched:
                raise EditError("a whole-module edit and single replacements at once")
            return self._whole
        if not self._touched:
            return self.module
        dirty = {id(outer) for node in self._touched.values() for outer, _ in self.ancestors(node)}
        inside = [node for node in self._touched.values() if id(node) in dirty and id(node) in self._replaced]
        if inside:
            raise EditError(f"two replacements overlap: {self.source(inside[0]).strip()}")
        rebuilt = self._rebuild(self.module, dirty)
        assert isinstance(rebuilt, cst.Module)
        return rebuilt

    def _queue(
        self, where: dict[int, list[cst.CSTNode]], node: cst.CSTNode, new: Sequence[cst.CSTNode]
    ) -> None:
        if where is self._replaced and id(node) in where:
            raise EditError(f"replaced twice: {self.source(node).strip()}")
        where.setdefault(id(node), []).extend(new)
        self._touched[id(node)] = node

    def _rebuild(self, node: cst.CSTNode, dirty: set[int]) -> cst.CSTNode:
        changes: dict[str, object] = {}
        for name in node.__dataclass_fields__:
            value = getattr(node, name)
            if isinstance(value, cst.CSTNode):
                new = self._renew(value, dirty)
                if new[0] is not value:
                    changes[name] = new[0]
            elif isinstance(value, (tuple, list)):
                items = [fresh for each in value for fresh in self._renew(each, dirty)]
                if len(items) != len(value) or any(a is not b for a, b in zip(items, value, strict=True)):
                    changes[name] = items
        return node.with_changes(**changes)

    def _renew(self, node: cst.CSTNode, dirty: set[int]) -> list[cst.CSTNode]:
        key = id(node)
        middle = self._replaced.get(key)
        if middle is None:
            middle = [self._rebuild(node, dirty) if key in dirty else node]
        before = self._before.get(key, [])
        if before and node is self.module.body[0]:
            # A shebang or an encoding cookie may lie there: it has to stay at the very top.
            before = [
                before[0].with_changes(leading_lines=getattr(middle[0], "leading_lines", ())),
                *before[1:],
            ]
            middle = [middle[0].with_changes(leading_lines=()), *middle[1:]]
        return [*before, *middle, *self._after.get(key, [])]

    def _reference(self, root: cst.Name, scope: scopes.Block, name: str) -> Reference | None:
        if id(root) in self.index.stores:
            return None
        for target in scope.lookup(root.value):
            node: Chain = root
            full = target
            exact: Chain | None = node if full == name else None
            outer = self.parent(node)
            while isinstance(outer, cst.Attribute):
                node, full = outer, f"{full}.{outer.attr.value}"
                exact = node if full == name else exact
                outer = self.parent(node)
            if is_below(full, name) and id(node) not in self.index.stores:
                return Reference(full, node, exact)
        return None


def _extend(target: str, path: str) -> str:
    rest = path.partition(".")[2]
    return f"{target}.{rest}" if rest else target


def _require_ascii(source: str) -> None:
    # Whatever encoding the file declares, ASCII can be written in it.
    if not source.isascii():
        raise EditError(f"not ASCII: {source!r}")
