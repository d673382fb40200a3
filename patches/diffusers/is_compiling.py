"""diffusers' group offloading with streams fails because torch.compiler has no is_compiling.

What happens: `AttributeError: module 'torch.compiler' has no attribute 'is_compiling'` from the first
step of a model with `enable_group_offload(..., use_stream=True)`, of Qwen-Image (diffusers 0.35), or of
AnyFlow (0.39).

Why: these ask, while they run, whether torch is compiling them. `torch.compiler.is_compiling` appeared in
torch 2.3; diffusers calls it since 0.35, sometimes unguarded.

The cure: they ask `torch._utils.is_compiling`, which torch 2.1 and 2.2 have: false when a model simply
runs, and true, like its successor, for what `torch.compile` traces.
"""

from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="diffusers-is-compiling",
    symptom=r"module 'torch\.compiler' has no attribute 'is_compiling'",
    why=(
        "Running a model of diffusers with group offloading and streams fails with AttributeError: module "
        "'torch.compiler' has no attribute 'is_compiling', because torch has that function only since 2.3."
    ),
    distribution="diffusers",
    versions=">=0.35.0",
    when={"torch": "<2.3"},
    files=(
        "diffusers/hooks/group_offloading.py",
        "diffusers/models/transformers/transformer_anyflow.py",
        "diffusers/models/transformers/transformer_anyflow_far.py",
        "diffusers/models/transformers/transformer_qwenimage.py",
    ),
    needle=(b"compiler.is_compiling",),
    transforms=(
        Rename("torch.compiler.is_compiling", "torch._utils.is_compiling", since="2.3", reachable=True),
    ),
    expect=at_least(1, zero="the question is guarded"),
    cases=(
        Case(
            before="""\
import torch


def load(self, name):
    if not torch.compiler.is_compiling():
        self.logger.debug(f"loading {name}")
    compiling = torch.compiler.is_compiling()
    return self.load(name, cached=not compiling)
""",
            after="""\
import torch


def load(self, name):
    if not torch._utils.is_compiling():
        self.logger.debug(f"loading {name}")
    compiling = torch._utils.is_compiling()
    return self.load(name, cached=not compiling)
""",
        ),
    ),
    unchanged=(
        """\
import torch


def compiling():
    return hasattr(torch.compiler, "is_compiling") and torch.compiler.is_compiling()
""",
        """\
from torch import compiler


def compiling():
    try:
        return compiler.is_compiling()
    except AttributeError:
        return False
""",
        """\
def compiling(torch):
    return torch.compiler.is_compiling()
""",
    ),
    probe=(
        "from torch import nn; from diffusers.hooks import group_offloading as g\n"
        "layer = nn.Linear(2, 2); model = nn.Sequential(layer)\n"
        "g.apply_group_offloading(model, 'cpu', offload_type='leaf_level')\n"
        "hook = g.LazyPrefetchGroupOffloadingHook(); hook.initialize_hook(model)\n"
        "g.HookRegistry.check_if_exists_or_initialize(layer).get_hook('layer_execution_tracker')"
        ".pre_forward(layer)"
    ),
)
