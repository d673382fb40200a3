"""An installed module answers the same whatever else it was asked, and is not asked twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from surgeon.errors import EnvironmentUnusable
from surgeon.scan.installed import LiveModule
from surgeon.scan.surface import Found, Question
from surgeon.site.environment import Environment, find_environment
from tests import support

LIBRARY = {
    "library/__init__.py": b"""
import importlib
def __getattr__(name):
    if name in ("first", "second"):
        return importlib.import_module("." + name, __name__)
    raise AttributeError(name)
""",
    "library/first/__init__.py": b"from library import second\nfrom . import part\n",
    "library/first/part.py": b"def f(a, b): pass\n",
    "library/second/__init__.py": b"from . import part\n",
    "library/second/part.py": b"x = 1\n",
    "library/alone.py": b"import scanned.thing\n",
}
NAMES = ("library.first", "library.first.part.f", "library.second", "library.second.part.x", "library.alone")
EXISTING = {"library.first", "library.first.part.f", "library.second", "library.second.part.x"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("world") / "env"
    support.install(support.make_venv(folder), "library", "1.0", LIBRARY)
    return find_environment(str(folder))


def asked(
    environment: Environment, *names: str, memory: str = ""
) -> tuple[dict[Question, Found], LiveModule]:
    surface = LiveModule(environment, "library", "1.0", {"scanned"}, memory)
    try:
        return dict(surface.ask([Question(name) for name in names])), surface
    finally:
        surface.close()


def test_the_order_of_the_questions_is_of_no_account(environment: Environment) -> None:
    """Loading `first` loads `second`: what one question loads is not there for another."""
    for names in itertools.permutations(NAMES[:4]):
        found, _ = asked(environment, *names, "library.alone")
        assert {each.name for each, answer in found.items() if answer.exists} == EXISTING, names


def test_a_part_that_an_import_reaches_says_whom_it_asks(environment: Environment) -> None:
    surface = LiveModule(environment, "library", "1.0", {"scanned"})
    try:
        for _ in range(2):
            found = surface.ask([Question("library.alone", True), Question("library.first.part", True)])
            assert [each.exists for each in found.values()] == [True, True]
            assert set(surface.drags["library.alone"]) == {"scanned.thing"}
        later = surface.ask([Question("library.first.part.f", True), Question("library.first.absent", True)])
        assert [(each.exists, each.missing) for each in later.values()] == [
            (True, ""),
            (False, "library.first.absent"),
        ]
        assert next(iter(later.values())).parameters == {"a", "b"}
    finally:
        surface.close()


def test_what_was_answered_is_not_asked_again(environment: Environment) -> None:
    first, surface = asked(environment, *NAMES, memory="asked-1")
    assert surface.is_running
    again, surface = asked(environment, *NAMES, memory="asked-1")
    assert again == first
    assert not surface.is_running, "a process was started for nothing"
    more, surface = asked(environment, *NAMES, "library.absent", memory="asked-1")
    assert surface.is_running
    assert not more[Question("library.absent")].exists
    _, surface = asked(environment, *NAMES, memory="asked-2")
    assert surface.is_running


def test_work_goes_on_while_an_answer_is_waited_for(environment: Environment) -> None:
    done: list[int] = []
    surface = LiveModule(environment, "library", "1.0")
    surface.meanwhile = (done.append(number) for number in range(3))
    try:
        assert surface.ask([Question("library.first")])[Question("library.first")].exists
    finally:
        surface.close()
    assert done


def test_a_module_that_cannot_be_imported_is_named(environment: Environment) -> None:
    surface = LiveModule(environment, "absent", "", memory="asked-3")
    try:
        with pytest.raises(EnvironmentUnusable, match="No module named 'absent'"):
            surface.ask([Question("absent.x")])
    finally:
        surface.close()


def test_what_is_asked_ahead_is_answered_with_the_rest(environment: Environment) -> None:
    """More than a pipe holds, both ways: neither side may wait for the other."""
    ahead = [Question(f"library.first.{'absent' * 10}{number}", True) for number in range(2_000)]
    rest = [Question(f"library.second.{'absent' * 10}{number}") for number in range(2_000)]
    known = [Question("library.first.part.f", True), Question("library.first.part.f")]
    surface = LiveModule(environment, "library", "1.0", {"scanned"})
    try:
        surface.expect([*ahead, known[0]])
        surface.expect(rest)  # one thing at a time: this is left to the next question
        found = surface.ask([*rest, *known, ahead[0]])
        assert len(found) == len(rest) + 3
        assert [found[each].exists for each in (*known, ahead[0], rest[0])] == [True, True, False, False]
    finally:
        surface.close()


def test_where_answers_are_remembered_nothing_is_asked_ahead(environment: Environment) -> None:
    question = Question("library.first.part.f", True)
    surface = LiveModule(environment, "library", "1.0", memory="asked-ahead")
    try:
        assert surface.ask([question])[question].exists
    finally:
        surface.close()
    again = LiveModule(environment, "library", "1.0", memory="asked-ahead")
    try:
        again.expect([question, Question("library.second", True)])
        assert not again.is_running
        assert again.ask([question])[question].exists
    finally:
        again.close()
