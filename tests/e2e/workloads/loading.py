"""Ways of loading that go through the meta device: shards, offload by group and in sequence, single files."""

import torch
from common import case, fill, main, no_meta, numbers, same, scratch
from diffusers import FluxTransformer2DModel
from flux import inputs, pipeline, prompt, transformer, vae


@case(diffusers=">=0.30")
def shards():
    """A sharded checkpoint, loaded in each way there is."""
    folder = scratch()
    model = transformer()
    model.save_pretrained(folder, max_shard_size="40KB")
    ways = (
        {"low_cpu_mem_usage": True},
        {"low_cpu_mem_usage": False},
        {"device_map": {"": "cpu"}},
        {"device_map": "auto", "max_memory": {"cpu": "1GB"}},
    )
    with torch.no_grad():
        out = model(**inputs())[0]
        for way in ways:
            again = FluxTransformer2DModel.from_pretrained(folder, **way)
            no_meta(again)
            same(out, again(**inputs())[0])
        variant = FluxTransformer2DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
        no_meta(variant)
    return {"out": out, "bf16": variant(**inputs(torch.bfloat16))[0]}


@case(diffusers=">=0.30")
def disk_offload():
    """A checkpoint of which a part stays on disk, on the meta device until it is used."""
    folder = scratch()
    model = transformer()
    model.save_pretrained(folder, max_shard_size="40KB")
    with torch.no_grad():
        out = model(**inputs())[0]
        size = sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())
        again = FluxTransformer2DModel.from_pretrained(
            folder,
            device_map="auto",
            max_memory={"cpu": size * 3 // 4},
            offload_folder=str(folder / "offload"),
        )
        if not any(tensor.is_meta for tensor in again.parameters()):
            raise AssertionError("nothing was left on the disk")
        return {"out": same(out, again(**inputs())[0])}


@case(diffusers=">=0.30")
def sequential_offload():
    """accelerate's offload of every single module, with the CPU as the device that computes."""
    from accelerate import cpu_offload
    from accelerate.hooks import remove_hook_from_module

    pipe = pipeline()
    expected = pipe(**{**prompt(), "output_type": "latent"}).images
    for part in (pipe.transformer, pipe.vae):
        cpu_offload(part, torch.device("cpu"), offload_buffers=bool(part._parameters))
    out = same(expected, pipe(**{**prompt(), "output_type": "latent"}).images)
    for part in (pipe.transformer, pipe.vae):
        remove_hook_from_module(part, recurse=True)
    return {"latent": out}


def _only_an_accelerator():
    """On a newer torch without an accelerator diffusers' group offload fails; the plain number stands."""
    accelerator = getattr(torch, "accelerator", None)
    return accelerator is not None and accelerator.current_accelerator() is None


@case(diffusers=">=0.33")
def group_offload():
    """diffusers' own offload, by leaves and by blocks."""
    from diffusers.hooks import apply_group_offloading

    with torch.no_grad():
        out = transformer()(**inputs())[0]
        if _only_an_accelerator():
            return {"out": out}
        for arguments in (
            {"offload_type": "leaf_level"},
            {"offload_type": "block_level", "num_blocks_per_group": 1},
        ):
            model = transformer()
            apply_group_offloading(
                model, onload_device=torch.device("cpu"), offload_device=torch.device("cpu"), **arguments
            )
            same(out, model(**inputs())[0])
            no_meta(model)
    return {"out": out}


@case(diffusers=">=0.36")
def group_offload_to_disk():
    """The same, with the weights on disk between uses."""
    from diffusers.hooks import apply_group_offloading

    with torch.no_grad():
        out = transformer()(**inputs())[0]
        if _only_an_accelerator():
            return {"out": out}
        model = transformer()
        apply_group_offloading(
            model,
            onload_device=torch.device("cpu"),
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            offload_to_disk_path=str(scratch()),
        )
        return {"out": same(out, model(**inputs())[0])}


def _from_single_file(model):
    """Through one file of weights, with a local config."""
    from safetensors.torch import save_file

    folder = scratch()
    model.save_pretrained(folder / "config")
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    again = type(model).from_single_file(
        str(folder / "model.safetensors"), config=str(folder), subfolder="config", local_files_only=True
    )
    no_meta(again)
    for key, value in again.state_dict().items():
        same(value, state[key])
    return again.eval()


@case(diffusers=">=0.36")
def single_file_transformer():
    """A transformer from one file; older releases take it for another format."""
    with torch.no_grad():
        return {"out": _from_single_file(transformer())(**inputs())[0]}


@case(diffusers=">=0.36")
def single_file_vae():
    """A VAE from one file; the same is true of it."""
    with torch.no_grad():
        return {"out": _from_single_file(vae()).decode(numbers("latent", (1, 4, 8, 8))).sample}


@case(diffusers=">=0.30")
def pickled():
    """A checkpoint in torch's own format."""
    folder = scratch()
    model = transformer()
    model.save_pretrained(folder, safe_serialization=False)
    again = FluxTransformer2DModel.from_pretrained(folder, use_safetensors=False)
    no_meta(again)
    with torch.no_grad():
        return {"out": same(model(**inputs())[0], again(**inputs())[0])}


@case(diffusers=">=0.32")
def layerwise_casting():
    """Weights stored in bf16, computed in fp32."""
    model = transformer()
    if not hasattr(model, "enable_layerwise_casting"):
        return {}
    model.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float32)
    no_meta(model)
    with torch.no_grad():
        return {"out": model(**inputs())[0]}


@case(accelerate=">=0.30")
def empty_weights():
    """accelerate's own loading into a model that was built without data, buffers as well."""
    from accelerate import init_empty_weights, load_checkpoint_and_dispatch
    from safetensors.torch import save_file

    def build():
        return torch.nn.Sequential(
            torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8), torch.nn.Conv1d(1, 2, 3), torch.nn.LayerNorm(6)
        )

    source = fill(build())
    file = scratch() / "model.safetensors"
    save_file(source.state_dict(), file)
    x = numbers("x", (3, 8))

    def compute(model):
        return model[3](model[2](model[1](model[0](x))[:, None]))

    for include_buffers in (False, True):
        with init_empty_weights(include_buffers=include_buffers):
            model = build()
        load_checkpoint_and_dispatch(model, str(file), device_map={"": "cpu"})
        no_meta(model)
        same(compute(source), compute(model.eval()))
    return {"out": compute(source)}


if __name__ == "__main__":
    main()
