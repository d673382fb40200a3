"""transformers 4.52 cannot save a model because torch has no public DTensor.

What happens: `ImportError: cannot import name 'DTensor' from 'torch.distributed.tensor'` from
`model.save_pretrained(...)`.

Why: 4.52 handles the sharded tensors of tensor parallelism when it saves. The function that tells where a
tensor is stored asks for torch 2.0 and then imports `DTensor` from a module which has that name since
torch 2.5. `save_pretrained` itself imports the name only on torch 2.5, and asks `isinstance(..., DTensor)` on
any: the next failure, `NameError: name 'DTensor' is not defined`. 4.51 knows no such tensors; 4.53.0 asks for
2.5 in both places.

The cure: the class comes from `torch.distributed._tensor`, where torch 2.1 to 2.4 have it. It is the real
one, so that `isinstance` is true of a sharded tensor. One of those is gathered when it is saved, which
torch 2.1 cannot do yet (`DTensor.full_tensor` came with 2.2), and transformers' own tensor parallelism
needs torch 2.5; all other tensors are saved as ever.
"""

from surgeon.edits import GuardImport, Preset
from surgeon.patch import Case, Patch, at_least

DTENSOR = "torch.distributed.tensor.DTensor"
PRIVATE = "from torch.distributed._tensor import DTensor as {name}"

WITH_OR_WITHOUT = f"""\
try:
    {PRIVATE}
except ImportError:
    {{name}} = ()
"""

PATCH = Patch(
    id="transformers-dtensor",
    symptom=r"cannot import name 'DTensor' from 'torch\.distributed\.tensor'|name 'DTensor' is not defined",
    why=(
        "Saving a model fails with ImportError: cannot import name 'DTensor' from "
        "'torch.distributed.tensor', because transformers 4.52 asks whether a tensor is sharded, with a "
        "class that torch has under this name only since 2.5."
    ),
    distribution="transformers",
    versions=">=4.52.0,<4.53",
    when={"torch": "<2.5"},
    files=("transformers/modeling_utils.py", "transformers/pytorch_utils.py"),
    needle=(b"import DTensor",),
    transforms=(
        GuardImport(DTENSOR, PRIVATE, since="2.5"),
        Preset(DTENSOR, WITH_OR_WITHOUT, since="2.5"),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
def place(tensor):
    if is_torch_greater_or_equal_than_2_0:
        from torch.distributed.tensor import DTensor

        if isinstance(tensor, DTensor):
            return tensor.to_local().data_ptr()
    return tensor.data_ptr()
""",
            after="""\
def place(tensor):
    if is_torch_greater_or_equal_than_2_0:
        try:  # m3d-surgeon: transformers-dtensor
            from torch.distributed.tensor import DTensor
        except ImportError:  # m3d-surgeon: transformers-dtensor
            from torch.distributed._tensor import DTensor as DTensor  # m3d-surgeon: transformers-dtensor

        if isinstance(tensor, DTensor):
            return tensor.to_local().data_ptr()
    return tensor.data_ptr()
""",
        ),
        Case(
            before="""\
import torch

available = torch.distributed.is_available()

if available and is_torch_greater_or_equal("2.5"):
    from torch.distributed.tensor import DTensor


def saved(tensor):
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
""",
            after="""\
import torch

available = torch.distributed.is_available()
try:  # m3d-surgeon: transformers-dtensor
    from torch.distributed._tensor import DTensor as DTensor  # m3d-surgeon: transformers-dtensor
except ImportError:  # m3d-surgeon: transformers-dtensor
    DTensor = ()  # m3d-surgeon: transformers-dtensor

if available and is_torch_greater_or_equal("2.5"):
    from torch.distributed.tensor import DTensor


def saved(tensor):
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
""",
        ),
    ),
    unchanged=(
        """\
def place(tensor):
    if is_torch_greater_or_equal("2.5"):
        from torch.distributed.tensor import DTensor

        if isinstance(tensor, DTensor):
            return tensor.to_local().data_ptr()
    return tensor.data_ptr()
""",
        """\
if is_torch_greater_or_equal("2.5"):
    from torch.distributed.tensor import DTensor
else:
    DTensor = None
""",
    ),
    probe=(
        "import tempfile; from transformers import LlamaConfig, LlamaForCausalLM\n"
        "config = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, "
        "num_attention_heads=2)\n"
        "LlamaForCausalLM(config).save_pretrained(tempfile.mkdtemp())"
    ),
    upstream="4.53.0",
)
