"""diffusers cannot load models quantised by bitsandbytes because torch.mps has no is_available.

What happens: `AttributeError: module 'torch.mps' has no attribute 'is_available'` when a model is loaded
with a `BitsAndBytesConfig` and no `device_map`, on a machine with CUDA too; without a GPU, the same
instead of "No GPU found".

Why: diffusers 0.39 asks whether there is an Apple GPU before it falls back to CUDA, with a function that
appeared in torch 2.5. Releases before that do not ask.

The cure: it asks `torch.backends.mps.is_available`, which gives the same answer and is in every torch
since 1.12.
"""

from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="diffusers-mps-available",
    symptom=r"module 'torch\.mps' has no attribute 'is_available'",
    why=(
        "Loading a model quantised by bitsandbytes with diffusers fails with AttributeError: module "
        "'torch.mps' has no attribute 'is_available', because torch has that function only since 2.5."
    ),
    distribution="diffusers",
    versions=">=0.39.0",
    when={"torch": "<2.5"},
    files=("diffusers/quantizers/bitsandbytes/bnb_quantizer.py",),
    needle=(b"torch.mps.is_available",),
    transforms=(
        Rename("torch.mps.is_available", "torch.backends.mps.is_available", since="2.5", reachable=True),
    ),
    expect=at_least(1, zero="the question is guarded"),
    cases=(
        Case(
            before="""\
import torch


def device():
    if not (torch.cuda.is_available() or torch.mps.is_available()):
        raise RuntimeError("no GPU")
    return "mps" if torch.mps.is_available() else torch.cuda.current_device()
""",
            after="""\
import torch


def device():
    if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise RuntimeError("no GPU")
    return "mps" if torch.backends.mps.is_available() else torch.cuda.current_device()
""",
        ),
    ),
    unchanged=(
        """\
import torch

MPS = hasattr(torch.mps, "is_available") and torch.mps.is_available() or torch.backends.mps.is_available()
""",
        """\
def device(torch):
    return torch.mps.is_available()
""",
    ),
    probe=(
        "from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer as Quantizer\n"
        "try: Quantizer.update_device_map(None, None)\n"
        "except (AssertionError, RuntimeError): pass  # there is no GPU"
    ),
)
