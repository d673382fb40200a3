"""Every check of an example can fail, and says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon import registry
from surgeon.author.examples import CASE_CHECKS, checks
from surgeon.edits import Rename
from surgeon.edits.tree import Tree
from surgeon.patch import Case, Patch
from tests import support

GOOD = registry.load(support.GADGETS).patches["gadget-shiny"]


def failed(patch: Patch) -> dict[str, str]:
    """The checks that fail, and why."""
    return {check.name: check.fault.message for check in checks(patch) if check.fault is not None}


def with_case(before: str, after: str) -> Patch:
    return replace(GOOD, cases=(Case(before, after),))


def test_a_good_patch_passes_every_check() -> None:
    assert failed(GOOD) == {}
    assert len(list(checks(GOOD))) == len(GOOD.cases) * len(CASE_CHECKS) + len(GOOD.unchanged)


def test_a_wrong_result_is_shown_as_a_difference_once() -> None:
    patch = with_case("import torch\nX = torch.shiny.a\n", "import torch\nX = 1\n")
    (check,) = [check for check in checks(patch) if check.fault]
    assert check.fault is not None
    assert check.name == "case 1: before becomes after"
    assert '-X = 1\n+X = getattr(getattr(torch, "shiny", None), "a", None)\n' in check.fault.diff


def test_a_patch_without_a_case_fails() -> None:
    assert list(failed(replace(GOOD, cases=()))) == ["cases"]


def test_a_needle_that_is_not_in_the_example_is_named() -> None:
    patch = replace(GOOD, needle=(b"missing",))
    assert "missing" in failed(patch)["case 1: before becomes after"]


def test_an_example_that_is_no_python_is_refused_with_the_reason() -> None:
    patch = replace(GOOD, cases=(Case("torch.shiny (", "x"),), unchanged=("torch.shiny (",))
    faults = failed(patch)
    assert "cannot be parsed" in faults["case 1: before becomes after"]
    assert "does not compile" in faults["unchanged 1: stays as it is"]


def test_an_edit_that_raises_is_named() -> None:
    def raises(_: Tree) -> int:
        raise ValueError("boom")

    assert "boom" in failed(replace(GOOD, transforms=(raises,)))["case 1: before becomes after"]


def test_a_source_that_is_changed_although_it_should_not_be() -> None:
    patch = replace(GOOD, unchanged=("import torch\nX = torch.shiny.a\n",))
    assert failed(patch) == {"unchanged 1: stays as it is": "it is changed"}


def test_an_edit_that_matches_its_own_result_is_not_idempotent() -> None:
    def grows(tree: Tree) -> int:
        tree.insert_after(tree.module.body[-1], "x = 1")
        return 1

    patch = replace(with_case("torch.shiny\n", "torch.shiny\n"), transforms=(grows,))
    assert "not idempotent" in failed(patch)["case 1: before becomes after"]


def inserting(text: str) -> Patch:
    """A patch that inserts a line without a mark, as its case has it."""

    def inserts(tree: Tree) -> int:
        import libcst as cst

        if "added" in tree.module.code:
            return 0
        tree.replace_line(tree.module.body[-1], [*cst.parse_module(text).body, tree.module.body[-1]])
        return 1

    return replace(with_case("x = torch.shiny\n", f"{text}x = torch.shiny\n"), transforms=(inserts,))


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("added = 1\n", False),
        ("added = 1  # m3d-surgeon: gadget-shiny\n", True),
        ("added = '''\ntwo lines\n'''  # m3d-surgeon: gadget-shiny\n", True),
        ("added = '''\ntwo lines\n'''\n", False),
        ("added = 1 + \\\n    1  # m3d-surgeon: gadget-shiny\n", True),
    ],
)
def test_inserted_lines_are_marked_wherever_a_comment_can_stand(text: str, fine: bool) -> None:
    assert ("case 1: inserted lines name the patch" not in failed(inserting(text))) is fine


def test_line_ends_that_an_edit_spoils_are_seen() -> None:
    def spoils(tree: Tree) -> int:
        import libcst as cst

        line = tree.module.body[0]
        assert isinstance(line, cst.SimpleStatementLine)
        if "new" in tree.module.code:
            return 0
        unix = cst.TrailingWhitespace(newline=cst.Newline("\n"))
        tree.replace_line(line, [cst.parse_statement("new = 1").with_changes(trailing_whitespace=unix)])
        return 1

    patch = replace(with_case("torch.shiny\n", "new = 1\n"), transforms=(spoils,), unchanged=())
    assert list(failed(patch)) == ["case 1: Windows line ends survive"]


def test_an_after_that_would_be_changed_once_more_is_seen() -> None:
    patch = replace(
        GOOD,
        cases=(Case("import torch\ntorch.shiny\n", "import torch\ntorch.shiny.x\n"),),
        transforms=(Rename("torch.shiny", "torch.shiny.x"),),
    )
    assert "case 1: before becomes after" in failed(patch)
