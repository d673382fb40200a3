"""Two processes for one piece of work: nothing is lost, nothing is done twice, and a fork may die."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence

import pytest

from surgeon.scan import workers
from surgeon.scan.workers import Besides, shared, without_collector

ITEMS = list(range(100))
HERE = os.getpid()


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORTH_IT_BYTES", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(workers.sys, "platform", "linux")


def told(items: Sequence[int]) -> list[tuple[int, int]]:
    """Who did what."""
    return [(os.getpid(), each) for each in items]


def test_each_item_is_done_once_by_one_of_two_processes() -> None:
    done = [each for part in shared(told, ITEMS, [1] * 100) for each in part]
    assert sorted(item for _, item in done) == ITEMS
    assert len({process for process, _ in done}) == 2


def test_other_work_is_done_here_once_and_takes_from_the_share() -> None:
    times: list[int] = []
    parts = shared(told, ITEMS, [1] * 100, besides=Besides(lambda: times.append(os.getpid()), 60))
    assert times == [HERE]
    assert sorted(item for part in parts for _, item in part) == ITEMS
    assert sum(process == HERE for part in parts for process, _ in part) == 20


def test_on_one_processor_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    times: list[int] = []
    (part,) = shared(told, ITEMS, [1] * 100, besides=Besides(lambda: times.append(1), 60))
    assert part == [(HERE, each) for each in ITEMS]
    assert times == [1]


def test_what_a_dead_fork_should_have_done_is_done_here() -> None:
    def work(items: Sequence[int]) -> list[int]:
        if os.getpid() != HERE:
            os._exit(9)
        return list(items)

    assert sorted(each for part in shared(work, ITEMS, [1] * 100) for each in part) == ITEMS


def test_an_error_here_leaves_no_process_behind() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared(lambda _: time.sleep(5), ITEMS, [1] * 100, besides=Besides(stop, 0))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_collector_is_as_it_was() -> None:
    with without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
