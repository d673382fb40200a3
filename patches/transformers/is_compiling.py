"""transformers' fast image processors cannot resize because torch.compiler cannot be asked.

What happens: `AttributeError: module 'torch.compiler' has no attribute 'is_compiling'` from calling
any fast image processor that resizes (`CLIPImageProcessorFast`, and whatever `AutoProcessor` or a
pipeline picks where torchvision is installed), and from the forward of CSM's depth decoder.

Why: both ask whether torch.compile is tracing them, with a function that appeared in torch 2.3. The
image processors do so since transformers 4.53, to step around a bug of AMD's GPUs; CSM, a speech
model, since its first release, 4.52. Every other place of transformers asks through
`is_torchdynamo_compiling`, which knows older torch. transformers 5.0 asks nowhere without that.

The cure: they ask `torch._utils.is_compiling`, which torch 2.1 and 2.2 have: false when code runs as it
is, and true for what `torch.compile` traces. So is `torch._dynamo.is_compiling`, which transformers itself
asks on older torch; but that takes seconds to import, and is in the way of torch's profiler.
"""

from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-is-compiling",
    symptom=r"module 'torch\.compiler' has no attribute 'is_compiling'",
    why=(
        "Calling a fast image processor fails with AttributeError: module 'torch.compiler' has no attribute "
        "'is_compiling', because transformers asks whether it is being compiled with a function that torch "
        "has only since 2.3."
    ),
    distribution="transformers",
    versions=">=4.52.0,<5",
    when={"torch": "<2.3"},
    files=("transformers/image_processing_utils_fast.py", "transformers/models/csm/modeling_csm.py"),
    needle=(b"torch.compiler",),
    transforms=(
        Rename("torch.compiler.is_compiling", "torch._utils.is_compiling", since="2.3", reachable=True),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
from .utils import is_torch_available

if is_torch_available():
    import torch


def resize(image, size):
    if torch.compiler.is_compiling() and is_rocm_platform():
        return slow_resize(image, size)
    return quick_resize(image, size)


def decode(ids, positions=None):
    if positions is not None and not torch.compiler.is_compiling():  # say it once
        print("ignored")
    return [torch.compiler.is_compiling(), torch.compiler.disable]
""",
            after="""\
from .utils import is_torch_available

if is_torch_available():
    import torch


def resize(image, size):
    if torch._utils.is_compiling() and is_rocm_platform():
        return slow_resize(image, size)
    return quick_resize(image, size)


def decode(ids, positions=None):
    if positions is not None and not torch._utils.is_compiling():  # say it once
        print("ignored")
    return [torch._utils.is_compiling(), torch.compiler.disable]
""",
        ),
        Case(
            before="""\
from torch.compiler import is_compiling

FAST = not is_compiling()
""",
            after="""\
from torch._utils import is_compiling

FAST = not is_compiling()
""",
        ),
    ),
    unchanged=(
        """\
import torch


def is_compiling():
    try:
        return torch.compiler.is_compiling()
    except Exception:
        return False
""",
        """\
import torch

if hasattr(torch.compiler, "is_compiling") and torch.compiler.is_compiling():
    print("torch.compiler.is_compiling()")
""",
        """\
from packaging.version import parse

import torch


def compiling():
    if parse(torch.__version__) >= parse("2.3"):
        return torch.compiler.is_compiling()
    return torch._dynamo.is_compiling()
""",
    ),
    probe=(
        "import numpy, torch; from transformers import CLIPImageProcessorFast, CsmDepthDecoderConfig\n"
        "size = {'height': 8, 'width': 8}\n"
        "CLIPImageProcessorFast(size=size, crop_size=size)(numpy.zeros((9, 9, 3), 'uint8'))\n"
        "from transformers.models.csm.modeling_csm import CsmDepthDecoderModel\n"
        "config = CsmDepthDecoderConfig(num_codebooks=2, backbone_hidden_size=8, vocab_size=9, "
        "hidden_size=8, intermediate_size=8, num_hidden_layers=1, "
        "num_attention_heads=2, num_key_value_heads=1)\n"
        "CsmDepthDecoderModel(config)(torch.ones(1, 2).long())"
    ),
    upstream="5.0.0",
)
