"""The polyfill of RMSNorm on torch 2.1.0 computes, bit for bit, what torch 2.13's own does: gradients too."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.rewriting.rewrite import rewrite
from tests import environments, support

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
GOLDEN = support.CHECKOUT / "fixtures" / "golden" / "rmsnorm.npz"
SOURCE = b"""\
import torch.nn.functional as F
from torch import nn

Norm = nn.RMSNorm
norm = F.rms_norm
"""
PROGRAM = """
import json, pickle, sys
import numpy as np, torch
sys.path[:0] = [{here!r}, {folder!r}]
import make_rmsnorm_golden as golden
import patched

found, wanted = golden.results(patched.Norm, patched.norm), np.load({golden!r})
for name in golden.DTYPES:
    for kind in (name, name + "/gradients"):
        assert np.array_equal(found[kind], wanted[kind]), (kind, (found[kind] != wanted[kind]).mean())
assert json.loads(str(found["said"])) == json.loads(str(wanted["said"])), str(found["said"])
assert not hasattr(torch.nn, "RMSNorm")
module = pickle.loads(pickle.dumps(patched.Norm(4)))
assert torch.equal(module(torch.ones(4)), patched.Norm(4)(torch.ones(4)))
print(len(golden.DTYPES), "dtypes, the same bits")
"""


@pytest.fixture(scope="module")
def old_torch() -> Path:
    """Nothing but torch 2.1.0 and numpy."""
    venv = support.CACHE / "e2e" / "rmsnorm"
    shutil.rmtree(venv, ignore_errors=True)
    support.make_venv(venv)
    environments.install(venv, "torch==2.1.0", "numpy<2", "setuptools")
    return venv


@pytest.mark.parametrize("patch", ["diffusers-rmsnorm"])
def test_the_same_bits_as_torchs_own(old_torch: Path, tmp_path: Path, patch: str) -> None:
    result = rewrite(SOURCE, [registry.load().patches[patch]])
    assert result.matches == {patch: 2}
    (tmp_path / "patched.py").write_bytes(result.result)
    program = PROGRAM.format(here=str(HERE), folder=str(tmp_path), golden=str(GOLDEN))
    assert environments.python(old_torch, program) == (0, "4 dtypes, the same bits")


def test_the_golden_bits_are_not_made_from_a_polyfill(old_torch: Path, tmp_path: Path) -> None:
    out = tmp_path / "rmsnorm.npz"
    program = (
        f"import runpy, sys; sys.argv = ['make', '--out', {str(out)!r}]; "
        f"runpy.run_path({str(HERE / 'make_rmsnorm_golden.py')!r}, run_name='__main__')"
    )
    status, said = environments.python(old_torch, program)
    assert status == 1
    assert "has no RMSNorm of its own" in said
    assert not out.exists()
