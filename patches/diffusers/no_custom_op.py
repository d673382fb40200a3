"""diffusers 0.35.0 and 0.35.1 cannot be imported because torch.library has no custom_op.

What happens: `AttributeError: module 'torch.library' has no attribute 'custom_op'` from
`from diffusers import FluxPipeline`, or from any other model or pipeline.

Why: 0.35.0 wraps FlashAttention 3 as an operator with two decorators, `torch.library.custom_op` and
`register_fake`, which appeared in torch 2.4. They run while the attention dispatcher is imported, whether or
not FlashAttention is installed. 0.34 has no dispatcher; 0.35.2 asks for torch's version and leaves the
function a function below 2.4. (What 0.37 and newer make of torch 2.4 itself is `diffusers-custom-op`'s.)

The cure is what 0.35.2 does: decorators of the same names that leave the function what it is. Nothing in
these two releases calls it, and an operator differs from a function only under `torch.compile`.
"""

from surgeon.edits import Polyfill
from surgeon.patch import Case, Patch, exactly

PLAIN = """\
def {name}(*args, **kwargs):
    return lambda function: function
"""


def _plain(missing: str) -> Polyfill:
    private = f"_m3d_{missing}"
    return Polyfill(f"torch.library.{missing}", private, PLAIN.replace("{name}", private), since="2.4")


PATCH = Patch(
    id="diffusers-no-custom-op",
    symptom=r"module 'torch\.library' has no attribute 'custom_op'",
    why=(
        "Importing a diffusers model or pipeline fails with AttributeError: module 'torch.library' has no "
        "attribute 'custom_op', because diffusers 0.35.0 and 0.35.1 declare an operator at import with a "
        "decorator that torch has only since 2.4, even where FlashAttention is not installed."
    ),
    distribution="diffusers",
    versions=">=0.35.0,<0.35.2",
    when={"torch": "<2.4"},
    files=("diffusers/models/attention_dispatch.py",),
    needle=(b"torch.library.custom_op", b"torch.library.register_fake"),
    transforms=(_plain("custom_op"), _plain("register_fake")),
    expect=exactly(2, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
import torch

# needed to trace the whole graph


@torch.library.custom_op("toy::attend", mutates_args=(), device_types="cuda")
def _attend(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return toy_attention(query, key)


@torch.library.register_fake("toy::attend")
def _(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(query)


def attention(query, key):
    return _attend(query, key)
""",
            after="""\
import torch
def _m3d_register_fake(*args, **kwargs):  # m3d-surgeon: diffusers-no-custom-op
    return lambda function: function  # m3d-surgeon: diffusers-no-custom-op
def _m3d_custom_op(*args, **kwargs):  # m3d-surgeon: diffusers-no-custom-op
    return lambda function: function  # m3d-surgeon: diffusers-no-custom-op

# needed to trace the whole graph


@_m3d_custom_op("toy::attend", mutates_args=(), device_types="cuda")
def _attend(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return toy_attention(query, key)


@_m3d_register_fake("toy::attend")
def _(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(query)


def attention(query, key):
    return _attend(query, key)
""",
        ),
    ),
    unchanged=(
        """\
import torch

if torch.__version__ >= "2.4.0":
    _custom_op = torch.library.custom_op
    _register_fake = torch.library.register_fake
else:
    _custom_op = _register_fake = lambda *args, **kwargs: lambda function: function
""",
    ),
    probe="import diffusers.models.attention_dispatch",
    upstream="0.35.2",
)
