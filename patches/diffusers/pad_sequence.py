"""diffusers' CogView 4 cannot be trained because torch's pad_sequence takes no padding_side.

What happens: `TypeError: pad_sequence() got an unexpected keyword argument 'padding_side'` from CogView 4's
transformer when several samples are packed into one sequence (`attention_kwargs` with a `batch_flag`),
which is done in training alone.

Why: `pad_sequence` takes `padding_side` since torch 2.5. The model passes it since diffusers 0.34.

The cure: the argument goes. It says "right", and that is the side on which older torch always pads.
"""

from surgeon.edits import OmitDefault
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="diffusers-pad-sequence",
    symptom=r"pad_sequence\(\) got an unexpected keyword argument 'padding_side'",
    why=(
        "Training CogView 4 with packed samples fails with TypeError: pad_sequence() got an unexpected "
        "keyword argument 'padding_side', because torch's function takes that argument only since 2.5."
    ),
    distribution="diffusers",
    versions=">=0.34.0",
    when={"torch": "<2.5"},
    files=("diffusers/models/transformers/transformer_cogview4.py",),
    needle=(b"padding_side",),
    transforms=(OmitDefault("torch.nn.utils.rnn.pad_sequence", "padding_side", "right", since="2.5"),),
    expect=at_least(1, zero="the side is not given"),
    cases=(
        Case(
            before="""\
import torch
from torch.nn.utils.rnn import pad_sequence


def pack(rows):
    return torch.nn.utils.rnn.pad_sequence(
        rows,
        batch_first=True,
        padding_side="right",
    )


def pack_plainly(rows):
    return pad_sequence(rows, padding_side='right', padding_value=1.0)
""",
            after="""\
import torch
from torch.nn.utils.rnn import pad_sequence


def pack(rows):
    return torch.nn.utils.rnn.pad_sequence(
        rows,
        batch_first=True,
    )


def pack_plainly(rows):
    return pad_sequence(rows, padding_value=1.0)
""",
        ),
    ),
    unchanged=(
        """\
from torch.nn.utils.rnn import pad_sequence


def pack(rows, side):
    return pad_sequence(rows, padding_side=side), pad_sequence(rows, padding_side="left")
""",
        """\
def tokenize(tokenizer, prompt):
    return tokenizer(prompt, padding_side="right")
""",
    ),
    probe=(
        "import torch; from diffusers.models.attention_processor import Attention\n"
        "from diffusers.models.transformers.transformer_cogview4 import CogView4TrainingAttnProcessor as P\n"
        "rows = torch.ones(2, 3, 8)\n"
        "model = Attention(8, heads=1, dim_head=8, out_dim=8, processor=P())\n"
        "model(rows, encoder_hidden_states=rows, batch_flag=torch.zeros(2).long())"
    ),
)
