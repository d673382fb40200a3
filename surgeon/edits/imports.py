"""Imports of what an older torch does not have, or has in another module."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.calls import closing
from surgeon.edits.checking import MEMBER, Checked, Needed
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.scopes import ImportedName
    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class GuardImport(Checked):
    """Let an import fail, and say what the name is then.

    `GuardImport("torch.nn.RMSNorm", fallback="{name} = None")` turns `from torch.nn import RMSNorm` into

        try:  # m3d-surgeon: an-id
            from torch.nn import RMSNorm
        except ImportError:  # m3d-surgeon: an-id
            RMSNorm = None  # m3d-surgeon: an-id

    Other names of the same statement keep their plain import, above.

    Attributes:
        name: what is imported, in full; an import of something below it is left alone.
        fallback: statements that bind `{name}`, which stands for the name that the file uses.
        since: the first release that has it (see `is_guarded`).
    """

    name: str
    fallback: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        found = [each for each in tree.imports(self.name) if each.name == self.name]
        found = [each for each in found if not is_guarded(tree, each.statement, self.name, self.since)]
        for each in found:
            self._guard(tree, each)
        return len(found)

    def _guard(self, tree: Tree, imported: ImportedName) -> None:
        import libcst as cst

        line = tree.line(imported.statement)
        alone, rest = split(imported)
        fallback = textwrap.indent(self.fallback.replace("{name}", imported.local), "    ")
        # An import that moves to a line of its own is an inserted line, and marked as such.
        body = "pass" if rest is None else tree.source(alone)
        (guard,) = tree.statements(f"try:\n    {body}\nexcept ImportError:\n{fallback}")
        if rest is not None:
            tree.replace_line(line, [line.with_changes(body=[rest]), guard])
            return
        assert isinstance(guard, cst.Try)
        kept = line.with_changes(leading_lines=())
        tree.replace_line(line, [guard.with_changes(body=guard.body.with_changes(body=[kept]))])


@dataclass(frozen=True)
class RelocateImport(Checked):
    """Import a name from where the older torch has it; the file goes on using the name it used.

    `RelocateImport("torch.amp.autocast_mode.autocast", "torch.cuda.amp.autocast")` turns
    `from torch.amp.autocast_mode import autocast` into `from torch.cuda.amp import autocast`, and
    `RelocateImport("pkg_resources.packaging", "packaging")` makes `import packaging` of an import.
    Only `from ... import` is relocated; for attributes see `Rename`.

    Attributes:
        name: what is imported, in full.
        to: where it is, in full.
        since: the first release that has `name` (see `is_guarded`).
    """

    name: str
    to: str
    since: str = ""
    needed: ClassVar[Mapping[str, Needed]] = {"name": MEMBER}

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        found = [
            each
            for each in tree.imports(self.name)
            if each.name == self.name
            and isinstance(each.statement, cst.ImportFrom)
            and not is_guarded(tree, each.statement, self.name, self.since)
        ]
        for each in found:
            self._relocate(tree, each)
        return len(found)

    def _relocate(self, tree: Tree, imported: ImportedName) -> None:
        import libcst as cst

        module, _, last = self.to.rpartition(".")
        if module == self.name.rpartition(".")[0]:
            tree.replace(imported.alias, _renamed(imported, last))
            return
        alone, rest = split(imported)
        assert isinstance(alone, cst.ImportFrom)
        if rest is None:
            single = _renamed(imported, last).with_changes(comma=cst.MaybeSentinel.DEFAULT)
            tree.replace(imported.statement, _from(tree, alone, module, single))
            return
        line = tree.line(imported.statement)
        local = "" if imported.local == last else f" as {imported.local}"
        added = tree.statements(f"from {module} import {last}{local}" if module else f"import {last}{local}")
        tree.replace_line(line, [line.with_changes(body=[rest]), *added])


def _from(
    tree: Tree, statement: cst.ImportFrom, module: str, alias: cst.ImportAlias
) -> cst.BaseSmallStatement:
    """The statement with one name out of another module, or of that module itself."""
    import libcst as cst

    if not module:
        return cst.Import([alias], semicolon=statement.semicolon)
    origin = tree.expression(module)
    assert isinstance(origin, (cst.Name, cst.Attribute))
    changed = {"module": origin, "names": [alias], "lpar": None, "rpar": None, "relative": ()}
    return statement.with_changes(**changed)


def split(imported: ImportedName) -> tuple[cst.BaseSmallStatement, cst.BaseSmallStatement | None]:
    """One name's share of an import statement, and the statement for the others, if any."""
    import libcst as cst

    statement = imported.statement
    assert not isinstance(statement.names, cst.ImportStar)
    rest = [each for each in statement.names if each is not imported.alias]
    if not rest:
        return statement, None
    bare = imported.alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    if isinstance(statement, cst.Import):
        rest[-1] = rest[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return statement.with_changes(names=[bare]), statement.with_changes(names=rest)
    others = statement.with_changes(names=rest)
    if imported.alias is statement.names[-1]:
        others = _without_last(statement)
    return statement.with_changes(names=[bare], lpar=None, rpar=None), others


def _without_last(statement: cst.ImportFrom) -> cst.ImportFrom:
    """The statement less its last name; the others keep their lines and comments."""
    import libcst as cst

    assert not isinstance(statement.names, cst.ImportStar)
    *kept, before, dropped = statement.names
    assert isinstance(before.comma, cst.Comma)
    line = before.comma.whitespace_after
    if isinstance(dropped.comma, cst.Comma):
        comma = before.comma.with_changes(whitespace_after=closing(line, dropped.comma.whitespace_after))
        return statement.with_changes(names=[*kept, before.with_changes(comma=comma)])
    last = before.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    rpar = statement.rpar
    if rpar is not None:
        rpar = rpar.with_changes(whitespace_before=closing(line, rpar.whitespace_before))
    return statement.with_changes(names=[*kept, last], rpar=rpar)


def _renamed(imported: ImportedName, last: str) -> cst.ImportAlias:
    import libcst as cst

    alias = imported.alias.with_changes(name=cst.Name(last))
    if imported.local == last:
        return alias.with_changes(asname=None)
    if alias.asname is not None:
        return alias
    name = cst.AsName(
        name=cst.Name(imported.local),
        whitespace_before_as=cst.SimpleWhitespace(" "),
        whitespace_after_as=cst.SimpleWhitespace(" "),
    )
    return alias.with_changes(asname=name)
