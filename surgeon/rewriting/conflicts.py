"""Finds patches that edit the same lines of a file. Pure.

Two patches may share a line as long as it makes no difference which of them comes first: each then
changes an expression of its own. Where it does make a difference, or one of them no longer matches
what the other has left, what a file becomes would depend on how the patches happen to be called.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from surgeon.patch import Patch

Done = tuple[Callable[[], str], Sequence[int]]
"""What patches made of the original: its text, written where it is asked for, and how often each matched."""

Attempt = Callable[[Sequence[Patch]], "Done | None"]
"""Applies patches, one on top of the other, to the original; none of them does nothing; `None` on failure."""


@dataclass(frozen=True)
class EditedLines:
    """Where a patch, alone, changes a file.

    Attributes:
        text: the result.
        matches: how often it matched.
        lines: the original's lines that it changes or removes, counted from 0.
        gaps: the lines above which it inserts.
    """

    text: str
    matches: int
    lines: frozenset[int]
    gaps: frozenset[int]

    def meets(self, other: EditedLines) -> bool:
        """Tell whether both change one line, or one inserts amid lines that the other changes."""
        return bool(
            self.lines & other.lines
            or any({gap - 1, gap} <= other.lines for gap in self.gaps)
            or any({gap - 1, gap} <= self.lines for gap in other.gaps)
        )


def clashes(
    patches: Sequence[Patch], matched: Collection[str], failed: Collection[str], attempt: Attempt
) -> dict[str, str]:
    """Which patches cannot stand beside an earlier one, each with the id of that one.

    Args:
        patches: those whose needle is in the file, in their order.
        matched: ids of those that matched, each on what those before it had left.
        failed: ids of those that failed on what the patches before them had left.
    """
    # Those that found nothing to do cost little; with them alone, most files are done.
    done = _alone([patch for patch in patches if patch.id not in matched], attempt)
    if len(done) + len(matched) < 2:
        return {}
    done |= _alone([patch for patch in patches if patch.id in matched], attempt)
    untouched = attempt([])
    assert untouched is not None
    original = untouched[0]()
    alone = {name: edited(original, text(), count) for name, (text, (count,)) in done.items()}
    found: dict[str, str] = {}
    for number, patch in enumerate(patches):
        for earlier in patches[:number]:
            if patch.id in found or earlier.id in found or not {patch.id, earlier.id} <= alone.keys():
                continue
            if earlier.id in failed:
                continue
            one, two = alone[earlier.id], alone[patch.id]
            if (patch.id in failed or one.meets(two)) and not _commute(earlier, patch, one, two, attempt):
                found[patch.id] = earlier.id
    return found


def edited(original: str, text: str, matches: int) -> EditedLines:
    """Where `text` differs from `original`."""
    old, new = original.splitlines(), text.splitlines()
    skipped = _alike(old, new)
    end = _alike(old[skipped:][::-1], new[skipped:][::-1])
    old, new = old[skipped : len(old) - end], new[skipped : len(new) - end]
    lines: set[int] = set()
    gaps: set[int] = set()
    for tag, a, b, _, _ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "insert":
            gaps.add(skipped + a)
        elif tag != "equal":
            lines |= set(range(skipped + a, skipped + b))
    return EditedLines(text, matches, frozenset(lines), frozenset(gaps))


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines at the beginning are the same: comparing those is all that most files need."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))


def _alone(patches: Sequence[Patch], attempt: Attempt) -> dict[str, Done]:
    """What each patch that matches makes of the original by itself."""
    tried = ((patch.id, attempt([patch])) for patch in patches)
    return {name: each for name, each in tried if each is not None and each[1][0]}


def _commute(first: Patch, second: Patch, one: EditedLines, two: EditedLines, attempt: Attempt) -> bool:
    forth, back = attempt([first, second]), attempt([second, first])
    if forth is None or back is None or forth[0]() != back[0]():
        return False
    return [*forth[1]] == [one.matches, two.matches] and [*back[1]] == [two.matches, one.matches]
