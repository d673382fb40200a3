"""Make the golden bits of RMSNorm: what torch's own class and function compute, bit for bit.

::

    python tests/e2e/make_rmsnorm_golden.py [--out fixtures/golden/rmsnorm.npz]

It runs on a torch that has both (2.4 or newer; those in the repository are from 2.13) and refuses any
other, and classes that are not torch's own: the golden bits must not come from a polyfill.
`test_rmsnorm.py` runs `results` with the polyfill on torch 2.1.0 and compares.
"""

import argparse
import itertools
import json
import os
import sys
from pathlib import Path

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"  # sums are added up in another order with wider registers

import numpy as np
import torch

OUT = Path(__file__).resolve().parents[2] / "fixtures" / "golden" / "rmsnorm.npz"
LIMIT = 100_000
DTYPES = ("float32", "bfloat16", "float16", "float64")
SHAPES = {(7,): 3, (64,): 3, (3, 5): 3, (384,): 1}
"""Normalized shapes, and how many of each are normalized."""
SCALES = (1.0, 1e-4, 3e3)
"""One a row: an ordinary one, one in which `eps` counts, one whose squares are beyond fp16."""


def numbers(seed, shape, dtype):
    """The same numbers everywhere: numpy keeps `RandomState` as it is."""
    return torch.from_numpy(np.random.RandomState(seed).randn(*shape).astype("float32")).to(dtype)


def bits(tensor):
    """The tensor's bits, flat, as unsigned integers that numpy knows."""
    words = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    flat = tensor.detach().contiguous().view(words[tensor.element_size()]).numpy().ravel()
    return flat.view(f"u{flat.itemsize}")


def results(norm, function):
    """Outputs and gradients per dtype, flat, in a fixed order; and what the module says of itself.

    Args:
        norm: `torch.nn.RMSNorm`, or what stands for it.
        function: `torch.nn.functional.rms_norm`, or what stands for it.
    """
    torch.set_num_threads(1)
    found = {}
    for name in DTYPES:
        dtype = getattr(torch, name)
        outputs, gradients = [], []
        weights = {None, dtype, torch.float32}
        for (shape, rows), eps in itertools.product(SHAPES.items(), (None, 1e-6)):
            scales = torch.tensor(SCALES[:rows]).reshape(rows, *(1 for _ in shape))
            values = (numbers(1, (rows, *shape), torch.float32) * scales).to(dtype)
            for weight_dtype in sorted(weights, key=str):
                x = values.clone().requires_grad_()
                module = norm(
                    shape if len(shape) > 1 else shape[0],
                    eps=eps,
                    elementwise_affine=weight_dtype is not None,
                    dtype=weight_dtype,
                )
                if weight_dtype is not None:
                    module.load_state_dict({"weight": 1 + 0.3 * numbers(2, shape, weight_dtype)})
                y = module(x)
                assert y.dtype is dtype
                assert torch.equal(y, function(x, shape, module.weight, eps))
                outputs.append(bits(y))
                if weight_dtype is dtype and eps is not None:
                    y.backward(numbers(3, y.shape, dtype))
                    gradients += [bits(x.grad), bits(module.weight.grad)]
        found[name] = np.concatenate(outputs)
        found[f"{name}/gradients"] = np.concatenate(gradients)
    found["said"] = np.array(json.dumps(said(norm, function)))
    return found


def said(norm, function):
    """Printed forms, keys of state dicts, and which inputs are refused."""
    modules = [norm(8), norm([2, 3], eps=1e-5), norm(torch.Size([4]), elementwise_affine=False)]
    reset = norm(3)
    torch.nn.init.zeros_(reset.weight)
    reset.reset_parameters()
    return {
        "printed": [repr(each) for each in modules],
        "state_dicts": [list(each.state_dict()) for each in modules],
        "shapes": [each.normalized_shape for each in modules],
        "weights": [each.weight is None for each in modules],
        "reset": reset.weight.tolist(),
        "placed": [str(norm(2, device="meta").weight.device), str(norm(2, dtype=torch.float16).weight.dtype)],
        "refused": [
            refused(lambda: norm(8)(torch.ones(2, 4))),
            refused(lambda: function(torch.ones(2, 4), (2, 2))),
            refused(lambda: norm((2, 3))(torch.ones(2, 2, 3))),
        ],
    }


def refused(call):
    """The kind of error that a call raises, or an empty string."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return ""


def main():
    """Write the golden bits; refuse where they would not be torch's own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    norm = getattr(torch.nn, "RMSNorm", None)
    function = getattr(torch.nn.functional, "rms_norm", None)
    modules = (getattr(norm, "__module__", ""), getattr(function, "__module__", ""))
    if modules != ("torch.nn.modules.normalization", "torch.nn.functional") or not hasattr(torch, "rms_norm"):
        sys.exit(f"torch {torch.__version__} has no RMSNorm of its own; 2.4 or newer is needed")
    found = results(norm, function)
    origin = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    np.savez_compressed(arguments.out, origin=np.array(json.dumps(origin)), **found)
    size = arguments.out.stat().st_size
    if size > LIMIT:
        sys.exit(f"{arguments.out} has {size} bytes; {LIMIT} are allowed")
    print(f"{arguments.out}: {size} bytes, {origin}")


if __name__ == "__main__":
    main()
