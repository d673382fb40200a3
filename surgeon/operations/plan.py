"""Decides what becomes of every file, before any of it is done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.errors import Refused, SurgeonError
from surgeon.operations.results import Decision
from surgeon.operations.survey import Target
from surgeon.operations.verdict import State
from surgeon.patch import Patch
from surgeon.site.store import Entry, refuse_unstorable, sha256

if TYPE_CHECKING:
    from surgeon.rewriting.rewrite import Rewrite


@dataclass(frozen=True)
class Aim:
    """What a file is to hold: its original with these patches in it.

    Attributes:
        patches: ids, in the registry's order; none for the original itself.
        forget: the store's entry goes and the file stays as it is.
    """

    patches: tuple[str, ...] = ()
    forget: bool = False


def aim_of_apply(target: Target, selected: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
    """What `apply` wants of a file; `None` where it is right already.

    Raises:
        Refused: it needs a selected patch and may not be touched.
    """
    states, entry = target.verdict.patches, target.facts.entry
    touched = {patch for patch in states if patch in selected or patch not in known}
    if not states and entry is not None:
        return Aim(forget=True)
    if not touched:
        return None
    if target.verdict.state in (State.FOREIGN_EDIT, State.UNPATCHABLE):
        raise _refusal(target)
    if all(states[patch].settled for patch in touched):
        return None
    wanted = {patch for patch in target.facts.wanted if patch in selected}
    if target.verdict.state is State.SUPERSEDED:
        return Aim(_ordered(wanted, known)) if wanted else Aim(forget=True)
    # What was not selected stays in as it is, as far as it can still be made.
    untouched = {patch for patch in (entry.patches if entry else ()) if patch not in touched}
    return Aim(_ordered(wanted | untouched, known))


def aim_of_revert(target: Target, selected: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
    """What `revert` wants of a file; `None` where there is nothing of ours to take back.

    Raises:
        Refused: a selected patch is in it and the file is not as we left it.
    """
    entry = target.facts.entry
    if entry is None:
        return None
    taken = {patch for patch in entry.patches if patch in selected or patch not in known}
    if not taken:
        return Aim(forget=True) if not entry.patches and selected >= set(entry.looked) else None
    if target.verdict.state is State.SUPERSEDED:
        return Aim(forget=True)
    if target.verdict.state in (State.FOREIGN_EDIT, State.UNPATCHABLE):
        raise _refusal(target)
    return Aim(_ordered(set(entry.patches) - taken, known))


@dataclass(frozen=True)
class Sources:
    """What a file is made from.

    Attributes:
        current: the file's bytes now.
        original: the bytes that RECORD lists: out of the store, or `current` itself.
        mtime_ns: the original's modification time.
        link: where the original pointed, if it was a symbolic link.
    """

    current: bytes
    original: bytes
    mtime_ns: int
    link: str | None


@dataclass(frozen=True)
class Future:
    """One file's future.

    Attributes:
        after: the bytes that it will hold; those of `sources.current` where only the store changes.
        entry: what the store will say of it; `None` to forget it.
        refusals: patches that were left out, and why.
    """

    target: Target
    sources: Sources
    after: bytes
    entry: Entry | None
    refusals: tuple[SurgeonError, ...] = ()


def without_rewriting(target: Target, aim: Aim, sources: Sources) -> Future | None:
    """What becomes of a file that no patch is wanted in; `None` where it must be rewritten."""
    if aim.forget:
        return Future(target, sources, sources.current, None)
    if not aim.patches:
        return Future(target, sources, sources.original, None)
    return None


def rewritten(
    target: Target, patches: Sequence[Patch], sources: Sources, written: Rewrite | Refused
) -> Future:
    """What becomes of a file whose original was rewritten.

    Raises:
        Refused: it could not be, a patch that the file has now can no longer be put in, or the store
            could not hold what it is.
    """
    if isinstance(written, Refused):
        raise written
    refusals = {
        patch: _conflict(target, patch, written.conflicts[patch])
        if patch in written.conflicts
        else _missed(target, patch, reason)
        for patch, reason in written.failures.items()
    }
    for patch, state in target.verdict.patches.items():
        if patch in refusals and state not in (State.PRISTINE, State.SUPERSEDED):
            raise refusals[patch]
    done = {patch.id: patch.digest for patch in patches if patch.id not in refusals}
    entry = Entry(
        distribution=target.distribution,
        version=target.version,
        original=sha256(sources.original),
        result=sha256(written.result),
        mtime_ns=sources.mtime_ns,
        link=sources.link,
        patches={patch: digest for patch, digest in done.items() if written.matches.get(patch)},
        looked={patch: digest for patch, digest in done.items() if not written.matches.get(patch)},
    )
    if done:
        refuse_unstorable(target.path, entry)
    return Future(target, sources, written.result, entry if done else None, tuple(refusals.values()))


def decision(target: Target, aim: Aim | Refused | None) -> Decision:
    """What was decided for a file, in words."""
    if isinstance(aim, Refused):
        action = "refused"
    elif aim is None:
        action = "left as it is"
    elif aim.forget:
        action = "left as it is, and forgotten"
    elif aim.patches:
        action = f"to hold {', '.join(aim.patches)}"
    else:
        action = "to be as it was shipped"
    return Decision(target.path, target.verdict.state, target.verdict.reason, action)


def _ordered(patches: set[str], known: Mapping[str, Patch]) -> tuple[str, ...]:
    return tuple(patch for patch in known if patch in patches)


def reinstall(target: Target) -> str:
    """The command that gives a distribution its own files back."""
    return f"pip install --force-reinstall --no-deps {target.distribution}=={target.version}"


def _refusal(target: Target) -> Refused:
    foreign = target.verdict.state is State.FOREIGN_EDIT
    return Refused(
        f"left as it is: {target.verdict.reason}",
        path=target.path,
        hint=f"keep your change elsewhere, run `{reinstall(target)}`, then this command again"
        if foreign
        else f"install {target.distribution} as an ordinary wheel, then run this command again",
        code=str(target.verdict.state),
    )


def _missed(target: Target, patch: str, reason: str) -> Refused:
    return Refused(
        f"{patch}: {reason}",
        path=target.path,
        hint=f"run `m3d-surgeon explain {patch}`; {target.version} may need a newer patch",
        code="expectation-missed",
    )


def _conflict(target: Target, patch: str, other: str) -> Refused:
    return Refused(
        f"{patch}: left out, because it edits the same lines as {other}",
        path=target.path,
        hint="run `m3d-surgeon diff` with each of the two ids, then leave one of the patches out",
        code="conflict",
    )
