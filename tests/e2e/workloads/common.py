"""What every workload needs: weights and inputs that do not depend on torch's random numbers.

A workload is a script that runs in a fresh process of the environment under test, and needs nothing but
that environment's packages::

    python tests/e2e/workloads/flux.py --out flux.npz

It holds functions marked ``@case``; each builds a tiny model, fills every parameter from a seed derived from
its name (``numpy.random.RandomState`` gives the same numbers in every version of numpy), and returns a dict
of tensors. The same script, run against unpatched packages on a modern torch, gives the golden numbers
(``tests/e2e/golden.py``). ``torch.compile`` is out of scope.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["DIFFUSERS_VERBOSITY"] = "error"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import json
import re
import sys
import tempfile
import traceback
import warnings
import zlib
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

DISTRIBUTIONS = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "peft",
    "huggingface-hub",
    "safetensors",
    "numpy",
)
CASES = {}


def case(**needs):
    """Register a case; `needs` maps a distribution to the versions that have what the case uses."""

    def register(function):
        if function.__module__ == "__main__":  # a workload may import another one's models
            CASES[function.__name__] = (function, needs)
        return function

    return register


def numbers(name, shape, scale=1.0):
    """Normal numbers that depend on nothing but the name and the shape."""
    state = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(np.asarray(state.standard_normal(size=tuple(shape)) * scale, dtype=np.float32))


def tokens(name, shape, high, low=3):
    """Token ids in [low, high) that depend on nothing but the arguments."""
    state = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(state.randint(low, high, size=tuple(shape)).astype(np.int64))


def _value(name, tensor, gain):
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return 1 + numbers(name, tensor.shape).abs() * 0.1
    if leaf in ("bias", "running_mean") or leaf.endswith("_bias"):
        return numbers(name, tensor.shape, 0.1)
    if tensor.numel() == max(tensor.shape, default=1):  # the weight of a norm, a gate, a scale
        return 1 + numbers(name, tensor.shape, 0.1)
    fan_in = max(tensor[0].numel(), 1)
    return numbers(name, tensor.shape, gain * fan_in**-0.5)


def fill(module, gain=1.0):
    """Give every parameter and every saved buffer of floating point a value that depends on its name alone.

    Buffers that are not saved (the frequencies of a rotary embedding) are computed by the model and stay.
    """
    saved = set(module.state_dict())
    every = dict(module.named_parameters())
    every.update((name, buffer) for name, buffer in module.named_buffers() if name in saved)
    with torch.no_grad():
        for name in sorted(every):
            if every[name].is_floating_point():
                every[name].copy_(_value(name, every[name], gain).to(every[name].dtype))
    return module.eval()


def no_meta(*modules):
    """Refuse a module that still has a parameter or a buffer without data."""
    for module in modules:
        left = [n for n, t in (*module.named_parameters(), *module.named_buffers()) if t.is_meta]
        if left:
            raise AssertionError(f"{type(module).__name__} has tensors on the meta device: {left[:5]}")


def same(left, right):
    """Refuse two results that are not equal bit for bit; return the first."""
    if not torch.equal(left, right):
        raise AssertionError(
            f"not equal: they differ by {(left.double() - right.double()).abs().max().item()}"
        )
    return left


def train(module, loss_of, lr=1e-2):
    """Two steps of AdamW: the losses, the norm of each gradient, and one weight afterwards.

    AdamW's first step divides each gradient by its own size; a large epsilon keeps rounding small.
    """
    module.train()
    parameters = dict(module.named_parameters())
    optimizer = torch.optim.AdamW(parameters.values(), lr=lr, eps=1e-2)
    losses, norms = [], []
    for _ in range(2):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        used = [name for name in sorted(parameters) if parameters[name].grad is not None]
        losses.append(loss.detach())
        norms.append(torch.stack([parameters[name].grad.norm() for name in used]))
        optimizer.step()
    first = next(name for name in used if parameters[name].ndim > 1)
    return {
        "losses": torch.stack(losses),
        "gradients": norms[0],
        "weight": parameters[first].detach().flatten()[:256],
    }


def scratch():
    """A folder that goes away with the process."""
    folder = tempfile.TemporaryDirectory(prefix="m3d-workload-")
    _FOLDERS.append(folder)
    return Path(folder.name)


_FOLDERS = []


def _as_array(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.dtype in (torch.bfloat16, torch.float16):
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def version_of(distribution):
    """The installed version, or nothing."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _why_not(needs):
    from packaging.specifiers import SpecifierSet

    for distribution, versions in needs.items():
        have = version_of(distribution)
        if not have or not SpecifierSet(versions).contains(have, prereleases=True):
            return f"needs {distribution} {versions}, has {have or 'none'}"
    return ""


def run(only=None):
    """Run the cases of the calling script: arrays by "case/name", what was skipped, and what failed."""
    arrays, skipped, failed = {}, {}, {}
    for name, (function, needs) in CASES.items():
        if only and not re.search(only, name):
            continue
        reason = _why_not(needs)
        if reason:
            skipped[name] = reason
            continue
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                results = function()
        except Exception as error:
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        for key, value in results.items():
            array = _as_array(value)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                failed[name] = f"{key} is not finite"
            arrays[f"{name}/{key}"] = array
    return arrays, skipped, failed


def main():
    """The command line of a workload script; exits 1 when a case failed."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--only", help="a regular expression: the cases to run")
    options = parser.parse_args()
    torch.set_num_threads(2)
    arrays, skipped, failed = run(options.only)
    about = {
        "versions": {name: version_of(name) for name in DISTRIBUTIONS},
        "python": ".".join(map(str, sys.version_info[:3])),
        "skipped": skipped,
        "failed": failed,
    }
    np.savez_compressed(options.out, **arrays, __about__=np.array(json.dumps(about)))
    for name, reason in failed.items():
        sys.stderr.write(f"{name}: {reason}\n")
    sys.exit(1 if failed else 0)
