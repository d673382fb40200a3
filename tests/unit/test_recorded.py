"""What the engine makes is what is recorded, or its edition was raised. See tests/tools/recorded.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import surgeon.edits
from surgeon.patch import at_least
from surgeon.rewriting.rewrite import rewrite
from tests.tools import recorded

RECORDED = recorded.read()


@pytest.mark.parametrize("name", recorded.patches())
def test_what_a_patch_makes_of_its_examples(name: str) -> None:
    one = recorded.patches()[name]
    assert not recorded.faults({name: RECORDED["examples"].get(name)}, {name: recorded.example(one)})


def test_every_edit_makes_something_that_is_recorded() -> None:
    kinds = {each for each in vars(surgeon.edits).values() if dataclasses.is_dataclass(each)}
    making: set[type] = set()
    for one in recorded.patches().values():
        for edit in one.transforms:
            alone = dataclasses.replace(one, transforms=(edit,), expect=at_least(0))
            if any(rewrite(case.before.encode(), [alone]).matches[one.id] for case in one.cases):
                making.add(type(edit))
    assert making >= kinds


def test_there_is_nothing_recorded_that_is_gone() -> None:
    assert RECORDED["examples"].keys() == recorded.patches().keys()


SAME = {"from": "d", "plain": "p"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (SAME, ""),
        ({"from": "d", "plain": "q"}, "raise EDITION"),
        ({"from": "e", "plain": "q"}, "made from something else, and otherwise"),
        ({"from": "e", "plain": "p"}, "made from something else;"),
    ],
)
def test_what_is_to_be_done(seen: dict[str, str], said: str) -> None:
    faults = recorded.faults({"x": SAME}, {"x": seen})
    assert bool(faults) == bool(said)
    assert all(said in fault for fault in faults)


def test_results_that_changed_under_one_digest_are_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recorded.OTHERS[0]
    monkeypatch.setattr(recorded, "FILE", tmp_path / "recorded.json")
    monkeypatch.setattr(recorded, "patches", lambda: {one.id: one})
    assert recorded.main(()) is None
    before = recorded.FILE.read_bytes()
    monkeypatch.setattr(recorded, "made", lambda patch: {"plain": patch.id})
    assert "raise EDITION" in (recorded.main(()) or "")
    assert recorded.FILE.read_bytes() == before
    raised = dataclasses.replace(one, digest="another")
    monkeypatch.setattr(recorded, "patches", lambda: {one.id: raised})
    assert recorded.main(()) is None
    assert recorded.FILE.read_bytes() != before
