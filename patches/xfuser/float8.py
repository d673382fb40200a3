"""xfuser cannot be imported because torch lacks two of the float8 dtypes.

What happens: `AttributeError: module 'torch' has no attribute 'float8_e4m3fnuz'` as soon as anything
imports `xfuser.model_executor.layers.usp`, which `import xfuser` does.

Why: 0.7.0 lists the four float8 dtypes at the top of that file, to recognise tensors that NCCL does
not carry as they are. Torch 2.1 has two of them; the two with `fnuz`, which AMD's GPUs compute with,
appeared in torch 2.2. 0.6.0 and older have no such list.

The cure: `None` stands in the list for what is missing. The list is only asked whether a tensor's
dtype is in it, and no tensor has a dtype that torch does not know.
"""

from surgeon.edits import GuardAttribute
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="xfuser-float8",
    symptom=r"module 'torch' has no attribute 'float8_(e4m3|e5m2)fnuz'",
    why=(
        "Importing xfuser fails with AttributeError: module 'torch' has no attribute 'float8_e4m3fnuz', "
        "because it lists all float8 dtypes at import, and torch has those of AMD's GPUs only since 2.2."
    ),
    distribution="xfuser",
    versions=">=0.7.0",
    when={"torch": "<2.2"},
    files=("xfuser/model_executor/layers/usp.py",),
    needle=(b"float8_e4m3fnuz", b"float8_e5m2fnuz"),
    transforms=(
        GuardAttribute("torch.float8_e4m3fnuz", since="2.2"),
        GuardAttribute("torch.float8_e5m2fnuz", since="2.2"),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
import torch

SMALL = {torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz}


def is_small(x):
    return x.dtype in SMALL
""",
            after="""\
import torch

SMALL = {torch.float8_e4m3fn, getattr(torch, "float8_e4m3fnuz", None), torch.float8_e5m2, getattr(torch, "float8_e5m2fnuz", None)}


def is_small(x):
    return x.dtype in SMALL
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
import torch

SMALL = [torch.float8_e4m3fn, torch.float8_e5m2]
if hasattr(torch, "float8_e4m3fnuz"):
    SMALL += [torch.float8_e4m3fnuz]


def cast(x):
    return x.to(torch.float8_e5m2fnuz)
""",
    ),
    probe="import xfuser.model_executor.layers.usp",
)
