"""`wheel`: patches in wheels, for machines on which nothing is to be run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surgeon.commands.options import (
    DryRun,
    Json,
    Patches,
    Python,
    Quiet,
    SitePackages,
    answer,
    environment_of,
)


def wheel(
    wheels: Annotated[
        list[str],
        typer.Argument(metavar="WHEEL_OR_REQUIREMENT...", help="Files, or releases: diffusers==0.36.0."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the patched wheels go.")
    ],
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME==VERSION", help="What they will be installed beside."),
    ] = None,
    build_number: Annotated[
        int, typer.Option("--build-number", metavar="N", help="The N of +m3d.N; raise it to replace a build.")
    ] = 1,
    relax: Annotated[
        bool, typer.Option("--relax", help="Loosen requirements that --with or the environment denies.")
    ] = False,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Patch wheels instead of an environment.

    The result is an ordinary wheel with a local version, the same byte for byte every time.
    """
    from dataclasses import replace

    from surgeon import registry as patches
    from surgeon.author import project
    from surgeon.errors import SurgeonError
    from surgeon.report.progress import progress
    from surgeon.report.wheels import shipped
    from surgeon.wheels import build
    from surgeon.wheels.results import Shipped

    def whole() -> Shipped:
        chosen = project.folders(patches_from)
        named = python is not None or site_packages is not None
        environment = environment_of(python, site_packages) if named else None
        order = build.Options(output, build_number, relax, dry_run, build.source_date())
        registry = patches.load(*chosen.folders)
        with progress(wanted=not (json or quiet)) as bar:
            result = build.wheel(
                wheels, order, registry, given=beside or (), environment=environment, progress=bar
            )
        return replace(result, warnings=(*chosen.notices, *result.warnings))

    def failed(error: SurgeonError) -> Shipped:
        return Shipped(errors=(error,), dry_run=dry_run)

    answer(whole, failed, shipped, as_json=json, quiet=quiet)
