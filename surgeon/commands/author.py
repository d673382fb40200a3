"""The commands for those who write patches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surgeon.commands.options import Ids, Json, Patches, Python, Quiet, SitePackages, answer, environment_of

Folder = Annotated[
    Path | None,
    typer.Option("--dir", "-o", metavar="DIR", help="Where the module goes; made where it is missing."),
]


def new(
    patch: Annotated[str, typer.Argument(metavar="ID", help="The new patch's id: my-first-patch.")],
    distribution: Annotated[
        str, typer.Option("--distribution", "-d", metavar="NAME", help="The package that it edits.")
    ],
    file: Annotated[
        str,
        typer.Option("--file", "-f", metavar="PATH", help="The file, relative to site-packages; or a glob."),
    ],
    folder: Folder = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a patch module to begin with.

    Its one case fails until the edit is right: see `m3d-surgeon test`.
    """
    from dataclasses import replace

    from surgeon import registry
    from surgeon.author import project
    from surgeon.author.drafts import new as operation
    from surgeon.author.results import Written
    from surgeon.errors import SurgeonError
    from surgeon.report import author

    def whole() -> Written:
        chosen = project.folders(patches_from)
        known = registry.load(*chosen.folders)
        target = folder or project.folder_for_new(patches_from, chosen)
        result = operation(environment_of(python, site_packages), known, patch, distribution, file, target)
        others = project.others_in(target, result.created, chosen)
        return replace(result, warnings=(*chosen.notices, *result.warnings, *others))

    def failed(error: SurgeonError) -> Written:
        return Written("new", errors=(error,))

    answer(whole, failed, author.written, as_json=json, quiet=quiet)


def test(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Try patches: their examples, and a dry run on the files that are installed.

    Changes nothing. Exits with 1 if a check fails.
    """
    from dataclasses import replace

    from surgeon import registry
    from surgeon.author import project
    from surgeon.author.results import Tested
    from surgeon.author.trials import test as operation
    from surgeon.errors import SurgeonError
    from surgeon.report import author
    from surgeon.report.progress import progress

    def whole() -> Tested:
        chosen = project.folders(patches_from)
        known = registry.load(*chosen.folders)
        selected = known.select(patches or ())
        with progress(wanted=not (json or quiet)) as bar:
            result = operation(environment_of(python, site_packages), known, selected, progress=bar)
        return replace(result, warnings=(*chosen.notices, *result.warnings))

    def failed(error: SurgeonError) -> Tested:
        return Tested(errors=(error,))

    answer(whole, failed, author.tested, as_json=json, quiet=quiet)


def capture(
    distribution: Annotated[
        str, typer.Argument(metavar="DISTRIBUTION", help="The package whose installed files were edited.")
    ],
    folder: Folder = None,
    name: Annotated[str, typer.Option("--id", metavar="ID", help="The new patch's id.")] = "",
    wheel: Annotated[
        Path | None,
        typer.Option(
            "--pristine", metavar="WHEEL", help="Where the unedited files are, instead of the index."
        ),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build a release that has no wheel, which runs its code.")
    ] = False,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a patch of what was edited by hand.

    The edits are anchored to functions, classes and statements, and prove themselves before they are written.
    """
    from dataclasses import replace

    from surgeon import registry
    from surgeon.author import project
    from surgeon.author.capture import capture as operation
    from surgeon.author.results import Written
    from surgeon.errors import SurgeonError
    from surgeon.report import author

    def whole() -> Written:
        chosen = project.folders(patches_from)
        known = registry.load(*chosen.folders)
        target = folder or project.folder_for_new(patches_from, chosen)
        environment = environment_of(python, site_packages)
        result = operation(environment, known, distribution, target, given_id=name, wheel=wheel, build=build)
        others = project.others_in(target, result.created, chosen)
        return replace(result, warnings=(*chosen.notices, *result.warnings, *others))

    def failed(error: SurgeonError) -> Written:
        return Written("capture", errors=(error,))

    answer(whole, failed, author.written, as_json=json, quiet=quiet)
