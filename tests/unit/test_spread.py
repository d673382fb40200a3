from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeon.errors import Refused
from surgeon.patch import Case, Patch, at_least
from surgeon.rewriting import parallel
from surgeon.rewriting.parallel import Job, rewrite_all
from surgeon.rewriting.rewrite import Rewrite, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from surgeon.edits.tree import Tree

US = os.getpid()
FILES = [f"x = {number}\n".encode() * (number + 1) for number in range(12)]


def patch(edit: Callable[[Tree], int]) -> Patch:
    return Patch(
        id="p",
        symptom="none",
        why="For the tests.",
        distribution="d",
        versions="",
        when={},
        files=("d.py",),
        needle=(b"x",),
        transforms=(edit,),
        expect=at_least(1, zero="nothing there"),
        cases=(Case(before="", after=""),),
        unchanged=(),
        probe="",
    )


def note_the_process(tree: Tree) -> int:
    if "process" in tree.module.code:
        return 0
    tree.insert_before(tree.module.body[-1], f"process = {os.getpid()}")
    return 1


def die_elsewhere(tree: Tree) -> int:
    if os.getpid() != US:
        os.kill(os.getpid(), signal.SIGKILL)
    return note_the_process(tree)


def silent(_index: int, _done: int) -> None:
    pass


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_BYTES", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})


def processes(results: list[Rewrite | Refused]) -> set[int]:
    """The processes that wrote themselves into a result."""
    found = set()
    for result in results:
        assert isinstance(result, Rewrite)
        found |= {int(number) for number in re.findall(rb"process = (\d+)", result.result)}
    return found


def test_the_work_is_spread_and_the_results_are_in_order() -> None:
    results = rewrite_all([Job(file, (patch(note_the_process),)) for file in FILES], silent)
    assert len(processes(results)) == 2
    for file, result in zip(FILES, results, strict=True):
        assert isinstance(result, Rewrite)
        assert result.result.count(b"x = ") == file.count(b"x = ")
        assert result.matches == {"p": 1}


def test_little_work_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_BYTES", 10**6)
    results = rewrite_all([Job(file, (patch(note_the_process),)) for file in FILES], silent)
    assert processes(results) == {US}


def test_the_share_of_a_killed_process_is_done_here() -> None:
    results = rewrite_all([Job(file, (patch(die_elsewhere),)) for file in FILES], silent)
    assert processes(results) == {US}


def test_a_refusal_comes_back_whole() -> None:
    jobs = [Job(b"def x(:\n", (patch(note_the_process),)) for _ in range(4)]
    with pytest.raises(Refused) as alone:
        rewrite(jobs[0].source, jobs[0].patches)
    for result in rewrite_all(jobs, silent):
        assert isinstance(result, Refused)
        assert (result.message, result.code) == (alone.value.message, "not-parseable")


@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=40), number=st.integers(1, 8))
def test_shares_hold_every_job_once_and_are_even(sizes: list[int], number: int) -> None:
    shares = parallel._shares([Job(b"x" * size, ()) for size in sizes], number)
    assert sorted(index for share in shares for index in share) == list(range(len(sizes)))
    loads = [sum(sizes[index] for index in share) for share in shares]
    assert max(loads) - min(loads) <= max(sizes)
