"""DiffLlama cannot be built because torch.nn has no RMSNorm.

What happens: `AttributeError: module 'torch.nn' has no attribute 'RMSNorm'` from building a
DiffLlama model.

Why: its attention normalises each pair of heads with `nn.RMSNorm`, which appeared in torch 2.4.
DiffLlama has done so since its first release, transformers 4.48; every other model of transformers
brings an RMS norm of its own. (`modular_diffllama.py`, which the model is generated from, is never
imported and stays as it is.)

The cure: the same class in a few lines, in the file. It computes what torch's does, bit for bit on
the CPU in fp32, fp64, bf16 and fp16, gradients too: in fp32, the weight included, rounded once. It
has the same parameters under the same names, and is shown as `RMSNorm`.
"""

from surgeon.edits import RMS_NORM_MODULE, Polyfill
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-rmsnorm",
    symptom=r"module 'torch\.nn' has no attribute 'RMSNorm'",
    why=(
        "Building a DiffLlama model fails with AttributeError: module 'torch.nn' has no attribute 'RMSNorm', "
        "because its attention uses torch's own RMS norm, which appeared in torch 2.4."
    ),
    distribution="transformers",
    versions=">=4.48.0,<5",
    when={"torch": "<2.4"},
    files=("transformers/models/diffllama/modeling_diffllama.py",),
    needle=(b"nn.RMSNorm",),
    transforms=(Polyfill("torch.nn.RMSNorm", "_m3d_RMSNorm", RMS_NORM_MODULE, since="2.4"),),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
# Generated from modular_pairs.py
import math

import torch
from torch import nn

from ...activations import ACT2FN


class PairAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.groupnorm = nn.RMSNorm(2 * config.head_dim, eps=config.eps, elementwise_affine=False)
        self.norm = PairRMSNorm(config.head_dim)
""",
            after="""\
# Generated from modular_pairs.py
import math

import torch
from torch import nn

from ...activations import ACT2FN
def _m3d_rms_norm(input, normalized_shape, weight=None, eps=None):  # m3d-surgeon: transformers-rmsnorm
    import torch  # m3d-surgeon: transformers-rmsnorm
    shape = tuple(normalized_shape)  # m3d-surgeon: transformers-rmsnorm
    if tuple(input.shape[-len(shape) :]) != shape:  # m3d-surgeon: transformers-rmsnorm
        raise RuntimeError(f"normalized_shape is {list(shape)}, but the input has shape {list(input.shape)}")  # m3d-surgeon: transformers-rmsnorm
    half = input.dtype in (torch.float16, torch.bfloat16)  # m3d-surgeon: transformers-rmsnorm
    wide = input.float() if half else input  # m3d-surgeon: transformers-rmsnorm
    eps = torch.finfo(wide.dtype).eps if eps is None else eps  # m3d-surgeon: transformers-rmsnorm
    wide = wide * torch.rsqrt(wide.pow(2).mean(tuple(range(-len(shape), 0)), keepdim=True) + eps)  # m3d-surgeon: transformers-rmsnorm
    wide = wide if weight is None else wide * weight  # m3d-surgeon: transformers-rmsnorm
    return wide.to(input.dtype)  # m3d-surgeon: transformers-rmsnorm
import torch  # m3d-surgeon: transformers-rmsnorm
class _m3d_RMSNorm(torch.nn.Module):  # m3d-surgeon: transformers-rmsnorm
    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # m3d-surgeon: transformers-rmsnorm
    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):  # m3d-surgeon: transformers-rmsnorm
        super().__init__()  # m3d-surgeon: transformers-rmsnorm
        single = isinstance(normalized_shape, int)  # m3d-surgeon: transformers-rmsnorm
        self.normalized_shape = (normalized_shape,) if single else tuple(normalized_shape)  # m3d-surgeon: transformers-rmsnorm
        self.eps = eps  # m3d-surgeon: transformers-rmsnorm
        self.elementwise_affine = elementwise_affine  # m3d-surgeon: transformers-rmsnorm
        self.register_parameter("weight", None)  # m3d-surgeon: transformers-rmsnorm
        if elementwise_affine:  # m3d-surgeon: transformers-rmsnorm
            weight = torch.empty(self.normalized_shape, device=device, dtype=dtype)  # m3d-surgeon: transformers-rmsnorm
            self.weight = torch.nn.Parameter(weight)  # m3d-surgeon: transformers-rmsnorm
        self.reset_parameters()  # m3d-surgeon: transformers-rmsnorm
    def reset_parameters(self):  # m3d-surgeon: transformers-rmsnorm
        if self.weight is not None:  # m3d-surgeon: transformers-rmsnorm
            torch.nn.init.ones_(self.weight)  # m3d-surgeon: transformers-rmsnorm
    def forward(self, x):  # m3d-surgeon: transformers-rmsnorm
        return _m3d_rms_norm(x, self.normalized_shape, self.weight, self.eps)  # m3d-surgeon: transformers-rmsnorm
    def extra_repr(self):  # m3d-surgeon: transformers-rmsnorm
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"  # m3d-surgeon: transformers-rmsnorm
_m3d_RMSNorm.__name__ = "RMSNorm"  # m3d-surgeon: transformers-rmsnorm


class PairAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.groupnorm = _m3d_RMSNorm(2 * config.head_dim, eps=config.eps, elementwise_affine=False)
        self.norm = PairRMSNorm(config.head_dim)
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
from torch import nn


class PairRMSNorm(nn.Module):
    # equivalent to nn.RMSNorm
    pass
""",
        """\
from torch import nn

NORM = nn.RMSNorm if hasattr(nn, "RMSNorm") else None
""",
    ),
    probe=(
        "from transformers import DiffLlamaConfig, DiffLlamaForCausalLM\n"
        "DiffLlamaForCausalLM(DiffLlamaConfig(vocab_size=9, hidden_size=32, intermediate_size=8, "
        "num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2))"
    ),
)
