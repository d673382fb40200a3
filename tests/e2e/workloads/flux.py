"""Flux: text to image, Fill, IP-adapter, LoRA, VAE tiling, offload hooks, saving and reloading."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, tokens, train, version_of
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

TEXT, POOLED = 32, 24


def transformer(**changes):
    """Two double and two single blocks of two heads; by default as many channels out as in."""
    return fill(
        FluxTransformer2DModel(
            patch_size=1,
            **{"in_channels": 16, **changes},
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=TEXT,
            pooled_projection_dim=POOLED,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        )
    )


def vae():
    """A VAE that halves the image once."""
    return fill(
        AutoencoderKL(
            sample_size=32,
            in_channels=3,
            out_channels=3,
            block_out_channels=(8, 8),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.06,
            scaling_factor=1.5,
        )
    )


def sharp(model):
    """A VAE whose latents have no noise: the log of their variance is at its lower bound."""
    with torch.no_grad():
        half = model.encoder.conv_out.weight.shape[0] // 2
        model.encoder.conv_out.weight[half:] = 0
        model.encoder.conv_out.bias[half:] = -1000
    return model


def pipeline(kind=FluxPipeline, **changes):
    """A pipeline without text encoders: prompts are given as embeddings."""
    parts = {
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": vae(),
        "text_encoder": None,
        "tokenizer": None,
        "text_encoder_2": None,
        "tokenizer_2": None,
        "transformer": transformer(),
    }
    pipe = kind(**{**parts, **changes})
    pipe.set_progress_bar_config(disable=True)
    return pipe


def prompt(dtype=torch.float32):
    """The arguments of a call: two steps on a 16 by 16 image."""
    return {
        "prompt_embeds": numbers("prompt", (1, 6, TEXT)).to(dtype),
        "pooled_prompt_embeds": numbers("pooled", (1, POOLED)).to(dtype),
        "latents": numbers("latents", (1, 16, 16)).to(dtype),
        "height": 16,
        "width": 16,
        "num_inference_steps": 2,
        "guidance_scale": 3.5,
        "output_type": "pt",
    }


def inputs(dtype=torch.float32, in_channels=16):
    """The arguments of one forward of the transformer."""
    image = torch.stack([torch.zeros(16), torch.arange(16) // 4, torch.arange(16) % 4], 1).to(dtype)
    text = torch.zeros(6, 3, dtype=dtype)
    if version_of("diffusers").startswith("0.30."):  # wants them once for each image of the batch
        image, text = (ids.expand(2, -1, -1) for ids in (image, text))
    return {
        "hidden_states": numbers("hidden", (2, 16, in_channels)).to(dtype),
        "encoder_hidden_states": numbers("text", (2, 6, TEXT)).to(dtype),
        "pooled_projections": numbers("pooled", (2, POOLED)).to(dtype),
        "timestep": torch.tensor([0.3, 0.8]).to(dtype),
        "img_ids": image,
        "txt_ids": text,
        "guidance": torch.tensor([3.5, 2.0]),
        "return_dict": False,
    }


@case(diffusers=">=0.30")
def forward():
    """The transformer alone, in two dtypes."""
    model = transformer()
    with torch.no_grad():
        out = {"out": model(**inputs())[0]}
        out["bf16"] = model.to(torch.bfloat16)(**inputs(torch.bfloat16))[0]
    return out


@case(diffusers=">=0.30")
def text_to_image():
    """From prompt embeddings and noise to pixels."""
    pipe = pipeline()
    return {"image": pipe(**prompt()).images, "latent": pipe(**{**prompt(), "output_type": "latent"}).images}


@case(diffusers=">=0.31")
def text_encoders():
    """The whole pipeline, with a CLIP and a T5 encoder and tokenizers made here."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

    words = {
        word: i
        for i, word in enumerate(
            ["<pad>", "<eos>", "<unk>", "a", "red", "blue", "panorama", "of", "mountains", "sea"]
        )
    }

    def tokenizer(length):
        inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        return PreTrainedTokenizerFast(
            tokenizer_object=inner,
            pad_token="<pad>",
            eos_token="<eos>",
            unk_token="<unk>",
            model_max_length=length,
        )

    clip = CLIPTextConfig(
        vocab_size=32,
        hidden_size=POOLED,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=16,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
    )
    t5 = T5Config(vocab_size=32, d_model=TEXT, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    pipe = pipeline(
        text_encoder=fill(CLIPTextModel(clip)),
        tokenizer=tokenizer(16),
        text_encoder_2=fill(T5EncoderModel(t5)),
        tokenizer_2=tokenizer(16),
    )
    call = prompt()
    del call["prompt_embeds"], call["pooled_prompt_embeds"]
    return {"image": pipe("a red panorama of mountains", max_sequence_length=8, **call).images}


@case(diffusers=">=0.32")
def fill_pipeline():
    """Flux Fill, from an image and a mask."""
    from diffusers import FluxFillPipeline

    channels = 16 + 16 + 16  # noise, masked image, and 2*2 pixels of mask for each of 2*2 latents
    pipe = pipeline(
        FluxFillPipeline, transformer=transformer(in_channels=channels, out_channels=16), vae=sharp(vae())
    )
    image = numbers("image", (1, 3, 16, 16)).sigmoid()
    mask = (numbers("mask", (1, 1, 16, 16)) > 0).float()
    call = {**prompt(), "image": image, "mask_image": mask}
    return {"image": pipe(**call).images, "latent": pipe(**{**call, "output_type": "latent"}).images}


@case(diffusers=">=0.32.1")
def ip_adapter():
    """FluxIPAdapterMixin: load from a state dict, call with image embeddings, unload."""
    pipe = pipeline()
    inner = pipe.transformer.inner_dim
    adapter, block = {}, 0
    for name in pipe.transformer.attn_processors:
        if name.startswith("single_transformer_blocks"):
            continue
        for part in ("to_k_ip", "to_v_ip"):
            adapter[f"{block}.{part}.weight"] = numbers(f"{block}{part}w", (inner, TEXT), 0.1)
            adapter[f"{block}.{part}.bias"] = numbers(f"{block}{part}b", (inner,), 0.1)
        block += 1
    projection = {
        "proj.weight": numbers("proj.w", (4 * TEXT, POOLED), 0.2),
        "proj.bias": numbers("proj.b", (4 * TEXT,), 0.1),
        "norm.weight": 1 + numbers("norm.w", (TEXT,), 0.1),
        "norm.bias": numbers("norm.b", (TEXT,), 0.1),
    }
    before = pipe(**prompt()).images
    pipe.load_ip_adapter(
        {"image_proj": projection, "ip_adapter": adapter},
        weight_name=None,
        image_encoder_pretrained_model_name_or_path=None,
    )
    pipe.set_ip_adapter_scale(0.7)
    no_meta(pipe.transformer)
    embeds = {
        "ip_adapter_image_embeds": [numbers("image", (1, 1, POOLED))],
        "negative_ip_adapter_image_embeds": [numbers("no image", (1, 1, POOLED))],
    }
    with_adapter = pipe(**embeds, **prompt()).images
    pipe.unload_ip_adapter()
    return {"image": with_adapter, "unloaded": same(before, pipe(**prompt()).images)}


@case(diffusers=">=0.31", peft=">=0.12")
def lora():
    """Load a LoRA through peft, scale it, fuse it, unload it."""
    pipe = pipeline()
    weights = {}
    for block in range(2):
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            key = f"transformer.transformer_blocks.{block}.attn.{part}"
            weights[f"{key}.lora_A.weight"] = numbers(f"{key}A", (4, 32), 0.3)
            weights[f"{key}.lora_B.weight"] = numbers(f"{key}B", (32, 4), 0.3)
    before = pipe(**prompt()).images
    pipe.load_lora_weights(weights, adapter_name="one")
    no_meta(pipe.transformer)
    loaded = pipe(**prompt()).images
    pipe.set_adapters(["one"], [0.5])
    scaled = pipe(**prompt()).images
    pipe.fuse_lora(adapter_names=["one"])
    fused = pipe(**prompt()).images
    pipe.unfuse_lora()
    pipe.unload_lora_weights()
    pipe(**prompt())
    return {"before": before, "loaded": loaded, "scaled": scaled, "fused": fused}


@case(diffusers=">=0.30")
def vae_tiling():
    """Encode and decode, whole and in tiles and slices."""
    model = vae()
    image = numbers("image", (2, 3, 64, 64), 0.5)
    with torch.no_grad():
        latent = model.encode(image).latent_dist.mode()
        whole = model.decode(latent).sample
        model.enable_tiling()
        model.enable_slicing()
        model.tile_sample_min_size, model.tile_latent_min_size = 32, 16
        tiled_latent = model.encode(image).latent_dist.mode()
        tiled = model.decode(latent).sample
    pick = (slice(None), slice(None), slice(None, None, 4), slice(None, None, 4))
    return {
        "latent": latent[pick],
        "whole": whole[pick],
        "tiled_latent": tiled_latent[pick],
        "tiled": tiled[pick],
    }


@case(diffusers=">=0.30")
def model_offload():
    """Accelerate's hooks, with the CPU as the device that computes."""
    from accelerate import cpu_offload, cpu_offload_with_hook, disk_offload
    from accelerate.hooks import remove_hook_from_module

    expected = transformer()(**inputs())[0]
    one = transformer()
    one, hook = cpu_offload_with_hook(one, execution_device="cpu")
    same(expected, one(**inputs())[0])
    hook.offload()
    hook.remove()
    two = cpu_offload(transformer(), execution_device=torch.device("cpu"))
    same(expected, two(**inputs())[0])
    remove_hook_from_module(two, recurse=True)
    three = transformer()
    disk_offload(three, scratch(), execution_device=torch.device("cpu"))
    return {"out": same(expected, three(**inputs())[0])}


@case(diffusers=">=0.31")
def save_and_reload():
    """A pipeline through safetensors in bf16 and back: the same weights, and the same image."""
    folder = scratch()
    pipe = pipeline().to(torch.bfloat16)
    pipe.save_pretrained(folder, safe_serialization=True)
    absent = dict.fromkeys(
        ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "image_encoder", "feature_extractor")
    )
    again = FluxPipeline.from_pretrained(folder, torch_dtype=torch.bfloat16, local_files_only=True, **absent)
    again.set_progress_bar_config(disable=True)
    no_meta(again.transformer, again.vae)
    for name, tensor in pipe.transformer.state_dict().items():
        same(tensor, again.transformer.state_dict()[name])
    call = {**prompt(torch.bfloat16), "output_type": "latent"}
    return {"bf16_latent": same(pipe(**call).images, again(**call).images)}


@case(diffusers=">=0.30")
def training():
    """Forward, backward and two optimizer steps."""
    model = transformer()
    target = numbers("target", (2, 16, 16))
    return train(model, lambda: (model(**inputs())[0] - target).pow(2).mean())


@case(diffusers=">=0.30", peft=">=0.12")
def lora_training():
    """Only the LoRA's weights are trained."""
    from peft import LoraConfig

    model = transformer()
    model.requires_grad_(False)
    model.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_k", "to_v"]))
    fill(model)
    target = numbers("target", (2, 16, 16))
    return train(model, lambda: (model(**inputs())[0] - target).pow(2).mean())


@case(diffusers=">=0.30")
def checkpointed_training():
    """Gradient checkpointing gives the gradients of the plain run."""
    model = transformer()
    model.enable_gradient_checkpointing()
    target = numbers("target", (2, 16, 16))
    return train(model, lambda: (model(**inputs())[0] - target).pow(2).mean())


@case(diffusers=">=0.30")
def token_ids():
    """The deterministic inputs themselves, so that a difference in them is seen as such."""
    return {"tokens": tokens("ids", (2, 8), 100), "numbers": numbers("x", (8,))}


if __name__ == "__main__":
    main()
