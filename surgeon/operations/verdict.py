"""What is true of a file, decided from hashes alone. Pure: no disk, no parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from surgeon.site.store import Entry


class State(str, Enum):
    """The verdicts, from the calmest to the one that needs a person most."""

    NOT_NEEDED = "not-needed"
    APPLIED = "applied"
    PRISTINE = "pristine"
    SUPERSEDED = "superseded"
    OUTDATED = "outdated"
    OBSOLETE = "obsolete"
    UNPATCHABLE = "unpatchable"
    FOREIGN_EDIT = "foreign-edit"

    @property
    def settled(self) -> bool:
        """Nothing is pending and nothing has drifted."""
        return self in (State.NOT_NEEDED, State.APPLIED)

    def __str__(self) -> str:
        return self.value


SEVERITY = {state: rank for rank, state in enumerate(State)}


def worst(states: list[State]) -> State:
    """The one state that stands for several; not-needed where there are none."""
    return max(states, key=SEVERITY.__getitem__, default=State.NOT_NEEDED)


@dataclass(frozen=True)
class Facts:
    """Everything that a verdict on one file rests on.

    Attributes:
        recorded: sha256 that the distribution's RECORD lists, or `None` where it lists none.
        current: sha256 of the file as it lies there, or `None` where it is missing.
        entry: what the store knows of it.
        wanted: the patches whose conditions hold and whose needle is in its pristine bytes, each
            with its digest.
        why_not: for patches that are not wanted, the reason.
        journaled: sha256 of what an interrupted run was about to put there, or `None`.
        unpatchable: why it may not be edited, or an empty string.
    """

    recorded: str | None
    current: str | None
    entry: Entry | None
    wanted: Mapping[str, str]
    why_not: Mapping[str, str]
    journaled: str | None = None
    unpatchable: str = ""


@dataclass(frozen=True)
class Verdict:
    """A file's state, the state of each patch in it, and why."""

    state: State
    reason: str
    patches: Mapping[str, State]


def judge(facts: Facts) -> Verdict:
    """Decide a file's state."""
    entry = facts.entry
    recorded_patches = entry.patches if entry else {}
    every = sorted({*facts.wanted, *recorded_patches})
    if facts.unpatchable and facts.wanted:
        return _all(State.UNPATCHABLE, facts.unpatchable, every)
    if entry and recorded_patches and facts.current == entry.result and facts.recorded == entry.original:
        return _ours(facts, entry)
    if facts.current is not None and facts.current == facts.recorded:
        return _pristine(facts, every)
    if not every:
        return Verdict(State.NOT_NEEDED, "", {})
    if facts.current is not None and facts.current == facts.journaled:
        return _all(State.PRISTINE, "an interrupted run wrote it and will be undone", every)
    return _all(State.FOREIGN_EDIT, _foreign_reason(facts), every)


def _ours(facts: Facts, entry: Entry) -> Verdict:
    """The file holds what we wrote: is that still what is wanted?"""
    states: dict[str, State] = {}
    reasons: dict[State, str] = {}
    for patch, digest in entry.patches.items():
        if patch not in facts.wanted:
            states[patch] = State.OBSOLETE
            reasons[State.OBSOLETE] = facts.why_not.get(patch, f"there is no patch {patch} any more")
        elif facts.wanted[patch] != digest:
            states[patch] = State.OUTDATED
            reasons[State.OUTDATED] = f"written by another edition of {patch}; `apply` makes it anew"
        else:
            states[patch] = State.APPLIED
    for patch, digest in facts.wanted.items():
        if patch not in entry.patches:
            looked = entry.looked.get(patch) == digest
            states[patch] = State.NOT_NEEDED if looked else State.PRISTINE
            reasons[State.PRISTINE] = f"{patch} is needed as well"
    state = worst(list(states.values()))
    return Verdict(state, reasons.get(state, ""), states)


def _pristine(facts: Facts, every: list[str]) -> Verdict:
    """The file is as the distribution shipped it."""
    entry = facts.entry
    if entry and entry.patches:
        reason = "the distribution was reinstalled or upgraded since it was patched"
        return _all(State.SUPERSEDED, reason, every)
    looked = entry.looked if entry and entry.original == facts.current else {}
    states = {
        patch: State.NOT_NEEDED if looked.get(patch) == digest else State.PRISTINE
        for patch, digest in facts.wanted.items()
    }
    state = worst(list(states.values()))
    reason = "nothing in it needs the change" if states and state is State.NOT_NEEDED else ""
    return Verdict(state, reason, states)


def _foreign_reason(facts: Facts) -> str:
    if facts.current is None:
        return "RECORD lists it, but it is missing"
    if facts.entry and facts.current == facts.entry.result:
        return "it holds what was written for another release than the one RECORD lists"
    return "it is neither what RECORD lists nor what was written here"


def _all(state: State, reason: str, patches: list[str]) -> Verdict:
    return Verdict(state, reason, dict.fromkeys(patches, state))
