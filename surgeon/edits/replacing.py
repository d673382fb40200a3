"""Puts statements in the place of others, for `surgeon.edits.anchored`."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Sequence

import libcst as cst

from surgeon.edits.likeness import BARE, Compound, Statement, compound, statements
from surgeon.edits.statements import Stretch
from surgeon.edits.tree import EditError, Tree


def replace(
    tree: Tree, run: Stretch, before: Sequence[tuple[str, ...]], after: Sequence[tuple[str, ...]], source: str
) -> None:
    """Queue the statements of `source` in the place of a run, less the context that both share."""
    first, last = shared(before, after)
    fresh = _marked(tree, inserted(before, after, source))
    body = [*run.block.body]
    start, stop = run.start + first, run.stop - last
    old = body[start:stop]
    if fresh and old:
        fresh[0] = _below_the_comments_of(fresh[0], old[0])
    elif fresh and start == 0 and isinstance(run.block, cst.Module) and body:
        # A shebang or an encoding cookie may lie there: it has to stay at the very top.
        fresh[0] = _below_the_comments_of(fresh[0], body[0])
        body[0] = body[0].with_changes(leading_lines=())
    body[start:stop] = fresh
    if not body and not isinstance(run.block, cst.Module):
        raise EditError("nothing would be left of a block")
    changed = run.block.with_changes(body=body)
    if isinstance(changed, cst.Module):
        tree.replace_module(changed)
    else:
        tree.replace(run.block, changed)


def inserted(
    before: Sequence[tuple[str, ...]], after: Sequence[tuple[str, ...]], source: str
) -> list[Statement]:
    """The statements of `source`, which has the patterns `after`, that are no context."""
    first, last = shared(before, after)
    return statements(source)[first : len(after) - last]


def replace_header(tree: Tree, node: Compound, source: str) -> None:
    """Queue a new head for a compound statement; its bodies and the comments above it stay."""
    if not isinstance(node.body, cst.IndentedBlock):
        raise EditError(f"a one-line block: {BARE.code_for_node(node).strip()}")
    fresh = compound(_mark(source, tree.mark).replace("\n", tree.module.default_newline))
    if type(fresh) is not type(node):
        raise EditError("a head of another kind")
    kept = {
        name: getattr(node, name)
        for name in ("orelse", "leading_lines")
        if hasattr(node, name) and (name == "orelse" or node.leading_lines)
    }
    body = node.body.with_changes(header=_with_mark(node.body.header, tree.mark))
    tree.replace(node, fresh.with_changes(**kept, body=body))


def shared(before: Sequence[tuple[str, ...]], after: Sequence[tuple[str, ...]]) -> tuple[int, int]:
    """How many statements two runs share at their beginning and at their end."""
    most = min(len(before), len(after))
    first = next((n for n in range(most) if before[n] != after[n]), most)
    last = next((n for n in range(most - first) if before[-1 - n] != after[-1 - n]), most - first)
    return first, last


def _marked(tree: Tree, body: Sequence[cst.CSTNode]) -> list[Statement]:
    """Statements as they go into the file: every line that takes a comment names the patch."""
    text = "".join(BARE.code_for_node(each) for each in body)
    return statements(_mark(text, tree.mark), tree.module.default_newline) if text else []


def _mark(text: str, mark: str) -> str:
    """End every line with the mark, but blank ones, those inside a string and those before a backslash."""
    text = text if text.endswith("\n") else f"{text}\n"
    ends = {
        token.start
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type in (tokenize.NEWLINE, tokenize.NL)
    }
    lines = text.splitlines(keepends=True)
    for line, column in ends:
        content = lines[line - 1][:column]
        if content.strip():
            lines[line - 1] = f"{content.rstrip()}{mark}\n"
    return "".join(lines)


def _below_the_comments_of(fresh: Statement, old: cst.CSTNode) -> Statement:
    """A statement under the comments of the one before it in its place, if it brings none of its own."""
    own = getattr(fresh, "leading_lines", ())
    if any(line.comment for line in own):
        return fresh
    kept = getattr(old, "leading_lines", ())
    return fresh.with_changes(leading_lines=kept)


def _with_mark(space: cst.TrailingWhitespace, mark: str) -> cst.TrailingWhitespace:
    comment = f"{space.comment.value}{mark}" if space.comment else mark.strip()
    blank = space.whitespace if space.comment else cst.SimpleWhitespace("  ")
    return space.with_changes(whitespace=blank, comment=cst.Comment(comment))
