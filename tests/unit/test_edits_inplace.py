"""Assignments in place that become new values; the first example is the one in the documentation."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import OutOfPlace
from surgeon.edits.tree import Tree


def run(source: str, variable: str = "mask", operator: str = "|") -> str:
    """The result; running the edit on it again must find nothing."""
    edit = OutOfPlace(variable, operator)
    tree = Tree(cst.parse_module(source), "an-id")
    matches = edit(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert edit(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mask |= allowed", "mask = mask | allowed"),
        ("mask |= torch.all(~mask, -1)  # note", "mask = mask | torch.all(~mask, -1)  # note"),
        ("mask |= a if b else c", "mask = mask | (a if b else c)"),
        ("mask |= a | b", "mask = mask | (a | b)"),
        ("mask |= (a | b)", "mask = mask | (a | b)"),
        ("mask |= ~a", "mask = mask | (~a)"),
        ("mask |= a; mask |= b", "mask = mask | a; mask = mask | b"),
        ("mask |= both(\n        a,\n    )", "mask = mask | both(\n        a,\n    )"),
    ],
)
def test_a_local_variable_is_bound_anew(before: str, after: str) -> None:
    assert run(f"def widen(mask, a, b, c):\n    {before}\n") == f"def widen(mask, a, b, c):\n    {after}\n"


@pytest.mark.parametrize(("sign", "value"), [("+", "7"), ("-", "1"), ("*", "6"), ("&", "3"), ("^", "4")])
def test_other_operators_mean_the_same(sign: str, value: str) -> None:
    source = f"def change(x):\n    x {sign}= {value}\n    return x\n"
    result = run(source, "x", sign)
    scope: dict[str, object] = {}
    exec(f"{source.replace('change', 'before')}\n{result}\nsame = before(5) == change(5)", scope)
    assert scope["same"] is True


def test_other_operators_stay() -> None:
    source = "def widen(mask, other):\n    mask &= other\n    other |= mask\n    return mask | other\n"
    assert run(source) == source


def test_what_others_can_see_stays() -> None:
    source = """\
mask = 1
mask |= 2


class Masks:
    mask = 1
    mask |= 2

    def widen(self):
        self.mask |= 2
        self.all["mask"] |= 2


def widen():
    global mask
    mask |= 2


def outer():
    mask = 1

    def inner():
        nonlocal mask
        mask |= 2
"""
    assert run(source) == source
