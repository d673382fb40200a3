"""peft cannot swap one LoRA for another in place because torch.utils has no swap_tensors.

What happens: `AttributeError: module 'torch.utils' has no attribute 'swap_tensors'` from
`peft.utils.hotswap.hotswap_adapter`, and from `load_lora_weights(..., hotswap=True)` and
`load_lora_adapter(..., hotswap=True)` of diffusers. With peft 0.21 it takes a new adapter of a larger rank.

Why: peft swaps the contents of two tensors with a function that appeared in torch 2.3. Hot-swapping came with
peft 0.14, which called it for every weight of a model that is not compiled; 0.21 copies the weights where
they fit, and calls it for those that do not.

The cure: the two tensors exchange their data, which any torch can do. The model's parameter stays the
parameter that it is, and has the new weights; the other tensor, read from a checkpoint, is thrown away.
"""

from surgeon.edits import Polyfill
from surgeon.patch import Case, Patch, exactly

SWAP = """\
def _m3d_swap_tensors(t1, t2):
    t1.data, t2.data = t2.data, t1.data
"""

PATCH = Patch(
    id="peft-hotswap",
    symptom=r"module 'torch\.utils' has no attribute 'swap_tensors'",
    why=(
        "Swapping a LoRA in place fails with AttributeError: module 'torch.utils' has no attribute "
        "'swap_tensors', because peft exchanges the weights with a function that torch has only since 2.3."
    ),
    distribution="peft",
    versions=">=0.14.0",
    when={"torch": "<2.3"},
    files=("peft/utils/hotswap.py",),
    needle=(b"torch.utils.swap_tensors",),
    transforms=(Polyfill("torch.utils.swap_tensors", "_m3d_swap_tensors", SWAP, since="2.3"),),
    expect=exactly(1, zero="the weights are copied, or the call is guarded"),
    cases=(
        Case(
            before="""\
import torch


def load(model, weights):
    for name, new in weights.items():
        old = model.get_parameter(name)
        try:
            torch.utils.swap_tensors(old, new)
        except RuntimeError:  # somebody holds on to it
            old.data = new.data
""",
            after="""\
import torch
def _m3d_swap_tensors(t1, t2):  # m3d-surgeon: peft-hotswap
    t1.data, t2.data = t2.data, t1.data  # m3d-surgeon: peft-hotswap


def load(model, weights):
    for name, new in weights.items():
        old = model.get_parameter(name)
        try:
            _m3d_swap_tensors(old, new)
        except RuntimeError:  # somebody holds on to it
            old.data = new.data
""",
        ),
    ),
    unchanged=(
        """\
import torch


def load(old, new):
    if hasattr(torch.utils, "swap_tensors"):
        torch.utils.swap_tensors(old, new)
    else:
        old.data = new.data
""",
        """\
def load(old, new):
    # torch.utils.swap_tensors would need torch 2.3
    old.data.copy_(new.data)
""",
    ),
    probe=(
        "import torch; from peft import LoraConfig, get_peft_model\n"
        "from peft.utils.hotswap import hotswap_adapter_from_state_dict as swap\n"
        "base = torch.nn.Sequential(torch.nn.Linear(4, 4))\n"
        "small, large = (LoraConfig(r=r, target_modules=['0']) for r in (1, 2))\n"
        "model = get_peft_model(base, small)\n"
        "shapes = {'lora_A': (2, 4), 'lora_B': (4, 2)}\n"
        "shapes = {f'base_model.model.0.{n}.default.weight': shape for n, shape in shapes.items()}\n"
        "new = {name: torch.ones(shape) for name, shape in shapes.items()}\n"
        "swap(model, state_dict=new, adapter_name='default', config=large)\n"
        "assert all(torch.ones(shape).equal(model.get_parameter(name)) for name, shape in shapes.items())"
    ),
)
