"""Encoders: CLIP, T5, UMT5, SigLIP, OneFormer."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, tokens, train

VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 20,
    "bos_token_id": 0,
    "eos_token_id": 99,
}


def reloaded(model, **ways):
    """The model, saved in shards and loaded again; no tensor may be left without data."""
    folder = scratch()
    model.save_pretrained(folder, max_shard_size="20KB")
    again = type(model).from_pretrained(folder, **ways)
    no_meta(again)
    return again.eval()


def clip():
    """Both towers."""
    from transformers import CLIPConfig, CLIPModel

    return fill(CLIPModel(CLIPConfig(text_config=dict(TEXT), vision_config=dict(VISION), projection_dim=16)))


@case(transformers=">=4.38")
def clip_towers():
    """Text, image, their similarity, and reloading."""
    model = clip()
    ids = tokens("text", (2, 9), 99)
    ids[:, -1] = 99
    arguments = {
        "input_ids": ids,
        "pixel_values": numbers("image", (2, 3, 32, 32)),
        "attention_mask": torch.tensor([[1] * 9, [1] * 6 + [0] * 3]),
    }
    with torch.no_grad():
        out = model(**arguments)
        again = reloaded(model)(**arguments)
        half = reloaded(model, torch_dtype=torch.bfloat16)
        arguments["pixel_values"] = arguments["pixel_values"].bfloat16()
        bf16 = half(**arguments).image_embeds
    return {
        "text": out.text_embeds,
        "image": same(out.image_embeds, again.image_embeds),
        "similarity": out.logits_per_text,
        "hidden": out.text_model_output.last_hidden_state[:, ::2],
        "bf16": bf16,
    }


@case(transformers=">=4.38")
def clip_training():
    """The contrastive loss."""
    model = clip()
    ids = tokens("text", (3, 9), 99)
    ids[:, -1] = 99
    pixels = numbers("image", (3, 3, 32, 32))
    return train(model, lambda: model(input_ids=ids, pixel_values=pixels, return_loss=True).loss)


@case(transformers=">=4.38")
def t5():
    """The encoder alone, and the whole model generating with a cache."""
    from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration

    config = {
        "vocab_size": 100,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "dropout_rate": 0.0,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    ids = tokens("text", (2, 9), 100)
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    encoder, whole = (
        fill(T5EncoderModel(T5Config(**config))),
        fill(T5ForConditionalGeneration(T5Config(**config))),
    )
    with torch.no_grad():
        hidden = encoder(ids, attention_mask=mask).last_hidden_state
        again = reloaded(encoder, low_cpu_mem_usage=True)(ids, attention_mask=mask).last_hidden_state
        greedy = {"do_sample": False, "max_new_tokens": 10}
        cached = whole.generate(ids, attention_mask=mask, use_cache=True, **greedy)
        plain = whole.generate(ids, attention_mask=mask, use_cache=False, **greedy)
    learned = train(whole, lambda: whole(input_ids=ids, labels=ids).loss)
    return {"hidden": same(hidden, again), "tokens": same(cached, plain), **learned}


@case(transformers=">=4.38")
def umt5():
    """Wan's text encoder."""
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=100, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, dropout_rate=0.0
    )
    model = fill(UMT5EncoderModel(config))
    ids = tokens("text", (2, 9), 100)
    with torch.no_grad():
        out = model(ids, attention_mask=torch.tensor([[1] * 9, [1] * 5 + [0] * 4])).last_hidden_state
        reloaded(model, torch_dtype=torch.bfloat16)
    return {"hidden": out}


def siglip():
    """Both towers."""
    from transformers import SiglipConfig, SiglipModel

    text = {**TEXT, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 1}
    return fill(SiglipModel(SiglipConfig(text_config=text, vision_config=dict(VISION))))


@case(transformers=">=4.38")
def siglip_towers():
    """Text, image, their similarity, and reloading."""
    model = siglip()
    arguments = {"input_ids": tokens("text", (2, 9), 99), "pixel_values": numbers("image", (2, 3, 32, 32))}
    with torch.no_grad():
        out, again = model(**arguments), reloaded(model)(**arguments)
    return {
        "text": out.text_embeds,
        "image": same(out.image_embeds, again.image_embeds),
        "similarity": out.logits_per_text,
    }


@case(transformers=">=4.38")
def siglip_training():
    """A loss on both embeddings."""
    model = siglip()
    ids, pixels = tokens("text", (2, 9), 99), numbers("image", (2, 3, 32, 32))

    def loss():
        out = model(input_ids=ids, pixel_values=pixels)
        return (out.logits_per_text * numbers("target", (2, 2))).mean()

    return train(model, loss)


@case(transformers=">=4.38")
def oneformer():
    """Segmentation with a task: a Swin backbone, deformable attention, a transformer decoder.

    The model without its loss, which would need SciPy.
    """
    from transformers import OneFormerConfig, OneFormerModel, SwinConfig

    backbone = SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        drop_path_rate=0.0,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = OneFormerConfig(
        backbone_config=backbone,
        hidden_dim=32,
        conv_dim=32,
        mask_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=4,
        num_queries=6,
        num_labels=5,
        text_encoder_width=32,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=60,
        text_encoder_context_length=10,
        task_seq_len=10,
        use_pretrained_backbone=False,
        query_dec_layers=1,
        dropout=0.0,
        is_training=False,
    )
    model = fill(OneFormerModel(config))
    arguments = {"pixel_values": numbers("image", (1, 3, 64, 64)), "task_inputs": numbers("task", (1, 10))}
    with torch.no_grad():
        out, again = model(**arguments), reloaded(model)(**arguments)
    classes, masks = "transformer_decoder_class_predictions", "transformer_decoder_mask_predictions"
    result = {"classes": same(out[classes], again[classes]), "masks": out[masks][..., ::2, ::2]}
    target = numbers("target", out[classes].shape)
    result.update(train(model, lambda: (model(**arguments)[classes] - target).pow(2).mean()))
    return result


if __name__ == "__main__":
    main()
