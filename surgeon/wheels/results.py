"""What `wheel` answers, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surgeon.answer import Place, envelope, exit_code
from surgeon.errors import SurgeonError
from surgeon.site.environment import Environment

WRITTEN, PENDING, UNCHANGED, NOT_NEEDED, REFUSED = "written", "pending", "unchanged", "not-needed", "refused"
"""What became of a wheel; `pending` is what a dry run says instead of `written`, and `unchanged` is
said of one that lies in the output folder already, byte for byte."""


@dataclass(frozen=True)
class Built:
    """One wheel that was asked for.

    Attributes:
        given: as the command line names it.
        distribution: normalised; empty where the wheel could not be read.
        state: one of the words above.
        output: the patched wheel's path; empty where there is none.
        sha256: hex, of the patched wheel.
        original_sha256: hex, of the wheel that was patched.
        files: the changed ones, relative to site-packages, each with the ids of its patches.
        reason: why there is no patched wheel, or an empty string.
    """

    given: str
    state: str
    distribution: str = ""
    version: str = ""
    output_version: str = ""
    output: str = ""
    sha256: str = ""
    original_sha256: str = ""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""

    @property
    def patches(self) -> tuple[str, ...]:
        """The ids of the patches in it, sorted."""
        return tuple(sorted({patch for patches in self.files.values() for patch in patches}))


@dataclass(frozen=True)
class Shipped:
    """The answer of `wheel`.

    Attributes:
        conditions: the releases that decided, by name.
    """

    environment: Environment | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    wheels: tuple[Built, ...] = ()
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    command: str = field(default="wheel", init=False)

    @property
    def exit_code(self) -> int:
        """The gravest that any error asks for."""
        return exit_code(self.errors)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints. Keys are only ever added to it (`schema` 1)."""
        found = {
            "conditions": dict(self.conditions),
            "wheels": [_wheel(wheel) for wheel in self.wheels],
            "dry_run": self.dry_run,
        }
        return envelope(self.command, Place.of(self.environment), found, self)


def _wheel(wheel: Built) -> dict[str, Any]:
    return {
        "given": wheel.given,
        "state": wheel.state,
        "distribution": wheel.distribution,
        "version": wheel.version,
        "output_version": wheel.output_version,
        "output": wheel.output,
        "sha256": wheel.sha256,
        "original_sha256": wheel.original_sha256,
        "patches": list(wheel.patches),
        "files": [{"path": path, "patches": list(patches)} for path, patches in wheel.files.items()],
        "reason": wheel.reason,
    }
