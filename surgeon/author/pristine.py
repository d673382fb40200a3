"""What a distribution shipped: out of the store, out of a wheel, or out of a download; proved by RECORD."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from surgeon.errors import Refused, UsageError
from surgeon.site.distribution import Distribution
from surgeon.site.environment import Environment
from surgeon.site.fs import Root
from surgeon.site.installers import failure
from surgeon.site.store import Store, sha256

TIMEOUT_SECONDS = 600
SCHEMES = ("purelib", "platlib")


class Pristine:
    """The original bytes of an installed distribution's files; a download is made once, when it is needed.

    Args:
        wheel: the wheel that was installed, or a folder that it was unpacked into.
        build: whether a release without a wheel may be built, which runs its code.
    """

    def __init__(
        self, environment: Environment, distribution: Distribution, wheel: Path | None, build: bool = False
    ) -> None:
        self._environment, self._distribution, self._wheel = environment, distribution, wheel
        self._build = build
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
            commands = self._commands(requirement, folder)
            for command in commands:
                reason = failure(command, TIMEOUT_SECONDS)
                if not reason:
                    wheels = [*folder.glob("*.whl")]
                    return _wheel_files(wheels[0]) if wheels else _folder_files(folder)
                said.append(reason)
                shutil.rmtree(folder)
                folder.mkdir()
        name_it = "name the wheel that was installed with --pristine WHEEL"
        again = f"{name_it}, or try again with the network"
        if not self._build:
            again += "; where the release has no wheel, --build makes one, which runs its code"
        reasons = "; ".join(dict.fromkeys(said)) or "no pip and no uv is at hand"
        raise Refused(
            f"no download of {requirement}: {reasons}",
            hint=again if commands else f"install pip (python -m ensurepip) or uv, or {name_it}",
            code="no-pristine",
        )

    def _commands(self, requirement: str, folder: Path) -> list[list[str]]:
        """The environment's own pip, ours, and uv; without them any other pip.

        Without consent nothing is built: that would run the release's code.
        """
        common = ["--quiet", "--no-deps", *([] if self._build else ["--only-binary", ":all:"])]
        fetch = ["wheel", "--wheel-dir"] if self._build else ["download", "--dest"]
        download = [*fetch, str(folder), "--disable-pip-version-check", "--no-input", *common, requirement]
        python = self._environment.python
        where = ["--python", str(python)] if python else []
        target = ["--target", str(folder), "--link-mode", "copy"]
        install = ["pip", "install", *common, *where, *target, requirement]
        pythons = dict.fromkeys(str(each) for each in (python, sys.executable) if each)
        pips = [pip for each in pythons if _runs(pip := [each, "-I", "-B", "-m", "pip"])]
        uvs = [uv for uv in ([sys.executable, "-I", "-m", "uv"], ["uv"]) if _runs(uv)][:1]
        others = [[each] for each in ("pip", "pip3") if shutil.which(each)] + _bundled()
        return [
            *([*pip, *download] for pip in pips or (others if not uvs else [])),
            *([*uv, *install] for uv in uvs),
        ]


def _runs(command: list[str]) -> bool:
    return not failure([*command, "--version"], TIMEOUT_SECONDS)


def _bundled() -> list[list[str]]:
    """The pip that Python itself carries for `ensurepip`, run out of its wheel.

    Linux distributions keep it in `WHEEL_PKG_DIR` (https://docs.python.org/3/library/ensurepip.html).
    """
    found = importlib.util.find_spec("ensurepip")
    folders = [Path(found.origin).parent / "_bundled"] if found and found.origin else []
    folders += [Path(each) for each in [sysconfig.get_config_var("WHEEL_PKG_DIR")] if each]
    run = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('pip', None, '__main__')"
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    return [[sys.executable, "-I", "-B", "-c", run, str(wheel)] for wheel in wheels[-1:]]


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    """The sources in a wheel, by their path in site-packages.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/

    Raises:
        UsageError: it cannot be read.
    """
    if wheel.is_dir():
        return _folder_files(wheel)
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
