"""What a distribution shipped: out of the store, out of a wheel, or out of a download; proved by RECORD."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from surgeon.distribution import Distribution
from surgeon.environment import Environment
from surgeon.errors import Refused, UsageError
from surgeon.fs import Root
from surgeon.programs import failure
from surgeon.store import Store, sha256

TIMEOUT_SECONDS = 600
SCHEMES = ("purelib", "platlib")


class Pristine:
    """The original bytes of an installed distribution's files; a download is made once, when it is needed."""

    def __init__(self, environment: Environment, distribution: Distribution, wheel: Path | None) -> None:
        self._environment, self._distribution, self._wheel = environment, distribution, wheel
        self._store = Store(Root(distribution.site))
        self._files: dict[str, bytes] | None = None

    def read(self, path: str) -> bytes:
        """A file as RECORD lists it.

        Raises:
            Refused: it cannot be had; what was tried and what to do instead is said.
            UsageError: the wheel that was named is none.
        """
        recorded = self._distribution.recorded(path)
        assert recorded is not None
        with suppress(Refused):
            return self._store.object(recorded)
        if self._files is None:
            self._files = _wheel_files(self._wheel) if self._wheel else self._downloaded()
        data = self._files.get(path)
        if data is None or sha256(data) != recorded:
            name = f"{self._distribution.name} {self._distribution.version}"
            what = "does not hold this file" if data is None else "holds another version of this file"
            raise Refused(
                f"the wheel of {name} {what} than RECORD lists" if data else f"the wheel of {name} {what}",
                path=path,
                hint="name the very wheel that was installed with --pristine WHEEL",
                code="no-pristine",
            )
        return data

    def _downloaded(self) -> dict[str, bytes]:
        """The same release once more, by the user's own pip or uv, as they are configured."""
        requirement = f"{self._distribution.name}=={self._distribution.version}"
        said: list[str] = []
        with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as scratch:
            folder = Path(scratch)
            for command in self._commands(requirement, folder):
                reason = failure(command, TIMEOUT_SECONDS)
                if not reason:
                    wheels = [*folder.glob("*.whl")]
                    return _wheel_files(wheels[0]) if wheels else _folder_files(folder)
                said.append(reason)
                shutil.rmtree(folder)
                folder.mkdir()
        raise Refused(
            f"no download of {requirement}: {'; '.join(dict.fromkeys(said)) or 'no pip and no uv'}",
            hint="name the wheel that was installed with --pristine WHEEL, or try again with the network",
            code="no-pristine",
        )

    def _commands(self, requirement: str, folder: Path) -> list[list[str]]:
        """The environment's own pip, ours, and uv: wheels only, for nothing may be built or run for this."""
        download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        download += ["--only-binary", ":all:", "--dest", str(folder), requirement]
        python = self._environment.python
        pips = dict.fromkeys(str(each) for each in (python, sys.executable) if each)
        commands = [[each, "-I", "-B", *download] for each in pips]
        if uv := shutil.which("uv"):
            install = [
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--link-mode",
                "copy",
            ]
            where = ["--python", str(python)] if python else []
            commands.append([uv, *install, *where, "--target", str(folder), requirement])
        return commands


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    """The sources in a wheel, by their path in site-packages.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {
                _installed_as(name): archive.read(name) for name in archive.namelist() if name.endswith(".py")
            }
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"not a wheel: {error}", path=str(wheel), hint="check --pristine", code="bad-wheel"
        ) from error


def _installed_as(name: str) -> str:
    """Where a wheel's member lands: what lies in its `.data` folder for site-packages goes there too."""
    parts = name.split("/")
    if parts[0].endswith(".data") and len(parts) > 2 and parts[1] in SCHEMES:
        return "/".join(parts[2:])
    return name


def _folder_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}
