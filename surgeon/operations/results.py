"""What a command found and did, as frozen data: the one thing that the renderers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surgeon.answer import Place, envelope
from surgeon.errors import SurgeonError
from surgeon.operations.verdict import State


@dataclass(frozen=True)
class FileResult:
    """One file: what it is now and, where a command says so, what would be done to it.

    Attributes:
        path: relative to `site`, POSIX.
        patches: the state of each patch in it.
        reason: why it is in this state; may be empty.
        diff: the change as a unified diff, where it was asked for.
    """

    path: str
    site: str
    distribution: str
    version: str
    state: State
    patches: Mapping[str, State]
    reason: str = ""
    diff: str = ""


@dataclass(frozen=True)
class PatchResult:
    """One patch over all its files.

    Attributes:
        details: what it says of itself (`list` and `explain`), in the order in which to show it.
    """

    id: str
    distribution: str
    state: State
    files: int
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What `apply` or `revert` made of one file before it did anything.

    Attributes:
        path: relative to its site directory, POSIX.
        state: what the file was then, and `reason` why.
        action: what was to become of it, in words.
    """

    path: str
    state: State
    reason: str
    action: str


@dataclass(frozen=True)
class Result:
    """One command's answer.

    Attributes:
        decisions: what was decided for each file, for `--verbose`; not in the JSON.
        changed: paths that were changed, or would be in a dry run.
        warnings: what a user should know and need not act on.
        exit_code: see `surgeon.errors` and docs/reference/exit-codes.md.
    """

    command: str
    python: str | None
    site_packages: str | None
    site_directories: tuple[str, ...] = ()
    patches: tuple[PatchResult, ...] = ()
    files: tuple[FileResult, ...] = ()
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    dry_run: bool = False
    exit_code: int = 0

    @property
    def summary(self) -> Mapping[str, int]:
        """How many files are in each state; states without files are left out."""
        counts: dict[str, int] = {}
        for file in self.files:
            counts[file.state.value] = counts.get(file.state.value, 0) + 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints. Keys are only ever added to it (`schema` 1)."""
        found = {
            "patches": [
                {
                    "id": patch.id,
                    "distribution": patch.distribution,
                    "state": patch.state.value,
                    "files": patch.files,
                    "reason": patch.reason,
                    **patch.details,
                }
                for patch in self.patches
            ],
            "files": [_file(file) for file in self.files],
            "summary": dict(self.summary),
            "changed": list(self.changed),
            "dry_run": self.dry_run,
        }
        return envelope(
            self.command, Place(self.python, self.site_packages, self.site_directories), found, self
        )


def _file(file: FileResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": file.path,
        "site_packages": file.site,
        "distribution": file.distribution,
        "version": file.version,
        "state": file.state.value,
        "patches": sorted(file.patches),
        "reason": file.reason,
    }
    return {**row, "diff": file.diff} if file.diff else row


def failure(command: str, error: SurgeonError) -> Result:
    """The answer of a command that could not even begin."""
    return Result(command, None, None, errors=(error,), exit_code=error.exit_code)
