"""What `new`, `test` and `capture` answer, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from surgeon.answer import NOWHERE, Place, envelope, exit_code
from surgeon.author.examples import Check
from surgeon.errors import SurgeonError


@dataclass(frozen=True)
class Written:
    """The answer of `new` and of `capture`.

    Attributes:
        created: the patch modules that were written.
        patches: their ids.
        notes: what was filled in, or captured: one line each.
        files: the installed files that are concerned.
    """

    command: str
    place: Place = NOWHERE
    distribution: str = ""
    version: str = ""
    created: tuple[str, ...] = ()
    patches: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The gravest that any error asks for."""
        return exit_code(self.errors)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        found = {
            "distribution": self.distribution,
            "version": self.version,
            "created": list(self.created),
            "patches": [{"id": each} for each in self.patches],
            "files": [{"path": each} for each in self.files],
            "notes": list(self.notes),
        }
        return envelope(self.command, self.place, found, self)


@dataclass(frozen=True)
class Trial:
    """One patch, tried.

    Attributes:
        checks: what was tried with its examples and on the installed files.
        files: how many installed files it was tried on.
        skipped: why it was tried on no installed file, or an empty string.
    """

    id: str
    distribution: str
    checks: tuple[Check, ...]
    files: int = 0
    skipped: str = ""

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that show a fault."""
        return tuple(check for check in self.checks if check.fault is not None)


@dataclass(frozen=True)
class Tested:
    """The answer of `test`."""

    place: Place = NOWHERE
    trials: tuple[Trial, ...] = ()
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = field(default="test", init=False)

    @property
    def exit_code(self) -> int:
        """1 if a check failed; 3 if a patch could not be loaded."""
        return exit_code(self.errors)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        found = {
            "patches": [
                {
                    "id": trial.id,
                    "distribution": trial.distribution,
                    "passed": not trial.failed,
                    "checks": len(trial.checks),
                    "files": trial.files,
                    "reason": trial.skipped,
                }
                for trial in self.trials
            ],
            "checks": [_check(check) for trial in self.trials for check in trial.checks],
        }
        return envelope(self.command, self.place, found, self)


def _check(check: Check) -> dict[str, Any]:
    fault = check.fault
    return {
        "patch": check.patch,
        "name": check.name,
        "passed": fault is None,
        "message": fault.message if fault else "",
        "diff": fault.diff if fault else "",
    }
