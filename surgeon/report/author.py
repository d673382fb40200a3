"""What `new`, `test` and `capture` say."""

from __future__ import annotations

import sys
from pathlib import Path

from surgeon.author.examples import Check
from surgeon.author.results import Tested, Trial, Written
from surgeon.report.tables import on_terminal, table

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def written(result: Written) -> None:
    """Print which patch module was written, and what to do next."""
    created = [_from_here(path) for path in result.created]
    for path in created:
        print(f"wrote {path}")
    for note in result.notes:
        print(f"  {note}")
    if created:
        python = f" --python {_from_here(result.place.python)}" if result.place.python else ""
        print(f"next: m3d-surgeon test {' '.join(result.patches)} --patches {created[0].parent}{python}")


def _from_here(path: str) -> Path:
    """A path as a user would type it."""
    whole = Path(path)
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole


def tested(result: Tested) -> None:
    """Print what every patch's checks came to, and what failed, with the differences."""
    if not result.trials:
        return
    table(("patch", "examples", "installed files"), [_row(trial) for trial in result.trials])
    for trial in result.trials:
        for check in trial.failed:
            _failed(check)
    checks = sum(len(trial.checks) for trial in result.trials)
    failed = sum(len(trial.failed) for trial in result.trials)
    print()
    noun = "patch" if len(result.trials) == 1 else "patches"
    print(f"{len(result.trials)} {noun}, {checks} checks, {failed} failed")


def _row(trial: Trial) -> tuple[str, ...]:
    examples = trial.checks[: len(trial.checks) - trial.files]
    real = trial.checks[len(trial.checks) - trial.files :]
    return trial.id, _count(examples), _count(real) if real else f"not tried: {trial.skipped}"


def _count(checks: tuple[Check, ...]) -> str:
    failed = sum(check.fault is not None for check in checks)
    return f"{failed} of {len(checks)} failed" if failed else f"{len(checks)} passed"


def _failed(check: Check) -> None:
    assert check.fault is not None
    print()
    print(f"{check.patch}, {check.name}: {check.fault.message}")
    if not on_terminal(sys.stdout):
        print(check.fault.diff, end="")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in check.fault.diff.splitlines():
        console.print(Text(line, STYLES.get(line[:1], "")), soft_wrap=True)
