"""UNets and their VAEs: Stable Diffusion's, and Stable Video Diffusion's with its temporal decoder."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, train
from diffusers import (
    AutoencoderKLTemporalDecoder,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableVideoDiffusionPipeline,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from flux import vae


def unet():
    """One level with cross-attention, one without."""
    return fill(
        UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
        )
    )


def video_unet():
    """The same in space and time."""
    return fill(
        UNetSpatioTemporalConditionModel(
            block_out_channels=(32, 64),
            layers_per_block=1,
            sample_size=16,
            in_channels=8,
            out_channels=4,
            down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
            up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
            cross_attention_dim=16,
            num_attention_heads=8,
            projection_class_embeddings_input_dim=96,
            addition_time_embed_dim=32,
        )
    )


def video_vae():
    """The VAE whose decoder looks along time."""
    return fill(
        AutoencoderKLTemporalDecoder(
            block_out_channels=(32, 32),
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            latent_channels=4,
            layers_per_block=1,
        )
    )


@case(diffusers=">=0.30")
def forward():
    """The UNet alone, whole, reloaded, and with sliced attention."""
    model, folder = unet(), scratch()
    model.save_pretrained(folder)
    again = UNet2DConditionModel.from_pretrained(folder)
    no_meta(again)
    arguments = (numbers("sample", (2, 4, 16, 16)), torch.tensor([10, 800]), numbers("text", (2, 5, 16)))
    with torch.no_grad():
        out = same(model(*arguments).sample, again(*arguments).sample)
        model.set_attention_slice("max")
        return {"out": out, "sliced": model(*arguments).sample}


@case(diffusers=">=0.30")
def stable_diffusion():
    """The classic pipeline: DDIM, classifier-free guidance."""
    pipe = StableDiffusionPipeline(
        unet=unet(),
        vae=vae(),
        scheduler=DDIMScheduler(clip_sample=False),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    call = {
        "prompt_embeds": numbers("prompt", (1, 5, 16)),
        "negative_prompt_embeds": numbers("negative", (1, 5, 16)),
        "latents": numbers("latents", (1, 4, 16, 16)),
        "height": 32,
        "width": 32,
        "num_inference_steps": 3,
    }
    return {
        "latent": pipe(**call, output_type="latent").images,
        "image": pipe(**call, output_type="pt").images,
    }


@case(diffusers=">=0.30")
def temporal_decoder():
    """Three frames there and back."""
    model = video_vae()
    with torch.no_grad():
        latent = model.encode(numbers("frames", (3, 3, 16, 16), 0.5)).latent_dist.mode()
        return {"latent": latent, "frames": model.decode(latent, num_frames=3).sample}


@case(diffusers=">=0.30")
def video_forward():
    """The spatio-temporal UNet alone."""
    model = video_unet()
    with torch.no_grad():
        sample, text = numbers("sample", (1, 2, 8, 16, 16)), numbers("text", (1, 1, 16))
        return {"out": model(sample, torch.tensor([5.0]), text, torch.tensor([[6.0, 127.0, 0.02]])).sample}


@case(diffusers=">=0.30")
def stable_video_diffusion():
    """From one picture to two frames, without noise added to the picture."""
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16,
        projection_dim=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        intermediate_size=24,
        patch_size=8,
    )
    pipe = StableVideoDiffusionPipeline(
        vae=video_vae(),
        image_encoder=fill(CLIPVisionModelWithProjection(config)),
        unet=video_unet(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            interpolation_type="linear",
            prediction_type="v_prediction",
            sigma_max=10.0,
            sigma_min=0.002,
            steps_offset=1,
            timestep_spacing="leading",
            timestep_type="continuous",
            use_karras_sigmas=True,
        ),
        feature_extractor=CLIPImageProcessor(crop_size=32, size=32),
    )
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        image=numbers("picture", (1, 3, 32, 32)).sigmoid(),
        latents=numbers("latents", (1, 2, 4, 16, 16)),
        num_frames=2,
        height=32,
        width=32,
        num_inference_steps=2,
        noise_aug_strength=0.0,
        output_type="pt",
    ).frames
    return {"frames": frames}


@case(diffusers=">=0.30")
def training():
    """Forward, backward and two optimizer steps of the UNet."""
    model = unet()
    sample, text, target = (
        numbers("s", (2, 4, 16, 16)),
        numbers("t", (2, 5, 16)),
        numbers("o", (2, 4, 16, 16)),
    )
    return train(model, lambda: (model(sample, torch.tensor([10, 800]), text).sample - target).pow(2).mean())


@case(diffusers=">=0.30")
def video_training():
    """The same of the temporal decoder."""
    model = video_vae()
    frames = numbers("frames", (2, 3, 16, 16), 0.5)
    return train(model, lambda: (model(frames, num_frames=2).sample - frames).pow(2).mean())


if __name__ == "__main__":
    main()
