"""diffusers cannot be imported because torch.distributed has no device_mesh.

What happens: `AttributeError: module 'torch.distributed' has no attribute 'device_mesh'` from
`from diffusers import FluxPipeline`, or from any other model or pipeline.

Why: diffusers 0.36 brought context parallelism. Its dataclasses and functions are annotated with
`torch.distributed.device_mesh.DeviceMesh`, and Python evaluates annotations while the file is
imported. The module appeared in torch 2.2, but until 2.4 `import torch` does not load it: on 2.2
and 2.3 the attribute exists or not according to what else was imported before.

The cure: the annotations become strings, each one whole. Nothing reads them while a model runs.
Building a device mesh, which only multi-GPU context parallelism does, goes on failing where torch
cannot do it, when it is asked for.
"""

from surgeon.edits import QuoteAnnotation
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="diffusers-device-mesh",
    symptom=r"module 'torch\.distributed' has no attribute 'device_mesh'",
    why=(
        "Importing a diffusers model or pipeline fails with AttributeError: module 'torch.distributed' has "
        "no attribute 'device_mesh', because annotations name that module, Python evaluates them at import, "
        "and torch loads it by itself only since 2.4."
    ),
    distribution="diffusers",
    versions=">=0.36.0",
    when={"torch": "<2.4"},
    files=("diffusers/hooks/context_parallel.py", "diffusers/models/_modeling_parallel.py"),
    needle=(b"device_mesh",),
    transforms=(QuoteAnnotation("torch.distributed.device_mesh", since="2.4"),),
    expect=at_least(1, zero="the annotations are strings or gone"),
    cases=(
        Case(
            before="""\
from dataclasses import dataclass
from typing import Optional

import torch


@dataclass
class Layout:
    degree: int = 1
    _mesh: torch.distributed.device_mesh.DeviceMesh = None
    _ring: Optional[torch.distributed.device_mesh.DeviceMesh] = None  # unset until setup
    mesh: torch.distributed.device_mesh.DeviceMesh | None = None

    def setup(self, rank: int, mesh: torch.distributed.device_mesh.DeviceMesh) -> None:
        self._mesh = mesh
""",
            after="""\
from dataclasses import dataclass
from typing import Optional

import torch


@dataclass
class Layout:
    degree: int = 1
    _mesh: "torch.distributed.device_mesh.DeviceMesh" = None
    _ring: "Optional[torch.distributed.device_mesh.DeviceMesh]" = None  # unset until setup
    mesh: "torch.distributed.device_mesh.DeviceMesh | None" = None

    def setup(self, rank: int, mesh: "torch.distributed.device_mesh.DeviceMesh") -> None:
        self._mesh = mesh
""",
        ),
        Case(
            before="""\
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh as Mesh


def gather(tensor: torch.Tensor, group: dist.device_mesh.DeviceMesh) -> torch.Tensor:
    return tensor


def shard(
    tensor: torch.Tensor,
    mesh: dict[
        str,
        Mesh,
    ] = None,
) -> "torch.Tensor":
    return dist.device_mesh.init_device_mesh("cuda", (2,))
""",
            after="""\
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh as Mesh


def gather(tensor: torch.Tensor, group: "dist.device_mesh.DeviceMesh") -> torch.Tensor:
    return tensor


def shard(
    tensor: torch.Tensor,
    mesh: "dict[str, Mesh]" = None,
) -> "torch.Tensor":
    return dist.device_mesh.init_device_mesh("cuda", (2,))
""",
        ),
    ),
    unchanged=(
        """\
from __future__ import annotations

import torch


def gather(group: torch.distributed.device_mesh.DeviceMesh) -> None: ...
""",
        """\
import torch


def gather(group: "torch.distributed.device_mesh.DeviceMesh") -> None:
    mesh: torch.distributed.device_mesh.DeviceMesh = group
    return torch.distributed.device_mesh.init_device_mesh("cuda", mesh)
""",
        """\
def gather(torch, device_mesh):
    def inner(group: torch.distributed.device_mesh.DeviceMesh): ...
""",
    ),
    probe="import diffusers.models._modeling_parallel, diffusers.hooks.context_parallel",
)
