"""`doctor` on the pod itself: no false alarm, every harm that the manifest names, its commands really run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from surgeon.doctor.profile import BUILT_IN, pairs
from tests import environments, support
from tests.real.patient import Patient

NOT_ON_THE_INDEX = "pytorch3d"
"""Its official wheels are on a page of their own; everything else of the profile is installed for real."""


@pytest.fixture
def pod() -> Patient:
    folder = environments.pod(support.CACHE / "doctor" / "nov26", "nov26")
    return Patient(folder, "uv")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pod's profile without what only its official page has."""
    content = json.loads((BUILT_IN / "matrix3d.json").read_bytes())
    content["requirements"] = [
        row for row in content["requirements"] if row["distribution"] != NOT_ON_THE_INDEX
    ]
    path = tmp_path_factory.mktemp("profile") / "pod.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.e2e
def test_a_freshly_installed_pod_waits_for_apply_and_nothing_else(pod: Patient, profile: Path) -> None:
    for options in ([], ["--profile", profile]):
        assert list(pod.findings(*options)) == ["pending"]
    assert list(pod.findings("--profile", "matrix3d")) == ["missing pytorch3d", "pending"]
    notes = pod.doctor().json["notes"]
    assert any("xfuser 0.7.0 asks for torch>=2.4.1; torch 2.1.0 is here: expected" in note for note in notes)  # type: ignore[attr-defined]
    assert pod.follow("--profile", profile) == [f"m3d-surgeon apply --python {pod.python}"]
    assert pod.doctor("--full").exit_code == 0


@pytest.mark.e2e
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_pod_after_careless_installs_is_put_right(pod: Patient, profile: Path, installer: str) -> None:
    """All at once: the nms error, numpy 2, an old hub, no setuptools, Jupyter's module hidden."""
    pod.install(
        "--no-deps", "torchvision==0.20.1", "numpy==2.2.6", "huggingface-hub==0.24.7", "entrypoints==0.4"
    )
    pod.install("--no-deps", "kornia==0.6.0", "diffusers==0.30.0", "accelerate==0.21.0")
    support.uv("pip", "uninstall", "-q", "-p", pod.python, "setuptools")
    support.install(pod.site, "xformers", "0.0.22", {"xformers/__init__.py": b""})
    (pod.site / "~ransformers").mkdir()
    if installer == "pip":
        pod.install("pip")
        for place in pod.site.glob("*.dist-info/INSTALLER"):
            place.unlink()
            place.write_text("pip\n")
    hidden = "import entrypoints; entrypoints.get_group_all('x')"
    assert not pod.runs("import torchvision")
    assert not pod.runs(hidden)
    assert set(pod.findings("--profile", profile)) == {
        "failed-uninstall",
        "hidden-module entrypoints",
        "missing setuptools",
        "pending",
        "unmet-requirement huggingface-hub",
        "unwanted xformers",
        "wrong-version accelerate",
        "wrong-version diffusers",
        "wrong-version kornia",
        "wrong-version numpy",
        "wrong-version torchvision",
    }
    commands = pod.follow("--profile", profile)
    kinds = ["rm -rf", "uninstall", "torchvision==0.16.0", "kornia", "m3d-surgeon apply"]
    assert len(commands) == len(kinds)
    for kind, command in zip(kinds, commands, strict=True):
        assert kind in command
        by_pip = installer == "pip" and kind not in ("rm -rf", "m3d-surgeon apply")
        assert (" -m pip " in command) is by_pip
    assert environments.python(pod.folder, "import torch, numpy; print(torch.ones(1).numpy())") == (0, "[1.]")
    assert environments.python(pod.folder, "import torch; print(torch.__version__)") == (0, "2.1.0+cu121")
    for statement in ("import torchvision", hidden, "import xfuser", "from diffusers import FluxPipeline"):
        status, said = environments.python(pod.folder, statement)
        assert status == 0, said


@pytest.mark.e2e
def test_without_a_profile_the_pair_is_put_right_too(pod: Patient) -> None:
    assert support.surgeon("apply", "-p", pod.folder).exit_code == 0
    pod.install("--no-deps", "torchvision==0.17.2")
    status, said = environments.python(pod.folder, "import torchvision")
    assert (status, "nms" in said) == (1, True), said
    finding = pod.findings()["torch-mismatch torchvision"]
    assert "nms" in finding["why"]
    pod.follow()
    assert environments.python(pod.folder, "import torchvision")[0] == 0


@pytest.mark.e2e
def test_the_pairs_are_what_installed_releases_say(pod: Patient) -> None:
    metadata = (pod.site / "torchvision-0.16.0.dist-info" / "METADATA").read_text()
    assert f"Requires-Dist: torch (=={pairs()['torchvision']['0.16.0']})" in metadata


@pytest.mark.e2e
def test_a_neighbour_that_takes_diffusers_down_gets_a_release_that_does_not(pod: Patient) -> None:
    """Nobody imports bitsandbytes by hand: diffusers does, because it is installed."""
    assert support.surgeon("apply", "-p", pod.folder).exit_code == 0
    pipeline = "from diffusers import FluxPipeline"
    assert pod.runs(pipeline)
    pod.install("--no-deps", "bitsandbytes==0.50.2")
    assert not pod.runs(pipeline)
    finding = pod.findings()["cannot-import bitsandbytes"]
    assert any(detail.startswith("diffusers 0.39.0: ") for detail in finding["details"])
    (command,) = pod.follow()
    assert " bitsandbytes==" in command
    assert pod.runs("import bitsandbytes")
    assert pod.runs(pipeline)


PROBED = [
    pytest.param("aug25", True, marks=pytest.mark.e2e),
    pytest.param("dec25", False, marks=pytest.mark.more),
]
"""Each patch's probe runs twice; with `make e2e` those of the stack with the fewest patches."""


@pytest.mark.parametrize(("stack", "applied"), PROBED)
def test_probes_fail_before_and_pass_after_and_touch_nothing(stack: str, applied: bool) -> None:
    folder = environments.pod(support.CACHE / "doctor" / stack, stack)
    if applied:
        assert support.surgeon("apply", "-p", folder).exit_code == 0
    answer = Patient(folder, "uv").doctor("--probe")
    rows = {row["patch"]: row for row in answer.json["probes"]}  # type: ignore[attr-defined]
    assert set(rows) >= {"diffusers-xpu", "transformers-rmsnorm", "xfuser-ring-attention"}
    assert {row["state"] for row in rows.values()} == {"applied" if applied else "pristine"}
    assert {(row["before"], row["after"]) for row in rows.values()} == {("fails", "passes")}, rows
    assert answer.exit_code == (0 if applied else 1)
    shutil.rmtree(folder)
