"""What is refused, what is left out, and which bytes survive."""

from __future__ import annotations

import pytest

from surgeon.edits import GuardImport, Rename
from surgeon.edits.tree import Tree
from surgeon.errors import Refused
from surgeon.patch import Edit, Expect, Patch, at_least, exactly
from surgeon.rewriting.rewrite import rewrite


def patch(name: str, *edits: Edit, expect: Expect | None = None, needle: bytes = b"old") -> Patch:
    return Patch(
        id=name,
        symptom="",
        why="",
        distribution="p",
        versions="",
        when={},
        files=("p.py",),
        needle=(needle,),
        transforms=edits,
        expect=expect or at_least(1),
        cases=(),
        unchanged=(),
        probe="",
    )


RENAME = patch("rename", Rename("m.old", "m.new"))
SOURCE = b"import m\nm.old()\n"


def test_a_patch_applies() -> None:
    result = rewrite(SOURCE, [RENAME])
    assert (result.result, result.matches, result.failures) == (b"import m\nm.new()\n", {"rename": 1}, {})


def test_a_file_without_the_needle_is_not_even_parsed() -> None:
    result = rewrite(b"not python (", [RENAME])
    assert (result.result, result.matches, result.failures) == (b"not python (", {"rename": 0}, {})


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"old = (\n", "not-parseable"),
        (b"# coding: nonsense\nold = 1\n", "not-parseable"),
        (b"\xef\xbb\xbf# coding: latin-1\nold = 1\n", "not-parseable"),
        (b"old = '\xff'\n", "not-parseable"),
        (b"old = 1\x00\n", "not-parseable"),
        (b"try:\n    old\nexcept X :\n    pass\n", "not-round-trip"),
        (b"old = 1\rx = 2\r", "not-round-trip"),
        (b"\x0cold = 1\n", "not-round-trip"),
        (b"old = " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n", "not-parseable"),
        (b"old = " + b"-" * 50000 + b"1\n", "not-parseable"),
        (b"old" + b".b" * 100000 + b"\n", "not-parseable"),
        (b"old" + b".b" * 1500 + b"\n", "not-round-trip"),
    ],
)
def test_refusals(source: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        rewrite(source, [RENAME])
    assert caught.value.code == code


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbf" + SOURCE,
        b"# coding: latin-1\n" + SOURCE + b"# \xe9\n",
        b"#!/usr/bin/python\n# coding: cp1252\n" + SOURCE + b"# \x80\n",
        SOURCE.replace(b"\n", b"\r\n"),
        SOURCE.removesuffix(b"\n"),
        b"'''\r\n'''\n" + SOURCE,
    ],
)
def test_bytes_around_a_change_survive(source: bytes) -> None:
    assert rewrite(source, [RENAME]).result == source.replace(b"old", b"new")


def test_an_insertion_into_a_latin_1_file() -> None:
    guard = patch("guard", GuardImport("m.old", "{name} = None"))
    result = rewrite(b"# coding: latin-1\n# \xe9\nfrom m import old\n", [guard]).result
    assert result.startswith(b"# coding: latin-1\n# \xe9\ntry:  # m3d-surgeon: guard\n")
    compile(result, "result", "exec")


def test_what_was_not_expected_is_left_out_and_the_rest_applies() -> None:
    twice = patch("twice", Rename("m.old", "m.x"), expect=exactly(2))
    never = patch("never", Rename("m.x", "m.y"))
    result = rewrite(SOURCE, [twice, never, RENAME])
    assert result.result == b"import m\nm.new()\n"
    assert result.matches == {"rename": 1}
    assert result.failures == {
        "twice": "expected exactly 2, found 1",
        "never": "expected at least 1, found 0",
    }


def test_zero_can_be_fine() -> None:
    fine = patch("fine", Rename("m.x", "m.y"), expect=at_least(1, zero="fixed upstream"))
    result = rewrite(SOURCE, [fine])
    assert (result.result, result.matches, result.failures) == (SOURCE, {"fine": 0}, {})


def test_a_patch_that_raises_is_left_out() -> None:
    def broken(tree: Tree) -> int:
        tree.replace(tree.references("m.old")[0].node, "m.x")
        raise ZeroDivisionError("oh")

    result = rewrite(SOURCE, [patch("broken", broken), RENAME])
    assert result.result == b"import m\nm.new()\n"
    assert result.failures == {"broken": "ZeroDivisionError: oh"}


def test_a_patch_that_never_settles_is_left_out() -> None:
    grows = patch("grows", Rename("m.old", "m.old.old"))
    other = patch("other", Rename("m.x", "m.y"))
    result = rewrite(SOURCE + b"m.x()\n", [grows, other])
    assert result.result == SOURCE + b"m.y()\n"
    assert result.matches == {"other": 1}
    assert "not idempotent" in result.failures["grows"]


def test_later_edits_see_what_earlier_ones_made() -> None:
    both = patch("both", Rename("m.old", "m.middle"), Rename("m.middle", "m.new"), expect=exactly(2))
    assert rewrite(SOURCE, [both]).result == b"import m\nm.new()\n"
