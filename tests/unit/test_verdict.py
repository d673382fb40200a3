"""Every row of the table of verdicts, from hashes alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.operations.verdict import Facts, State, judge
from surgeon.site.store import Entry

ENTRY = Entry("gadget", "1.0", "original", "result", 1, None, {"a": "a1"}, {})
FACTS = Facts(recorded="original", current="original", entry=None, wanted={"a": "a1"}, why_not={})


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (FACTS, State.PRISTINE),
        (replace(FACTS, wanted={}), State.NOT_NEEDED),
        (
            replace(FACTS, entry=replace(ENTRY, result="original", patches={}, looked={"a": "a1"})),
            State.NOT_NEEDED,
        ),
        (
            replace(FACTS, entry=replace(ENTRY, result="original", patches={}, looked={"a": "a0"})),
            State.PRISTINE,
        ),
        (replace(FACTS, entry=ENTRY), State.SUPERSEDED),
        (replace(FACTS, entry=ENTRY, wanted={}), State.SUPERSEDED),
        (replace(FACTS, entry=ENTRY, recorded="upgraded", current="upgraded"), State.SUPERSEDED),
        (replace(FACTS, entry=ENTRY, current="result"), State.APPLIED),
        (replace(FACTS, entry=ENTRY, current="result", wanted={"a": "a2"}), State.OUTDATED),
        (replace(FACTS, entry=ENTRY, current="result", wanted={"a": "a1", "b": "b1"}), State.PRISTINE),
        (
            replace(
                FACTS,
                entry=replace(ENTRY, looked={"b": "b1"}),
                current="result",
                wanted={"a": "a1", "b": "b1"},
            ),
            State.APPLIED,
        ),
        (replace(FACTS, entry=ENTRY, current="result", wanted={}), State.OBSOLETE),
        (replace(FACTS, entry=ENTRY, current="result", recorded="upgraded"), State.FOREIGN_EDIT),
        (replace(FACTS, entry=ENTRY, current="edited"), State.FOREIGN_EDIT),
        (replace(FACTS, entry=ENTRY, current="edited", wanted={}), State.FOREIGN_EDIT),
        (replace(FACTS, current="edited"), State.FOREIGN_EDIT),
        (replace(FACTS, current="edited", wanted={}), State.NOT_NEEDED),
        (replace(FACTS, current=None), State.FOREIGN_EDIT),
        (replace(FACTS, unpatchable="it is an editable install"), State.UNPATCHABLE),
        (replace(FACTS, unpatchable="it is an editable install", wanted={}), State.NOT_NEEDED),
    ],
)
def test_a_file_is_judged(facts: Facts, state: State) -> None:
    assert judge(facts).state is state


def test_each_patch_of_a_file_has_a_state_of_its_own() -> None:
    entry = replace(ENTRY, patches={"a": "a1", "b": "b1", "c": "c1"})
    facts = replace(FACTS, entry=entry, current="result", wanted={"a": "a1", "b": "b2", "d": "d1"})
    assert judge(facts).patches == {
        "a": State.APPLIED,
        "b": State.OUTDATED,
        "c": State.OBSOLETE,
        "d": State.PRISTINE,
    }


def test_obsolete_says_which_condition_no_longer_holds() -> None:
    facts = replace(
        FACTS, entry=ENTRY, current="result", wanted={}, why_not={"a": "torch 2.6.0 has what it needs"}
    )
    assert judge(facts).reason == "torch 2.6.0 has what it needs"
