"""The options that several commands share, the environment that they name, and how a command answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from surgeon.errors import SurgeonError
    from surgeon.report import AnyAnswer
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


def answer(
    operation: Callable[[], AnyAnswer],
    failed: Callable[[SurgeonError], AnyAnswer],
    text: Callable[[AnyAnswer], None],
    *,
    as_json: bool,
    quiet: bool,
    before: Callable[[AnyAnswer], None] | None = None,
) -> NoReturn:
    """Do what a command is for, show what came of it, and end with its exit code.

    Args:
        failed: makes the answer of a command that could not even begin.
        text: prints an answer for people.
        before: prints what comes first, for machines too (to stderr).

    Raises:
        typer.Exit: always.
    """
    from surgeon import report
    from surgeon.errors import SurgeonError

    try:
        result = operation()
    except SurgeonError as error:
        result = failed(error)
    if before is not None:
        before(result)
    report.show(result, text, as_json=as_json, quiet=quiet)
    raise typer.Exit(result.exit_code)


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
