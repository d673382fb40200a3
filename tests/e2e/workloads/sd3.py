"""Stable Diffusion 3: the transformer and the pipeline."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, train
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from flux import vae

TEXT, POOLED = 32, 24


def transformer(**changes):
    """Two blocks of two heads."""
    config = {
        "sample_size": 16,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "attention_head_dim": 12,
        "num_attention_heads": 2,
        "joint_attention_dim": TEXT,
        "caption_projection_dim": 24,
        "pooled_projection_dim": POOLED,
        "pos_embed_max_size": 16,
    }
    return fill(SD3Transformer2DModel(**{**config, **changes}))


def inputs():
    """The arguments of one forward of the transformer."""
    return {
        "hidden_states": numbers("hidden", (2, 4, 8, 8)),
        "encoder_hidden_states": numbers("text", (2, 5, TEXT)),
        "pooled_projections": numbers("pooled", (2, POOLED)),
        "timestep": torch.tensor([300, 900]),
        "return_dict": False,
    }


@case(diffusers=">=0.30")
def forward():
    """The transformer alone, and reloaded from shards."""
    model, folder = transformer(), scratch()
    model.save_pretrained(folder, max_shard_size="20KB")
    again = SD3Transformer2DModel.from_pretrained(folder)
    no_meta(again)
    with torch.no_grad():
        return {"out": same(model(**inputs())[0], again(**inputs())[0])}


@case(diffusers=">=0.31")
def normalised_forward():
    """With RMS norms on queries and keys, and a dual attention layer, as in 3.5."""
    model = transformer(qk_norm="rms_norm", dual_attention_layers=(0,))
    with torch.no_grad():
        return {"out": model(**inputs())[0]}


@case(diffusers=">=0.30")
def pipeline():
    """From prompt embeddings and noise to pixels, with guidance."""
    pipe = StableDiffusion3Pipeline(
        transformer=transformer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=None,
        tokenizer_2=None,
        text_encoder_3=None,
        tokenizer_3=None,
    )
    pipe.set_progress_bar_config(disable=True)
    call = {
        "prompt_embeds": numbers("prompt", (1, 5, TEXT)),
        "negative_prompt_embeds": numbers("negative", (1, 5, TEXT)),
        "pooled_prompt_embeds": numbers("pooled", (1, POOLED)),
        "negative_pooled_prompt_embeds": numbers("negative pooled", (1, POOLED)),
        "latents": numbers("latents", (1, 4, 8, 8)),
        "height": 16,
        "width": 16,
        "num_inference_steps": 2,
        "guidance_scale": 4.0,
    }
    return {
        "latent": pipe(**call, output_type="latent").images,
        "image": pipe(**call, output_type="pt").images,
    }


@case(diffusers=">=0.30")
def training():
    """Forward, backward and two optimizer steps."""
    model = transformer()
    target = numbers("target", (2, 4, 8, 8))
    return train(model, lambda: (model(**inputs())[0] - target).pow(2).mean())


if __name__ == "__main__":
    main()
