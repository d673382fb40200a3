"""What is measured on: the tool in an environment of its own, and pods' environments without torch itself.

All lies in one folder below the test cache, so that files can be hard-linked, as uv does it. Only
our own tool may touch a hard-linked copy: what writes through an inode gets copies of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests import environments, support

FOLDER = support.CACHE / "bench"
HEAVY = {"torch": "2.1.0", "torchvision": "0.16.0", "triton": "2.1.0"}
"""Gigabytes of which nothing is read but the metadata."""
STACKS = ("dec25", "nov26")
BASE = ("-c", "import typer, rich.console, rich.table")
"""What everything that starts is held against."""


@cache
def tool() -> Path:
    """The interpreter of an environment that holds m3d-surgeon as a user installs it, compiled."""
    folder = FOLDER / "tool"
    source = FOLDER / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in ("surgeon", "patches"):
        shutil.copytree(support.CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(support.CHECKOUT / name, source / name)
    shutil.rmtree(folder, ignore_errors=True)
    support.uv("venv", "--quiet", "--python", sys.executable, folder)
    environments.install(folder, "--compile-bytecode", source)
    return folder / "bin" / "python"


def command(*arguments: str | Path) -> tuple[str | Path, ...]:
    """The command line of our tool, through the script that its installation made."""
    return (tool().parent / "m3d-surgeon", *arguments)


def plain(**extra: str) -> dict[str, str]:
    """The environment variables of every measured run: a cache folder of the benchmark's own."""
    return {"XDG_CACHE_HOME": str(FOLDER / "user-cache"), "TERM": "xterm-256color", "COLUMNS": "120", **extra}


def surgeon(*arguments: str | Path, exits: Sequence[int] = (0,)) -> dict[str, Any]:
    """What `m3d-surgeon --json` says."""
    done = support.run(
        *command(*arguments, "--json"), check=False, env=support.clean_environ(**plain()), cwd="/"
    )
    if done.returncode not in exits:
        raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def light(stack: str) -> list[str]:
    """The pins of a stack without the heavy ones."""
    return [pin for pin in environments.pins(stack) if pin.split("==")[0] not in HEAVY]


@cache
def pristine(stack: str) -> Path:
    """A stack's environment with every real wheel but the heavy ones; kept from run to run.

    The files that are to be changed have bytecode, as after pip.
    """
    folder = FOLDER / stack
    releases = light(stack)
    key = hashlib.sha256("\n".join(releases).encode()).hexdigest()
    built = folder / "built"
    if not built.is_file() or built.read_text() != key:
        environments.light(folder, *releases)
        for name, version in HEAVY.items():
            support.install(support.site_packages(folder), name, version)
        built.write_text(key)
    site = support.site_packages(folder)
    support.run(
        folder / "bin" / "python", "-m", "compileall", "-q", *(site / path for path in changed(stack))
    )
    return folder


@cache
def changed(stack: str) -> tuple[str, ...]:
    """The files that `apply` changes in a stack's environment, relative to its site-packages."""
    return tuple(surgeon("apply", "--dry-run", "--python", FOLDER / stack)["changed"])


@cache
def patched(stack: str) -> Path:
    """A stack's environment after `apply`."""
    folder = FOLDER / f"{stack}-patched"
    lay(pristine(stack), folder)
    surgeon("apply", "--python", folder)
    surgeon("status", "--python", folder)
    return folder


def lay(source: Path, target: Path) -> Path:
    """A hard-linked copy of an environment, whatever a run before this one left in its place."""
    target.mkdir(parents=True, exist_ok=True)
    _make_alike(str(source), str(target))
    os.sync()  # so that no run pays for the writes of its preparation
    return target


def _make_alike(source: str, target: str) -> None:
    """Link, remove and make what differs; a name with the right inode stays, which is nearly all."""
    there = {entry.name: entry for entry in os.scandir(target)}
    for entry in os.scandir(source):
        place, other = f"{target}/{entry.name}", there.pop(entry.name, None)
        folder = entry.is_dir(follow_symlinks=False)
        if other is None or not (folder or other.inode() == entry.inode()):
            if other is not None:
                Path(place).unlink()
            if folder:
                Path(place).mkdir()
            else:
                os.link(entry.path, place, follow_symlinks=False)
        if folder:
            _make_alike(entry.path, place)
    for other in there.values():
        if other.is_dir(follow_symlinks=False):
            shutil.rmtree(other.path)
        else:
            Path(other.path).unlink()


def size(site: Path, paths: Sequence[str]) -> int:
    """The bytes of files together."""
    return sum((site / path).stat().st_size for path in paths)
