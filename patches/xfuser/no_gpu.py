"""xfuser cannot be imported on a machine without a GPU.

What happens: `RuntimeError: Found no NVIDIA driver on your system` from `import xfuser`, where an
image is built, say; with 0.4.4 after that `NotImplementedError: No Accelerators(AMD/NV/MTT GPU, AMD
MI instinct accelerators) available`.

Why: while it is imported, xfuser looks for flash attention, and asks CUDA for the name of the GPU
first, without asking whether there is one. 0.4.4 also works the default of
`init_distributed_environment(backend=...)` out at import, which fails where no GPU is found.
Releases from 0.3 (older ones were not looked at) to 0.4.4 are affected, on any torch; 0.4.5 fixed
both. The cause is not torch; the patch serves the machines whose torch is held back below 2.5, and
touches nothing on others, where 0.4.5 is to be had.

The cure is what 0.4.5 does: without a GPU there is no flash attention, and the backend is chosen when
the function is called. With a GPU nothing changes. A torch that was built without CUDA is another
matter: xfuser refuses that in every release.
"""

from surgeon.edits import DeferDefault, ReturnEarly
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="xfuser-no-gpu",
    symptom=r"Found no NVIDIA driver on your system|No Accelerators\(",
    why=(
        "Importing xfuser on a machine without a GPU fails with RuntimeError: Found no NVIDIA driver on "
        "your system, or NotImplementedError: No Accelerators available, because it asks for the GPU's "
        "name, and for the backend of distributed runs, at import."
    ),
    distribution="xfuser",
    versions=">=0.3,<0.4.5",
    when={"torch": "<2.5"},
    files=("xfuser/core/distributed/parallel_state.py", "xfuser/envs.py"),
    needle=(b"torch.cuda.get_device_name", b"envs.get_torch_distributed_backend"),
    transforms=(
        ReturnEarly("torch.cuda.get_device_name", unless="is_available", value="False"),
        DeferDefault("xfuser.envs.get_torch_distributed_backend"),
    ),
    expect=at_least(1, zero="it asks first"),
    cases=(
        Case(
            before="""\
import torch


class Checker:
    def has_flash(self):
        try:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            name = torch.cuda.get_device_name(device)
            return "T4" not in name
        except ImportError:
            return False
""",
            after="""\
import torch


class Checker:
    def has_flash(self):
        try:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            if not torch.cuda.is_available():  # m3d-surgeon: xfuser-no-gpu
                return False  # m3d-surgeon: xfuser-no-gpu
            name = torch.cuda.get_device_name(device)
            return "T4" not in name
        except ImportError:
            return False
""",
        ),
        Case(
            before='''\
import xfuser.envs as envs


def join(
    rank: int = -1,
    backend: str = envs.get_torch_distributed_backend(),
):
    """Join the others."""
    # by now there is a GPU
    return rank, backend
''',
            after='''\
import xfuser.envs as envs


def join(
    rank: int = -1,
    backend: str = None,
):
    """Join the others."""
    if backend is None:  # m3d-surgeon: xfuser-no-gpu
        backend = envs.get_torch_distributed_backend()  # m3d-surgeon: xfuser-no-gpu
    # by now there is a GPU
    return rank, backend
''',
        ),
    ),
    unchanged=(
        """\
import torch


def has_flash():
    if not torch.cuda.is_available():
        return False
    device = torch.device("cuda")
    return "T4" not in torch.cuda.get_device_name(device)
""",
        """\
from typing import Optional

import xfuser.envs as envs


def join(backend: Optional[str] = None):
    if backend is None:
        backend = envs.get_torch_distributed_backend()
    return backend
""",
    ),
    probe="import xfuser",
    upstream="0.4.5",
)
