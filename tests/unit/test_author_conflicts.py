"""Two patches that edit the same lines are found, whichever way it shows; two that do not, are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.edits import Rename
from surgeon.edits.tree import Tree
from surgeon.patch import Edit, Patch, at_least
from surgeon.rewriting.conflicts import edited
from surgeon.rewriting.rewrite import rewrite
from tests import support

GOOD = registry.load(support.GADGETS).patches["gadget-shiny"]
SOURCE = b"import m\n\na = m.one(m.two)\nb = m.three\n"


def patch(name: str, *edits: Edit) -> Patch:
    return replace(GOOD, id=name, needle=(b"import m",), transforms=edits, expect=at_least(1))


def line(number: int, text: str) -> Edit:
    """Replace a line of the original by another, unless it is that already."""

    def edit(tree: Tree) -> int:
        import libcst as cst

        statement = tree.module.body[number]
        if tree.source(statement).strip() == text:
            return 0
        tree.replace_line(statement, cst.parse_module(text + "\n").body)
        return 1

    return edit


def insert_below(number: int) -> Edit:
    def edit(tree: Tree) -> int:
        if "added" in tree.module.code:
            return 0
        tree.insert_after(tree.module.body[number], "added = 1")
        return 1

    return edit


def test_a_line_that_two_patches_change_differently_is_a_conflict_that_names_both() -> None:
    one, two = patch("one", Rename("m.one", "m.uno")), patch("two", line(1, "a = 0"))
    result = rewrite(SOURCE, [one, two])
    assert result.conflicts == {"two": "one"}
    assert "one" in result.failures["two"]
    assert result.result == SOURCE.replace(b"m.one", b"m.uno")


def test_a_patch_that_no_longer_matches_what_another_left_is_a_conflict() -> None:
    one = patch("one", Rename("m.one", "m.uno"))
    two = patch("two", Rename("m.one", "m.eins"))
    assert rewrite(SOURCE, [one, two]).conflicts == {"two": "one"}


def test_two_edits_of_one_line_that_do_not_meet_may_stand_side_by_side() -> None:
    one, two = patch("one", Rename("m.one", "m.uno")), patch("two", Rename("m.two", "m.due"))
    result = rewrite(SOURCE, [one, two])
    assert (result.conflicts, result.failures) == ({}, {})
    assert result.result == b"import m\n\na = m.uno(m.due)\nb = m.three\n"


def test_patches_of_different_lines_do_not_meet() -> None:
    one, two = patch("one", line(1, "a = 0")), patch("two", Rename("m.three", "m.tre"))
    assert rewrite(SOURCE, [one, two]).conflicts == {}


def test_insertions_in_one_place_are_no_conflict() -> None:
    one, two = patch("one", insert_below(0)), patch("two", Rename("m.three", "m.tre"))
    assert rewrite(SOURCE, [one, two]).conflicts == {}


def test_a_patch_that_fails_by_itself_is_no_conflict() -> None:
    one = patch("one", Rename("m.one", "m.uno"))
    two = patch("two", Rename("m.missing", "m.x"))
    result = rewrite(SOURCE, [one, two])
    assert result.conflicts == {}
    assert result.failures == {"two": "expected at least 1, found 0"}


def test_a_third_patch_is_put_in_all_the_same() -> None:
    one, two = patch("one", Rename("m.one", "m.uno")), patch("two", line(1, "a = 0"))
    three = patch("three", Rename("m.three", "m.tre"))
    result = rewrite(SOURCE, [one, two, three])
    assert result.conflicts == {"two": "one"}
    assert result.matches == {"one": 1, "three": 1}


@pytest.mark.parametrize(
    ("before", "after", "lines", "gaps"),
    [
        ("a\nb\nc\n", "a\nx\nc\n", {1}, set()),
        ("a\nb\nc\n", "a\nb\nx\nc\n", set(), {2}),
        ("a\nb\nc\n", "a\nc\n", {1}, set()),
        ("a\nb\nc\nd\n", "x\nb\nc\ny\n", {0, 3}, set()),
        ("a\n", "a\n", set(), set()),
        ("a\na\n", "a\na\na\n", set(), {2}),
        ("", "a\n", set(), {0}),
    ],
)
def test_edited_lines(before: str, after: str, lines: set[int], gaps: set[int]) -> None:
    found = edited(before, after, 1)
    assert (found.lines, found.gaps) == (lines, gaps)


def test_the_command_line_names_both_and_exits_with_3(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    folder = tmp_path / "patches"
    folder.mkdir()
    text = (support.GADGETS / "gadget_shiny.py").read_text()
    (folder / "a.py").write_text(text)
    other = text.replace("gadget-shiny", "gadget-zzz").replace(
        'GuardAttribute("torch.shiny")', 'Rename("torch.shiny", "torch.dull")'
    )
    (folder / "b.py").write_text(other.replace("import GuardAttribute", "import Rename"))
    answer = support.surgeon("apply", "--site-packages", site, "--patches", folder)
    assert (answer.exit_code, answer.error_codes()) == (3, ["conflict", "conflict"])
    message = answer.json["errors"][0]["message"]  # type: ignore[index]
    assert "gadget-zzz" in message
    assert "gadget-shiny" in message
    assert answer.patch_states()["gadget-shiny"] == "applied"
