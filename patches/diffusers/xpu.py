"""diffusers cannot be imported because torch has no xpu.

What happens: `AttributeError: module 'torch' has no attribute 'xpu'` from `import diffusers` followed
by nearly anything.

Why: `diffusers.utils.torch_utils` fills tables with functions of every kind of device, among them
`torch.xpu.empty_cache`, while it is imported. `torch.xpu` (Intel GPUs) appeared in torch 2.3. The
tables stood in `diffusers.utils.testing_utils` alone until diffusers 0.36 copied them, so that since
then everybody meets them. Quantisation (since 0.33) and the components manager ask
`torch.xpu.is_available()` when they run, after CUDA has said no.

The cure: the tables hold `None` for what is missing; they are looked up by the kind of device, so
that nobody gets to see it without an Intel GPU. The questions are preceded by
`hasattr(torch, "xpu")`.
"""

from surgeon.edits import GuardAttribute, GuardCondition
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="diffusers-xpu",
    symptom=r"module 'torch' has no attribute 'xpu'",
    why=(
        "Importing diffusers fails with AttributeError: module 'torch' has no attribute 'xpu', because it "
        "reads torch's functions for Intel GPUs into tables at import, and torch has them only since 2.3."
    ),
    distribution="diffusers",
    versions=">=0.33.0",
    when={"torch": "<2.3"},
    files=(
        "diffusers/modular_pipelines/components_manager.py",
        "diffusers/quantizers/bitsandbytes/bnb_quantizer.py",
        "diffusers/quantizers/quantization_config.py",
        "diffusers/utils/testing_utils.py",
        "diffusers/utils/torch_utils.py",
    ),
    needle=(b"torch.xpu",),
    transforms=(GuardAttribute("torch.xpu", since="2.3"), GuardCondition("torch.xpu", since="2.3")),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
from .imports import is_torch_available

if is_torch_available():
    import torch

    EMPTY_CACHE = {
        "cuda": torch.cuda.empty_cache,
        "xpu": torch.xpu.empty_cache,
        "cpu": None,
    }
    PEAK = {"cuda": torch.cuda.max_memory_allocated, "xpu": getattr(torch.xpu, "max_memory_allocated", None)}
""",
            after="""\
from .imports import is_torch_available

if is_torch_available():
    import torch

    EMPTY_CACHE = {
        "cuda": torch.cuda.empty_cache,
        "xpu": getattr(getattr(torch, "xpu", None), "empty_cache", None),
        "cpu": None,
    }
    PEAK = {"cuda": torch.cuda.max_memory_allocated, "xpu": getattr(getattr(torch, "xpu", None), "max_memory_allocated", None)}
""",  # noqa: E501
        ),
        Case(
            before="""\
import torch


def current():
    if not (torch.cuda.is_available() or torch.xpu.is_available()):
        raise RuntimeError("no GPU")
    if torch.cuda.is_available():
        return "cuda"
    elif torch.xpu.is_available():
        return f"xpu:{torch.xpu.current_device()}"


def free():
    if torch.xpu.is_available():
        torch.xpu.empty_cache()


def several():
    return torch.cuda.device_count() > 1 or torch.xpu.device_count() > 1
""",
            after="""\
import torch


def current():
    if not (torch.cuda.is_available() or (hasattr(torch, "xpu") and torch.xpu.is_available())):
        raise RuntimeError("no GPU")
    if torch.cuda.is_available():
        return "cuda"
    elif hasattr(torch, "xpu") and torch.xpu.is_available():
        return f"xpu:{torch.xpu.current_device()}"


def free():
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        torch.xpu.empty_cache()


def several():
    return torch.cuda.device_count() > 1 or (hasattr(torch, "xpu") and torch.xpu.device_count() > 1)
""",
        ),
    ),
    unchanged=(
        """\
import torch

if hasattr(torch, "xpu") and torch.xpu.is_available():
    torch.xpu.empty_cache()

CACHE = torch.xpu.empty_cache if hasattr(torch, "xpu") else None

try:
    SEED = torch.xpu.manual_seed
except AttributeError:
    SEED = None


def free():
    torch.xpu.empty_cache()
""",
        """\
def free(torch):
    if torch.xpu.is_available():
        torch.xpu.empty_cache()
""",
    ),
    probe="import diffusers.utils.torch_utils, diffusers.utils.testing_utils",
)
