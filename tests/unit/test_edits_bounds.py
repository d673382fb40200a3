"""Raised version bounds; the first example is the one in the documentation."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import RaiseBound
from surgeon.edits.tree import Tree

EDIT = RaiseBound("torch.library.custom_op", "2.5.0")
BODY = "    op = torch.library.custom_op\nelse:\n    op = None\n"


def run(source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = EDIT(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert EDIT(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        ('torch.__version__ >= "2.4.0"', 'torch.__version__ >= "2.5.0"'),
        ("parse(torch.__version__) >= parse('2.4')", "parse(torch.__version__) >= parse('2.5.0')"),
        ('is_torch_version(">=", "2.4")', 'is_torch_version(">=", "2.5.0")'),
        ('cuda and torch.__version__ >= "2.4"', 'cuda and torch.__version__ >= "2.5.0"'),
        ('torch.__version__ >= "2.5"', 'torch.__version__ >= "2.5"'),
        ('torch.__version__ >= "2.10"', 'torch.__version__ >= "2.10"'),
        ('torch.__version__ < "2.4"', 'torch.__version__ < "2.4"'),
        ('cuda or torch.__version__ >= "2.4"', 'cuda or torch.__version__ >= "2.4"'),
        ('is_torch_version("<", "2.4")', 'is_torch_version("<", "2.4")'),
        ('name >= "flash"', 'name >= "flash"'),
        ('hasattr(torch.library, "custom_op")', 'hasattr(torch.library, "custom_op")'),
    ],
)
def test_a_lower_bound_is_raised(test: str, wanted: str) -> None:
    assert run(f"import torch\nif {test}:\n{BODY}") == f"import torch\nif {wanted}:\n{BODY}"


def test_the_nearest_check_alone_is_raised_and_once() -> None:
    source = """\
import torch
if torch.__version__ >= "2.2":
    if torch.__version__ >= "2.4":
        a = torch.library.custom_op
        b = torch.library.custom_op("x::y")
"""
    assert run(source) == source.replace('"2.4"', '"2.5.0"')


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nop = torch.library.custom_op\n",
        'import torch\nif torch.__version__ >= "2.4": ...\nelse:\n    op = torch.library.custom_op\n',
        'import torch\nif torch.__version__ >= "2.4":\n    op = torch.library.register_fake\n',
    ],
)
def test_other_checks_stay(source: str) -> None:
    assert run(source) == source
