"""diffusers' named attention backends fail because torch.nn has no attention module.

What happens: `AttributeError: module 'torch.nn' has no attribute 'attention'` when a model runs with one
of torch's kernels chosen by name: `with attention_backend("_native_flash")`, or
`model.set_attention_backend("_native_math")`, or DIFFUSERS_ATTN_BACKEND. The default backend, which
lets torch choose, is not concerned.

Why: `torch.nn.attention.sdpa_kernel` and `SDPBackend` appeared in torch 2.3; diffusers uses them since
0.35, the first with these backends.

The cure: the kernel is chosen with `torch.backends.cuda.sdp_kernel`, which torch has since 2.0 and
which switches the same three kernels. cuDNN's attention is not among them: that backend raises an error
that names torch 2.5, where it works, when it is called.
"""

from surgeon.edits import SDP_BACKEND, SDPA_KERNEL, Polyfill
from surgeon.patch import Case, Patch, at_least

# What the file gets: the definitions, each line marked.
CHOICE, NAMES = (
    "".join(f"{line}  # m3d-surgeon: diffusers-sdpa-kernel\n" for line in definition.splitlines())
    for definition in (SDPA_KERNEL, SDP_BACKEND)
)

PATCH = Patch(
    id="diffusers-sdpa-kernel",
    symptom=r"module 'torch\.nn' has no attribute 'attention'",
    why=(
        "Running a model of diffusers with one of torch's attention kernels chosen by name fails with "
        "AttributeError: module 'torch.nn' has no attribute 'attention', because torch has that module only "
        "since 2.3."
    ),
    distribution="diffusers",
    versions=">=0.35.0",
    when={"torch": "<2.3"},
    files=("diffusers/models/attention_dispatch.py",),
    needle=(b"sdpa_kernel", b"SDPBackend"),
    transforms=(
        Polyfill("torch.nn.attention.sdpa_kernel", "_m3d_sdpa_kernel", SDPA_KERNEL, since="2.3"),
        Polyfill("torch.nn.attention.SDPBackend", "_m3d_SDPBackend", SDP_BACKEND, since="2.3"),
    ),
    expect=at_least(2, zero="the choice is guarded"),
    cases=(
        Case(
            before="""\
import torch

from .backends import attend


def flash(query, key, value):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        return attend(query, key, value)


def cudnn(query, key, value):
    with torch.nn.attention.sdpa_kernel([torch.nn.attention.SDPBackend.CUDNN_ATTENTION]):
        return attend(query, key, value)
""",
            after=f"""\
import torch

from .backends import attend
{NAMES}{CHOICE}

def flash(query, key, value):
    with _m3d_sdpa_kernel(_m3d_SDPBackend.FLASH_ATTENTION):
        return attend(query, key, value)


def cudnn(query, key, value):
    with _m3d_sdpa_kernel([_m3d_SDPBackend.CUDNN_ATTENTION]):
        return attend(query, key, value)
""",
        ),
    ),
    unchanged=(
        """\
import torch


def flash(query, key, value):
    if hasattr(torch.nn, "attention"):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
            return attend(query, key, value)
    with torch.backends.cuda.sdp_kernel(enable_math=False):
        return attend(query, key, value)
""",
        """\
from .kernels import SDPBackend, sdpa_kernel

with sdpa_kernel(SDPBackend.MATH):
    attend(query, key, value)
""",
    ),
    probe=(
        "import torch; from diffusers.models import attention_dispatch as a\n"
        "with a.attention_backend('_native_math'): a.dispatch_attention_fn(*[torch.ones(1, 3, 2, 8)] * 3)"
    ),
)
