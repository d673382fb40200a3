"""The commands that edit, and that say what was edited: one operation, its result, its exit code.

Whatever only some commands need is imported inside them: `--help` and `--version` cost no more
than starting Python and typer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surgeon.commands.options import (
    DryRun,
    Ids,
    Json,
    Patches,
    Python,
    Quiet,
    SitePackages,
    Verbose,
    answer,
    as_path,
    complete_patch,
    environment_of,
)

if TYPE_CHECKING:
    from surgeon.operations.results import Result
    from surgeon.operations.work import Progress
    from surgeon.registry import Registry
    from surgeon.site.environment import Environment

    Operation = Callable[[Environment, Registry, frozenset[str], Progress], Result]


def apply(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Edit the installed sources for the torch that is here.

    Run it after every pip install; a second run changes nothing.
    """

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], bar: Progress) -> Result:
        from surgeon.operations import run as operations
        from surgeon.report.progress import waiting

        return operations.apply(environment, registry, ids, dry_run=dry_run, progress=bar, wait=waiting)

    _run("apply", operation, patches, python, site_packages, patches_from, json, quiet, verbose)


def status(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what each patch and each file is.

    Changes nothing. Exits with 1 if something is pending or has drifted.
    """

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], _: Progress) -> Result:
        from surgeon.operations import run as operations

        return operations.status(environment, registry, ids)

    _run("status", operation, patches, python, site_packages, patches_from, json, quiet, verbose)


def revert(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Put the original files back."""

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], bar: Progress) -> Result:
        from surgeon.operations import run as operations
        from surgeon.report.progress import waiting

        return operations.revert(environment, registry, ids, dry_run=dry_run, progress=bar, wait=waiting)

    _run("revert", operation, patches, python, site_packages, patches_from, json, quiet, verbose)


def diff(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what the patches change here, applied or not."""

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], _: Progress) -> Result:
        from surgeon.operations import run as operations

        return operations.diff(environment, registry, ids)

    _run("diff", operation, patches, python, site_packages, patches_from, json, quiet)


def list_(
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the patches, and how each stands here."""
    _run("list", _catalogue("list"), None, python, site_packages, patches_from, json, quiet)


def explain(
    patch: Annotated[
        str,
        typer.Argument(metavar="PATCH", help="The patch to explain.", autocompletion=complete_patch),
    ],
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Explain a patch: the error, its cause, where it applies."""
    _run("explain", _catalogue("explain"), [patch], python, site_packages, patches_from, json, quiet)


def recover(
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Settle what a killed run left.

    Every other command that writes does so by itself.
    """

    def operation(environment: Environment, registry: Registry, _ids: frozenset[str], _: Progress) -> Result:
        from surgeon.operations import run as operations
        from surgeon.report.progress import waiting

        return operations.recover(environment, registry, waiting)

    _run("recover", operation, None, python, site_packages, patches_from, json, quiet)


def _catalogue(command: str) -> Operation:
    def operation(environment: Environment, registry: Registry, ids: frozenset[str], _: Progress) -> Result:
        from surgeon.operations import run as operations

        return operations.catalogue(command, environment, registry, ids)

    return operation


def _run(
    command: str,
    operation: Operation,
    ids: list[str] | None,
    python: str | None,
    site_packages: Path | None,
    patches_from: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool = False,
) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import replace
    from functools import partial

    from surgeon.author import project
    from surgeon.operations.results import failure
    from surgeon.report import edits
    from surgeon.report.progress import progress

    site_packages = as_path(site_packages)

    def whole() -> Result:
        with ThreadPoolExecutor(1) as meanwhile:  # the target's interpreter needs as long as the patches
            asked = meanwhile.submit(environment_of, python, site_packages)
            from surgeon import registry as patches

            chosen = project.folders(as_path(patches_from))
            registry = patches.load(*chosen.folders, remembered=True)
        selected = registry.select(ids or ())
        environment = asked.result()
        if python is None and site_packages is None and command not in ("list", "explain"):
            from surgeon.operations.run import require_targets

            require_targets(environment, registry)
        with progress(wanted=not (as_json or quiet)) as bar:
            result = operation(environment, registry, selected, bar)
        return replace(result, warnings=(*chosen.notices, *result.warnings))

    text = partial(edits.text, all_patches=bool(ids))
    before = edits.reasons if verbose else None
    answer(whole, partial(failure, command), text, as_json=as_json, quiet=quiet, before=before)
