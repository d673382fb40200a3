"""kornia has no build_laplacian_pyramid.

What happens: `ImportError: cannot import name 'build_laplacian_pyramid' from
'kornia.geometry.transform'` from code that blends images by their Laplacian pyramids.

Why: the function came with kornia 0.6.8, whatever is said of newer releases having dropped it: 0.6.8
to 0.9.0 all have it. An older kornia is there because something else pinned it. Torch has no part in
this. (kornia 0.6.0 downloads a checkpoint while it is imported; 0.6.1 is the first that does not.)

The cure: the function, written anew on top of the module's own `build_pyramid` and `pyrup`, and its
two helpers `is_powerof_two` and `find_next_powerof_two`, which the same code tends to import. They
compute what kornia's do, down to padding an image only where neither side is a power of two: the
same pyramids as those of 0.6.12 and 0.7.3, bit for bit. `kornia.geometry.transform` has the function
too. Only where torch is held back below 2.5: on a newer one a newer kornia is to be had.
"""

from surgeon.edits import Supply
from surgeon.patch import Case, Patch, at_least

IS_POWER = """\
def is_powerof_two(x):
    return x > 0 and x & (x - 1) == 0
"""

NEXT_POWER = """\
def find_next_powerof_two(x):
    return 1 << (x - 1).bit_length()
"""

LAPLACIAN = """\
def build_laplacian_pyramid(input, max_level, border_type="reflect", align_corners=False):
    from torch.nn.functional import pad
    if len(input.shape) != 4:
        raise ValueError(f"Invalid input shape, we expect BxCxHxW. Got: {input.shape}")
    height, width = input.shape[-2:]
    if not is_powerof_two(height) and not is_powerof_two(width):
        right, below = (find_next_powerof_two(side) - side for side in (width, height))
        input = pad(input, (0, right, 0, below), "reflect")
    blurred = build_pyramid(input, max_level, border_type, align_corners)
    pairs = zip(blurred, blurred[1:])
    details = [fine - pyrup(coarse, border_type, align_corners) for fine, coarse in pairs]
    return [*details, blurred[-1]]
"""

PATCH = Patch(
    id="kornia-laplacian-pyramid",
    symptom=r"cannot import name 'build_laplacian_pyramid'",
    why=(
        "Importing build_laplacian_pyramid from kornia.geometry.transform fails with ImportError: cannot "
        "import name 'build_laplacian_pyramid', because it came with kornia 0.6.8, and yours is older."
    ),
    distribution="kornia",
    versions=">=0.6.1,<0.6.8",
    when={"torch": "<2.5"},
    files=("kornia/geometry/transform/pyramid.py",),
    needle=(b"def build_pyramid",),
    transforms=(
        Supply("is_powerof_two", IS_POWER),
        Supply("find_next_powerof_two", NEXT_POWER),
        Supply("build_laplacian_pyramid", LAPLACIAN, public=True),
    ),
    expect=at_least(1, zero="kornia has it"),
    cases=(
        Case(
            before="""\
import torch

__all__ = ["pyrup", "build_pyramid"]


def pyrup(input, border_type, align_corners):
    return input


def build_pyramid(input, max_level, border_type, align_corners):
    return [input]
""",
            after="""\
import torch

__all__ = ["pyrup", "build_pyramid"]


def pyrup(input, border_type, align_corners):
    return input


def build_pyramid(input, max_level, border_type, align_corners):
    return [input]
def is_powerof_two(x):  # m3d-surgeon: kornia-laplacian-pyramid
    return x > 0 and x & (x - 1) == 0  # m3d-surgeon: kornia-laplacian-pyramid
def find_next_powerof_two(x):  # m3d-surgeon: kornia-laplacian-pyramid
    return 1 << (x - 1).bit_length()  # m3d-surgeon: kornia-laplacian-pyramid
def build_laplacian_pyramid(input, max_level, border_type="reflect", align_corners=False):  # m3d-surgeon: kornia-laplacian-pyramid
    from torch.nn.functional import pad  # m3d-surgeon: kornia-laplacian-pyramid
    if len(input.shape) != 4:  # m3d-surgeon: kornia-laplacian-pyramid
        raise ValueError(f"Invalid input shape, we expect BxCxHxW. Got: {input.shape}")  # m3d-surgeon: kornia-laplacian-pyramid
    height, width = input.shape[-2:]  # m3d-surgeon: kornia-laplacian-pyramid
    if not is_powerof_two(height) and not is_powerof_two(width):  # m3d-surgeon: kornia-laplacian-pyramid
        right, below = (find_next_powerof_two(side) - side for side in (width, height))  # m3d-surgeon: kornia-laplacian-pyramid
        input = pad(input, (0, right, 0, below), "reflect")  # m3d-surgeon: kornia-laplacian-pyramid
    blurred = build_pyramid(input, max_level, border_type, align_corners)  # m3d-surgeon: kornia-laplacian-pyramid
    pairs = zip(blurred, blurred[1:])  # m3d-surgeon: kornia-laplacian-pyramid
    details = [fine - pyrup(coarse, border_type, align_corners) for fine, coarse in pairs]  # m3d-surgeon: kornia-laplacian-pyramid
    return [*details, blurred[-1]]  # m3d-surgeon: kornia-laplacian-pyramid
__all__ += ["build_laplacian_pyramid"]  # m3d-surgeon: kornia-laplacian-pyramid
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
def build_pyramid(input, max_level):
    return [input] * max_level


def is_powerof_two(x): ...


def find_next_powerof_two(x): ...


def build_laplacian_pyramid(input, max_level):
    return build_pyramid(input, max_level)
""",
    ),
    probe="from kornia.geometry.transform import build_laplacian_pyramid",
    upstream="0.6.8",
)
