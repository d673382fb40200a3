"""What the tests build environments from: interpreters, small packages, real wheels, the command itself."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
STACKS = CHECKOUT / "fixtures" / "stacks"
CACHE = Path(os.environ.get("M3D_SURGEON_TEST_CACHE", CHECKOUT / ".cache"))
GADGETS = CHECKOUT / "fixtures" / "patches"
"""Patches for the small hand-written packages that `gadget` builds."""

HIDDEN = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")


def clean_environ(**extra: str) -> dict[str, str]:
    """The environment variables of a user who set none that concern us."""
    return {**{k: v for k, v in os.environ.items() if k not in HIDDEN}, **extra}


def run(*command: str | Path, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, its output as text."""
    options.setdefault("env", clean_environ())
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if check and done.returncode:
        raise AssertionError(f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Answer:
    """What `m3d-surgeon --json` said."""

    exit_code: int
    json: dict[str, object]
    stderr: str

    def states(self) -> dict[str, str]:
        """The state of each file, by path."""
        return {row["path"]: row["state"] for row in self.json["files"]}  # type: ignore[attr-defined]

    def patch_states(self) -> dict[str, str]:
        """The state of each patch, by id."""
        return {row["id"]: row["state"] for row in self.json["patches"]}  # type: ignore[attr-defined]

    def error_codes(self) -> list[str]:
        """The codes of all errors."""
        return [row["code"] for row in self.json["errors"]]  # type: ignore[attr-defined]


def surgeon(*arguments: str | Path, by: Path | None = None, **extra: str) -> Answer:
    """Run `m3d-surgeon ... --json` in a process of its own.

    Args:
        by: the interpreter that runs it, a `runner`; else the one that runs the tests.
    """
    if by:
        extra["PYTHONPATH"] = str(by.parents[1] / "code")
    done = run(
        by or sys.executable,
        "-m",
        "surgeon",
        *arguments,
        "--json",
        check=False,
        env=clean_environ(**extra),
        cwd="/",
    )
    assert "Traceback" not in done.stderr, done.stderr
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    assert not answer or answer["exit_code"] == done.returncode, answer
    return Answer(done.returncode, answer, done.stderr)


@cache
def pythons() -> tuple[Path, ...]:
    """One interpreter that runs for each Python that the tool may run on, as far as they are here."""
    return tuple(found for minor in range(10, 15) if (found := python(f"3.{minor}")))


@cache
def target_python() -> Path:
    """The interpreter to build environments with: 3.10 if one runs, else 3.11.

    A pyenv shim may be on PATH and refuse to run, so each candidate is asked, and pyenv's own
    folder is looked through as well.
    """
    for version in ("3.10", "3.11"):
        if found := python(version):
            return found
    raise AssertionError("the tests need Python 3.10 or 3.11")


@cache
def python(version: str) -> Path | None:
    """An interpreter of a version (`3.12`), or `None`."""
    for candidate in _candidates(version):
        done = subprocess.run(
            [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout.strip() == version:
            return candidate
    return None


@cache
def runner(version: str) -> Path | None:
    """An interpreter of a version beside which this checkout's code and patches lie, or `None`."""
    here = python(version)
    if here is None:
        return None
    folder = CACHE / "runners" / version
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv("venv", "--quiet", "--python", here, folder)
        needs = ("libcst", "packaging", "importlib-metadata", "rich", "typer")
        uv("pip", "install", "--quiet", "--python", folder / "bin" / "python", *needs)
        (folder / "done").touch()
    code = folder / "code" / "surgeon"
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    for each in [*(CHECKOUT / "surgeon").iterdir(), CHECKOUT / "patches"]:
        if each.name != "__pycache__":
            (code / each.name).symlink_to(each)
    return folder / "bin" / "python"


def _candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    with contextlib.suppress(OSError):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from sorted(Path(root, "versions").glob(f"{version}*/bin/python"), reverse=True)
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield Path(sys.executable)


def uv(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run uv, the development dependency, whatever is on PATH."""
    return run(sys.executable, "-m", "uv", *arguments, env=clean_environ(**extra))


def make_venv(folder: Path, interpreter: Path | None = None) -> Path:
    """A virtual environment without anything in it; returns its site-packages."""
    uv("venv", "--quiet", "--python", interpreter or target_python(), folder)
    return site_packages(folder)


def site_packages(venv: Path) -> Path:
    """The site-packages of a virtual environment."""
    return next((venv / "lib").glob("python3.*/site-packages"))


def record_hash(data: bytes) -> str:
    """A sha256 as RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def distribution_files(
    name: str, version: str, files: Mapping[str, bytes], requires: Sequence[str] = ()
) -> dict[str, bytes]:
    """All files of an installed distribution, metadata and RECORD included."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    header = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    header += [f"Requires-Dist: {each}" for each in requires]
    wheel = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    every = {
        **files,
        f"{info}/METADATA": "".join(f"{line}\n" for line in header).encode(),
        f"{info}/WHEEL": wheel,
    }
    rows = [f"{path},{record_hash(data)},{len(data)}" for path, data in every.items()]
    return {**every, f"{info}/RECORD": "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()}


def install(
    site: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes] | None = None,
    requires: Sequence[str] = (),
) -> None:
    """Lay a distribution into a site directory as an installer does; without files it is metadata only."""
    for path, data in distribution_files(name, version, files or {}, requires).items():
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data)


def uninstall(site: Path, name: str) -> None:
    """Remove a distribution and every file that its RECORD lists."""
    for info in site.glob(f"{name.replace('-', '_')}-*.dist-info"):
        for row in (info / "RECORD").read_text().splitlines():
            (site / row.split(",")[0]).unlink(missing_ok=True)
        shutil.rmtree(info)


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, bytes], requires: Sequence[str] = ()
) -> Path:
    """A real wheel of a small hand-written package."""
    wheel = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in distribution_files(name, version, files, requires).items():
            archive.writestr(path, data)
    return wheel


def tree(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder: hash, mode and mtime_ns. Bytecode is left out."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder and its hash; the store is left out."""
    return {path: row[0] for path, row in tree(folder).items() if not path.startswith(".m3d-surgeon")}


GADGET = b"""import torch

SHINY = torch.shiny.polish


def work():
    return "original"
"""
"""A small package's module with the one construct that the patches in `fixtures/patches` mend."""


def gadget(site: Path, version: str = "1.0", *, torch: str = "2.1.0+cu121", source: bytes = GADGET) -> Path:
    """Lay the small package `gadget` and torch's metadata into a site directory; returns the target."""
    install(site, "torch", torch)
    install(
        site,
        "gadget",
        version,
        {"gadget/__init__.py": b"", "gadget/core.py": source, "gadget/extra.py": source},
    )
    return site / "gadget" / "core.py"
