"""diffusers' attention fails because torch's takes no enable_gqa.

What happens: `TypeError: scaled_dot_product_attention() got an unexpected keyword argument
'enable_gqa'` from the first step of any model whose attention goes through diffusers' dispatcher: in
0.35 Flux, Wan, LTX, Qwen-Image, later most transformers. Where that alone is repaired, models with
fewer key heads than query heads (ACE-Step, Cosmos 3, Krea 2) go on failing with `The size of tensor a
must match the size of tensor b`.

Why: `scaled_dot_product_attention` takes `enable_gqa` since torch 2.5. The dispatcher (new in diffusers
0.35) drops it from its own keywords on older torch, but the functions behind pass their default on.

The cure: the calls go to a function that repeats each key and value head for the query heads that
share it, which is what torch computes, if `enable_gqa` is true, and then calls torch's own; with
gradients, too. The dispatcher hands the keyword on whatever torch it is; kernels that do not take it
never see it, as the dispatcher sorts that out itself. Repeated keys and values take memory, which newer
torch on a GPU can save; without `enable_gqa` nothing is repeated and nothing is slower.
"""

from surgeon.edits import DropCondition, RedirectCall
from surgeon.patch import Case, Patch, at_least

SDPA = """\
def _m3d_sdpa(query, key, value, *args, enable_gqa=False, **kwargs):
    import torch
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, *args, **kwargs)
"""

PATCH = Patch(
    id="diffusers-enable-gqa",
    symptom=r"scaled_dot_product_attention\(\) got an unexpected keyword argument 'enable_gqa'",
    why=(
        "Running a model of diffusers fails with TypeError: scaled_dot_product_attention() got an unexpected "
        "keyword argument 'enable_gqa', because torch's attention takes that argument only since 2.5."
    ),
    distribution="diffusers",
    versions=">=0.35.0",
    when={"torch": "<2.5"},
    files=("diffusers/models/attention_dispatch.py",),
    needle=(b"enable_gqa",),
    transforms=(
        RedirectCall(
            "torch.nn.functional.scaled_dot_product_attention", "enable_gqa", "_m3d_sdpa", SDPA, since="2.5"
        ),
        # 0.39.0 asks for flex attention instead, which is as old as the keyword.
        DropCondition('kwargs["enable_gqa"] = enable_gqa', "torch.nn.attention.flex_attention", since="2.5"),
    ),
    expect=at_least(1, zero="the calls are guarded"),
    cases=(
        Case(
            before="""\
import torch

from ..utils import is_torch_version

_CAN_USE_FLEX_ATTN = is_torch_version(">=", "2.5.0")


def dispatch(query, key, value, enable_gqa=False):
    kwargs = {"query": query, "key": key, "value": value}
    # as old as flex attention
    if _CAN_USE_FLEX_ATTN:
        kwargs["enable_gqa"] = enable_gqa
    return native(**kwargs)


def native(query, key, value, scale=None, enable_gqa=False):
    out = torch.nn.functional.scaled_dot_product_attention(
        query=query,
        key=key,
        value=value,
        scale=scale,
        enable_gqa=enable_gqa,
    )
    return out.permute(0, 2, 1, 3)


def plain(query, key, value):
    return torch.nn.functional.scaled_dot_product_attention(query, key, value)
""",
            after="""\
import torch

from ..utils import is_torch_version
def _m3d_sdpa(query, key, value, *args, enable_gqa=False, **kwargs):  # m3d-surgeon: diffusers-enable-gqa
    import torch  # m3d-surgeon: diffusers-enable-gqa
    if enable_gqa:  # m3d-surgeon: diffusers-enable-gqa
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)  # m3d-surgeon: diffusers-enable-gqa
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)  # m3d-surgeon: diffusers-enable-gqa
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, *args, **kwargs)  # m3d-surgeon: diffusers-enable-gqa

_CAN_USE_FLEX_ATTN = is_torch_version(">=", "2.5.0")


def dispatch(query, key, value, enable_gqa=False):
    kwargs = {"query": query, "key": key, "value": value}
    # as old as flex attention
    kwargs["enable_gqa"] = enable_gqa
    return native(**kwargs)


def native(query, key, value, scale=None, enable_gqa=False):
    out = _m3d_sdpa(
        query=query,
        key=key,
        value=value,
        scale=scale,
        enable_gqa=enable_gqa,
    )
    return out.permute(0, 2, 1, 3)


def plain(query, key, value):
    return torch.nn.functional.scaled_dot_product_attention(query, key, value)
""",  # noqa: E501
        ),
        Case(
            before="""\
def dispatch(kwargs, enable_gqa=False):
    if is_torch_version(">=", "2.5.0"):  # the first to take it
        kwargs["enable_gqa"] = enable_gqa

    return kwargs
""",
            after="""\
def dispatch(kwargs, enable_gqa=False):
    # the first to take it
    kwargs["enable_gqa"] = enable_gqa

    return kwargs
""",
        ),
    ),
    unchanged=(
        """\
import torch.nn.functional as F


def attend(query, key, value, enable_gqa=False):
    if is_torch_version(">=", "2.5.0"):
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=enable_gqa)
    return F.scaled_dot_product_attention(query, key, value)
""",
        """\
def dispatch(kwargs, enable_gqa=False, debug=False):
    if debug:
        kwargs["enable_gqa"] = enable_gqa
    if is_torch_version(">=", "2.5.0"):
        kwargs["enable_gqa"] = enable_gqa
    else:
        kwargs.clear()
    if is_torch_version(">=", "2.5.0"):
        kwargs["enable_gqa"] = True
""",
        """\
from elsewhere import scaled_dot_product_attention


def attend(query, key, value):
    return scaled_dot_product_attention(query, key, value, enable_gqa=True)
""",
    ),
    probe=(
        "import torch; from diffusers.models.attention_dispatch import dispatch_attention_fn as attend; "
        "attend(*(torch.ones(1, 3, heads, 8) for heads in (4, 2, 2)), enable_gqa=True)"
    ),
)
