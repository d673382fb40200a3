"""What was changed by hand between two texts of a file, as edits that are anchored to its syntax. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import libcst as cst

from surgeon.author.context import (
    context_source,
    contexts,
    edges,
    first_line,
    head_source,
    plain,
    said,
    written,
)
from surgeon.edits import likeness, replacing, statements
from surgeon.edits.anchored import ReplaceHeader, ReplaceStatements
from surgeon.edits.likeness import COMPOUND, DEFINITION, Block, Compound, Statement
from surgeon.errors import Refused

Captured: TypeAlias = "ReplaceStatements | ReplaceHeader"
_Part: TypeAlias = "tuple[int, int, int, int, bool]"
"""Where a part of a block begins and ends, before and after, and whether it is one and the same statement."""
ALIKE = 0.5
"""Bodies that share this much of their statements belong to one statement whose head was changed."""


class Inexpressible(Exception):
    """A change cannot be anchored here; the statement around it may have to be replaced as a whole."""


@dataclass
class Changes:
    """The edits, and what of the original they need to be shown in an example.

    Attributes:
        whole: statements of the original that edits name in full, by `id`.
        heads: compound statements of which they name the head or the name only.
    """

    edits: list[Captured] = field(default_factory=list)
    whole: set[int] = field(default_factory=set)
    heads: set[int] = field(default_factory=set)

    def add(self, other: Changes) -> None:
        """Take over what was found elsewhere."""
        self.edits += other.edits
        self.whole |= other.whole
        self.heads |= other.heads


def compare(old: cst.Module, new: cst.Module) -> Changes:
    """The edits that make `new` out of `old`, but for formatting and comments.

    Raises:
        Refused: a change cannot be anchored, or there is none but in formatting and comments.
    """
    if likeness.key(old) == likeness.key(new):
        raise Refused(
            "only comments or formatting were changed, and an edit anchored to syntax cannot hold those",
            code="comments-only",
        )
    try:
        changes = _Comparison(old, new).block("", old, new)
    except Inexpressible as error:
        raise Refused(str(error), code="ambiguous") from error
    # An import that was moved must leave its old place first: where it stands, it is not inserted.
    changes.edits.sort(key=_only_inserts)
    return changes


class _Comparison:
    def __init__(self, old: cst.Module, new: cst.Module) -> None:
        self._old, self._new = old, new

    def block(self, anchor: str, old: Block, new: Block) -> Changes:
        """Two versions of one block: what stands in both, by what it is, is looked into."""
        after = cast("list[Statement]", [*new.body])
        parts = _parts([*old.body], after)
        found: list[Changes] = []
        n = 0
        while n < len(parts):
            a, b, c, d, same = parts[n]
            fresh = after[c:d]
            try:
                found.append(
                    self._statement(anchor, old, a, fresh[0]) if same else self._gap(anchor, old, a, b, fresh)
                )
            except Inexpressible:
                # A neighbour that was changed as well is no context, but may be replaced along with it.
                if not same and n and self._goes_along(old, new, parts[n - 1]):
                    found[-1] = self._run(anchor, old, a - 1, b, after[c - 1 : d])
                elif not same and n + 1 < len(parts) and self._goes_along(old, new, parts[n + 1]):
                    found.append(self._run(anchor, old, a, b + 1, after[c : d + 1]))
                    n += 1
                else:
                    raise
            n += 1
        every = Changes()
        for each in found:
            every.add(each)
        return every

    def _goes_along(self, old: Block, new: Block, part: _Part) -> bool:
        """Tell whether a statement was changed, and is none that would match in no other release."""
        a, _, c, _, same = part
        one, two = old.body[a : a + 1], new.body[c : c + 1]
        return same and not isinstance(one[0], DEFINITION) and likeness.key(one[0]) != likeness.key(two[0])

    def _statement(self, anchor: str, block: Block, place: int, fresh: Statement) -> Changes:
        """Two versions of one statement: the change inside it or, failing that, the whole of it."""
        statement = cast("Statement", block.body[place])
        if likeness.key(statement) == likeness.key(fresh):
            return Changes()
        try:
            return self._inside(anchor, statement, fresh)
        except Inexpressible:
            if isinstance(statement, DEFINITION):
                raise  # a whole function would match in no release but this one
            return self._run(anchor, block, place, place + 1, [fresh])

    def _gap(self, anchor: str, block: Block, a: int, b: int, fresh: Sequence[Statement]) -> Changes:
        """Statements that became others: heads that were changed are told from new statements."""
        if b - a != len(fresh) or not any(map(_is_kin, block.body[a:b], fresh)):
            return self._run(anchor, block, a, b, fresh)
        found = Changes()
        start = a
        for n in range(a, b + 1):
            kin = n < b and _is_kin(block.body[n], fresh[n - a])
            if (kin or n == b) and start < n:
                found.add(self._run(anchor, block, start, n, fresh[start - a : n - a]))
            if kin:
                found.add(self._statement(anchor, block, n, fresh[n - a]))
                start = n + 1
        return found

    def _inside(self, anchor: str, old: cst.CSTNode, new: cst.CSTNode) -> Changes:
        """Two versions of a compound statement: its head, and its bodies."""
        if type(old) is not type(new) or not isinstance(
            old, (*COMPOUND, cst.Try, cst.TryStar, cst.Else, cst.Finally)
        ):
            raise Inexpressible(f"a statement of another kind: {first_line(old)}")
        found = Changes()
        if isinstance(old, COMPOUND) and isinstance(new, COMPOUND) and _head(old) != _head(new):
            found.add(self._header(anchor, old, new))
        inner = anchor
        if isinstance(old, DEFINITION):
            inner = f"{anchor}.{old.name.value}" if anchor else old.name.value
        found.add(self._bodies(inner, old, new))
        return found

    def _bodies(self, anchor: str, old: cst.CSTNode, new: cst.CSTNode) -> Changes:
        found = Changes()
        for name in statements.BRANCHES:
            one, two = getattr(old, name, None), getattr(new, name, None)
            if isinstance(one, cst.IndentedBlock) and isinstance(two, cst.IndentedBlock):
                found.add(self.block(anchor, one, two))
            elif isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
                if len(one) != len(two):
                    raise Inexpressible(f"a branch was added or removed: {first_line(old)}")
                for each, other in zip(one, two, strict=True):
                    found.add(self._inside(anchor, each, other))
            elif isinstance(one, (cst.If, cst.Else, cst.Finally)):
                if two is None:
                    raise Inexpressible(f"a branch was removed: {first_line(one)}")
                found.add(self._inside(anchor, one, two))
            elif said(one) != said(two):
                raise Inexpressible(f"a branch was added or changed: {first_line(old)}")
        return found

    def _header(self, anchor: str, old: Compound, new: Compound) -> Changes:
        """A head that was changed, if it is the only one that reads like that."""
        if not isinstance(old.body, cst.IndentedBlock):
            raise Inexpressible(f"a one-line block: {first_line(old)}")
        key, fresh = _head(old), _head(new)
        heads = [_head(each) for each in _compounds(self._old, anchor)]
        if heads.count(key) != 1 or key in [_head(each) for each in _compounds(self._new, anchor)]:
            raise Inexpressible(_ambiguous(anchor, heads.count(key), old))
        assert fresh != key
        return Changes([ReplaceHeader(anchor, head_source(old), head_source(new))], heads={id(old)})

    def _run(self, anchor: str, block: Block, a: int, b: int, fresh: Sequence[Statement]) -> Changes:
        """Statements and what they became, with as little context as makes them the only ones."""
        body = cast("list[Statement]", [*block.body])
        if stub := next(filter(likeness.is_stub, [*body[a:b], *fresh]), None):
            raise Inexpressible(f"a body that is `...` would stand for any body: `{first_line(stub)}`")
        most = 0
        for above, below in contexts(a, len(body) - b, body[a:b], fresh):
            around = [*body[a - above : a], *body[b : b + below]]
            texts = [context_source(each) for each in around]
            if not all(texts):
                continue
            old = "".join([*texts[:above], *(plain(each) for each in body[a:b]), *texts[above:]])
            new = "".join([*texts[:above], *(written(each) for each in fresh), *texts[above:]])
            before, after = likeness.patterns(old), likeness.patterns(new)
            at_edge = edges(above, below, body[a:b], fresh)
            free, _ = statements.places(self._old, anchor, before, after, *at_edge)
            most = max(most, len(free))
            if [(run.block, run.start) for run in free] != [(block, a - above)]:
                continue
            # What stays as it is must be in both versions, whatever else was changed around it.
            left, done = statements.places(self._new, anchor, before, after, *at_edge)
            if not left and (done or not after):
                heads = {id(each) for each in around if isinstance(each, COMPOUND)}
                simple = {id(each) for each in around if not isinstance(each, COMPOUND)}
                whole = {id(each) for each in body[a:b]} | simple
                return Changes([ReplaceStatements(anchor, old, new, *at_edge)], whole, heads)
        nearest = body[a:b] or body[max(a - 1, 0) : a + 1] or [*fresh]
        raise Inexpressible(_ambiguous(anchor, most, nearest[0]))


def _parts(before: Sequence[cst.CSTNode], after: Sequence[cst.CSTNode]) -> list[_Part]:
    """Two versions of a block, cut up: statements that stand in both, one by one, and what lies between."""
    same = difflib.SequenceMatcher(None, [*map(_identity, before)], [*map(_identity, after)], autojunk=False)
    found: list[_Part] = []
    for tag, a, b, c, d in same.get_opcodes():
        if tag == "equal":
            found += [(a + n, a + n + 1, c + n, c + n + 1, True) for n in range(b - a)]
        else:
            found.append((a, b, c, d, False))
    return found


def _identity(statement: cst.CSTNode) -> tuple[str, ...]:
    """What makes a statement the same one in both versions: its name, its head, or all of it."""
    if isinstance(statement, COMPOUND):
        return likeness.general(statement)
    if isinstance(statement, (cst.Try, cst.TryStar)):
        return (type(statement).__name__,)
    return ("this", likeness.key(statement))


def _is_kin(old: cst.CSTNode, new: cst.CSTNode) -> bool:
    """Tell whether a compound statement is another one with its head changed."""
    if type(old) is not type(new) or not isinstance(old, COMPOUND) or isinstance(old, DEFINITION):
        return False
    assert isinstance(new, COMPOUND)
    one, two = ([likeness.key(each) for each in node.body.body] for node in (old, new))
    return difflib.SequenceMatcher(None, one, two, autojunk=False).ratio() >= ALIKE


def _only_inserts(edit: Captured) -> bool:
    """Tell whether an edit takes nothing away."""
    if isinstance(edit, ReplaceHeader):
        return False
    before, after = likeness.patterns(edit.before), likeness.patterns(edit.after)
    return sum(replacing.shared(before, after)) == len(before)


def _compounds(module: cst.Module, anchor: str) -> list[Compound]:
    return [each for scope in statements.scopes(module, anchor) for each in statements.compounds(scope)]


def _head(node: cst.CSTNode) -> str:
    return likeness.header(node)


def _ambiguous(anchor: str, count: int, node: cst.CSTNode) -> str:
    where = f"in {anchor}" if anchor else "at the top level"
    if count > 1:
        return f"the anchor is ambiguous: {count} places {where} hold `{first_line(node)}`"
    return f"nothing {where} tells the place at `{first_line(node)}` from others, before and after"
