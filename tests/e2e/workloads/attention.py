"""Attention and norms by themselves: diffusers' dispatcher, grouped queries, RMS norms."""

import torch
from common import case, fill, main, numbers


def qkv(dtype=torch.float32, heads=4, kv_heads=2):
    """Queries, keys and values in diffusers' layout: batch, length, heads, size."""
    return (
        numbers("q", (2, 7, heads, 8)).to(dtype).requires_grad_(),
        numbers("k", (2, 9, kv_heads, 8)).to(dtype).requires_grad_(),
        numbers("v", (2, 9, kv_heads, 8)).to(dtype).requires_grad_(),
    )


def _with_gradients(function, *tensors):
    out = function(*tensors)
    out.backward(numbers("gradient", out.shape).to(out.dtype))
    return {"out": out, **{f"gradient_{i}": tensor.grad for i, tensor in enumerate(tensors)}}


@case(diffusers=">=0.35")
def dispatcher():
    """The default backend, with and without a mask, causal, with a scale of its own."""
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    query, key, value = (tensor.detach() for tensor in qkv(kv_heads=4))
    mask = numbers("mask", (2, 1, 7, 9))
    return {
        "plain": dispatch_attention_fn(query, key, value),
        "mask": dispatch_attention_fn(query, key, value, attn_mask=mask),
        "bool": dispatch_attention_fn(query, key, value, attn_mask=mask > -1.0),
        "causal": dispatch_attention_fn(query, key, value, is_causal=True),
        "scale": dispatch_attention_fn(query, key, value, scale=0.5),
        "bf16": dispatch_attention_fn(query.bfloat16(), key.bfloat16(), value.bfloat16()),
    }


@case(diffusers=">=0.35")
def grouped_queries():
    """Fewer heads of keys than of queries, forward and backward."""
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    mask = numbers("mask", (2, 1, 7, 9))
    return _with_gradients(lambda *t: dispatch_attention_fn(*t, attn_mask=mask, enable_gqa=True), *qkv())


@case(diffusers=">=0.35")
def one_key_head():
    """The extreme: one head of keys."""
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    return _with_gradients(lambda *t: dispatch_attention_fn(*t, enable_gqa=True), *qkv(kv_heads=1))


@case(diffusers=">=0.35")
def math_backend():
    """A backend that is chosen by name, forward and backward, also with grouped queries."""
    from diffusers.models.attention_dispatch import attention_backend, dispatch_attention_fn

    with attention_backend("_native_math"):
        out = {"plain": dispatch_attention_fn(*qkv(kv_heads=4))}
        out.update(_with_gradients(lambda *t: dispatch_attention_fn(*t, enable_gqa=True), *qkv()))
    return out


@case(diffusers=">=0.39")
def autograd_path():
    """What context parallelism calls, with grouped queries, on one process (broken upstream before 0.39)."""
    from diffusers.models import attention_dispatch

    class Context:
        """Stands for autograd's."""

        def save_for_backward(self, *tensors):
            """Keep the tensors."""
            self.saved_tensors = tensors

    context = Context()
    out = attention_dispatch._native_attention_forward_op(
        context, *(tensor.detach() for tensor in qkv()), enable_gqa=True, _save_ctx=True
    )
    gradients = attention_dispatch._native_attention_backward_op(context, numbers("gradient", out.shape))
    return {"out": out, **{f"gradient_{i}": gradient for i, gradient in enumerate(gradients[:3])}}


@case(diffusers=">=0.33")
def normalised():
    """A model of the package with RMS norms on queries and keys: LTX."""
    from diffusers import LTXVideoTransformer3DModel

    model = fill(
        LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=16,
            cross_attention_dim=32,
            num_layers=2,
            caption_channels=24,
        )
    )
    arguments = {
        "hidden_states": numbers("hidden", (1, 8, 8)),
        "encoder_hidden_states": numbers("text", (1, 5, 24)),
        "timestep": torch.tensor([500]),
        "encoder_attention_mask": torch.ones(1, 5).bool(),
        "num_frames": 2,
        "height": 2,
        "width": 2,
        "return_dict": False,
    }
    with torch.no_grad():
        return {"out": model(**arguments)[0]}


@case(diffusers=">=0.34")
def chroma():
    """Chroma: RMS norms without names of their own."""
    from diffusers import ChromaTransformer2DModel

    model = fill(
        ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=16,
            approximator_hidden_dim=24,
            approximator_layers=2,
        )
    )
    arguments = {
        "hidden_states": numbers("hidden", (1, 16, 16)),
        "encoder_hidden_states": numbers("text", (1, 6, 32)),
        "timestep": torch.tensor([0.4]),
        "img_ids": torch.stack([torch.zeros(16), torch.arange(16) // 4, torch.arange(16) % 4], 1),
        "txt_ids": torch.zeros(6, 3),
        "attention_mask": None,
        "return_dict": False,
    }
    with torch.no_grad():
        return {"out": model(**arguments)[0]}


@case(diffusers=">=0.36")
def flux2():
    """Flux 2: RMS norms in parallel blocks."""
    from diffusers import Flux2Transformer2DModel

    model = fill(
        Flux2Transformer2DModel(
            patch_size=1,
            in_channels=8,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            timestep_guidance_channels=32,
            axes_dims_rope=(4, 4, 4, 4),
        )
    )
    arguments = {
        "hidden_states": numbers("hidden", (1, 16, 8)),
        "encoder_hidden_states": numbers("text", (1, 6, 32)),
        "timestep": torch.tensor([0.4]),
        "img_ids": torch.cat([torch.zeros(16, 1), torch.arange(48).reshape(16, 3) % 4], 1).float(),
        "txt_ids": torch.zeros(6, 4),
        "guidance": torch.tensor([3.0]),
        "return_dict": False,
    }
    with torch.no_grad():
        return {"out": model(**arguments)[0]}


if __name__ == "__main__":
    main()
