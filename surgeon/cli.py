"""The command line: the program's own options, and the list of its commands."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.models import CommandInfo

from surgeon import __version__
from surgeon.commands import author, doctor, editing, scan, wheel
from surgeon.commands.quick import Quick, QuickGroup

app = typer.Typer(
    name="m3d-surgeon",
    cls=QuickGroup,
    help="Lets packages written for a newer PyTorch run on the torch this machine is pinned to, "
    "by editing the installed sources once: verifiably, and reversibly.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Parse the command line, and do what it says."""
    if sys.platform == "win32":
        typer.echo("m3d-surgeon: Windows is not supported; use Linux, WSL or macOS", err=True)
        raise SystemExit(4)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a path need not fit into the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    _leave_out_all_but(sys.argv[1:2])
    app()


def _leave_out_all_but(names: list[str]) -> None:
    """Keep the command that is asked for: typer reads the signature of every one, in 10 ms."""
    asked_for = [each for each in app.registered_commands if _name(each) in names]
    app.registered_commands = asked_for or app.registered_commands


def _name(command: CommandInfo) -> str:
    return str(command.name or getattr(command.callback, "__name__", ""))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Options of the program itself."""


app.command(cls=Quick)(editing.apply)
app.command(cls=Quick)(editing.status)
app.command(cls=Quick)(editing.revert)
app.command(cls=Quick)(editing.diff)
app.command("list", cls=Quick)(editing.list_)
app.command(cls=Quick)(editing.explain)
app.command(cls=Quick)(editing.recover)
app.command(cls=Quick)(doctor.doctor)
app.command()(author.new)
app.command()(author.test)
app.command()(author.capture)
app.command(cls=Quick)(scan.scan)
app.command()(wheel.wheel)
