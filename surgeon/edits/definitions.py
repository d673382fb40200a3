"""What torch's newer functions do, written for a torch that lacks them. For `Polyfill`.

Each definition stands on its own and has one statement a line, so that patches of several packages
can insert the same one. The names that they bind begin with `_m3d_`.
"""

from __future__ import annotations

RMS_NORM = """\
def _m3d_rms_norm(input, normalized_shape, weight=None, eps=None):
    import torch
    shape = tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(f"normalized_shape is {list(shape)}, but the input has shape {list(input.shape)}")
    half = input.dtype in (torch.float16, torch.bfloat16)
    wide = input.float() if half else input
    eps = torch.finfo(wide.dtype).eps if eps is None else eps
    wide = wide * torch.rsqrt(wide.pow(2).mean(tuple(range(-len(shape), 0)), keepdim=True) + eps)
    wide = wide if weight is None else wide * weight
    return wide.to(input.dtype)
"""
"""`_m3d_rms_norm` for `torch.nn.functional.rms_norm` (torch 2.4).

It rounds as torch's own does: computed in fp32, the weight included, and rounded once.
"""

RMS_NORM_MODULE = (
    RMS_NORM
    + """\
import torch
class _m3d_RMSNorm(torch.nn.Module):
    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        single = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if single else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", None)
        if elementwise_affine:
            weight = torch.empty(self.normalized_shape, device=device, dtype=dtype)
            self.weight = torch.nn.Parameter(weight)
        self.reset_parameters()
    def reset_parameters(self):
        if self.weight is not None:
            torch.nn.init.ones_(self.weight)
    def forward(self, x):
        return _m3d_rms_norm(x, self.normalized_shape, self.weight, self.eps)
    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
_m3d_RMSNorm.__name__ = "RMSNorm"
"""
)
"""`_m3d_RMSNorm` for `torch.nn.RMSNorm` (torch 2.4), and `_m3d_rms_norm`, which it calls.

The class is called `RMSNorm`, because transformers and others recognise norms by that.
"""

SDPA_KERNEL = """\
def _m3d_sdpa_kernel(backends):
    import torch
    chosen = backends if isinstance(backends, (list, tuple, set)) else [backends]
    names = {each.name for each in chosen}
    if "CUDNN_ATTENTION" in names:
        raise RuntimeError("cuDNN attention needs torch 2.5 or newer")
    flash, math, efficient = (each in names for each in ("FLASH_ATTENTION", "MATH", "EFFICIENT_ATTENTION"))
    return torch.backends.cuda.sdp_kernel(flash, math, efficient)
"""
"""`_m3d_sdpa_kernel` for `torch.nn.attention.sdpa_kernel` (torch 2.3).

The backends may be `torch.backends.cuda.SDPBackend`, which older torch has, or `_m3d_SDPBackend`.
"""

SDP_BACKEND = """\
import enum
class _m3d_SDPBackend(enum.IntEnum):
    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
"""
"""`_m3d_SDPBackend` for `torch.nn.attention.SDPBackend` (torch 2.3) where cuDNN's is named as well."""
