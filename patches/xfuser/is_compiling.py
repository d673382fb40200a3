"""xfuser's MiniMax-H3 fails when it runs because torch.compiler has no is_compiling.

What happens: `AttributeError: module 'torch.compiler' has no attribute 'is_compiling'` from the first
forward pass with video sparse attention.

Why: 0.7.0 asks in `vsa_h3_attention` and in the MiniMax-H3 transformer whether it is being traced,
with a function that torch made public in 2.3. 0.6.0 and older do not ask.

The cure: they ask `torch._utils.is_compiling`, the private function that older torch has for the same
purpose (its own optimizers ask it). It says "no" when code runs as it is.
"""

from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="xfuser-is-compiling",
    symptom=r"module 'torch\.compiler' has no attribute 'is_compiling'",
    why=(
        "Running xfuser's video sparse attention fails with AttributeError: module 'torch.compiler' has no "
        "attribute 'is_compiling', because torch has that function under this name only since 2.3."
    ),
    distribution="xfuser",
    versions=">=0.7.0",
    when={"torch": "<2.3"},
    files=(
        "xfuser/core/vsa_h3_attention.py",
        "xfuser/model_executor/models/transformers/transformer_minimax_h3.py",
    ),
    needle=(b"is_compiling",),
    transforms=(
        Rename("torch.compiler.is_compiling", "torch._utils.is_compiling", since="2.3", reachable=True),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
import torch


def workspace(size):
    if torch.compiler.is_compiling():
        return torch.empty(size)
    return CACHE.setdefault(size, torch.empty(size))
""",
            after="""\
import torch


def workspace(size):
    if torch._utils.is_compiling():
        return torch.empty(size)
    return CACHE.setdefault(size, torch.empty(size))
""",
        ),
        Case(
            before="""\
from torch.compiler import is_compiling


def forward(x):
    return x if is_compiling() else x.clone()
""",
            after="""\
from torch._utils import is_compiling


def forward(x):
    return x if is_compiling() else x.clone()
""",
        ),
    ),
    unchanged=(
        """\
import torch


def forward(x):
    if hasattr(torch.compiler, "is_compiling") and torch.compiler.is_compiling():
        return x
    return x.clone()
""",
        """\
from toy.compiler import is_compiling

print(is_compiling())
""",
    ),
    probe=(
        "import torch\n"
        "from xfuser.core.vsa_h3_attention import _kv_list_workspace\n"
        "_kv_list_workspace(1, 1, 1, 1, torch.device('cpu'))\n"
    ),
)
