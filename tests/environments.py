"""Real environments for the tests: real wheels, and the real torch 2.1.0 where it is wanted."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from tests import support

OVERRIDES = ("torch==2.1.0", "torchvision==0.16.0", "numpy<2")
"""xfuser asks for torch >= 2.4.1 and would upgrade it; torch 2.1 was built against numpy 1.x."""
UNDECLARED = ("setuptools==80.9.0",)
"""triton 2.1.0 imports it without declaring it."""


def pod(folder: Path, stack: str, *instead: str) -> Path:
    """The pod's environment with the pins of a stack: real torch 2.1.0, hard-linked by uv on purpose.

    `instead` replaces single pins. Returns the environment's folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    support.make_venv(folder)
    overrides = folder / "overrides.txt"
    overrides.write_text("\n".join(OVERRIDES) + "\n")
    install(folder, "--override", overrides, *pins(stack, *instead), *UNDECLARED)
    return folder


def install(venv: Path, *what: str | Path) -> None:
    """`uv pip install` into an environment, with uv's own default way of linking files."""
    support.uv("pip", "install", "--quiet", "--python", venv / "bin" / "python", *what)


def compile_all(venv: Path) -> None:
    """Write the bytecode of all that is installed, as pip does: torch is imported in 1.4 s instead of 3.9."""
    site = support.site_packages(venv)
    support.run(venv / "bin" / "python", "-m", "compileall", "-q", "-j", "0", site, check=False)


@cache
def pins(stack: str, *instead: str) -> tuple[str, ...]:
    """The exact releases of a stack, with single ones replaced."""
    lines = (support.STACKS / f"{stack}.txt").read_text().splitlines()
    found = {line.split("==")[0]: line for line in lines if line and not line.startswith("#")}
    found |= {pin.split("==")[0]: pin for pin in instead}
    return tuple(found.values())


def light(folder: Path, *releases: str, torch: str = "2.1.0") -> Path:
    """A virtual environment with real wheels and no dependencies; torch is its metadata alone."""
    shutil.rmtree(folder, ignore_errors=True)
    site = support.make_venv(folder)
    install(folder, "--no-deps", *releases)
    support.install(site, "torch", torch)
    return folder


def python(venv: Path, program: str, **extra: str) -> tuple[int, str]:
    """Run a program in a fresh process of an environment: its exit status and the last line it wrote."""
    done = support.run(
        venv / "bin" / "python",
        "-W",
        "ignore",
        "-c",
        program,
        check=False,
        cwd="/",
        env=support.clean_environ(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", **extra),
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[-1] if lines else ""
