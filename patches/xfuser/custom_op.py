"""xfuser cannot be imported because torch.library has no custom_op.

What happens: `AttributeError: module 'torch.library' has no attribute 'custom_op'` from
`import xfuser`, and from anything below it, `xfuser.envs` included.

Why: since 0.5.0 xfuser declares its kernels (FP8, MXFP4 and MXFP6 matrix products, sparse
attention) as operators with the decorator `torch.library.custom_op`, which appeared in torch 2.4
together with `register_fake`. The decorators run while the files are imported, whether or not the
libraries are there that those kernels call, most of which are AMD's. 0.4.5 and older have none.

The cure: a decorator of the same name that leaves the function what it is, and makes it reachable as
`torch.ops.xfuser.<name>`, by which xfuser calls some of them: outside `torch.compile`, an
operator does nothing but call its function. A shape function (`register_fake`) serves tracing alone
and is not used; nor is a gradient (`register_autograd`), which here says that there is none to have.
A kernel whose library is missing fails when it is called, with the very error of a newer torch:
`name 'flex_block_attn_func' is not defined`, say, or `'_OpNamespace' 'xfuser' object has no attribute
'flydsl_attn'`.

`xfuser/compile/inductor_passes.py`, which hooks into `torch.compile`, asks for the decorator when it
is called. It is left alone: a plain function is no operator to Inductor.
"""

from surgeon.edits import Polyfill
from surgeon.patch import Case, Patch, at_least

CUSTOM_OP = """\
def _m3d_custom_op(name, *, mutates_args=(), device_types=None, schema=None):
    import torch
    namespace, _, operator = name.partition("::")
    def register(function):
        function.register_fake = lambda fake: fake
        function.register_autograd = lambda backward, *, setup_context=None: None
        setattr(getattr(torch.ops, namespace), operator, function)
        return function
    return register
"""

PATCH = Patch(
    id="xfuser-custom-op",
    symptom=r"module 'torch\.library' has no attribute 'custom_op'",
    why=(
        "Importing xfuser fails with AttributeError: module 'torch.library' has no attribute 'custom_op', "
        "because it declares its kernels as operators at import with a decorator that torch has only "
        "since 2.4, even where none of those kernels can run."
    ),
    distribution="xfuser",
    versions=">=0.5.0",
    when={"torch": "<2.4"},
    files=(
        "xfuser/core/distributed/attention_backend.py",
        "xfuser/model_executor/layers/fp8_linear.py",
        "xfuser/model_executor/layers/fused_qk_norm_rope_wan_flydsl.py",
        "xfuser/model_executor/layers/fused_qk_rope_flydsl.py",
        "xfuser/model_executor/layers/fused_qk_rope_zimage_flydsl.py",
        "xfuser/model_executor/layers/mxfp4_linear.py",
        "xfuser/model_executor/layers/mxfp6_linear.py",
        "xfuser/model_executor/layers/norms.py",
    ),
    needle=(b"custom_op",),
    transforms=(Polyfill("torch.library.custom_op", "_m3d_custom_op", CUSTOM_OP, since="2.4"),),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before='''\
"""Scaled products."""

import torch
from torch import nn

try:
    import scaled_kernels
except ImportError:
    pass


@torch.library.custom_op("toy::scale", mutates_args=())
def _scale(x: torch.Tensor, by: float) -> torch.Tensor:
    return scaled_kernels.scale(x, by)


@_scale.register_fake
def _(x: torch.Tensor, by: float) -> torch.Tensor:
    return torch.empty_like(x)


class Scale(nn.Module):
    def forward(self, x):
        return torch.ops.toy.scale(x, 2.0) + _scale(x, 3.0)
''',
            after='''\
"""Scaled products."""

import torch
from torch import nn
def _m3d_custom_op(name, *, mutates_args=(), device_types=None, schema=None):  # m3d-surgeon: xfuser-custom-op
    import torch  # m3d-surgeon: xfuser-custom-op
    namespace, _, operator = name.partition("::")  # m3d-surgeon: xfuser-custom-op
    def register(function):  # m3d-surgeon: xfuser-custom-op
        function.register_fake = lambda fake: fake  # m3d-surgeon: xfuser-custom-op
        function.register_autograd = lambda backward, *, setup_context=None: None  # m3d-surgeon: xfuser-custom-op
        setattr(getattr(torch.ops, namespace), operator, function)  # m3d-surgeon: xfuser-custom-op
        return function  # m3d-surgeon: xfuser-custom-op
    return register  # m3d-surgeon: xfuser-custom-op

try:
    import scaled_kernels
except ImportError:
    pass


@_m3d_custom_op("toy::scale", mutates_args=())
def _scale(x: torch.Tensor, by: float) -> torch.Tensor:
    return scaled_kernels.scale(x, by)


@_scale.register_fake
def _(x: torch.Tensor, by: float) -> torch.Tensor:
    return torch.empty_like(x)


class Scale(nn.Module):
    def forward(self, x):
        return torch.ops.toy.scale(x, 2.0) + _scale(x, 3.0)
''',  # noqa: E501
        ),
    ),
    unchanged=(
        """\
import torch

if hasattr(torch.library, "custom_op"):

    @torch.library.custom_op("toy::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x
""",
        """\
try:
    from torch.library import custom_op, register_fake

    @custom_op("toy::twice", mutates_args=())
    def twice(x):
        return 2 * x
except ImportError:
    pass
""",
        """\
from toy.library import custom_op  # torch.library.custom_op came later


@custom_op("toy::twice")
def twice(x):
    return 2 * x
""",
    ),
    probe="import xfuser.core.distributed.attention_backend",
)
