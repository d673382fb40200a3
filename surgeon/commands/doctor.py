"""`doctor`: what is wrong with an environment, and the commands that put it right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surgeon.commands.options import (
    Json,
    Patches,
    Python,
    Quiet,
    SitePackages,
    answer,
    as_path,
    environment_of,
)

if TYPE_CHECKING:
    from surgeon.doctor.finding import Diagnosis
    from surgeon.doctor.integrity import Progress


def doctor(
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME_OR_FILE", help="Check against a profile too: matrix3d."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Hash every file, however large.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Run each needed patch's probe without the patch and with it.")
    ] = False,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what is wrong with an environment, why it matters, and the commands that fix it.

    Changes nothing. Exits with 1 if something is wrong.
    """
    from surgeon.doctor.finding import failure
    from surgeon.report.doctor import text
    from surgeon.report.progress import progress

    def whole() -> Diagnosis:
        with progress(wanted=not (json or quiet)) as bar:
            return _diagnose(python, as_path(site_packages), as_path(patches_from), profile, full, probe, bar)

    answer(whole, failure, text, as_json=json, quiet=quiet)


def _diagnose(
    python: str | None,
    site_packages: Path | None,
    patches_from: Path | None,
    profile: str | None,
    full: bool,
    probe: bool,
    progress: Progress,
) -> Diagnosis:
    from dataclasses import replace

    from surgeon import registry as patches
    from surgeon.author import project
    from surgeon.doctor.examine import examine

    chosen = project.folders(patches_from)
    registry = patches.load(*chosen.folders, remembered=not probe)
    environment = environment_of(python, site_packages)
    if python is None and site_packages is None and not os.environ.get("VIRTUAL_ENV"):
        from surgeon.operations.run import require_targets

        # Run from an environment of its own, it is not that one which is meant.
        require_targets(environment, registry)
    result = examine(
        environment, registry, progress, profile_name=profile, full=full, patches_from=patches_from
    )
    if probe:
        from surgeon.doctor.probing import with_probes

        result = with_probes(result, environment, registry, progress)
    return replace(result, warnings=(*chosen.notices, *result.warnings))
