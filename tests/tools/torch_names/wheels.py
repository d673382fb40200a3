"""The releases of torch: which there are, and the Python sources and stubs out of one wheel of each.

The macOS wheels hold the same sources as the Linux ones, in a tenth of the size. Only the sources are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from tests.tools.torch_names.events import Event
from tests.tools.torch_names.modules import is_extension
from tests.tools.torch_names.resolve import Release
from tests.tools.torch_names.source import Reader

FIRST = Version("2.0.0")
"""The oldest release of the table."""

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PLATFORM = "macosx_15_0_arm64"

Log = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """One release's sources: where they lie, and the wheel that they come from."""

    version: str
    path: Path
    wheel: str
    sha256: str


def releases() -> list[str]:
    """All final releases from `FIRST` on that the package index has, in ascending order."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "torch", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Available versions: (.*)", done.stdout)
    versions = {Version(v) for v in found.group(1).split(", ")} if found else set()
    return [str(v) for v in sorted(versions) if v >= FIRST and not v.is_prerelease and not v.local]


def sources(version: str, folder: Path, log: Log) -> Sources:
    """The sources of one release, downloaded if they are not in the folder.

    Raises:
        RuntimeError: no wheel of it could be downloaded.
    """
    kept = folder / f"{version}.zip"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wheel = _download(version, Path(scratch))
            log(f"torch {version}: {wheel.name}, {wheel.stat().st_size >> 20} MB")
            _keep(wheel, kept)
    with zipfile.ZipFile(kept) as archive:
        origin = json.loads(archive.comment)
    return Sources(version, kept, origin["wheel"], origin["sha256"])


def _download(version: str, folder: Path) -> Path:
    said = ""
    for python in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-cache-dir", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
        command += ["--platform", PLATFORM, "--python-version", python, "--dest", str(folder)]
        done = subprocess.run(
            [*command, f"torch=={version}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return next(folder.glob("*.whl"))
        said = done.stderr
    raise RuntimeError(f"torch {version} cannot be downloaded: {said[-500:]}")


def _keep(wheel: Path, kept: Path) -> None:
    """Write the sources of a wheel, and beside them its name and hash."""
    partial = kept.with_suffix(".partial")
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as out:
        for item in archive.infolist():
            if item.filename.startswith("torch/") and item.filename.endswith((".py", ".pyi")):
                out.writestr(zipfile.ZipInfo(item.filename), archive.read(item), zipfile.ZIP_DEFLATED)
        origin = {"wheel": wheel.name, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
        out.comment = json.dumps(origin).encode()
    partial.replace(kept)


@dataclass(frozen=True)
class File:
    """One source file inside an archive."""

    path: str
    package: bool
    stub: bool


def modules_in(names: list[str]) -> dict[str, File]:
    """The modules that these files make. Of stubs, only those of the extension module count."""
    found: dict[str, File] = {}
    for path in sorted(names):
        stem, _, ending = path.rpartition(".")
        parts = stem.split("/")
        package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if package else parts)
        stub = ending == "pyi"
        importable = parts[-1] != "__main__" and all(p.isidentifier() for p in parts)
        if importable and (is_extension(module) or not stub):
            found[module] = File(path, package, stub)
    return found


class Parser:
    """Reads the modules of one release after the other, and those that did not change only once."""

    def __init__(self, covered: Callable[[str], bool], log: Log) -> None:
        self._covered = covered
        self._log = log
        self._known: dict[tuple[str, bytes], list[Event]] = {}

    def release(self, path: Path, corrections: dict[str, list[Event]]) -> Release:
        """Resolve one release.

        Args:
            path: the archive of its sources.
            corrections: per module of the extension, what happens besides what its stub says.
        """
        with zipfile.ZipFile(path) as archive:
            files = modules_in(archive.namelist())
            known: dict[tuple[str, bytes], list[Event]] = {}

            def read(module: str) -> list[Event]:
                if module not in files:
                    return corrections[module]
                if not self._covered(module):
                    return [Event("open")]
                data = archive.read(files[module].path)
                key = (module, hashlib.sha256(data).digest())
                if key not in known:
                    known[key] = self._known.get(key) or self._parse(module, files[module], data)
                return known[key] + corrections.get(module, [])

            modules = {module: file.stub for module, file in files.items()}
            release = Release({**modules, **dict.fromkeys(corrections, True)}, read)
            release.settle()
        self._known = known
        return release

    def _parse(self, module: str, file: File, data: bytes) -> list[Event]:
        try:
            return Reader(module, file.package, file.stub).read(data.decode("utf-8-sig"))
        except (SyntaxError, ValueError) as error:
            self._log(
                f"  {file.path} cannot be read ({error}): whatever is asked of it counts as being there"
            )
            return [Event("open")]
