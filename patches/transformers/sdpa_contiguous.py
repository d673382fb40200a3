"""On a GPU, transformers computes nonsense without a word where attention has a mask.

What happens: no error. On CUDA and torch 2.1, scaled dot product attention with a mask gives wrong
numbers where query, key or value is not one piece of memory, as every transposed head is
(https://github.com/pytorch/pytorch/issues/112577, "returns garbage"): padded batches, sliding
windows, several tokens on top of a cache.

Why: it is a fault of the memory-efficient kernel of torch 2.1, gone in 2.2. transformers knew it:
up to 4.55 it used this attention from torch 2.1.1 on only, and made the tensors contiguous first.
4.56.0 asks for torch 2.2 in its metadata (which the pod ignores) and dropped both. Six models that
never had the precaution (BEiT, Data2Vec's, ViT hybrid, ModernBERT, SAM, SAM-HQ) were safe on torch
2.1.0 as long as transformers did not use this attention there. transformers 5.0 does without torch
where torch is older than 2.2.

The cure: the three tensors are made contiguous in the call, where the file does not do so itself and
the call has a mask. The numbers are the same where they were right; it costs a copy, as it did up to
4.55. The probe cannot wait for a GPU: it looks at what attention is handed. Not tried on one.
"""

from surgeon.edits import MakeContiguous
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="transformers-sdpa-contiguous",
    symptom=r"AssertionError: torch 2\.1 on CUDA computes nonsense from these",
    why=(
        "On a GPU, models give wrong numbers for padded batches without any error, because attention with a "
        "mask is wrong in torch 2.1 for tensors that are not contiguous, and transformers 4.56 dropped its "
        "precaution."
    ),
    distribution="transformers",
    versions=">=4.56.0,<5",
    when={"torch": "<2.2"},
    files=(
        "transformers/integrations/sdpa_attention.py",
        "transformers/models/albert/modeling_albert.py",
        "transformers/models/beit/modeling_beit.py",
        "transformers/models/bert/modeling_bert.py",
        "transformers/models/camembert/modeling_camembert.py",
        "transformers/models/data2vec/modeling_data2vec_vision.py",
        "transformers/models/deprecated/vit_hybrid/modeling_vit_hybrid.py",
        "transformers/models/distilbert/modeling_distilbert.py",
        "transformers/models/modernbert/modeling_modernbert.py",
        "transformers/models/roberta/modeling_roberta.py",
        "transformers/models/sam/modeling_sam.py",
        "transformers/models/sam_hq/modeling_sam_hq.py",
        "transformers/models/xlm_roberta/modeling_xlm_roberta.py",
        "transformers/models/xlm_roberta_xl/modeling_xlm_roberta_xl.py",
    ),
    needle=(b"scaled_dot_product_attention(",),
    transforms=(
        MakeContiguous(
            "torch.nn.functional.scaled_dot_product_attention",
            ("query", "key", "value"),
            if_given=("attn_mask", 3),
            since="2.2",
        ),
    ),
    expect=at_least(1, zero="the tensors are contiguous"),
    cases=(
        Case(
            before="""\
import torch


def attend(module, query, key, value, mask=None, **options):
    if mask is not None:
        mask = mask[..., : key.shape[-2]]
    out = torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,  # as wide as the key
        attn_mask=mask,
        **options,
    )
    return out.transpose(1, 2).contiguous()
""",
            after="""\
import torch


def attend(module, query, key, value, mask=None, **options):
    if mask is not None:
        mask = mask[..., : key.shape[-2]]
    out = torch.nn.functional.scaled_dot_product_attention(
        query.contiguous(),
        key.contiguous(),
        value.contiguous(),  # as wide as the key
        attn_mask=mask,
        **options,
    )
    return out.transpose(1, 2).contiguous()
""",
        ),
        Case(
            before="""\
import torch.nn.functional as F


def attend(qkv, bias):
    query, key, value = qkv.transpose(3, 1).unbind(dim=2)
    out = (
        F.scaled_dot_product_attention(query, key, value, bias)
        .transpose(1, 2)
        .contiguous()
    )
    return out, F.scaled_dot_product_attention(query, key, value)
""",
            after="""\
import torch.nn.functional as F


def attend(qkv, bias):
    query, key, value = qkv.transpose(3, 1).unbind(dim=2)
    out = (
        F.scaled_dot_product_attention(query.contiguous(), key.contiguous(), value.contiguous(), bias)
        .transpose(1, 2)
        .contiguous()
    )
    return out, F.scaled_dot_product_attention(query, key, value)
""",
        ),
    ),
    unchanged=(
        """\
import torch


def attend(query, key, value, mask):
    if mask is not None and query.device.type == "cuda":
        query = query.contiguous()
        key = key.contiguous()
        value = value.contiguous()
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
""",
        """\
import torch


def attend(*tensors):
    return torch.nn.functional.scaled_dot_product_attention(*tensors)


def causal(query, key, value):
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
""",
    ),
    probe=(
        "import torch; from transformers.integrations.sdpa_attention import sdpa_attention_forward\n"
        "def look(query, key, value, **options):\n"
        "    good = all(each.is_contiguous() for each in (query, key, value))\n"
        "    assert good, 'torch 2.1 on CUDA computes nonsense from these'\n"
        "    return query\n"
        "torch.nn.functional.scaled_dot_product_attention = look\n"
        "heads = torch.rand(1, 2, 3, 4).transpose(1, 2)\n"
        "sdpa_attention_forward(torch.nn.Module(), heads, heads, heads, torch.ones(1, 1, 2, 2))"
    ),
)
