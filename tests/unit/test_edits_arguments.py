"""Arguments that are made contiguous; the first example is the one in the documentation."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import MakeContiguous
from surgeon.edits.tree import Tree

EDIT = MakeContiguous("torch.attend", ("query", "key"), if_given=("mask", 2))


def run(body: str) -> str:
    """The body of a function after the edit; running it again must find nothing."""
    head = "import torch\n\n\ndef use(q, k, m, rest):\n    "
    source = f"{head}{body}\n"
    tree = Tree(cst.parse_module(source), "an-id")
    matches = EDIT(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert EDIT(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result.removeprefix(head).removesuffix("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "torch.attend(q, key=k, mask=m)",
            "torch.attend(q.contiguous(), key=k.contiguous(), mask=m)",
        ),
        ("torch.attend(q, k, m)", "torch.attend(q.contiguous(), k.contiguous(), m)"),
        ("torch.attend(q, k, m, **rest)", "torch.attend(q.contiguous(), k.contiguous(), m, **rest)"),
        ("torch.attend(q.contiguous(), k, m)", "torch.attend(q.contiguous(), k.contiguous(), m)"),
        ("torch.attend(q[0], k.T, m)", "torch.attend(q[0].contiguous(), k.T.contiguous(), m)"),
        ("torch.attend(q + 1, -k, m)", "torch.attend((q + 1).contiguous(), (-k).contiguous(), m)"),
        ("torch.attend((q + 1), k, m)", "torch.attend((q + 1).contiguous(), k.contiguous(), m)"),
        ("torch.attend(q, *rest, mask=m)", "torch.attend(q.contiguous(), *rest, mask=m)"),
        (
            "k = k.contiguous()\n    torch.attend(q, k, m)",
            "k = k.contiguous()\n    torch.attend(q.contiguous(), k, m)",
        ),
        (
            "def inner():\n        k = q.contiguous()\n    torch.attend(q, k, m)",
            "def inner():\n        k = q.contiguous()\n    torch.attend(q.contiguous(), k.contiguous(), m)",
        ),
    ],
)
def test_the_tensors_are_made_contiguous(before: str, after: str) -> None:
    assert run(before) == after


@pytest.mark.parametrize(
    "body",
    [
        "torch.attend(q, k)",
        "torch.attend(q, k, causal=True)",
        "torch.attend(*rest)",
        "torch.attend(*rest, m)",
        "torch.attend(q.contiguous(), k.contiguous(), m)",
        "other.attend(q, k, m)",
        "return torch.attend",
        "if m:\n        q = q.contiguous()\n        k = k.contiguous()\n    torch.attend(q, k, m)",
        "if hasattr(torch, 'attend'):\n        torch.attend(q, k, m)",
    ],
)
def test_other_calls_stay(body: str) -> None:
    assert run(body) == body


def test_a_call_counts_once() -> None:
    tree = Tree(cst.parse_module("import torch\ntorch.attend(q, k, m)\ntorch.attend(k, q, mask=m)\n"))
    assert EDIT(tree) == 2
