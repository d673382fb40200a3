"""peft's RandLoRA and PVeRA cannot be set up because torch's initialisation takes no generator.

What happens: `TypeError: kaiming_uniform_() got an unexpected keyword argument 'generator'` from
`get_peft_model(model, RandLoraConfig(...))`, `PveraConfig` likewise, and from loading such an adapter.

Why: their random projections are made from a seed, with `torch.nn.init.kaiming_uniform_(..., generator=...)`.
The function takes a generator since torch 2.2. RandLoRA calls it since its first release, in peft 0.16, and
PVeRA since its own, after 0.18.

The cure: where a generator is passed, the same bound is computed and the tensor filled from that generator.
The numbers are those of torch 2.13, bit for bit, in half precision too, which torch up to 2.6 at least draws
differently from the same seed: a checkpoint may leave the projections out and hold the seed alone.
"""

from surgeon.edits import RedirectCall
from surgeon.patch import Case, Patch, at_least

KAIMING_UNIFORM = """\
def _m3d_kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    import math
    import torch
    fan = torch.nn.init._calculate_correct_fan(tensor, mode)
    std = torch.nn.init.calculate_gain(nonlinearity, a) / math.sqrt(fan)
    bound = math.sqrt(3.0) * std
    with torch.no_grad():
        if tensor.dtype not in (torch.float16, torch.bfloat16):
            return tensor.uniform_(-bound, bound, generator=generator)
        wide = torch.empty_like(tensor, dtype=torch.float32).uniform_(-bound, bound, generator=generator)
        tensor.copy_(wide)
        return tensor.masked_fill_(tensor >= torch.tensor(bound, dtype=tensor.dtype), -bound)
"""
# The interval excludes its upper bound: what rounds up to that, torch 2.13 gives the lower one.

PATCH = Patch(
    id="peft-random-projections",
    symptom=r"kaiming_uniform_\(\) got an unexpected keyword argument 'generator'",
    why=(
        "Setting RandLoRA or PVeRA up fails with TypeError: kaiming_uniform_() got an unexpected keyword "
        "argument 'generator', because peft draws their projections from a generator of its own, which "
        "torch's function takes only since 2.2."
    ),
    distribution="peft",
    versions=">=0.16.0",
    when={"torch": "<2.2"},
    files=("peft/tuners/pvera/model.py", "peft/tuners/randlora/model.py"),
    needle=(b"kaiming_uniform_(",),
    transforms=(
        RedirectCall(
            "torch.nn.init.kaiming_uniform_",
            "generator",
            "_m3d_kaiming_uniform_",
            KAIMING_UNIFORM,
            since="2.2",
        ),
    ),
    expect=at_least(1, zero="no generator is passed"),
    cases=(
        Case(
            before="""\
import math

import torch


def projection(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    bias = torch.nn.init.kaiming_uniform_(torch.empty(shape))
    return torch.nn.init.kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=generator), bias
""",
            after="""\
import math

import torch
def _m3d_kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):  # m3d-surgeon: peft-random-projections
    import math  # m3d-surgeon: peft-random-projections
    import torch  # m3d-surgeon: peft-random-projections
    fan = torch.nn.init._calculate_correct_fan(tensor, mode)  # m3d-surgeon: peft-random-projections
    std = torch.nn.init.calculate_gain(nonlinearity, a) / math.sqrt(fan)  # m3d-surgeon: peft-random-projections
    bound = math.sqrt(3.0) * std  # m3d-surgeon: peft-random-projections
    with torch.no_grad():  # m3d-surgeon: peft-random-projections
        if tensor.dtype not in (torch.float16, torch.bfloat16):  # m3d-surgeon: peft-random-projections
            return tensor.uniform_(-bound, bound, generator=generator)  # m3d-surgeon: peft-random-projections
        wide = torch.empty_like(tensor, dtype=torch.float32).uniform_(-bound, bound, generator=generator)  # m3d-surgeon: peft-random-projections
        tensor.copy_(wide)  # m3d-surgeon: peft-random-projections
        return tensor.masked_fill_(tensor >= torch.tensor(bound, dtype=tensor.dtype), -bound)  # m3d-surgeon: peft-random-projections


def projection(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    bias = torch.nn.init.kaiming_uniform_(torch.empty(shape))
    return _m3d_kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=generator), bias
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
import torch
from torch.nn import init


def reset(weight, kaiming_uniform_):
    init.kaiming_uniform_(weight, a=5**0.5)
    return kaiming_uniform_(weight, generator=torch.Generator())
""",
    ),
    probe=(
        "import torch; from peft import RandLoraConfig, get_peft_model\n"
        "model = torch.nn.Sequential(torch.nn.Linear(4, 4))\n"
        "get_peft_model(model, RandLoraConfig(r=2, target_modules=['0']))"
    ),
)
