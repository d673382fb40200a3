"""kornia's pyramids have lost pad, which others import from there.

What happens: `ImportError: cannot import name 'pad' from 'kornia.geometry.transform.pyramid'` from
`from kornia.geometry.transform.pyramid import build_laplacian_pyramid, pad, ...`, as ComfyUI's LTX
video nodes and code after their example have it; all that these bring is gone with it.

Why: kornia up to 0.8.2 imported `pad` into that module for its own use, under that name. Since 0.8.3
it calls `F.pad`. Nothing was promised, and torch has no part in this; 0.8.3 needs Python 3.11.

The cure: the module imports `pad` from `torch.nn.functional` again. It is the same function.
Only where torch is held back below 2.5: the packages of a newer one are left as they are.
"""

from surgeon.edits import Supply
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="kornia-pad",
    symptom=r"cannot import name 'pad' from 'kornia\.geometry\.transform\.pyramid'",
    why=(
        "Importing pad from kornia.geometry.transform.pyramid fails with ImportError: cannot import name "
        "'pad', because that module imported it for its own use up to kornia 0.8.2 and does not any more."
    ),
    distribution="kornia",
    versions=">=0.8.3",
    when={"torch": "<2.5"},
    files=("kornia/geometry/transform/pyramid.py",),
    needle=(b"def build_pyramid",),
    transforms=(Supply("pad", "from torch.nn.functional import pad"),),
    expect=at_least(1, zero="the module has pad"),
    cases=(
        Case(
            before="""\
import torch.nn.functional as F

__all__ = ["build_pyramid"]


def build_pyramid(input, max_level):
    pad = F.pad(input, (0, 1), "reflect")
    return [pad] * max_level
""",
            after="""\
import torch.nn.functional as F

__all__ = ["build_pyramid"]


def build_pyramid(input, max_level):
    pad = F.pad(input, (0, 1), "reflect")
    return [pad] * max_level
from torch.nn.functional import pad  # m3d-surgeon: kornia-pad
""",
        ),
    ),
    unchanged=(
        """\
from kornia.core import Tensor, pad


def build_pyramid(input: Tensor, max_level: int) -> list[Tensor]:
    return [pad(input, (0, 1))] * max_level
""",
        """\
def pad(input): ...


def build_pyramid(input, max_level): ...
""",
    ),
    probe="from kornia.geometry.transform.pyramid import build_laplacian_pyramid, pad",
)
