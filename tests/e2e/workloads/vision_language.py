"""Models that read pictures and write text: Qwen2.5-VL and LLaVA, with greedy generation and a cache."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, tokens, train
from language import SMALL

PICTURE = 90


def generated(model, arguments):
    """Logits, greedy tokens, the cache against the run without one, and reloading."""
    folder = scratch()
    greedy = {"do_sample": False, "max_new_tokens": 8, "pad_token_id": 0}
    model.save_pretrained(folder, max_shard_size="40KB")
    again = type(model).from_pretrained(folder)
    no_meta(again)
    with torch.no_grad():
        logits = same(model(**arguments).logits, again.eval()(**arguments).logits)
        out = model.generate(**arguments, use_cache=True, **greedy)
    return {"logits": logits[:, ::3], "tokens": out}


def qwen():
    """Two layers of text, two of vision: one in windows, one whole."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    rope = {"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2]}
    special = {
        "image_token_id": PICTURE,
        "video_token_id": PICTURE + 1,
        "vision_start_token_id": PICTURE + 2,
        "vision_end_token_id": PICTURE + 3,
        "vision_token_id": PICTURE + 4,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "window_size": 16,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
    }
    config = Qwen2_5_VLConfig(**SMALL, **special, rope_scaling=rope, vision_config=vision)
    return fill(Qwen2_5_VLForConditionalGeneration(config))


def qwen_inputs():
    """Two pictures of 4 by 8 patches, 8 tokens each, with text around them."""
    row = [PICTURE + 2, *[PICTURE] * 8, PICTURE + 3]
    ids = torch.cat([tokens("before", (2, 3), 80), torch.tensor([row, row]), tokens("after", (2, 4), 80)], 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": numbers("pixels", (2 * 32, 3 * 2 * 4 * 4)),
        "image_grid_thw": torch.tensor([[1, 4, 8]] * 2),
    }


@case(transformers=">=4.49")
def qwen2_5_vl():
    """Logits and tokens."""
    return generated(qwen(), qwen_inputs())


@case(transformers=">=4.49")
def qwen2_5_vl_training():
    """Backward and optimizer."""
    model, arguments = qwen(), qwen_inputs()
    labels = arguments["input_ids"].clone()
    labels[labels >= PICTURE] = -100
    return train(model, lambda: model(**arguments, labels=labels).loss)


def llava():
    """CLIP's vision tower in front of Llama."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=16,
        patch_size=8,
        projection_dim=16,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**SMALL),
        image_token_index=PICTURE,
        image_seq_length=4,
        vision_feature_layer=-1,
        pad_token_id=0,
    )
    return fill(LlavaForConditionalGeneration(config))


def llava_inputs():
    """One picture of four tokens in each text."""
    picture = torch.full((2, 4), PICTURE)
    ids = torch.cat([tokens("before", (2, 3), 80), picture, tokens("after", (2, 4), 80)], 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": numbers("image", (2, 3, 16, 16)),
    }


@case(transformers=">=4.46")
def llava_generate():
    """Logits and tokens."""
    return generated(llava(), llava_inputs())


@case(transformers=">=4.46")
def llava_training():
    """Backward and optimizer."""
    model, arguments = llava(), llava_inputs()
    labels = arguments["input_ids"].clone()
    labels[labels >= PICTURE] = -100
    return train(model, lambda: model(**arguments, labels=labels).loss)


if __name__ == "__main__":
    main()
