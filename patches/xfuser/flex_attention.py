"""xfuser's video sparse attention cannot be imported because torch has no flex attention.

What happens: `ModuleNotFoundError: No module named 'torch.nn.attention'` (on torch 2.3 and 2.4
`torch.nn.attention.flex_attention`) from `xfuser.core.vsa_h3_attention`, and from the MiniMax-H3
transformer, which imports it.

Why: 0.7.0 added that file, which imports flex attention at its top and hands it to `torch.compile`
there and then. Flex attention appeared in torch 2.5. 0.6.0 and older do not use it.

The cure: the import may fail. In its place stand a function and a class that raise when they are
used, and name torch 2.5; `isinstance(x, BlockMask)` is false of everything. `torch.compile` is not
called at import, for there is nothing to compile. The geometry and the choice of tiles in that file
compute what they compute anywhere.
"""

from surgeon.edits import GuardImport, Unwrap
from surgeon.patch import Case, Patch, at_least

MODULE = "torch.nn.attention.flex_attention"

FLEX_ATTENTION = """\
def {name}(*args, **kwargs):
    raise RuntimeError("flex attention needs torch 2.5 or newer")
"""

BLOCK_MASK = """\
class {name}:
    def __init__(self, *args, **kwargs):
        raise RuntimeError("flex attention needs torch 2.5 or newer")
    @classmethod
    def from_kv_blocks(cls, *args, **kwargs):
        return cls()
"""

PATCH = Patch(
    id="xfuser-flex-attention",
    symptom=r"No module named 'torch\.nn\.attention",
    why=(
        "Importing xfuser's video sparse attention fails with ModuleNotFoundError: No module named "
        "'torch.nn.attention', because the file imports flex attention, which appeared in torch 2.5, and "
        "compiles it at import."
    ),
    distribution="xfuser",
    versions=">=0.7.0",
    when={"torch": "<2.5"},
    files=("xfuser/core/vsa_h3_attention.py",),
    needle=(b"flex_attention",),
    transforms=(
        Unwrap("torch.compile", f"{MODULE}.flex_attention", since="2.5"),
        GuardImport(f"{MODULE}.BlockMask", BLOCK_MASK, since="2.5"),
        GuardImport(f"{MODULE}.flex_attention", FLEX_ATTENTION, since="2.5"),
    ),
    expect=at_least(2, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention

_fast = torch.compile(flex_attention, dynamic=False)
_gelu = torch.compile(torch.nn.functional.gelu)


def attend(q, k, v, mask):
    assert isinstance(mask, BlockMask)
    return _fast(q, k, v, block_mask=mask)
""",
            after="""\
import torch
try:  # m3d-surgeon: xfuser-flex-attention
    from torch.nn.attention.flex_attention import flex_attention
except ImportError:  # m3d-surgeon: xfuser-flex-attention
    def flex_attention(*args, **kwargs):  # m3d-surgeon: xfuser-flex-attention
        raise RuntimeError("flex attention needs torch 2.5 or newer")  # m3d-surgeon: xfuser-flex-attention
try:  # m3d-surgeon: xfuser-flex-attention
    from torch.nn.attention.flex_attention import BlockMask  # m3d-surgeon: xfuser-flex-attention
except ImportError:  # m3d-surgeon: xfuser-flex-attention
    class BlockMask:  # m3d-surgeon: xfuser-flex-attention
        def __init__(self, *args, **kwargs):  # m3d-surgeon: xfuser-flex-attention
            raise RuntimeError("flex attention needs torch 2.5 or newer")  # m3d-surgeon: xfuser-flex-attention
        @classmethod  # m3d-surgeon: xfuser-flex-attention
        def from_kv_blocks(cls, *args, **kwargs):  # m3d-surgeon: xfuser-flex-attention
            return cls()  # m3d-surgeon: xfuser-flex-attention

_fast = flex_attention
_gelu = torch.compile(torch.nn.functional.gelu)


def attend(q, k, v, mask):
    assert isinstance(mask, BlockMask)
    return _fast(q, k, v, block_mask=mask)
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
try:
    from torch.nn.attention.flex_attention import flex_attention
except ImportError:
    flex_attention = None
""",
        """\
from packaging.version import parse
import torch

if parse(torch.__version__) >= parse("2.5"):
    from torch.nn.attention.flex_attention import flex_attention

    fast = torch.compile(flex_attention)
""",
        """\
from toy import flex_attention
import torch

fast = torch.compile(flex_attention)
""",
    ),
    probe="import xfuser.core.vsa_h3_attention",
)
