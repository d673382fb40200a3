"""Language models: Llama, Phi-3, Qwen2, Mistral, with greedy generation and a cache of keys and values."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch, tokens, train

SMALL = {
    "vocab_size": 120,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def fastest():
    """torch's attention, unless transformers refuses it on this torch (4.38 to 4.55 do on 2.1.0)."""
    from transformers.utils import import_utils

    available = getattr(import_utils, "is_torch_sdpa_available", None)
    return "sdpa" if available is None or available() else "eager"


def llama(implementation=None, **changes):
    """Four heads of queries, two of keys."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**{**SMALL, **changes}, attn_implementation=implementation or fastest())
    return fill(LlamaForCausalLM(config))


def everything(model):
    """The logits, padded on the left or not; greedy tokens; and the cache against the run without one."""
    ids = tokens("ids", (2, 9), 120)
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    greedy = {"do_sample": False, "max_new_tokens": 12, "pad_token_id": 0}
    with torch.no_grad():
        whole = model(input_ids=ids).logits
        start = model(input_ids=ids[:, :6], use_cache=True)
        rest = model(input_ids=ids[:, 6:], past_key_values=start.past_key_values).logits
        padded = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        cached = model.generate(ids, attention_mask=mask, use_cache=True, **greedy)
        plain = model.generate(ids, attention_mask=mask, use_cache=False, **greedy)
    return {
        "logits": whole[:, ::2],
        "cached_logits": torch.cat([start.logits, rest], 1)[:, 1::2],
        "padded_logits": padded[:, -2:],
        "tokens": same(cached, plain),
    }


def learning(model):
    """A step on a next-token loss."""
    ids = tokens("training", (2, 10), 120)
    return train(model, lambda: model(input_ids=ids, labels=ids).loss)


@case(transformers=">=4.38")
def llama_sdpa():
    """Llama with torch's attention."""
    return everything(llama())


@case(transformers=">=4.38")
def llama_eager():
    """Llama with attention written out."""
    return everything(llama("eager"))


@case(transformers=">=4.38")
def llama_static_cache():
    """A cache of fixed size."""
    ids = tokens("ids", (2, 9), 120)
    model = llama()
    try:
        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=8,
                pad_token_id=0,
                cache_implementation="static",
                **(
                    {}
                    if not hasattr(model.generation_config, "disable_compile")
                    else {"disable_compile": True}
                ),
            )
    finally:
        model._cache = None
    return {"tokens": out}


@case(transformers=">=4.38")
def llama_beams():
    """Beam search."""
    ids = tokens("ids", (2, 9), 120)
    with torch.no_grad():
        out = llama().generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            num_beams=3,
            max_new_tokens=6,
            pad_token_id=0,
        )
    return {"tokens": out}


@case(transformers=">=4.38")
def llama_tied_reload():
    """Tied embeddings through sharded safetensors, in three ways of loading."""
    from transformers import LlamaForCausalLM

    folder = scratch()
    model = llama(tie_word_embeddings=True)
    model.save_pretrained(folder, max_shard_size="20KB")
    ids = tokens("ids", (1, 7), 120)
    out = model(input_ids=ids).logits
    for way in ({}, {"low_cpu_mem_usage": True}, {"device_map": {"": "cpu"}}):
        again = LlamaForCausalLM.from_pretrained(folder, **way)
        no_meta(again)
        same(out, again.eval()(input_ids=ids).logits)
    half = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16)
    no_meta(half)
    return {"out": out, "bf16": half.eval()(input_ids=ids).logits}


@case(transformers=">=4.38")
def llama_disk_offload():
    """A part of the weights stays on disk, on the meta device until it is used."""
    from transformers import LlamaForCausalLM

    folder = scratch()
    model = llama()
    model.save_pretrained(folder, max_shard_size="20KB")
    ids = tokens("ids", (1, 7), 120)
    again = LlamaForCausalLM.from_pretrained(
        folder, device_map="auto", max_memory={"cpu": "60KB"}, offload_folder=str(folder / "offload")
    )
    with torch.no_grad():
        return {"out": same(model(input_ids=ids).logits, again.eval()(input_ids=ids).logits)}


@case(transformers=">=4.38")
def llama_training():
    """Backward and optimizer."""
    return learning(llama())


@case(transformers=">=4.38", peft=">=0.12")
def llama_lora():
    """A LoRA of peft's on Llama: trained, merged."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        llama(), LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    fill(model)
    ids = tokens("training", (2, 10), 120)
    out = train(model, lambda: model(input_ids=ids, labels=ids).loss)
    merged = model.merge_and_unload().eval()
    with torch.no_grad():
        out["merged"] = merged(input_ids=ids).logits[:, ::3]
    return out


@case(transformers=">=4.39")
def phi3():
    """Phi-3, grouped queries, a sliding window shorter than the text."""
    from transformers import Phi3Config, Phi3ForCausalLM

    return everything(fill(Phi3ForCausalLM(Phi3Config(**SMALL, attn_implementation="eager"))))


@case(transformers=">=4.41")
def phi3_sdpa():
    """Phi-3 with torch's attention."""
    from transformers import Phi3Config, Phi3ForCausalLM

    return everything(fill(Phi3ForCausalLM(Phi3Config(**SMALL, attn_implementation=fastest()))))


@case(transformers=">=4.41")
def phi3_training():
    """Backward and optimizer."""
    from transformers import Phi3Config, Phi3ForCausalLM

    return learning(fill(Phi3ForCausalLM(Phi3Config(**SMALL, attn_implementation=fastest()))))


@case(transformers=">=4.38")
def qwen2():
    """Qwen2: a bias on queries, keys and values."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return everything(fill(Qwen2ForCausalLM(Qwen2Config(**SMALL, attn_implementation=fastest()))))


@case(transformers=">=4.38")
def qwen2_training():
    """Backward and optimizer."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return learning(fill(Qwen2ForCausalLM(Qwen2Config(**SMALL, attn_implementation=fastest()))))


@case(transformers=">=4.38")
def mistral_sliding():
    """A sliding window."""
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(**SMALL, sliding_window=4, attn_implementation="eager")
    ids = tokens("ids", (2, 9), 120)
    with torch.no_grad():
        return {"logits": fill(MistralForCausalLM(config))(input_ids=ids).logits[:, ::2]}


@case(transformers=">=4.40")
def sdpa_function():
    """transformers' own attention function, with grouped queries, with and without a mask."""
    try:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward
    except ImportError:
        return {}

    class Module(torch.nn.Module):
        """What the function reads of a layer."""

        num_key_value_groups = 2
        is_causal = True

    query, key, value = numbers("q", (2, 4, 5, 8)), numbers("k", (2, 2, 5, 8)), numbers("v", (2, 2, 5, 8))
    mask = torch.ones(5, 5).tril().bool()[None, None].expand(2, 1, 5, 5)
    return {
        "mask": sdpa_attention_forward(Module(), query, key, value, mask)[0],
        "causal": sdpa_attention_forward(Module(), query, key, value, None)[0],
    }


if __name__ == "__main__":
    main()
