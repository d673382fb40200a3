"""diffusers cannot build Flux, Wan and other transformers because torch.nn has no RMSNorm.

What happens: `AttributeError: module 'torch.nn' has no attribute 'RMSNorm'` when a model is built or
loaded (`FluxTransformer2DModel(...)`, `WanPipeline.from_pretrained(...)`); the imports all work. With
Krea 2, `module 'torch.nn.functional' has no attribute 'rms_norm'` from its first step.

Why: the class and the function appeared in torch 2.4. Chroma and HiDream use the class since diffusers
0.34, Flux, Wan and LTX since 0.35, more models with every release; Krea 2, the only user of the
function, came with 0.39. Below 0.34 diffusers has its own class, which works everywhere.

The cure: each file gets a class and a function of its own that compute what torch's do: in fp32 also
for bf16 and fp16, the weight included, rounded once at the end. On a CPU the results are bit for bit
those of torch 2.13. (diffusers' own RMSNorm rounds before it multiplies by the weight, which changes a
quarter of all bf16 elements.) Parameters, state dict and printed form are the same, so that
checkpoints load and save as ever. Where torch's releases differ, this follows the newest in one thing
and the older in another: without `eps`, it is the epsilon of the type computed in, not of the input's;
and under autocast the result keeps the input's type, as up to torch 2.11. A GPU runs several kernels
where newer torch has one: slower by little, as norms are a small part of these models.
"""

from surgeon.edits import RMS_NORM, RMS_NORM_MODULE, Polyfill
from surgeon.patch import Case, Patch, at_least

# What the file gets: the definitions, each line marked.
FUNCTION, CLASS = (
    "".join(f"{line}  # m3d-surgeon: diffusers-rmsnorm\n" for line in definition.splitlines())
    for definition in (RMS_NORM, RMS_NORM_MODULE)
)

PATCH = Patch(
    id="diffusers-rmsnorm",
    symptom=r"module 'torch\.nn(\.functional)?' has no attribute '(RMSNorm|rms_norm)'",
    why=(
        "Building a Flux, Wan, LTX or newer transformer of diffusers fails with AttributeError: module "
        "'torch.nn' has no attribute 'RMSNorm', because torch has that class only since 2.4."
    ),
    distribution="diffusers",
    versions=">=0.34.0",
    when={"torch": "<2.4"},
    files=(
        "diffusers/models/condition_embedders/*.py",
        "diffusers/models/transformers/*.py",
        "diffusers/pipelines/ltx2/connectors.py",
    ),
    needle=(b"nn.RMSNorm", b".rms_norm(", b"from torch.nn import", b"from torch.nn.functional import"),
    transforms=(
        Polyfill("torch.nn.functional.rms_norm", "_m3d_rms_norm", RMS_NORM, since="2.4"),
        Polyfill("torch.nn.RMSNorm", "_m3d_RMSNorm", RMS_NORM_MODULE, since="2.4"),
    ),
    expect=at_least(1, zero="only comments, or diffusers' own class, have that name"),
    cases=(
        Case(
            before="""\
import torch
import torch.nn as nn

from ..normalization import LayerNorm


class Attention(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6, plain: bool = False):
        super().__init__()
        kind = nn.LayerNorm if plain else nn.RMSNorm
        self.norm_q = torch.nn.RMSNorm(dim, eps=eps)  # rather than LayerNorm
        self.norm_k = kind(dim)
        self.norms = nn.ModuleList([nn.RMSNorm((dim, 2), elementwise_affine=False) for _ in range(2)])
""",
            after=f"""\
import torch
import torch.nn as nn

from ..normalization import LayerNorm
{CLASS}

class Attention(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6, plain: bool = False):
        super().__init__()
        kind = nn.LayerNorm if plain else _m3d_RMSNorm
        self.norm_q = _m3d_RMSNorm(dim, eps=eps)  # rather than LayerNorm
        self.norm_k = kind(dim)
        self.norms = nn.ModuleList([_m3d_RMSNorm((dim, 2), elementwise_affine=False) for _ in range(2)])
""",
        ),
        Case(
            before="""\
from torch.nn import Module, RMSNorm as Norm

norm = Norm(8)
""",
            after=f"""\
{CLASS}from torch.nn import Module
Norm = _m3d_RMSNorm  # m3d-surgeon: diffusers-rmsnorm

norm = Norm(8)
""",
        ),
        Case(
            before="""\
import torch.nn.functional as F


class Norm:
    def forward(self, x):
        return F.rms_norm(x.float(), (self.dim,), weight=self.weight + 1.0, eps=self.eps)
""",
            after=f"""\
import torch.nn.functional as F
{FUNCTION}

class Norm:
    def forward(self, x):
        return _m3d_rms_norm(x.float(), (self.dim,), weight=self.weight + 1.0, eps=self.eps)
""",
        ),
    ),
    unchanged=(
        """\
import torch

from ..normalization import RMSNorm

# Not torch.nn.RMSNorm: checkpoints expect the other rounding.
norm = RMSNorm(8)
""",
        """\
import torch
from diffusers.models.normalization import RMSNorm

make = torch.nn.RMSNorm if hasattr(torch.nn, "RMSNorm") else RMSNorm
""",
        """\
from torch import nn
from ...utils import is_torch_version

if is_torch_version(">=", "2.4"):
    Norm = nn.RMSNorm
else:
    from ..normalization import RMSNorm as Norm
""",
        """\
import torch_npu


def forward(x, nn, weight):
    return torch_npu.rms_norm(x, weight), nn.RMSNorm(8)
""",
    ),
    probe=(
        "import torch; from diffusers.models.transformers.transformer_chroma import ChromaApproximator as C; "
        "C(8, 8, 8, 1)(torch.ones(2, 8))"
    ),
)
