"""Arguments that say what an older torch does anyway; the first example is the documentation's."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits import OmitDefault
from surgeon.edits.tree import Tree

IMPORT = "from torch.nn.utils.rnn import pad_sequence\n"
EDIT = OmitDefault("torch.nn.utils.rnn.pad_sequence", "padding_side", "right", since="2.5")


def run(edit: OmitDefault, source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = edit(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert edit(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ('pad_sequence(rows, padding_side="right")', "pad_sequence(rows)"),
        (
            "pad_sequence(rows, padding_side='right', batch_first=True)",
            "pad_sequence(rows, batch_first=True)",
        ),
        ('pad_sequence(rows, padding_side="left")', 'pad_sequence(rows, padding_side="left")'),
        ("pad_sequence(rows, padding_side=side)", "pad_sequence(rows, padding_side=side)"),
        ('pad_sequence(rows, padding_side=b"right")', 'pad_sequence(rows, padding_side=b"right")'),
        ('pad_sequence(rows, padding_side="ri" "ght")', 'pad_sequence(rows, padding_side="ri" "ght")'),
        ('pad_sequence(rows, False, 0.0, "right")', 'pad_sequence(rows, False, 0.0, "right")'),
        ('other(rows, padding_side="right")', 'other(rows, padding_side="right")'),
        ('use(pad_sequence, padding_side="right")', 'use(pad_sequence, padding_side="right")'),
    ],
)
def test_the_default_alone_is_left_out(call: str, wanted: str) -> None:
    assert run(EDIT, f"{IMPORT}{call}\n") == f"{IMPORT}{wanted}\n"


@pytest.mark.parametrize(
    ("value", "written", "omitted"),
    [
        (None, "None", True),
        (True, "True", True),
        (True, "1", False),
        (1, "1", True),
        (1, "True", False),
        (0, "False", False),
        (0, "0x0", True),
        ("None", "None", False),
        (None, '"None"', False),
    ],
)
def test_values_are_compared_with_their_types(value: str | int | None, written: str, omitted: bool) -> None:
    edit = OmitDefault("torch.sort", "stable", value)
    wanted = "torch.sort(x)" if omitted else f"torch.sort(x, stable={written})"
    assert run(edit, f"import torch\ntorch.sort(x, stable={written})\n") == f"import torch\n{wanted}\n"


def test_guarded_calls_stay() -> None:
    source = f"{IMPORT}if is_torch_version('>=', '2.5'):\n    pad_sequence(rows, padding_side='right')\n"
    assert run(EDIT, source) == source
