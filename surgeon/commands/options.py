"""The options that several commands share, and what each does with the environment that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from surgeon.environment import Environment

Ids = Annotated[list[str] | None, typer.Argument(metavar="PATCH", help="Only these patches.")]
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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


def environment_of(python: str | None, site_packages: Path | None) -> Environment:
    """The environment that the command line names.

    Raises:
        UsageError: both ways of naming one were used.
        EnvironmentUnusable: there is no such interpreter or folder, or it does not answer.
    """
    from surgeon.environment import find_environment
    from surgeon.errors import UsageError

    if python is not None and site_packages is not None:
        raise UsageError("--python and --site-packages exclude each other", hint="name one of them")
    return find_environment(python, site_packages)
