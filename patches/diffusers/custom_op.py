"""diffusers cannot be imported on torch 2.4 because custom_op does not read quoted annotations.

What happens, on torch 2.4 alone: `ValueError: infer_schema(func): Parameter q has unsupported type
torch.Tensor` from `from diffusers import FluxPipeline`, or from any other model or pipeline.

Why: the attention dispatcher wraps FlashAttention 3 as an operator with `torch.library.custom_op`, where
torch is 2.4 or newer. diffusers 0.37 put `from __future__ import annotations` at the top of the file, so
that every annotation is a string; torch reads strings there since 2.5. Older torch is not concerned:
without `custom_op` diffusers calls the function plainly.

The cure: torch 2.4 calls it plainly, too. An operator differs from a function only under `torch.compile`,
and FlashAttention 3 is used only where it is installed and chosen.
"""

from surgeon.edits import RaiseBound
from surgeon.patch import Case, Patch, exactly

PATCH = Patch(
    id="diffusers-custom-op",
    symptom=r"infer_schema\(func\): Parameter q has unsupported type torch\.Tensor",
    why=(
        "Importing a diffusers model or pipeline on torch 2.4 fails with ValueError: infer_schema(func): "
        "Parameter q has unsupported type torch.Tensor, because the annotations of an operator are strings, "
        "which torch.library.custom_op reads only since 2.5."
    ),
    distribution="diffusers",
    versions=">=0.37.0",
    when={"torch": ">=2.4,<2.5"},
    files=("diffusers/models/attention_dispatch.py",),
    needle=(b"torch.library.custom_op",),
    transforms=(RaiseBound("torch.library.custom_op", "2.5.0"),),
    expect=exactly(1, zero="the check asks for 2.5 already"),
    cases=(
        Case(
            before="""\
from __future__ import annotations

import torch

if torch.__version__ >= "2.4.0":
    _custom_op = torch.library.custom_op
    _register_fake = torch.library.register_fake
else:
    _custom_op = _register_fake = lambda *args, **kwargs: lambda function: function
""",
            after="""\
from __future__ import annotations

import torch

if torch.__version__ >= "2.5.0":
    _custom_op = torch.library.custom_op
    _register_fake = torch.library.register_fake
else:
    _custom_op = _register_fake = lambda *args, **kwargs: lambda function: function
""",
        ),
    ),
    unchanged=(
        """\
import torch

if torch.__version__ >= "2.5.0":
    _custom_op = torch.library.custom_op
""",
        """\
import torch

if torch.__version__ >= "2.4.0":
    _register_fake = torch.library.register_fake
else:
    raise ImportError("torch.library.custom_op is missing")
""",
    ),
    probe="import diffusers.models.attention_dispatch",
)
