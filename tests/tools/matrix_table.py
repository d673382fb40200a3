"""Which environments the matrix has: every combination, its exact releases, and what it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from tests import environments

TORCH = {
    "2.1.0": "0.16.0",
    "2.1.2": "0.16.2",
    "2.2.2": "0.17.2",
    "2.3.1": "0.18.1",
    "2.4.1": "0.19.1",
    "2.6.0": "0.21.0",
}
"""torch, and the torchvision that was built for it."""
OLDEST, MODERN = "2.1.0", "2.6.0"
"""The pod's torch, and one that has everything that the patches are about: the control."""
OLD = tuple(torch for torch in TORCH if torch not in (OLDEST, MODERN))

NAMED = ("diffusers", "transformers", "accelerate", "peft", "xfuser", "kornia")
"""The distributions of which a combination may choose the release."""
BASE = ("torch", "torchvision", "triton")
HELD = ("numpy==1.26.4", "setuptools==80.9.0")
"""torch 2.1 was built against numpy 1.x; torch 2.1's `cpp_extension` needs `pkg_resources`."""

RELEASES: dict[str, tuple[str, str, str, str, str]] = {
    # diffusers          transformers accelerate peft      xfuser
    "0.30.3": ("2024-09-17", "4.44.2", "0.34.2", "0.12.0", ""),
    "0.31.0": ("2024-10-22", "4.45.2", "1.0.1", "0.13.2", ""),
    "0.32.2": ("2025-01-15", "4.48.0", "1.2.1", "0.14.0", "0.4.1"),
    "0.33.1": ("2025-04-10", "4.51.1", "1.6.0", "0.15.1", "0.4.3.post2"),
    "0.34.0": ("2025-06-24", "4.52.4", "1.8.1", "0.15.2", "0.4.3.post3"),
    "0.35.2": ("2025-10-15", "4.57.1", "1.10.1", "0.17.1", "0.4.4"),
    "0.36.0": ("2025-12-08", "4.57.3", "1.12.0", "0.18.0", "0.4.5"),
    "0.37.1": ("2026-03-25", "4.57.6", "1.13.0", "0.18.1", "0.4.5"),
    "0.38.0": ("2026-05-01", "4.57.6", "1.13.0", "0.19.1", "0.4.5"),
    "0.39.0": ("2026-07-03", "4.57.6", "1.14.0", "0.19.1", "0.4.5"),
}
"""The last release of each diffusers minor, its day, and the newest of the others on that day.

Two exceptions. transformers stays at 4, which the catalogue is for, after 5.0 (2026-01-26). And there is no
xfuser before 0.4.1, since those need flash-attn, which has to be compiled with CUDA.
"""
BETWEEN: dict[str, tuple[str, ...]] = {
    "transformers-4.38": (
        "diffusers==0.30.0",
        "transformers==4.38.2",
        "accelerate==0.30.1",
        "peft==0.12.0",
    ),
    "transformers-4.46": (
        "diffusers==0.31.0",
        "transformers==4.46.3",
        "accelerate==1.1.1",
        "peft==0.13.2",
    ),
    "transformers-4.53": (
        "diffusers==0.34.0",
        "transformers==4.53.3",
        "accelerate==1.9.0",
        "peft==0.16.0",
        "xfuser==0.4.3.post3",
    ),
    "transformers-4.55": (
        "diffusers==0.35.1",
        "transformers==4.55.4",
        "accelerate==1.10.0",
        "peft==0.17.1",
        "xfuser==0.4.4",
    ),
    "transformers-4.56": (
        "diffusers==0.35.2",
        "transformers==4.56.2",
        "accelerate==1.10.1",
        "peft==0.17.1",
        "xfuser==0.4.5",
    ),
    "xfuser-0.5": (
        "diffusers==0.39.0",
        "transformers==4.57.6",
        "accelerate==1.14.0",
        "peft==0.20.0",
        "xfuser==0.5.0",
    ),
    "xfuser-0.6": (
        "diffusers==0.39.0",
        "transformers==4.57.6",
        "accelerate==1.14.0",
        "peft==0.20.0",
        "xfuser==0.6.0",
    ),
    "diffusers-0.28": (
        "diffusers==0.28.2",
        "transformers==4.41.2",
        "accelerate==0.30.1",
        "peft==0.12.0",
        "kornia==0.6.7",
    ),
}
"""Releases that the stacks and the minors of diffusers leave out, the oldest of each among them."""

ALL = (
    "attention",
    "encoders",
    "flux",
    "language",
    "loading",
    "models",
    "sd3",
    "unet",
    "vision_language",
    "wan",
)
MAIN = ("attention", "flux", "language")
"""What reaches the code of every patch; all of them take four times as long."""
EARLY = ("flux", "language", "sd3", "unet")
"""For diffusers 0.30 and 0.31, which lack what the other workloads build their models with."""
STACKS = ("aug25", "dec25", "nov26")


