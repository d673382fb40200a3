"""xfuser's fused norms fail when they are called because torch has no RMSNorm.

What happens: `AttributeError: module 'torch.nn' has no attribute 'RMSNorm'` from
`xfuser.model_executor.layers.fused_qk_rope_flydsl` or its sibling for Wan.

Why: since 0.6.0 those files ask `isinstance(norm, torch.nn.RMSNorm)` before they let a fused kernel
of AMD's compute a norm; torch has the class since 2.4. 0.5.0 and older do not have the files.

The cure: the question is asked of a class that nothing is an instance of, which is the answer that
it has where torch has no such class. Norms that other patches supply for it are not recognised
either: they take the unfused way, which calls the norm itself and computes the same.
"""

from surgeon.edits import Polyfill
from surgeon.patch import Case, Patch, at_least

NO_RMS_NORM = """\
class _m3d_no_RMSNorm:
    pass
"""

PATCH = Patch(
    id="xfuser-rmsnorm",
    symptom=r"module 'torch\.nn' has no attribute 'RMSNorm'",
    why=(
        "Calling xfuser's fused norm and rotary embedding fails with AttributeError: module 'torch.nn' has "
        "no attribute 'RMSNorm', because it asks whether a norm is of that class, which torch has only "
        "since 2.4."
    ),
    distribution="xfuser",
    versions=">=0.6.0",
    when={"torch": "<2.4"},
    files=(
        "xfuser/model_executor/layers/fused_qk_norm_rope_wan_flydsl.py",
        "xfuser/model_executor/layers/fused_qk_rope_flydsl.py",
    ),
    needle=(b"nn.RMSNorm",),
    transforms=(Polyfill("torch.nn.RMSNorm", "_m3d_no_RMSNorm", NO_RMS_NORM, since="2.4"),),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before='''\
"""Norms like torch.nn.RMSNorm."""

import torch

EPS = 1e-6


def can_fuse(norm):
    return isinstance(norm, torch.nn.RMSNorm) and norm.eps == EPS
''',
            after='''\
"""Norms like torch.nn.RMSNorm."""

import torch
class _m3d_no_RMSNorm:  # m3d-surgeon: xfuser-rmsnorm
    pass  # m3d-surgeon: xfuser-rmsnorm

EPS = 1e-6


def can_fuse(norm):
    return isinstance(norm, _m3d_no_RMSNorm) and norm.eps == EPS
''',
        ),
    ),
    unchanged=(
        """\
import torch


def can_fuse(norm):
    return hasattr(torch.nn, "RMSNorm") and isinstance(norm, torch.nn.RMSNorm)
""",
        '''\
"""Computes what torch.nn.RMSNorm computes."""

from toy import nn


def can_fuse(norm):
    return isinstance(norm, nn.RMSNorm)
''',
    ),
    probe=(
        "import torch\n"
        "from xfuser.model_executor.layers.fused_qk_rope_flydsl import _norm_schedule\n"
        "assert _norm_schedule(torch.nn.Identity()) is None\n"
    ),
)
