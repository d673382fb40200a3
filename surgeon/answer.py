"""What every command answers: one envelope around what it found, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from surgeon.errors import SurgeonError

if TYPE_CHECKING:
    from surgeon.site.environment import Environment

SCHEMA = 1
"""Of the JSON object. Keys are only ever added to it."""


class Answer(Protocol):
    """What every command's result has."""

    @property
    def errors(self) -> Sequence[SurgeonError]:
        """What went wrong."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a user should know and need not act on."""

    @property
    def exit_code(self) -> int:
        """The status that the process ends with; see `surgeon.errors`."""

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""


@dataclass(frozen=True)
class Place:
    """Where a command looked.

    Attributes:
        python: the interpreter, or `None`.
        site_packages: the site directory that the answer is about, or `None`.
        site_directories: all that were looked at.
    """

    python: str | None = None
    site_packages: str | None = None
    site_directories: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Environment | None) -> Place:
        """The place that an environment is; nowhere without one."""
        if environment is None:
            return NOWHERE
        folders = tuple(str(folder) for folder in environment.site_directories)
        python = str(environment.python) if environment.python else None
        return cls(python, folders[0] if folders else None, folders)


NOWHERE = Place()
"""The place of an answer that could not even begin."""


def envelope(command: str, place: Place, found: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """The object that `--json` prints: what was found, between where and what went wrong."""
    return {
        "schema": SCHEMA,
        "command": command,
        "environment": {
            "python": place.python,
            "site_packages": place.site_packages,
            "site_directories": list(place.site_directories),
        },
        **found,
        "warnings": list(answer.warnings),
        "errors": [
            {"code": error.code, "message": error.message, "path": error.path, "hint": error.hint}
            for error in answer.errors
        ],
        "exit_code": answer.exit_code,
    }


def exit_code(errors: Sequence[SurgeonError], otherwise: int = 0) -> int:
    """The gravest exit code that any failure asks for; `otherwise` where there is none."""
    return max((error.exit_code for error in errors), default=otherwise)
