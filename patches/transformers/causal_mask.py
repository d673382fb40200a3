"""A batch of sequences that continues from a cache fails in transformers' mask.

What happens: `RuntimeError: unsupported operation: more than one element of the written-to tensor
refers to a single memory location` from the forward of any language model with the default
attention (sdpa): with two or more sequences, no padding, and several tokens on top of a cache. A
second turn of a chat in a batch, say. (On torch 2.1.0 with transformers 4.56 and newer only: up to
4.55, sdpa is not used before torch 2.1.1.)

Why: transformers 4.53 brought `masking_utils`. For torch older than 2.5, whose attention gives
`nan` where a row of the mask is empty, it fills such rows with `mask |= ...`; but the mask was
expanded over the batch a few lines above, so that all its rows are one row in memory, which torch
refuses to write to. Torch 2.5 and newer never get to that line, which is why nobody there saw it;
transformers 5.0 has it no more. `integrations.executorch` holds a copy of the function.

The cure: `mask = mask | ...`, a new tensor with the same contents. Nothing else holds the old one.
"""

from surgeon.edits import OutOfPlace
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-causal-mask",
    symptom=r"more than one element of the written-to tensor refers to a single memory location",
    why=(
        "Continuing a batch of sequences from a cache fails with RuntimeError: unsupported operation: more "
        "than one element of the written-to tensor refers to a single memory location, because transformers "
        "changes an expanded mask in place on torch older than 2.5."
    ),
    distribution="transformers",
    versions=">=4.53.0,<5",
    when={"torch": "<2.5"},
    files=("transformers/integrations/executorch.py", "transformers/masking_utils.py"),
    needle=(b"causal_mask |=",),
    transforms=(OutOfPlace("causal_mask", "|"),),
    expect=at_least(1, zero="the mask is not changed in place"),
    cases=(
        Case(
            before="""\
import torch


def older_mask(batch_size, positions, padding=None):
    causal_mask = positions[None, None, :, None] >= positions
    causal_mask = causal_mask.expand(batch_size, -1, -1, -1)
    if padding is not None:
        causal_mask = causal_mask * padding
    # an empty row gives nan
    if not is_torch_2_5:
        causal_mask |= torch.all(~causal_mask, dim=-1, keepdim=True)  # fill it
    return causal_mask
""",
            after="""\
import torch


def older_mask(batch_size, positions, padding=None):
    causal_mask = positions[None, None, :, None] >= positions
    causal_mask = causal_mask.expand(batch_size, -1, -1, -1)
    if padding is not None:
        causal_mask = causal_mask * padding
    # an empty row gives nan
    if not is_torch_2_5:
        causal_mask = causal_mask | torch.all(~causal_mask, dim=-1, keepdim=True)  # fill it
    return causal_mask
""",
        ),
        Case(
            before="""\
def widen(causal_mask, local, remote, far):
    causal_mask |= remote if far else local
    return causal_mask
""",
            after="""\
def widen(causal_mask, local, remote, far):
    causal_mask = causal_mask | (remote if far else local)
    return causal_mask
""",
        ),
    ),
    unchanged=(
        """\
def older_mask(causal_mask, empty):
    # causal_mask |= empty fails
    causal_mask = causal_mask | empty
    causal_mask &= ~empty
    return causal_mask
""",
        """\
class Masks:
    causal_mask = 0
    causal_mask |= 1

    def widen(self, mask):
        self.causal_mask |= mask
        self.masks["causal"] |= mask
""",
    ),
    probe=(
        "import torch; from transformers.masking_utils import sdpa_mask\n"
        "sdpa_mask(batch_size=2, cache_position=torch.arange(3, 6), kv_length=6)"
    ),
    upstream="5.0.0",
)
