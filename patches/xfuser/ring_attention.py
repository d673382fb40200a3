"""xfuser cannot be imported because torch has no ring attention.

What happens: `ModuleNotFoundError: No module named 'torch.distributed.tensor'` as soon as anything
imports `xfuser.model_executor.layers.usp`, on one GPU as on eight, whether or not ring attention
is wanted.

Why: that file imports torch's private `_templated_ring_attention` at its top. The module that
holds it appeared in torch 2.5. xfuser's `attention_processor` asks for torch's version and takes
`usp_legacy` below 2.5, but the models under `xfuser/model_executor/models/transformers` (since
0.4.5), and scripts written against them, import `usp` without asking. No release from 0.4.0, the
first with this file, to 0.7.0 guards the import itself; 0.3.4 and 0.3.5 do not have the file.

The cure: the import may fail. In its place stands a function that raises when ring attention is
called, and says what to do instead. Ulysses attention, the other half of the file, needs nothing
from torch 2.5 and works as before.
"""

from surgeon.edits import GuardImport
from surgeon.patch import Case, Patch, at_least

RING = "torch.distributed.tensor.experimental._attention._templated_ring_attention"

FALLBACK = """\
def {name}(*args, **kwargs):
    message = "ring attention needs torch 2.5 or newer; use Ulysses: ring_degree=1, ulysses_degree=<GPUs>"
    raise RuntimeError(message)
"""

PATCH = Patch(
    id="xfuser-ring-attention",
    symptom=r"No module named 'torch\.distributed\.tensor|cannot import name '_templated_ring_attention'",
    why=(
        "Importing xfuser's USP layer fails with ModuleNotFoundError: No module named "
        "'torch.distributed.tensor.experimental', because the file imports torch's ring attention, which "
        "appeared in torch 2.5, even where only Ulysses attention is used."
    ),
    distribution="xfuser",
    versions=">=0.4.0",
    when={"torch": "<2.5"},
    files=("xfuser/model_executor/layers/usp.py",),
    needle=(b"_templated_ring_attention",),
    transforms=(GuardImport(RING, FALLBACK, since="2.5"),),
    expect=at_least(1, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
import torch

from torch.distributed.tensor.experimental._attention import _templated_ring_attention

aten = torch.ops.aten


def ring(group, q, k, v):
    return _templated_ring_attention(group, 1, aten.attend, q, k, v)
""",
            after="""\
import torch

try:  # m3d-surgeon: xfuser-ring-attention
    from torch.distributed.tensor.experimental._attention import _templated_ring_attention
except ImportError:  # m3d-surgeon: xfuser-ring-attention
    def _templated_ring_attention(*args, **kwargs):  # m3d-surgeon: xfuser-ring-attention
        message = "ring attention needs torch 2.5 or newer; use Ulysses: ring_degree=1, ulysses_degree=<GPUs>"  # m3d-surgeon: xfuser-ring-attention
        raise RuntimeError(message)  # m3d-surgeon: xfuser-ring-attention

aten = torch.ops.aten


def ring(group, q, k, v):
    return _templated_ring_attention(group, 1, aten.attend, q, k, v)
""",  # noqa: E501
        ),
        Case(
            before="""\
from torch.distributed.tensor.experimental._attention import (
    _cp_options,
    _templated_ring_attention as ring,  # private
)
""",
            after="""\
from torch.distributed.tensor.experimental._attention import (
    _cp_options,
)
try:  # m3d-surgeon: xfuser-ring-attention
    from torch.distributed.tensor.experimental._attention import _templated_ring_attention as ring  # m3d-surgeon: xfuser-ring-attention
except ImportError:  # m3d-surgeon: xfuser-ring-attention
    def ring(*args, **kwargs):  # m3d-surgeon: xfuser-ring-attention
        message = "ring attention needs torch 2.5 or newer; use Ulysses: ring_degree=1, ulysses_degree=<GPUs>"  # m3d-surgeon: xfuser-ring-attention
        raise RuntimeError(message)  # m3d-surgeon: xfuser-ring-attention
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
try:
    from torch.distributed.tensor.experimental._attention import _templated_ring_attention
except ImportError:
    _templated_ring_attention = None
""",
        """\
import torch
from packaging.version import parse

if parse(torch.__version__) >= parse("2.5.0"):
    from torch.distributed.tensor.experimental._attention import _templated_ring_attention
""",
        """\
from elsewhere import _templated_ring_attention
""",
    ),
    probe="from xfuser.model_executor.layers.usp import USP",
)
