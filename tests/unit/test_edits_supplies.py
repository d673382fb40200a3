"""Names that a module is given; the first example is the one in the documentation."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import Supply
from surgeon.edits.tree import Tree

MARK = "  # m3d-surgeon: an-id"
PAD = Supply("pad", "from torch.nn.functional import pad")
TWICE = Supply("twice", "def twice(x):\n    return x * FACTOR\n", public=True)


def run(edit: Supply, source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = edit(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert edit(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


def test_the_definition_stands_at_the_end() -> None:
    source = "import torch\n\n\ndef blur(x): ...\n"
    assert run(PAD, source) == f"{source}from torch.nn.functional import pad{MARK}\n"


def test_a_public_name_is_exported() -> None:
    result = run(TWICE, "FACTOR = 2\n__all__ = ['FACTOR']\n")
    assert result.splitlines()[2:] == [
        f"def twice(x):{MARK}",
        f"    return x * FACTOR{MARK}",
        f'__all__ += ["twice"]{MARK}',
    ]
    scope: dict[str, object] = {}
    exec(f"{result}\nfour = twice(2)", scope)
    assert scope["__all__"] == ["FACTOR", "twice"]
    assert scope["four"] == 4


def test_a_module_without_a_list_of_exports_gets_none() -> None:
    assert "__all__" not in run(TWICE, "FACTOR = 2\n")


def test_a_private_name_is_not_exported() -> None:
    assert "+=" not in run(PAD, "__all__ = []\n")


def test_a_last_line_without_an_end_keeps_the_comment_apart() -> None:
    assert run(PAD, "x = 1  # one") == f"x = 1  # one\nfrom torch.nn.functional import pad{MARK}"


@pytest.mark.parametrize(
    "source",
    [
        "from kornia.core import pad\n",
        "from torch.nn import functional as pad\n",
        "pad = None\n",
        "def pad(x): ...\n",
        "class pad: ...\n",
        "if x:\n    pad = 1\n",
        "try:\n    import pad\nexcept ImportError:\n    pass\n",
        "pad: int\nx = pad\n",
        "for pad in (): ...\n",
    ],
)
def test_a_module_that_has_the_name_stays(source: str) -> None:
    assert run(PAD, source) == source


@pytest.mark.parametrize(
    "source",
    [
        "def blur(x):\n    pad = x\n    return pad\n",
        "class Blur:\n    pad = 1\n\n    def run(self, pad): ...\n",
        "x = [pad for pad in range(3)]\n",
        "x = torch.pad\n",
        '"""Only words: pad."""\n',
    ],
)
def test_a_name_of_a_function_or_a_class_is_another(source: str) -> None:
    assert run(PAD, source) == f"{source}from torch.nn.functional import pad{MARK}\n"


def test_an_empty_module_is_refused() -> None:
    from surgeon.edits.tree import EditError

    with pytest.raises(EditError, match="empty"):
        PAD(Tree(cst.parse_module(""), "an-id"))
