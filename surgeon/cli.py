"""The command line: the program's own options, and the list of its commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from surgeon.commands import editing

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


app.command()(editing.apply)
app.command()(editing.status)
app.command()(editing.revert)
app.command()(editing.diff)
app.command("list")(editing.list_)
app.command()(editing.explain)
app.command()(editing.recover)
