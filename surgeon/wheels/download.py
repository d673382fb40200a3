"""Wheels that are named by a requirement: downloaded by the user's own pip, as it is configured."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from surgeon.errors import Refused, UsageError
from surgeon.site.environment import Environment
from surgeon.site.installers import failure, pips

TIMEOUT_SECONDS = 1800
DOWNLOAD = (
    *("download", "--quiet", "--no-input", "--disable-pip-version-check"),
    *("--no-deps", "--only-binary", ":all:", "--dest"),
)
"""Wheels only: to build one would run its project's code."""


def wheel_at(argument: str, environment: Environment | None, folder: Path) -> Path:
    """The wheel that an argument names: a path, or an exact requirement, which is downloaded to `folder`.

    Raises:
        UsageError: it is neither.
        Refused: it cannot be downloaded (`no-wheel`).
    """
    path = Path(argument)
    if argument.endswith(".whl") or path.is_file():
        if not path.is_file():
            raise UsageError("no such wheel", path=argument, hint="check the path")
        return path
    requirement = _exact(argument)
    said: list[str] = []
    for command in pips(environment.python if environment else None):
        asked = [*command, *DOWNLOAD, str(folder), str(requirement)]
        fault = failure(asked, TIMEOUT_SECONDS).removeprefix("ERROR: ")
        wheels = sorted(folder.glob("*.whl"))
        if not fault and len(wheels) == 1:
            return wheels[0]
        said.append(fault or "pip downloaded no wheel")
    reason = "; ".join(dict.fromkeys(said)) or "no pip is at hand"
    raise Refused(
        f"{argument} cannot be downloaded: {reason}",
        hint="download its wheel, and name the file instead",
        code="no-wheel",
    )


def _exact(argument: str) -> Requirement:
    try:
        requirement = Requirement(argument)
    except InvalidRequirement as error:
        raise UsageError(
            f"neither a wheel nor a requirement: {argument!r}",
            hint="name a .whl file, or a release as diffusers==0.36.0",
        ) from error
    operators = [specifier.operator for specifier in requirement.specifier]
    if operators not in (["=="], ["==="]) or requirement.url or "*" in str(requirement.specifier):
        raise UsageError(
            f"{argument!r} does not name one release",
            hint=f"name it as {requirement.name}==VERSION, so that the same wheel is built every time",
        )
    return requirement
