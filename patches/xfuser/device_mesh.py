"""xfuser cannot be imported because torch.distributed has no device_mesh.

What happens: `ModuleNotFoundError: No module named 'torch.distributed.device_mesh'` from
`import xfuser` on torch 2.1; on torch 2.2 and 2.3, where that module exists, `AttributeError: type
object 'DeviceMesh' has no attribute 'from_group'` from sharding a model with FSDP2.

Why: since 0.5.0 `xfuser.core.distributed.sharding` imports `DeviceMesh` at its top, and makes one
of a process group that exists already. Torch 2.1 has the class, in `torch.distributed._tensor`;
`torch.distributed.device_mesh` appeared in 2.2, and `DeviceMesh.from_group` in 2.4. 0.4.5 and older
do not use it.

The cure: where the module is missing, the class comes from where torch 2.1 has it. It is the real
one, so that `isinstance` is true of meshes that others made. `from_group` raises when it is called,
and names torch 2.4: what it would be made for, sharding with FSDP2 and the tensor parallel text
encoder of MiniMax-H3, needs that torch in other places as well. So does sharding with FSDP2 itself,
where it is asked for, whose own import would fail with `No module named
'torch.distributed._composable.fsdp'`. FSDP1 takes the process group itself and is not concerned.
"""

from surgeon.edits import GuardImport, Polyfill
from surgeon.patch import Case, Patch, at_least

MESH = "torch.distributed.device_mesh.DeviceMesh"
OLDER = "from torch.distributed._tensor.device_mesh import DeviceMesh as {name}"

FROM_GROUP = """\
def _m3d_from_group(*args, **kwargs):
    message = "DeviceMesh.from_group needs torch 2.4 or newer; shard with FSDP1, or not at all"
    raise RuntimeError(message)
"""

FSDP2 = "torch.distributed._composable.fsdp"
NO_FSDP2 = """\
def {name}(*args, **kwargs):
    raise RuntimeError("FSDP2 needs torch 2.4 or newer; shard with FSDP1, or not at all")
"""

PATCH = Patch(
    id="xfuser-device-mesh",
    symptom=r"No module named 'torch\.distributed\.device_mesh'|'DeviceMesh' has no attribute 'from_group'",
    why=(
        "Importing xfuser fails with ModuleNotFoundError: No module named 'torch.distributed.device_mesh', "
        "because it imports DeviceMesh from there for sharding, and torch has that module since 2.2 and "
        "DeviceMesh.from_group since 2.4."
    ),
    distribution="xfuser",
    versions=">=0.5.0",
    when={"torch": "<2.4"},
    files=(
        "xfuser/core/distributed/sharding.py",
        "xfuser/model_executor/models/runner_models/minimax_h3.py",
    ),
    needle=(b"device_mesh",),
    transforms=(
        Polyfill(f"{MESH}.from_group", "_m3d_from_group", FROM_GROUP, since="2.4"),
        GuardImport(MESH, OLDER, since="2.2"),
        GuardImport(f"{FSDP2}.fully_shard", NO_FSDP2, since="2.4"),
        GuardImport(f"{FSDP2}.CPUOffloadPolicy", NO_FSDP2, since="2.4"),
    ),
    expect=at_least(1, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
import torch
from torch.distributed.device_mesh import DeviceMesh

LEVELS = 1


def mesh_of(group):
    if isinstance(group, DeviceMesh):
        return group
    return DeviceMesh.from_group(group, "cuda")
""",
            after="""\
import torch
try:  # m3d-surgeon: xfuser-device-mesh
    from torch.distributed.device_mesh import DeviceMesh
except ImportError:  # m3d-surgeon: xfuser-device-mesh
    from torch.distributed._tensor.device_mesh import DeviceMesh as DeviceMesh  # m3d-surgeon: xfuser-device-mesh
def _m3d_from_group(*args, **kwargs):  # m3d-surgeon: xfuser-device-mesh
    message = "DeviceMesh.from_group needs torch 2.4 or newer; shard with FSDP1, or not at all"  # m3d-surgeon: xfuser-device-mesh
    raise RuntimeError(message)  # m3d-surgeon: xfuser-device-mesh

LEVELS = 1


def mesh_of(group):
    if isinstance(group, DeviceMesh):
        return group
    return _m3d_from_group(group, "cuda")
""",  # noqa: E501
        ),
        Case(
            before="""\
import logging


def spread(group, degree):
    if degree <= 1:
        return None

    from torch.distributed.device_mesh import DeviceMesh as Mesh

    return Mesh.from_group(group, "cuda")
""",
            after="""\
import logging
def _m3d_from_group(*args, **kwargs):  # m3d-surgeon: xfuser-device-mesh
    message = "DeviceMesh.from_group needs torch 2.4 or newer; shard with FSDP1, or not at all"  # m3d-surgeon: xfuser-device-mesh
    raise RuntimeError(message)  # m3d-surgeon: xfuser-device-mesh


def spread(group, degree):
    if degree <= 1:
        return None

    try:  # m3d-surgeon: xfuser-device-mesh
        from torch.distributed.device_mesh import DeviceMesh as Mesh
    except ImportError:  # m3d-surgeon: xfuser-device-mesh
        from torch.distributed._tensor.device_mesh import DeviceMesh as Mesh  # m3d-surgeon: xfuser-device-mesh

    return _m3d_from_group(group, "cuda")
""",  # noqa: E501
        ),
        Case(
            before="""\
def shard(block, offload):
    # one block after the other
    from torch.distributed._composable.fsdp import fully_shard, CPUOffloadPolicy

    fully_shard(block, offload_policy=CPUOffloadPolicy() if offload else None)


PLACE = "torch.distributed.device_mesh"
""",
            after="""\
def shard(block, offload):
    # one block after the other
    try:  # m3d-surgeon: xfuser-device-mesh
        from torch.distributed._composable.fsdp import CPUOffloadPolicy
    except ImportError:  # m3d-surgeon: xfuser-device-mesh
        def CPUOffloadPolicy(*args, **kwargs):  # m3d-surgeon: xfuser-device-mesh
            raise RuntimeError("FSDP2 needs torch 2.4 or newer; shard with FSDP1, or not at all")  # m3d-surgeon: xfuser-device-mesh
    try:  # m3d-surgeon: xfuser-device-mesh
        from torch.distributed._composable.fsdp import fully_shard  # m3d-surgeon: xfuser-device-mesh
    except ImportError:  # m3d-surgeon: xfuser-device-mesh
        def fully_shard(*args, **kwargs):  # m3d-surgeon: xfuser-device-mesh
            raise RuntimeError("FSDP2 needs torch 2.4 or newer; shard with FSDP1, or not at all")  # m3d-surgeon: xfuser-device-mesh

    fully_shard(block, offload_policy=CPUOffloadPolicy() if offload else None)


PLACE = "torch.distributed.device_mesh"
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
try:
    from torch.distributed.device_mesh import DeviceMesh
except ImportError:
    DeviceMesh = None
""",
        """\
def is_mesh(value):
    return type(value).__module__ == "torch.distributed.device_mesh"
""",
    ),
    probe=(
        "from xfuser.core.distributed.sharding import _make_mesh\n"
        "try:\n"
        "    _make_mesh('no group')\n"
        "except RuntimeError as error:\n"
        "    assert 'torch 2.4' in str(error)\n"
    ),
)
