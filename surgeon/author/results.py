"""What `new`, `test` and `capture` answer, as frozen data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from surgeon.author.examples import Check
from surgeon.errors import SurgeonError
from surgeon.operations.results import SCHEMA, exit_code
from surgeon.site.environment import Environment


@dataclass(frozen=True)
class Place:
    """Where a command looked.

    Attributes:
        python: the interpreter, or `None`.
        site_packages: the first site directory, or `None`.
    """

    python: str | None = None
    site_packages: str | None = None
    site_directories: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Environment) -> Place:
        """The place that an environment is."""
        folders = tuple(str(folder) for folder in environment.site_directories)
        python = str(environment.python) if environment.python else None
        return cls(python, folders[0] if folders else None, folders)

    def to_json(self) -> dict[str, Any]:
        """As every command's `environment`."""
        return {
            "python": self.python,
            "site_packages": self.site_packages,
            "site_directories": list(self.site_directories),
        }


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
    place: Place = Place()
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
        return {
            "schema": SCHEMA,
            "command": self.command,
            "environment": self.place.to_json(),
            "distribution": self.distribution,
            "version": self.version,
            "created": list(self.created),
            "patches": [{"id": each} for each in self.patches],
            "files": [{"path": each} for each in self.files],
            "notes": list(self.notes),
            **_common(self.errors, self.warnings, self.exit_code),
        }


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

    place: Place = Place()
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
        return {
            "schema": SCHEMA,
            "command": self.command,
            "environment": self.place.to_json(),
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
            **_common(self.errors, self.warnings, self.exit_code),
        }


def _check(check: Check) -> dict[str, Any]:
    fault = check.fault
    return {
        "patch": check.patch,
        "name": check.name,
        "passed": fault is None,
        "message": fault.message if fault else "",
        "diff": fault.diff if fault else "",
    }


def _common(errors: Sequence[SurgeonError], warnings: Sequence[str], code: int) -> dict[str, Any]:
    return {
        "warnings": list(warnings),
        "errors": [
            {"code": error.code, "message": error.message, "path": error.path, "hint": error.hint}
            for error in errors
        ],
        "exit_code": code,
    }
