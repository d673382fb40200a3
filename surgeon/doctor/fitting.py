"""The newest release of a package that imports on the torch that is here: asked of the user's own pip or uv.

Two questions to the installer, as the user has configured it: which is the newest release whose
Requires-Dist allow what must not be moved (it resolves, nothing is installed); then that wheel, unpacked
beside the environment and scanned as if it were installed. A release that does not import is followed by
the next older series, because releases of one series rarely differ in what they ask of torch.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from surgeon.site import installers
from surgeon.site.distribution import normalised
from surgeon.site.versions import counted, is_version, series

ASK_SECONDS = 300
DOWNLOAD_SECONDS = 1800
MOST_TRIED = 24
"""So many releases are unpacked and scanned; each is of another series."""
LONGEST_SECONDS = 300
"""After so long no further release of a package is tried."""

WHEELS_ONLY = ("--only-binary", ":all:")
"""To build one would run its project's code."""
PATIENCE = ("--retries", "1", "--timeout", "15")
"""pip's own take minutes to find out that there is no network."""

Imports = Callable[[Path], str]
"""Why the release that is unpacked in a folder cannot be used here, or an empty string."""


@dataclass(frozen=True)
class Fitting:
    """What came of looking for a release that fits.

    Attributes:
        version: the release; empty where there is none.
        tried: those that do not import either, each with the reason, newest first.
        unknown: why it could not be looked up; empty where it was.
        cut: whether there are older ones that were not tried.
    """

    version: str = ""
    tried: tuple[tuple[str, str], ...] = ()
    unknown: str = ""
    cut: bool = False


@dataclass(frozen=True)
class _Installer:
    """pip or uv, by the words that begin its commands."""

    words: tuple[str, ...]
    python: Path | None

    @property
    def is_uv(self) -> bool:
        return Path(self.words[0]).name.startswith("uv")

    def newest(
        self, requirement: str, pins: Sequence[str] = (), links: Path | None = None
    ) -> tuple[str, str]:
        """The release that would be installed, or an empty string and why there is none.

        Args:
            pins: what must be met as well; none to look at the one package alone.
            links: a folder with wheels, beside the index.
        """
        alone = () if pins else ("--no-deps",)
        further = ("--find-links", str(links)) if links else ()
        name = normalised(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
        if self.is_uv:
            asked = (*self.words, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate")
            given = "\n".join([requirement, *pins, ""])
            said, fault = installers.answer(
                [*asked, "--no-build", *self._for_python(), *alone, *further], ASK_SECONDS, given
            )
            rows = dict(line.split("==", 1) for line in said.splitlines() if "==" in line)
        else:
            asked = (*self.words, "install", "--quiet", "--no-input", "--disable-pip-version-check")
            dry = ("--dry-run", "--ignore-installed", "--report", "-", *PATIENCE, *WHEELS_ONLY)
            said, fault = installers.answer([*asked, *dry, *alone, *further, requirement, *pins], ASK_SECONDS)
            rows = _reported(said)
        found = {normalised(key): value.split(";")[0].strip() for key, value in rows.items()}
        version = found.get(name, "")
        if fault or not is_version(version):
            return "", fault.removeprefix("ERROR: ") or "the installer named no release"
        return version, ""

    def unpack(self, requirement: str, folder: Path) -> str:
        """Unpack one release into a folder; why that failed, or an empty string."""
        where = ("--quiet", "--no-deps", "--target", str(folder))
        if self.is_uv:
            command = [*self.words, "pip", "install", "--no-build", *where, *self._for_python()]
        else:
            command = [*self.words, "install", "--no-input", "--disable-pip-version-check", "--no-compile"]
            command += [*PATIENCE, *WHEELS_ONLY, *where]
        return installers.failure([*command, requirement], DOWNLOAD_SECONDS)

    def _for_python(self) -> tuple[str, ...]:
        return ("--python", str(self.python)) if self.python else ()


def _reported(said: str) -> dict[str, str]:
    """Names and versions in pip's installation report (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    try:
        rows = json.loads(said)["install"]
        return {str(row["metadata"]["name"]): str(row["metadata"]["version"]) for row in rows}
    except (ValueError, KeyError, TypeError):
        return {}


class ReleaseIndex:
    """The package index, as far as the user's installer reaches it.

    Args:
        python: the interpreter that releases are to be for.
        installer: `uv` or `pip`: the one to ask first.
        held: specifiers of what must not be moved, by name.
        torch: the release that is installed.
    """

    def __init__(self, python: Path | None, installer: str, held: Mapping[str, str], torch: str) -> None:
        self._python, self._held, self._torch = python, held, torch
        uv = [("uv",)] if shutil.which("uv") else []
        pips = [tuple(words) for words in installers.pips(python)]
        self._all = [_Installer(words, python) for words in (*uv, *pips)]
        self._all.sort(key=lambda each: each.is_uv != (installer == "uv"))

    def fitting(self, name: str, besides: str, installed: str, imports: Imports) -> Fitting:
        """Find the newest release that imports on this torch.

        Args:
            besides: what its users ask of it, as a specifier.
            installed: the release that does not.
        """
        said: list[str] = []
        for installer in self._all:
            _, fault = installer.newest(name)
            if fault:
                said.append(fault)
                continue
            with _scratch() as folder, _stand_in(self._torch) as links:
                return self._walk(installer, name, _and(besides, f"!={installed}"), imports, folder, links)
        return Fitting(unknown="; ".join(dict.fromkeys(said)) or "neither pip nor uv is at hand")

    def _walk(
        self, installer: _Installer, name: str, specifier: str, imports: Imports, folder: Path, links: Path
    ) -> Fitting:
        pins = [f"{each}{what}" for each, what in self._held.items() if each != "torch"]
        pins = [f"torch=={counted(self._torch)}", *(pin for pin in pins if not pin.startswith(name))]
        tried: list[tuple[str, str]] = []
        below = ""
        begun = time.monotonic()
        while len(tried) < MOST_TRIED and time.monotonic() - begun < LONGEST_SECONDS:
            version, _ = installer.newest(f"{name}{_and(specifier, below)}", pins, links)
            if not version:
                return Fitting(tried=tuple(tried))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fault = installer.unpack(f"{name}=={version}", folder) or imports(folder)
            if not fault:
                return Fitting(version, tuple(tried))
            tried.append((version, fault))
            below = f"<{series(version)}"
        return Fitting(tried=tuple(tried), cut=True)


def _and(*specifiers: str) -> str:
    return ",".join(each for each in specifiers if each)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as folder:
        yield Path(folder, "release")


@contextmanager
def _stand_in(torch: str) -> Iterator[Path]:
    """A folder with a wheel of torch that is metadata and nothing else.

    So the installer can resolve for a build that no index has (2.1.0+cu121, a vendor's), and need not
    look at what torch itself asks for.
    """
    version = counted(torch)
    info = f"torch-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: m3d-surgeon\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = [f"{path},{_hash(text)},{len(text)}" for path, text in files.items()]
    with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as folder:
        with zipfile.ZipFile(Path(folder, f"torch-{version}-py3-none-any.whl"), "w") as wheel:
            for path, text in {**files, f"{info}/RECORD": "\n".join([*rows, f"{info}/RECORD,,", ""])}.items():
                wheel.writestr(path, text)
        yield Path(folder)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