@dataclass(frozen=True)
class Import:
    """An import that a combination is asked for, where it has the releases that have it."""

    name: str
    statement: str
    needs: str = ""
    group: str = "the rest"
    """The process that it is tried in."""


IMPORTS = (
    Import("xfuser", "import xfuser", "xfuser", "xfuser"),
    Import("xfuser.usp", "import xfuser.model_executor.layers.usp", "xfuser>=0.4", "xfuser"),
    Import(
        "diffusers",
        "from diffusers import FluxPipeline, FluxTransformer2DModel, WanPipeline, AutoencoderKLWan",
        "diffusers>=0.33",
    ),
    Import(
        "diffusers",
        "from diffusers import FluxPipeline, FluxTransformer2DModel",
        "diffusers>=0.30,<0.33",
    ),
    Import("diffusers", "from diffusers import StableDiffusionPipeline", "diffusers<0.30"),
    Import(
        "transformers",
        "from transformers import CLIPTextModel, T5EncoderModel, LlamaForCausalLM, SiglipVisionModel",
    ),
    Import("accelerate", "import accelerate"),
    Import("peft", "import peft"),
    Import("kornia", "from kornia.geometry.transform import build_laplacian_pyramid", "kornia<0.7"),
)


@dataclass(frozen=True)
class Combination:
    """One environment: a torch, the releases on it, and the workloads that it runs."""

    name: str
    torch: str
    releases: tuple[str, ...]
    workloads: tuple[str, ...]
    stack: str = "nov26"
    """Whose pins the other distributions follow."""

    @property
    def versions(self) -> dict[str, str]:
        """The release of each distribution that the combination chooses."""
        return dict(pin.split("==") for pin in self.releases)

    def requirements(self) -> tuple[str, ...]:
        """What is installed by name."""
        base = (f"torch=={self.torch}", f"torchvision=={TORCH[self.torch]}")
        return (*base, *HELD, *self.releases)

    def constraints(self) -> tuple[str, ...]:
        """What the rest is held to, so that the same environment is built next year.

        Each transformers has a tokenizers of its own, and torch 2.6 names the release of sympy.
        """
        free = {*NAMED, *BASE, "tokenizers", "numpy", "setuptools"}
        if self.torch == MODERN:
            free.add("sympy")
        return tuple(pin for pin in environments.pins(self.stack) if pin.split("==")[0] not in free)

    def overrides(self) -> tuple[str, ...]:
        """xfuser asks for torch >= 2.4.1 and would upgrade it."""
        return (*self.requirements()[:2], "numpy<2")

    def on(self, torch: str) -> Combination:
        """The same releases on another torch."""
        return replace(self, torch=torch)

    def imports(self) -> tuple[Import, ...]:
        """The imports that these releases have."""
        return tuple(one for one in IMPORTS if self._has(one.needs))

    def _has(self, needs: str) -> bool:
        name = needs.partition(">")[0].partition("<")[0]
        version = self.versions.get(name)
        return not needs or (version is not None and SpecifierSet(needs[len(name) :]).contains(version))


def _of_a_stack(stack: str, torch: str, workloads: tuple[str, ...]) -> Combination:
    releases = tuple(pin for pin in environments.pins(stack) if pin.split("==")[0] in NAMED)
    name = stack if torch == OLDEST else f"torch-{torch}-{stack}"
    return Combination(name, torch, releases, workloads, stack)


def _of_a_minor(diffusers: str, torch: str) -> Combination:
    _, *others = RELEASES[diffusers]
    chosen = zip(NAMED, (diffusers, *others), strict=False)
    pins = (f"{name}=={version}" for name, version in chosen if version)
    minor = "diffusers-" + diffusers.rpartition(".")[0]
    name = minor if torch == OLDEST else f"torch-{torch}-{minor}"
    return Combination(name, torch, tuple(pins), _workloads(diffusers))


def _workloads(diffusers: str) -> tuple[str, ...]:
    if SpecifierSet(">=0.32").contains(diffusers):
        return MAIN
    return EARLY if SpecifierSet(">=0.30").contains(diffusers) else ("language",)


def combinations() -> dict[str, Combination]:
    """Every combination by name, in the order of the table."""
    found = [_of_a_stack(stack, OLDEST, ALL) for stack in STACKS]
    found += [_of_a_minor(diffusers, OLDEST) for diffusers in RELEASES]
    for name, pins in BETWEEN.items():
        workloads = _workloads(pins[0].partition("==")[2])
        found += [Combination(name, OLDEST, pins, workloads)]
    for torch in OLD:
        found += [_of_a_minor("0.32.2", torch)]
        found += [_of_a_stack(stack, torch, MAIN) for stack in STACKS]
    found += [_of_a_stack(stack, MODERN, MAIN) for stack in STACKS]
    return {combination.name: combination for combination in found}
