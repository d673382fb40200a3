"""The pod itself: Python 3.10, real torch 2.1.0, current packages, hard-linked by uv, fresh processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.patch import Patch
from tests import environments, support

pytestmark = pytest.mark.e2e

PATCHES = registry.load().patches
IMPORTS = (
    "import xfuser",
    "from xfuser.model_executor.layers.usp import USP, ring_attn",
    "from diffusers import FluxPipeline, FluxTransformer2DModel, WanPipeline, AutoencoderKLWan",
    "from transformers import CLIPTextModel, T5EncoderModel, LlamaForCausalLM, SiglipVisionModel",
    "import accelerate, peft",
)


@pytest.fixture(scope="module")
def dec25() -> Path:
    return environments.pod(support.CACHE / "e2e" / "dec25", "dec25")


@pytest.fixture
def unpatched(dec25: Path) -> Path:
    assert support.surgeon("revert", "-p", dec25).exit_code == 0
    return dec25


@pytest.fixture
def patched(dec25: Path) -> Path:
    assert support.surgeon("apply", "-p", dec25).exit_code == 0
    return dec25


def needed(venv: Path) -> list[Patch]:
    """The patches that have something to do in an environment."""
    states = support.surgeon("status", "-p", venv).patch_states()
    return [PATCHES[patch] for patch, state in states.items() if state != "not-needed"]


def test_the_environment_is_the_one_that_the_pod_has(dec25: Path) -> None:
    assert environments.python(dec25, "import torch; print(torch.__version__)") == (0, "2.1.0+cu121")
    linked = support.site_packages(dec25) / "diffusers" / "utils" / "torch_utils.py"
    assert linked.stat().st_nlink > 1, "uv no longer hard-links here: the test proves less than it says"


@pytest.mark.parametrize("statement", IMPORTS[:-1])
def test_an_import_fails_before(unpatched: Path, statement: str) -> None:
    status, said = environments.python(unpatched, statement)
    assert status != 0
    assert any(re.search(patch.symptom, said) for patch in needed(unpatched)), said


@pytest.mark.parametrize("statement", IMPORTS)
def test_an_import_works_after(patched: Path, statement: str) -> None:
    status, said = environments.python(patched, statement)
    assert status == 0, said


def test_every_probe_fails_without_its_patch_and_passes_with_it(patched: Path) -> None:
    """Without *its* patch, all others in place: the failure is the one that the patch describes."""
    probed = needed(patched)
    assert {patch.id for patch in probed} >= {
        "diffusers-device-mesh",
        "diffusers-xpu",
        "transformers-pytree",
        "xfuser-ring-attention",
    }
    for patch in probed:
        status, said = environments.python(patched, patch.probe)
        assert status == 0, f"{patch.id}: its probe fails after apply: {said}"
        assert support.surgeon("revert", "-p", patched, patch.id).exit_code == 0
        status, said = environments.python(patched, patch.probe)
        assert status != 0, f"{patch.id}: its probe passes without the patch and proves nothing"
        assert re.search(patch.symptom, said), f"{patch.id}: another failure than its symptom: {said}"
        assert support.surgeon("apply", "-p", patched, patch.id).exit_code == 0


def test_ring_attention_raises_when_it_is_called_and_says_what_to_do(patched: Path) -> None:
    program = (
        "from xfuser.model_executor.layers import usp; usp._templated_ring_attention(None, 1, None, 1, 2, 3)"
    )
    status, said = environments.python(patched, program)
    assert status != 0
    assert "RuntimeError" in said
    assert "torch 2.5" in said
    assert "lysses" in said


def test_patched_files_work_without_this_tool_and_add_nothing_to_sys_modules(patched: Path) -> None:
    program = (
        "import sys, diffusers.utils.torch_utils, transformers.utils.generic, xfuser\n"
        "faked = ('torch.xpu', 'torch.distributed.device_mesh')\n"
        "print([n for n in sys.modules if 'surgeon' in n or n in faked])"
    )
    assert environments.python(patched, program) == (0, "[]")


def test_meaning_is_kept_where_old_torch_has_it_under_another_name(patched: Path) -> None:
    """transformers' outputs are pytree nodes, as in the releases that still asked for torch's version."""
    program = (
        "import torch, torch.utils._pytree as p\n"
        "from transformers.modeling_outputs import BaseModelOutput\n"
        "out = BaseModelOutput(last_hidden_state=torch.ones(2))\n"
        "leaves, spec = p.tree_flatten(out)\n"
        "back = p.tree_unflatten([x * 3 for x in leaves], spec)\n"
        "print(type(back).__name__, len(leaves), back.last_hidden_state.tolist())"
    )
    assert environments.python(patched, program) == (0, "BaseModelOutput 1 [3.0, 3.0]")


def test_bytecode_that_ignores_its_source_does_not_survive(unpatched: Path) -> None:
    """An unchecked-hash .pyc (PEP 552) is used whatever the source says: it has to go, both ways."""
    target = support.site_packages(unpatched) / "diffusers" / "utils" / "torch_utils.py"
    compiled = (
        "import py_compile as p\n"
        f"p.compile({str(target)!r}, doraise=True, invalidation_mode=p.PycInvalidationMode.UNCHECKED_HASH)"
    )
    statement = "import diffusers.utils.torch_utils"
    assert support.surgeon("apply", "-p", unpatched, "transformers-pytree").exit_code == 0
    assert environments.python(unpatched, compiled)[0] == 0
    assert environments.python(unpatched, statement)[0] != 0
    assert support.surgeon("apply", "-p", unpatched).exit_code == 0
    assert environments.python(unpatched, statement) == (0, "")
    assert environments.python(unpatched, compiled)[0] == 0
    assert support.surgeon("revert", "-p", unpatched, "diffusers-xpu").exit_code == 0
    assert environments.python(unpatched, statement)[0] != 0


def test_other_stacks_are_patched_as_far_as_they_need_it(tmp_path: Path) -> None:
    aug25 = environments.pod(support.CACHE / "e2e" / "aug25", "aug25")
    shipped = support.hashes(support.site_packages(aug25))
    answer = support.surgeon("apply", "-p", aug25)
    assert answer.exit_code == 0, answer.json
    states = answer.patch_states()
    assert states["diffusers-device-mesh"] == states["transformers-pytree"] == "not-needed"
    reasons = {row["id"]: row["reason"] for row in answer.json["patches"]}  # type: ignore[attr-defined]
    assert reasons["transformers-pytree"] == "transformers 4.51.0 is not among >=4.56.0,<5"
    changed = {
        path
        for path, digest in support.hashes(support.site_packages(aug25)).items()
        if shipped[path] != digest
    }
    assert changed == set(answer.json["changed"])  # type: ignore[arg-type]
    assert support.surgeon("revert", "-p", aug25).exit_code == 0
    assert support.hashes(support.site_packages(aug25)) == shipped


def test_the_newest_stack_gets_past_what_the_four_patches_are_for() -> None:
    nov26 = environments.pod(support.CACHE / "e2e" / "nov26", "nov26")
    status, said = environments.python(
        nov26, "import transformers.utils.generic, diffusers.utils.torch_utils"
    )
    assert status != 0, said
    assert support.surgeon("apply", "-p", nov26).exit_code == 0
    for statement in (
        "import transformers.utils.generic",
        "import diffusers.utils.torch_utils",
        "import diffusers.models._modeling_parallel",
    ):
        status, said = environments.python(nov26, statement)
        assert status == 0, f"{statement}: {said}"
