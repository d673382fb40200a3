"""accelerate 1.10.0 cannot be imported because torch.distributed has no device_mesh.

What happens: `ModuleNotFoundError: No module named 'torch.distributed.device_mesh'` from
`import accelerate`, and so from diffusers, transformers and peft, which import it.

Why: 1.10.0 brought the configuration of parallel training, whose file imports `init_device_mesh` at its top.
The module appeared in torch 2.2. 1.9.0 has no such file; 1.10.1 moved the import into the method that makes
the mesh, where torch older than 2.2 is refused.

The cure: the import may fail. In its place stands a function that refuses, naming torch 2.2, when a mesh
is asked for: when training is set up with `ParallelismConfig`. Nothing else uses it.
"""

from surgeon.edits import GuardImport
from surgeon.patch import Case, Patch, exactly

FALLBACK = """\
def {name}(*args, **kwargs):
    raise RuntimeError("building a device mesh needs torch 2.2 or newer")
"""

PATCH = Patch(
    id="accelerate-device-mesh",
    symptom=r"No module named 'torch\.distributed\.device_mesh'",
    why=(
        "Importing accelerate, and whatever needs it, fails with ModuleNotFoundError: No module named "
        "'torch.distributed.device_mesh', because 1.10.0 imports that module, which torch has since 2.2, "
        "even where nothing is trained in parallel."
    ),
    distribution="accelerate",
    versions="==1.10.0",
    when={"torch": "<2.2"},
    files=("accelerate/parallelism_config.py",),
    needle=(b"torch.distributed.device_mesh",),
    transforms=(GuardImport("torch.distributed.device_mesh.init_device_mesh", FALLBACK, since="2.2"),),
    expect=exactly(1, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
from dataclasses import dataclass

from torch.distributed.device_mesh import init_device_mesh


@dataclass
class Layout:
    sizes: tuple = (1,)

    def mesh(self, device):
        return init_device_mesh(device, self.sizes)
""",
            after="""\
from dataclasses import dataclass

try:  # m3d-surgeon: accelerate-device-mesh
    from torch.distributed.device_mesh import init_device_mesh
except ImportError:  # m3d-surgeon: accelerate-device-mesh
    def init_device_mesh(*args, **kwargs):  # m3d-surgeon: accelerate-device-mesh
        raise RuntimeError("building a device mesh needs torch 2.2 or newer")  # m3d-surgeon: accelerate-device-mesh


@dataclass
class Layout:
    sizes: tuple = (1,)

    def mesh(self, device):
        return init_device_mesh(device, self.sizes)
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
class Layout:
    def mesh(self, device):
        if is_torch_version(">=", "2.2.0"):
            from torch.distributed.device_mesh import init_device_mesh
        else:
            raise RuntimeError("Building a device_mesh requires to have torch>=2.2.0")
        return init_device_mesh(device, self.sizes)
""",
    ),
    probe="import accelerate",
    upstream="1.10.1",
)
