"""Environments and patches of any size, made up so that one thing grows and all else stays."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from tests import support
from tests.tools.bench import scenes

GROWN_WITH = "diffusers-rmsnorm"
"""A shipped patch whose pristine files are what is copied: real code, and a change in each."""

COPIES_PATCH = '''"""A shipped patch, for copies of its files in a package of another name."""

from dataclasses import replace

from surgeon.patches.{module} import PATCH as SHIPPED

PATCH = replace(SHIPPED, id="copies", distribution="copies", versions=">=1", files=("copies/**/*.py",))
'''

ONE_OF_MANY = '''"""{why}

What happens: `AttributeError: module 'torch' has no attribute 'novelty_{number}'`.

Why: {story}
"""

from surgeon.edits import GuardAttribute
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id="many-{number}",
    symptom=r"module 'torch' has no attribute 'novelty_{number}'",
    why="{story}",
    distribution="{distribution}",
    versions="{versions}",
    when={{"torch": "<2.3"}},
    files=("{file}",),
    needle=(b"torch.novelty_{number}",),
    transforms=(GuardAttribute("torch.novelty_{number}", since="2.3"),),
    expect=at_least(1),
    cases=(
        Case(
            before="""\\
import torch

FOUND = torch.novelty_{number}
""",
            after="""\\
import torch

FOUND = getattr(torch, "novelty_{number}", None)
""",
        ),
    ),
    unchanged=(),
    probe="import {distribution}",
)
'''


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@cache
def copies(times: int) -> Path:
    """An environment whose one package holds so many copies of the patch's files, no two the same."""
    stack = "nov26"
    pristine = support.site_packages(scenes.pristine(stack))
    rows = scenes.surgeon("status", "--python", scenes.patched(stack))["files"]
    paths = [row["path"] for row in rows if GROWN_WITH in row["patches"]]
    files = {
        f"copies/copy_{number}/{index}.py": (pristine / path).read_bytes() + b"\n# copy %d\n" % number
        for number in range(times)
        for index, path in enumerate(paths)
    }
    folder = _empty(scenes.FOLDER / f"copies-{times}")
    site = support.make_venv(folder)
    support.install(site, "torch", "2.1.0")
    support.install(site, "copies", "1.0", files)
    return folder


def bytes_in_copies(times: int) -> int:
    """The bytes that must be rewritten there."""
    site = support.site_packages(copies(times))
    return sum(path.stat().st_size for path in site.glob("copies/**/*.py"))


@cache
def copies_patch() -> Path:
    """The folder of patches for them."""
    folder = _empty(scenes.FOLDER / "copies-patches")
    (folder / "copies.py").write_text(COPIES_PATCH.format(module=GROWN_WITH.replace("-", "_")))
    return folder


@cache
def with_others(number: int) -> Path:
    """dec25, patched, with so many more distributions of fifty files each that no patch targets."""
    folder = scenes.lay(scenes.patched("dec25"), scenes.FOLDER / f"others-{number}")
    site = support.site_packages(folder)
    for index in range(number):
        name = f"other-{index}"
        files = {f"other_{index}/module_{each}.py": b"" for each in range(50)}
        info = {
            path: data
            for path, data in support.distribution_files(name, "1.0", files).items()
            if ".dist" in path
        }
        for path, data in {f"other_{index}/__init__.py": b"", **info}.items():
            (site / path).parent.mkdir(exist_ok=True)
            (site / path).write_bytes(data)
    return folder


@cache
def many_patches(number: int) -> Path:
    """So many patches for dec25, as long as real ones: a third for packages that are not there, a third
    for other releases, a third that look for their needle in a real file each and do not find it."""
    folder = _empty(scenes.FOLDER / f"patches-{number}")
    site = support.site_packages(scenes.pristine("dec25"))
    real = sorted(str(path.relative_to(site)) for path in site.glob("diffusers/**/*.py"))
    kinds = (("absent", ">=1"), ("diffusers", ">=99"), ("diffusers", ">=0.1"))
    for index in range(number):
        distribution, versions = kinds[index % 3]
        text = ONE_OF_MANY.format(
            number=index,
            distribution=distribution,
            versions=versions,
            file=real[index % len(real)],
            why=f"Patch {index} of many.",
            story="It stands for a story of the usual length. " * 30,
        )
        (folder / f"many_{index}.py").write_text(text)
    return folder
