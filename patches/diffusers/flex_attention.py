"""diffusers cannot be imported because torch has no flex attention.

What happens: `ModuleNotFoundError: No module named 'torch.nn.attention'` (on torch 2.3 and 2.4
`'torch.nn.attention.flex_attention'`) from `from diffusers import FluxPipeline`, or from any other model or
pipeline.

Why: diffusers 0.39 brought AnyFlow, one of whose models imports flex attention at the top of its file, and
every transformer of diffusers is imported along with every other. Flex attention appeared in torch 2.5. The
other users (the dispatcher's flex backend since 0.35, Kandinsky 5 since 0.36) ask for torch's version
themselves and say what is missing.

The cure: the import may fail. In its place stand a class that nobody makes, so that `isinstance` is
false, and a function that raises, naming torch 2.5. `AnyFlowFARTransformer3DModel` can be
built, loaded and saved; running it needs flex attention in every step and is refused then. All other
models, `AnyFlowTransformer3DModel` among them, do without.
"""

from surgeon.edits import GuardImport
from surgeon.patch import Case, Patch, at_least

FLEX = "torch.nn.attention.flex_attention"

MASK = """\
class {name}:
    def __init__(self, *args, **kwargs):
        raise RuntimeError("flex attention needs torch 2.5 or newer")
    from_kv_blocks = classmethod(__init__)
"""
FUNCTION = """\
def {name}(*args, **kwargs):
    raise RuntimeError("flex attention needs torch 2.5 or newer")
"""

PATCH = Patch(
    id="diffusers-flex-attention",
    symptom=r"No module named 'torch\.nn\.attention",
    why=(
        "Importing a diffusers model or pipeline fails with ModuleNotFoundError: No module named "
        "'torch.nn.attention', because one model's file imports torch's flex attention, which appeared in "
        "torch 2.5."
    ),
    distribution="diffusers",
    versions=">=0.39.0",
    when={"torch": "<2.5"},
    files=("diffusers/models/transformers/transformer_anyflow_far.py",),
    needle=(b"torch.nn.attention.flex_attention import",),
    transforms=(
        GuardImport(f"{FLEX}.BlockMask", MASK, since="2.5"),
        GuardImport(f"{FLEX}.create_block_mask", FUNCTION, since="2.5"),
        GuardImport(f"{FLEX}.flex_attention", FUNCTION, since="2.5"),
    ),
    expect=at_least(1, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask


def mask(kind, size: int) -> BlockMask:
    return create_block_mask(kind, 1, 1, size, size)
""",
            after="""\
import torch
try:  # m3d-surgeon: diffusers-flex-attention
    from torch.nn.attention.flex_attention import create_block_mask
except ImportError:  # m3d-surgeon: diffusers-flex-attention
    def create_block_mask(*args, **kwargs):  # m3d-surgeon: diffusers-flex-attention
        raise RuntimeError("flex attention needs torch 2.5 or newer")  # m3d-surgeon: diffusers-flex-attention
try:  # m3d-surgeon: diffusers-flex-attention
    from torch.nn.attention.flex_attention import BlockMask  # m3d-surgeon: diffusers-flex-attention
except ImportError:  # m3d-surgeon: diffusers-flex-attention
    class BlockMask:  # m3d-surgeon: diffusers-flex-attention
        def __init__(self, *args, **kwargs):  # m3d-surgeon: diffusers-flex-attention
            raise RuntimeError("flex attention needs torch 2.5 or newer")  # m3d-surgeon: diffusers-flex-attention
        from_kv_blocks = classmethod(__init__)  # m3d-surgeon: diffusers-flex-attention


def mask(kind, size: int) -> BlockMask:
    return create_block_mask(kind, 1, 1, size, size)
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
try:
    from torch.nn.attention.flex_attention import BlockMask
except ImportError:
    BlockMask = None
""",
        """\
if is_torch_version(">=", "2.5.0"):
    from torch.nn.attention.flex_attention import BlockMask
""",
        """\
def sparse(mask):
    from mine.nn.attention.flex_attention import BlockMask

    return BlockMask(mask)
""",
    ),
    probe="import diffusers.models.transformers.transformer_anyflow_far",
)
