"""The options that several commands share, and what each does with the environment that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from surgeon.site.environment import Environment


def complete_patch(context: typer.Context, incomplete: str) -> list[str]:
    """The patches whose ids begin so, for a shell's completion.

    None where they cannot be loaded: a prompt is no place for an error. A pyproject.toml is not
    followed, for the Tab key is no consent to what it names.
    """
    from surgeon import registry
    from surgeon.author import project
    from surgeon.errors import SurgeonError

    named = context.params.get("patches_from")
    folder = Path(named) if named and Path(named).is_dir() else None
    try:
        known = registry.load(*project.folders(folder).folders, remembered=True).patches
    except SurgeonError:
        return []
    return [name for name in known if name.startswith(incomplete)]


Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATCH", help="Only these patches.", autocompletion=complete_patch),
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        "-p",
        metavar="INTERPRETER_OR_VENV",
        help="An interpreter, a venv or a name on PATH.",
    ),
]
SitePackages = Annotated[
    Path | None,
    typer.Option("--site-packages", metavar="DIR", help="One folder of packages instead."),
]
Patches = Annotated[
    Path | None,
    typer.Option(
        "--patches", metavar="DIR", help="A folder of further patches, or a pyproject.toml that names some."
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say on stderr what was decided for each patch and file, and why."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


def as_path(value: Path | str | None) -> Path | None:
    """The value of an option that is a path: a `Quick` command hands it over as text."""
    return Path(value) if value else None


def environment_of(python: str | None, site_packages: Path | None) -> Environment:
    """The environment that the command line names.

    Raises:
        UsageError: both ways of naming one were used.
        EnvironmentUnusable: there is no such interpreter or folder, or it does not answer.
    """
    from surgeon.errors import UsageError
    from surgeon.site.environment import find_environment

    if python is not None and site_packages is not None:
        raise UsageError("--python and --site-packages exclude each other", hint="name one of them")
    return find_environment(python, site_packages)
