"""RT-DETR cannot look at an image because torch.compiler cannot be asked.

What happens: `AttributeError: module 'torch.compiler' has no attribute 'is_compiling'` from the first
forward of an RT-DETR model.

Why: transformers 4.45 wrapped the method that makes the model's anchors in a cache that is left out
while torch.compile traces it, and asks whether it does with a function that appeared in torch 2.3.
From 4.49 on it asks `is_torchdynamo_compiling`, which knows older torch.

The cure: it asks `torch._utils.is_compiling`, which torch 2.1 and 2.2 have: false when code runs as it is,
and true, like its successor, for what `torch.compile` traces.
"""

from surgeon.edits import Rename
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-rt-detr",
    symptom=r"module 'torch\.compiler' has no attribute 'is_compiling'",
    why=(
        "The forward of an RT-DETR model fails with AttributeError: module 'torch.compiler' has no attribute "
        "'is_compiling', because transformers asks whether it is being compiled with a function that torch "
        "has only since 2.3."
    ),
    distribution="transformers",
    versions=">=4.45.0,<4.49",
    when={"torch": "<2.3"},
    files=("transformers/models/rt_detr/modeling_rt_detr.py",),
    needle=(b"torch.compiler",),
    transforms=(
        Rename("torch.compiler.is_compiling", "torch._utils.is_compiling", since="2.3", reachable=True),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
from functools import lru_cache

import torch


def cached_unless_compiled(function):
    def wrapper(self):
        if not torch.compiler.is_compiling():
            return lru_cache(function.__get__(self))()
        return function(self)

    return wrapper
""",
            after="""\
from functools import lru_cache

import torch


def cached_unless_compiled(function):
    def wrapper(self):
        if not torch._utils.is_compiling():
            return lru_cache(function.__get__(self))()
        return function(self)

    return wrapper
""",
        ),
    ),
    unchanged=(
        """\
from ...utils import is_torchdynamo_compiling


def wrapper(function):
    # torch.compiler.is_compiling needs torch 2.3
    return function if is_torchdynamo_compiling() else cached(function)
""",
    ),
    probe=(
        "import torch; from transformers import RTDetrConfig, RTDetrModel, RTDetrResNetConfig\n"
        "backbone = RTDetrResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], "
        "layer_type='basic', out_features=['stage2', 'stage3', 'stage4'])\n"
        "config = RTDetrConfig(backbone_config=backbone, encoder_hidden_dim=8, encoder_ffn_dim=8, "
        "encoder_in_channels=[8, 8, 8], encoder_attention_heads=2, d_model=8, decoder_in_channels=[8, 8, 8], "
        "decoder_ffn_dim=8, decoder_attention_heads=2, decoder_layers=1, num_queries=2)\n"
        "RTDetrModel(config).eval()(torch.zeros(1, 3, 64, 64))"
    ),
    upstream="4.49.0",
)
