"""Edits that were made by hand once: statements found again by what they say, not by where they stand.

Statements are compared as syntax trees: formatting, comments and moved lines make no difference. The
anchor is the qualified name of the function or class around them (`Model.forward`), or an empty
string for the module itself; blocks (`if`, `for`, `try`, ...) inside it are searched, functions and
classes inside it are not.

In the sources given here a compound statement whose body is `...` stands for any of that kind: one
of that name for a function or a class, one with that head for the others. It is context, and is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked

if TYPE_CHECKING:
    from surgeon.edits.tree import Tree


@dataclass(frozen=True)
class ReplaceStatements(Checked):
    """Put statements in the place of others.

    `ReplaceStatements("f", before="x = 1", after="x = 2")`. Statements that both begin or end with
    are context and stay as they are, so that `before="a()", after="a()\\nb()"` inserts. A place that
    holds `after` already does not count.

    Attributes:
        anchor: the qualified name of the function or class around them; empty for the module.
        before: one or more statements that follow each other.
        after: what they become.
        first: whether they must be the first of their block.
        last: whether they must be the last of their block.
    """

    anchor: str
    before: str
    after: str
    first: bool = False
    last: bool = False

    def __call__(self, tree: Tree) -> int:
        """Queue the replacement.

        Raises:
            EditError: the anchor is not there, several places match, or none does and the result
                is not there either.
        """
        from surgeon.edits import likeness, replacing, statements

        before, after = likeness.patterns(self.before), likeness.patterns(self.after)
        free, done = statements.places(tree.module, self.anchor, before, after, self.first, self.last)
        if statements.settled(self.anchor, self.before, len(free), done if after else 1):
            return 0
        kept = sum(replacing.shared(before, after))
        inserted = replacing.inserted(before, after, self.after) if kept == len(before) else []
        if statements.has_elsewhere(tree.module, self.anchor, inserted):
            return 0
        replacing.replace(tree, free[0], before, after, self.after)
        return 1


@dataclass(frozen=True)
class ReplaceHeader(Checked):
    """Change the head of a compound statement and keep its body.

    `ReplaceHeader("", before="def f(a): ...", after="def f(a, b=None): ...")`; likewise for `class`,
    `if`, `elif` (written as `if`), `for`, `while`, `with` and `except`.

    Attributes:
        anchor: the qualified name of the function or class around it; empty for the module.
        before: the statement with `...` for its body.
        after: what its head becomes.
    """

    anchor: str
    before: str
    after: str

    def __call__(self, tree: Tree) -> int:
        """Queue the replacement.

        Raises:
            EditError: the anchor is not there, several heads match, or none does and the result is
                not there either.
        """
        from surgeon.edits import likeness, replacing, statements

        before, after = (likeness.header(likeness.compound(text)) for text in (self.before, self.after))
        heads = [
            (likeness.header(each), each)
            for scope in statements.scopes(tree.module, self.anchor)
            for each in statements.compounds(scope)
        ]
        old = [node for key, node in heads if key == before]
        if statements.settled(self.anchor, self.before, len(old), sum(key == after for key, _ in heads)):
            return 0
        replacing.replace_header(tree, old[0], self.after)
        return 1
