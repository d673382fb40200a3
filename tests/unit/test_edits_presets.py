"""Names bound ahead of an import that an older torch skips; the first example is the documentation's."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import Preset
from surgeon.edits.tree import Tree

EDIT = Preset("torch.distributed.tensor.DTensor", "{name} = ()\n", since="2.5")
MARK = "  # m3d-surgeon: an-id"
CHECK = 'if is_torch_greater_or_equal("2.5"):\n'
IMPORT = "from torch.distributed.tensor import DTensor\n"
INSIDE = f"    {IMPORT}"


def run(source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = EDIT(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert EDIT(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


def test_the_name_is_bound_ahead_of_the_condition() -> None:
    rest = f"\n# sharded tensors\n{CHECK}{INSIDE}\nprint(DTensor)\n"
    assert run(f"import torch\n{rest}") == f"import torch\nDTensor = (){MARK}\n{rest}"


def test_it_goes_by_the_name_that_the_file_uses() -> None:
    source = f"{CHECK}    from torch.distributed.tensor import DTensor as Sharded, Shard\n"
    assert run(source) == f"Sharded = (){MARK}\n{source}"


@pytest.mark.parametrize(
    "test",
    ['torch_is_there and is_torch_greater_or_equal("2.5")', 'torch.__version__ >= "2.6"', "TYPE_CHECKING"],
)
def test_a_test_that_says_no(test: str) -> None:
    source = f"if {test}:\n{INSIDE}"
    assert run(source) == f"DTensor = (){MARK}\n{source}"


@pytest.mark.parametrize(
    "source",
    [
        IMPORT,
        f"if is_torch_greater_or_equal('2.4'):\n{INSIDE}",
        f"if wanted():\n{INSIDE}",
        f"{CHECK}{INSIDE}else:\n    DTensor = None\n",
        f"DTensor = None\n{CHECK}{INSIDE}",
        f"try:\n    from mine import DTensor\nexcept ImportError:\n    pass\n{CHECK}{INSIDE}",
        f"{CHECK}{INSIDE}if unlucky:\n    class DTensor: ...\n",
        f"{CHECK}    pass\nelse:\n{INSIDE}",
        f"if early:\n    pass\nel{CHECK}{INSIDE}",
        f"def shard():\n    {CHECK}    {INSIDE}",
        f"{CHECK}    from torch.distributed.tensor import Shard\n",
        f"{CHECK}    from mine.distributed.tensor import DTensor\n",
    ],
)
def test_what_stays(source: str) -> None:
    assert run(source) == source


def test_a_name_bound_in_a_function_is_another() -> None:
    source = f"def local():\n    DTensor = None\n    return DTensor\n\n\n{CHECK}{INSIDE}"
    assert run(source).count(MARK) == 1
