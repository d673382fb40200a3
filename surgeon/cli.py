"""The command line: parse, call one operation, show its result, exit with its code.

Whatever only some commands need is imported inside them: `--help` and `--version` cost no more
than starting Python and typer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from surgeon.environment import Environment
    from surgeon.registry import Registry
    from surgeon.results import Result
    from surgeon.work import Progress

    Operation = Callable[[Environment, Registry, frozenset[str], Progress], Result]

app = typer.Typer(
    name="m3d-surgeon",
    help="Lets packages written for a newer PyTorch run on the torch this machine is pinned to, "
    "by editing the installed sources once: verifiably, and reversibly.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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
    Path | None, typer.Option("--patches", metavar="DIR", help="A folder of further patches.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


def main() -> None:
    """The console script's entry point."""
    if sys.platform == "win32":
        typer.echo("m3d-surgeon: Windows is not supported; use Linux, WSL or macOS", err=True)
        raise SystemExit(4)
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib_metadata import version

        typer.echo(version("m3d-surgeon"))
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command()
def apply(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Edit the installed sources for the torch that is here.

    Run it after every pip install; a second run changes nothing.
    """

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], bar: Progress) -> Result:
        from surgeon import operations

        return operations.apply(environment, registry, ids, dry_run=dry_run, progress=bar)

    _run("apply", operation, patches, python, site_packages, patches_from, json, quiet)


@app.command()
def status(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what each patch and each file is.

    Changes nothing. Exits with 1 if something is pending or has drifted.
    """

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], _: Progress) -> Result:
        from surgeon import operations

        return operations.status(environment, registry, ids)

    _run("status", operation, patches, python, site_packages, patches_from, json, quiet)


@app.command()
def revert(
    patches: Ids = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Put the original files back."""

    def operation(environment: Environment, registry: Registry, ids: frozenset[str], bar: Progress) -> Result:
        from surgeon import operations

        return operations.revert(environment, registry, ids, dry_run=dry_run, progress=bar)

    _run("revert", operation, patches, python, site_packages, patches_from, json, quiet)


@app.command()
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
        from surgeon import operations

        return operations.diff(environment, registry, ids)

    _run("diff", operation, patches, python, site_packages, patches_from, json, quiet)


@app.command("list")
def list_(
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the patches, and how each stands here."""
    _run("list", _catalogue("list"), None, python, site_packages, patches_from, json, quiet)


@app.command()
def explain(
    patch: Annotated[str, typer.Argument(metavar="PATCH", help="The patch to explain.")],
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Explain a patch: the error, its cause, where it applies."""
    _run("explain", _catalogue("explain"), [patch], python, site_packages, patches_from, json, quiet)


@app.command()
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
        from surgeon import operations

        return operations.recover(environment, registry)

    _run("recover", operation, None, python, site_packages, patches_from, json, quiet)


def _catalogue(command: str) -> Operation:
    def operation(environment: Environment, registry: Registry, ids: frozenset[str], _: Progress) -> Result:
        from surgeon import operations

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
) -> None:
    from surgeon import registry as patches
    from surgeon import report
    from surgeon.environment import find_environment
    from surgeon.errors import SurgeonError, UsageError
    from surgeon.results import failure

    try:
        if python is not None and site_packages is not None:
            raise UsageError("--python and --site-packages exclude each other", hint="name one of them")
        registry = patches.load(patches_from)
        selected = registry.select(ids or ())
        environment = find_environment(python, site_packages)
        if python is None and site_packages is None and command not in ("list", "explain"):
            from surgeon.operations import require_targets

            require_targets(environment, registry)
        with report.progress(wanted=not (as_json or quiet)) as bar:
            result = operation(environment, registry, selected, bar)
    except SurgeonError as error:
        result = failure(command, error)
    report.show(result, as_json=as_json, quiet=quiet)
    raise typer.Exit(result.exit_code)
