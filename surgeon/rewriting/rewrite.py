"""Bytes and patches in, bytes out: nothing here reads or writes a file."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from surgeon.errors import Refused
from surgeon.patch import Patch

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Tree
    from surgeon.rewriting.conflicts import Done

EDITION = 1
"""Raise it where a change of the engine (this module, the tree, the conflicts, an edit) makes other bytes.

It is a part of every patch's digest: files that were patched before are then made anew by the next
`apply`, and `status` says `outdated` of them until then. Whatever else changes here leaves it alone.
`tests/unit/test_recorded.py` fails where results change and this does not.
"""

_T = TypeVar("_T")
_STACK = 256 * 1024 * 1024
"""Address space, not memory: libcst's parser recurses in native code and dies where it runs out."""


@dataclass(frozen=True)
class Rewrite:
    """What patches made of a file.

    Attributes:
        result: the new bytes, or the old ones where nothing matched.
        matches: per patch that applied or had nothing to do, how often it matched.
        failures: per patch that was left out, why.
        conflicts: those among them that edit the lines of another patch, with that one's id.
    """

    result: bytes
    matches: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    conflicts: Mapping[str, str] = field(default_factory=dict)


def rewrite(source: bytes, patches: Sequence[Patch]) -> Rewrite:
    """Apply `patches`, in order, to one file that is parsed once.

    A patch whose needle does not occur is not run and matches nothing. One that matches less or
    more often than it expects, that raises, that would match its own result again, or that edits the
    lines of an earlier one is left out; the others apply all the same.

    Raises:
        Refused: the file cannot be parsed (`not-parseable`), or libcst would change it by merely
            reading and writing it (`not-round-trip`).
    """
    wanted = [patch for patch in patches if any(needle in source for needle in patch.needle)]
    idle = {patch.id: 0 for patch in patches}
    if not wanted:
        return Rewrite(source, idle)
    return deeply(lambda: _rewrite(source, wanted, idle))


def _rewrite(source: bytes, patches: list[Patch], idle: dict[str, int]) -> Rewrite:
    from surgeon.edits.tree import Tree

    module = parse(source)
    whole = Tree(module)
    failures: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    while True:
        kept = [patch for patch in patches if patch.id not in failures]
        tree, matches = _apply_all(whole, kept, failures)
        applied = [patch for patch in kept if matches.get(patch.id)]
        again = {patch.id: reason for patch in applied if (reason := _matches_again(tree, patch))}
        failures |= again
        met = _conflicts(whole, kept, matches, failures)
        conflicts |= met
        failures |= {patch: f"it edits the same lines as {other}" for patch, other in met.items()}
        if not again and not met:
            break
    counts = _counts(idle, matches, failures)
    if tree.module is module:
        return Rewrite(source, counts, failures, conflicts)
    try:
        result = tree.module.bytes
    except (RecursionError, UnicodeError) as error:
        raise Refused(f"the result cannot be written: {error}", code="not-round-trip") from error
    return Rewrite(result, counts, failures, conflicts)


def _counts(idle: dict[str, int], matches: dict[str, int], failures: dict[str, str]) -> dict[str, int]:
    return {name: matches.get(name, 0) for name in idle if name not in failures}


def _apply_all(tree: Tree, patches: Sequence[Patch], failures: dict[str, str]) -> tuple[Tree, dict[str, int]]:
    """Apply each patch on top of those before it; one that fails leaves no trace but its reason."""
    matches: dict[str, int] = {}
    for patch in patches:
        try:
            attempt, count = _apply(tree, patch)
        except Exception as error:
            failures[patch.id] = _describe(error)
            continue
        if patch.expect.accepts(count):
            tree, matches[patch.id] = attempt, count
        else:
            failures[patch.id] = f"expected {patch.expect}, found {count}"
    return tree, matches


def _conflicts(
    whole: Tree, patches: Sequence[Patch], matches: Mapping[str, int], failures: Mapping[str, str]
) -> dict[str, str]:
    """The patches that edit the lines of an earlier one, with that one's id."""
    if len(patches) < 2:
        return {}
    from surgeon.rewriting.conflicts import clashes

    def attempt(chosen: Sequence[Patch]) -> Done | None:
        refused: dict[str, str] = {}
        tree, found = _apply_all(whole, chosen, refused)
        return None if refused else (lambda: tree.module.code, [found[patch.id] for patch in chosen])

    matched = [name for name, count in matches.items() if count]
    return clashes(patches, matched, failures, attempt)


def _apply(tree: Tree, patch: Patch) -> tuple[Tree, int]:
    """Run a patch's edits one after the other; a new tree is walked only after a change."""
    from surgeon.edits.tree import Tree

    count = 0
    tree = Tree(tree.module, patch.id, index=tree.index)
    for edit in patch.transforms:
        count += edit(tree)
        if tree.changed:
            tree = Tree(tree.commit(), patch.id)
    return tree, count


def _matches_again(tree: Tree, patch: Patch) -> str:
    """Why a patch is not settled after one run, or an empty string."""
    try:
        _, count = _apply(tree, patch)
    except Exception as error:
        return f"fails on its own result: {_describe(error)}"
    return f"not idempotent: matches its own result {count} more times" if count else ""


def _describe(error: Exception) -> str:
    return str(error) if type(error).__name__ == "EditError" else f"{type(error).__name__}: {error}"


def parse(source: bytes) -> cst.Module:
    """Parse a file that libcst can write again as it was.

    Raises:
        Refused: it cannot be parsed (`not-parseable`), or would be changed (`not-round-trip`).
    """
    import libcst as cst

    _refuse_deep(source)
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, SyntaxError, UnicodeError, LookupError, RecursionError) as error:
        reason = error.message if isinstance(error, cst.ParserSyntaxError) else str(error)
        raise Refused(f"cannot be parsed: {reason.splitlines()[0]}", code="not-parseable") from error
    try:
        written = module.bytes
    except (RecursionError, UnicodeError) as error:
        raise Refused(f"libcst cannot write it: {error}", code="not-round-trip") from error
    if written != source:
        raise Refused("libcst would change lines that no patch touches", code="not-round-trip")
    return module


def _refuse_deep(source: bytes) -> None:
    """Refuse nesting that CPython gives up on, for on that libcst's parser ends the process.

    Any other syntax error is libcst's to judge: the file may be for a newer Python than this one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<target>", "exec", dont_inherit=True)
    except (RecursionError, MemoryError) as error:
        raise Refused("cannot be parsed: nested too deeply", code="not-parseable") from error
    except SyntaxError as error:
        if "too many" in str(error):
            raise Refused(f"cannot be parsed: {error}", code="not-parseable") from error
    except ValueError as error:  # null bytes
        raise Refused(f"cannot be parsed: {error}", code="not-parseable") from error


def deeply(work: Callable[[], _T]) -> _T:
    """Run `work` in a thread whose stack holds whatever CPython itself compiles."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # handed on to the caller below
            errors.append(error)

    before = threading.stack_size(_STACK)
    try:
        thread = threading.Thread(target=run, name="rewrite")
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
