"""What every transformer of diffusers can do besides running: Flux, Wan, LTX, SD3, each asked the same."""

import flux
import sd3
import torch
import wan
from common import case, fill, main, no_meta, numbers, same, scratch, train

TEXT = 16


def ltx(**changes):
    """LTX's transformer: one block of two heads."""
    from diffusers import LTXVideoTransformer3DModel

    config = {
        "in_channels": 8,
        "out_channels": 8,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 16,
        "num_layers": 1,
        "caption_channels": TEXT,
        "qk_norm": "rms_norm_across_heads",
    }
    return fill(LTXVideoTransformer3DModel(**{**config, **changes}))


def ltx_inputs():
    """The arguments of one forward: two frames of 4 by 4 latents, and a mask that hides two words."""
    mask = torch.ones(2, 6)
    mask[1, 4:] = 0
    return {
        "hidden_states": numbers("hidden", (2, 2 * 4 * 4, 8)),
        "encoder_hidden_states": numbers("text", (2, 6, TEXT)),
        "timestep": torch.tensor([300, 900]),
        "encoder_attention_mask": mask,
        "num_frames": 2,
        "height": 4,
        "width": 4,
        "return_dict": False,
    }


ALL = {
    "flux": (flux.transformer, flux.inputs),
    "wan": (wan.transformer, wan.inputs),
    "ltx": (ltx, ltx_inputs),
    "sd3": (sd3.transformer, sd3.inputs),
}
"""How each model is made, and the arguments of one forward."""


def output(model, inputs, dtype=torch.float32):
    """The result of one forward, its inputs of floating point in `dtype`."""
    arguments = {
        name: value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in inputs().items()
    }
    return model(**arguments)[0]


def loss(model, inputs):
    """How far the result is from a target that depends on its shape alone."""
    out = output(model, inputs)
    return (out - numbers("target", out.shape)).pow(2).mean()


@case(diffusers=">=0.34")
def ltx_forward():
    """The same twice, as a tuple and as an object, and in bf16."""
    model = ltx()
    with torch.no_grad():
        out = same(output(model, ltx_inputs), output(model, ltx_inputs))
        same(out, model(**{**ltx_inputs(), "return_dict": True}).sample)
        return {"out": out, "bf16": output(model.to(torch.bfloat16), ltx_inputs, torch.bfloat16)}


@case(diffusers=">=0.34")
def saved_in_each_dtype():
    """Through safetensors in fp32, bf16 and fp16, in shards; what must stay in fp32 does."""
    arrays = {}
    for name, (make, inputs) in ALL.items():
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            model, folder = make(), scratch()
            model.save_pretrained(folder, max_shard_size="20KB")
            if len(list(folder.glob("*.safetensors"))) < 2:
                raise AssertionError("one file is no shards")
            again = type(model).from_pretrained(folder, torch_dtype=dtype)
            no_meta(again)
            kept = set(type(model)._keep_in_fp32_modules or ())
            for key, value in again.state_dict().items():
                wide = kept & set(key.split("."))
                same(value, model.state_dict()[key].to(torch.float32 if wide else dtype))
            if dtype is torch.float32:
                with torch.no_grad():
                    arrays[name] = same(output(model, inputs), output(again, inputs))
    return arrays


@case(diffusers=">=0.34")
def checkpointed_training():
    """Gradient checkpointing gives the gradients of the plain run; two optimizer steps."""
    arrays = {}
    for name, (make, inputs) in ALL.items():
        plain, model = make(), make()
        loss(plain.train(), inputs).backward()
        model.enable_gradient_checkpointing()
        result = train(model, lambda model=model, inputs=inputs: loss(model, inputs))
        norms = [p.grad.norm() for _, p in sorted(plain.named_parameters()) if p.grad is not None]
        torch.testing.assert_close(result["gradients"], torch.stack(norms), rtol=1e-5, atol=1e-6)
        arrays |= {f"{name}_{key}": value for key, value in result.items()}
    return arrays


@case(diffusers=">=0.34")
def averaged_weights():
    """diffusers' exponential moving average over two steps, saved and read again."""
    from diffusers.training_utils import EMAModel

    arrays = {}
    for name, (make, inputs) in ALL.items():
        model = make().train()
        average = EMAModel(model.parameters(), decay=0.5, model_cls=type(model), model_config=model.config)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss(model, inputs).backward()
            optimizer.step()
            average.step(model.parameters())
        folder = scratch()
        average.save_pretrained(folder)
        again = EMAModel.from_pretrained(folder, type(model))
        again.copy_to(model.parameters())
        with torch.no_grad():
            arrays[name] = output(model.eval(), inputs)
    return arrays


@case(diffusers=">=0.34")
def layerwise_training():
    """Weights stored in fp16 and computed in fp32: forward and backward."""
    arrays = {}
    for name, (make, inputs) in ALL.items():
        model = make().train()
        model.enable_layerwise_casting(storage_dtype=torch.float16, compute_dtype=torch.float32)
        value = loss(model, inputs)
        value.backward()
        arrays[name] = value.detach()
    return arrays


if __name__ == "__main__":
    main()
