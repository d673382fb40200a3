"""Granite Speech cannot listen because torch.nn has no attention module.

What happens: `AttributeError: module 'torch.nn' has no attribute 'attention'` from the first forward
of a Granite Speech model with audio.

Why: its audio encoder chooses the plain kernel of scaled dot product attention with
`torch.nn.attention.sdpa_kernel`, which appeared in torch 2.3. It has done so since its first
release, transformers 4.52.

The cure: the same choice through `torch.backends.cuda.sdp_kernel` and `torch.backends.cuda.SDPBackend`,
which is how older torch puts it. Inside the `with` the kernels that are not named are switched off,
afterwards they are as they were: the same as with torch's newer function.
"""

from surgeon.edits import SDPA_KERNEL, Polyfill, Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-sdpa-kernel",
    symptom=r"module 'torch\.nn' has no attribute 'attention'",
    why=(
        "The forward of a Granite Speech model fails with AttributeError: module 'torch.nn' has no attribute "
        "'attention', because its audio encoder chooses an attention kernel with a function that torch has "
        "only since 2.3."
    ),
    distribution="transformers",
    versions=">=4.52.0,<5",
    when={"torch": "<2.3"},
    files=("transformers/models/granite_speech/modeling_granite_speech.py",),
    needle=(b"sdpa_kernel",),
    transforms=(
        Polyfill("torch.nn.attention.sdpa_kernel", "_m3d_sdpa_kernel", SDPA_KERNEL, since="2.3"),
        Rename(
            "torch.nn.attention.SDPBackend", "torch.backends.cuda.SDPBackend", since="2.3", reachable=True
        ),
    ),
    expect=at_least(2, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
import torch
from torch.nn import functional as F


def attend(query, key, value, bias):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return out
""",
            after="""\
import torch
from torch.nn import functional as F
def _m3d_sdpa_kernel(backends):  # m3d-surgeon: transformers-sdpa-kernel
    import torch  # m3d-surgeon: transformers-sdpa-kernel
    chosen = backends if isinstance(backends, (list, tuple, set)) else [backends]  # m3d-surgeon: transformers-sdpa-kernel
    names = {each.name for each in chosen}  # m3d-surgeon: transformers-sdpa-kernel
    if "CUDNN_ATTENTION" in names:  # m3d-surgeon: transformers-sdpa-kernel
        raise RuntimeError("cuDNN attention needs torch 2.5 or newer")  # m3d-surgeon: transformers-sdpa-kernel
    flash, math, efficient = (each in names for each in ("FLASH_ATTENTION", "MATH", "EFFICIENT_ATTENTION"))  # m3d-surgeon: transformers-sdpa-kernel
    return torch.backends.cuda.sdp_kernel(flash, math, efficient)  # m3d-surgeon: transformers-sdpa-kernel


def attend(query, key, value, bias):
    with _m3d_sdpa_kernel(torch.backends.cuda.SDPBackend.MATH):
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return out
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
import torch

try:
    kernel = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
except AttributeError:
    kernel = torch.backends.cuda.sdp_kernel(False, True, False)
""",
        """\
def attend(sdpa_kernel, backend):
    with sdpa_kernel(backend):
        return backend
""",
    ),
    probe=(
        "import torch; from transformers import GraniteSpeechEncoderConfig\n"
        "from transformers.models.granite_speech.modeling_granite_speech import GraniteSpeechCTCEncoder\n"
        "config = GraniteSpeechEncoderConfig(input_dim=4, num_layers=2, hidden_dim=8, num_heads=2, "
        "dim_head=4, output_dim=4, context_size=4, max_pos_emb=4)\n"
        "GraniteSpeechCTCEncoder(config)(torch.zeros(1, 8, 4))"
    ),
)
