"""Wan: its transformer, its VAE, and the pipelines from text and from an image."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, train
from diffusers import FlowMatchEulerDiscreteScheduler

TEXT = 32


def transformer(**changes):
    """Two blocks of two heads."""
    from diffusers import WanTransformer3DModel

    config = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": TEXT,
        "freq_dim": 64,
        "ffn_dim": 32,
        "num_layers": 2,
        "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads",
        "rope_max_seq_len": 32,
    }
    return fill(WanTransformer3DModel(**{**config, **changes}))


def vae():
    """The video VAE: 8 times smaller in space, 4 times in time."""
    from diffusers import AutoencoderKLWan

    config = {"base_dim": 4, "z_dim": 16, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    return fill(AutoencoderKLWan(**config, temperal_downsample=[False, True, True]), gain=0.5)


def inputs(dtype=torch.float32):
    """The arguments of one forward of the transformer."""
    return {
        "hidden_states": numbers("hidden", (1, 16, 2, 8, 8)).to(dtype),
        "timestep": torch.tensor([700]),
        "encoder_hidden_states": numbers("text", (1, 7, TEXT)).to(dtype),
        "return_dict": False,
    }


@case(diffusers=">=0.33")
def forward():
    """The transformer alone, in two dtypes."""
    model = transformer()
    with torch.no_grad():
        out = {"out": model(**inputs())[0]}
        out["bf16"] = model.to(torch.bfloat16)(**inputs(torch.bfloat16))[0]
    return out


@case(diffusers=">=0.33")
def image_to_video_forward():
    """The added key and value projections of the image branch."""
    model = transformer(image_dim=20, added_kv_proj_dim=24, in_channels=16)
    with torch.no_grad():
        return {"out": model(**inputs(), encoder_hidden_states_image=numbers("image", (1, 257, 20)))[0]}


@case(diffusers=">=0.33")
def autoencoder():
    """Five frames there and back."""
    model = vae()
    with torch.no_grad():
        latent = model.encode(numbers("video", (1, 3, 5, 32, 32), 0.5)).latent_dist.mode()
        return {"latent": latent, "video": model.decode(latent).sample[..., ::2, ::2]}


@case(diffusers=">=0.33")
def pipeline():
    """Text to video with classifier-free guidance, from prompt embeddings."""
    from diffusers import WanPipeline

    pipe = WanPipeline(
        tokenizer=None,
        text_encoder=None,
        transformer=transformer(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )
    pipe.set_progress_bar_config(disable=True)
    call = {
        "prompt_embeds": numbers("prompt", (1, 7, TEXT)),
        "negative_prompt_embeds": numbers("negative", (1, 7, TEXT)),
        "latents": numbers("latents", (1, 16, 2, 4, 4)),
        "height": 32,
        "width": 32,
        "num_frames": 5,
        "num_inference_steps": 2,
        "guidance_scale": 5.0,
    }
    latent = pipe(**call, output_type="latent").frames
    return {"latent": latent, "video": pipe(**call, output_type="pt").frames[..., ::2, ::2]}


@case(diffusers=">=0.33")
def save_and_reload():
    """The transformer in shards and back, in fp32 and in bf16 (where some modules stay in fp32)."""
    from diffusers import WanTransformer3DModel

    folder = scratch()
    model = transformer()
    model.save_pretrained(folder, max_shard_size="20KB")
    again = WanTransformer3DModel.from_pretrained(folder)
    half = WanTransformer3DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
    no_meta(again, half)
    with torch.no_grad():
        out = {"out": same(model(**inputs())[0], again(**inputs())[0])}
        out["bf16"] = half(**inputs(torch.bfloat16))[0]
    return out


@case(diffusers=">=0.33")
def training():
    """Forward, backward and two optimizer steps."""
    model = transformer()
    target = numbers("target", (1, 16, 2, 8, 8))
    return train(model, lambda: (model(**inputs())[0] - target).pow(2).mean())


@case(diffusers=">=0.33")
def autoencoder_training():
    """The same for the VAE."""
    model = vae()
    video = numbers("video", (1, 3, 5, 16, 16), 0.5)
    return train(model, lambda: (model(video, return_dict=False)[0] - video).pow(2).mean())


if __name__ == "__main__":
    main()
