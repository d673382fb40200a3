"""Calls and conditions that a small function of the patch's own makes possible on an older torch."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from surgeon.edits.checking import Checked, Needed
from surgeon.edits.guards import is_guarded, outcome
from surgeon.edits.placing import insert_after_imports

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Reference, Tree


@dataclass(frozen=True)
class RedirectCall(Checked):
    """Send the calls that pass a keyword to a function that takes it.

    `RedirectCall("torch.nn.functional.interpolate", "antialias", "_m3d_interpolate", DEFINITION)`
    inserts the definition after the file's imports and turns `F.interpolate(x, antialias=True)` into
    `_m3d_interpolate(x, antialias=True)`. Calls without the keyword keep the function that they
    have; so may the definition, which therefore can call it too. What `**kwargs` passes cannot be seen.

    Attributes:
        name: the function, in full.
        keyword: the keyword that an older torch does not take.
        private: the name that the definition binds; begin it with an underscore.
        definition: statements that stand on their own (they import what they need), with one
            statement a line and four spaces a level.
        since: the first release whose function takes the keyword (see `is_guarded`).
    """

    name: str
    keyword: str
    private: str
    definition: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        nodes = [each.node for each in tree.references(self.name) if self._matches(tree, each)]
        for node in nodes:
            tree.replace(node, cst.Name(self.private))
        if nodes and self.private not in tree.index.names:
            insert_after_imports(tree, self.definition, ahead_of=nodes)
        return len(nodes)

    def _matches(self, tree: Tree, reference: Reference) -> bool:
        import libcst as cst

        call = tree.parent(reference.node)
        if reference.node is not reference.exact or not isinstance(call, cst.Call):
            return False
        return (
            call.func is reference.node
            and any(each.keyword is not None and each.keyword.value == self.keyword for each in call.args)
            and not is_guarded(tree, reference.node, self.name, self.since)
        )


def _is_statement(value: object) -> bool:
    parsed = ast.parse(value) if isinstance(value, str) else ast.Module([], [])
    return len(parsed.body) == 1 and any(isinstance(each, ast.Name) for each in ast.walk(parsed))


@dataclass(frozen=True)
class DropCondition(Checked):
    """Run a statement that was kept for a newer torch, because a patch made it work on any.

    `DropCondition('options["antialias"] = antialias', "torch", since="2.5")` turns

        if is_torch_version(">=", "2.5"):
            options["antialias"] = antialias

    into `options["antialias"] = antialias`. It looks at an `if` without `else` whose block is this
    one statement and whose test says "no" where `name` is missing; any other test stays.

    Attributes:
        statement: the statement, as source, with a name that occurs in it once; quotes and spaces may
            differ from the file's.
        name: what the test asks for, in full (see `is_guarded`).
        since: the first release that has it.
    """

    statement: str
    name: str
    since: str = ""
    needed: ClassVar[Mapping[str, Needed]] = {"statement": ("one statement with a name in it", _is_statement)}

    def __call__(self, tree: Tree) -> int:
        parsed = ast.parse(self.statement)
        wanted = ast.dump(parsed)
        word = min(each.id for each in ast.walk(parsed) if isinstance(each, ast.Name))
        matches = 0
        for _, node, _ in tree.index.names.get(word, []):
            condition = self._condition(tree, node)
            line = None if condition is None else _only_line(condition)
            if condition is None or line is None or ast.dump(_parsed(tree, line)) != wanted:
                continue
            tree.replace(condition, _in_place_of(condition, line))
            matches += 1
        return matches

    def _condition(self, tree: Tree, node: cst.CSTNode) -> cst.If | None:
        """The `if` right around the statement that holds `node`, where its test is the one to drop."""
        import libcst as cst

        ancestors = [outer for outer, _ in tree.ancestors(node)]
        found = next((n for n, each in enumerate(ancestors) if isinstance(each, cst.If)), None)
        if found is None or isinstance(ancestors[found + 1], cst.If):
            return None  # `ancestors[found]` is an `elif` where an `if` lies around it
        condition = ancestors[found]
        assert isinstance(condition, cst.If)
        dead = outcome(tree, condition.test, self.name, self.since) is False
        return condition if dead and condition.orelse is None else None


def _only_line(condition: cst.If) -> cst.SimpleStatementLine | None:
    import libcst as cst

    block = condition.body
    if not isinstance(block, cst.IndentedBlock) or len(block.body) != 1 or block.footer:
        return None
    line = block.body[0]
    return line if isinstance(line, cst.SimpleStatementLine) else None


def _parsed(tree: Tree, line: cst.SimpleStatementLine) -> ast.Module:
    return ast.parse("\n".join(tree.source(each) for each in line.body))


def _in_place_of(condition: cst.If, line: cst.SimpleStatementLine) -> cst.SimpleStatementLine:
    """The statement below the comments of the `if`, of the line with its colon, and its own."""
    import libcst as cst

    block = condition.body
    assert isinstance(block, cst.IndentedBlock)
    comments = list(condition.leading_lines)
    if block.header.comment is not None:
        comments.append(cst.EmptyLine(comment=block.header.comment))
    return line.with_changes(leading_lines=[*comments, *line.leading_lines])
