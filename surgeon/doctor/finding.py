"""What `doctor` found: findings, the steps that mend them, and the answer as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from surgeon.answer import Place, envelope
from surgeon.errors import SurgeonError


class Action(IntEnum):
    """What has to be done, in the order in which it has to be done."""

    RECOVER = 0
    SET_ASIDE = 1
    OPEN = 2
    CLEAN_CACHE = 3
    REMOVE = 4
    UNINSTALL = 5
    INSTALL_STEP = 6
    REINSTALL = 7
    INSTALL = 8
    APPLY = 9


@dataclass(frozen=True)
class Need:
    """One thing to do about a finding, before those of all findings are ordered and merged.

    Attributes:
        action: what is to be done.
        name: the distribution, or the path to remove, set aside or make readable.
        versions: PEP 440 specifier of what to install; empty for whatever fits.
        step: installs of one step of a profile go into one command, in the profile's order.
        options: further options of the installer, from the profile.
        no_cache: past the installer's cache.
        times: how often (uninstalling removes one copy at a time).
        extras: those of the distribution that are asked for.
        url: where to install from, instead of an index.
    """

    action: Action
    name: str = ""
    versions: str = ""
    step: str = ""
    options: tuple[str, ...] = ()
    no_cache: bool = False
    times: int = 1
    extras: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: a stable kebab-case word.
        message: what is wrong, one sentence.
        why: why it matters, one or two sentences.
        needs: what has to be done about it.
        distribution: whose it is, normalised; may be empty.
        version: that distribution's; may be empty.
        path: the file or folder concerned; may be empty.
        details: single files and requirers, the first ones.
        advice: what to do where no command can be given.
    """

    code: str
    message: str
    why: str
    needs: tuple[Need, ...] = ()
    distribution: str = ""
    version: str = ""
    path: str = ""
    details: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Remedy:
    """One command, and the findings (by their number, from 0) that it is for."""

    command: str
    why: str
    findings: tuple[int, ...]


@dataclass(frozen=True)
class Probe:
    """A patch's probe, run in fresh interpreters without the patch and with it.

    Attributes:
        before, after: `passes`, `fails`, `fails-otherwise` (not with the patch's symptom), `died`,
            `timeout` or `not-run`.
        before_said, after_said: the last line that it wrote.
    """

    patch: str
    state: str
    before: str
    before_said: str
    after: str
    after_said: str

    @property
    def fine(self) -> bool:
        """With the patch, it passes."""
        return self.after == "passes"


@dataclass(frozen=True)
class Diagnosis:
    """The answer of `doctor`.

    Attributes:
        profiles: what was checked against, the always checked one first.
        remedies: the commands, in the order in which to run them.
        notes: what looks wrong and is expected here.
        checked: how many distributions and files were looked at, and how many files were hashed.
    """

    python: str | None
    site_packages: str | None
    site_directories: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    probes: tuple[Probe, ...] = ()
    notes: tuple[str, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()
    exit_code: int = 0

    def remedies_of(self, number: int) -> list[int]:
        """The numbers of the commands that mend one finding."""
        return [step for step, remedy in enumerate(self.remedies) if number in remedy.findings]

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints. Keys are only ever added to it (`schema` 1)."""
        found = {
            "profiles": list(self.profiles),
            "findings": [self._finding(number) for number in range(len(self.findings))],
            "remedies": [
                {"command": remedy.command, "why": remedy.why, "findings": list(remedy.findings)}
                for remedy in self.remedies
            ],
            "probes": [_probe(probe) for probe in self.probes],
            "notes": list(self.notes),
            "checked": dict(self.checked),
        }
        place = Place(self.python, self.site_packages, self.site_directories)
        return envelope("doctor", place, found, self)

    def _finding(self, number: int) -> dict[str, Any]:
        finding = self.findings[number]
        return {
            "code": finding.code,
            "message": finding.message,
            "why": finding.why,
            "distribution": finding.distribution,
            "version": finding.version,
            "path": finding.path,
            "details": list(finding.details),
            "advice": finding.advice,
            "remedies": self.remedies_of(number),
        }


def _probe(probe: Probe) -> dict[str, str]:
    return {
        "patch": probe.patch,
        "state": probe.state,
        "before": probe.before,
        "before_said": probe.before_said,
        "after": probe.after,
        "after_said": probe.after_said,
    }


def failure(error: SurgeonError) -> Diagnosis:
    """The answer of a run that could not even begin."""
    return Diagnosis(None, None, errors=(error,), exit_code=error.exit_code)
