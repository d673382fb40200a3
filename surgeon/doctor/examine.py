"""`doctor`: looks at an environment from every side and puts the answer together. Reads only."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon.answer import exit_code
from surgeon.doctor import evidence, health, leftovers, profile, requirements, stack
from surgeon.doctor.finding import Action, Diagnosis, Finding, Need
from surgeon.doctor.fitting import ReleaseIndex
from surgeon.doctor.integrity import Inspected, Inspection, Progress
from surgeon.doctor.interpreter import Markers, facts_of
from surgeon.doctor.remedies import Toolbox, plan
from surgeon.doctor.unfit import Search
from surgeon.errors import SurgeonError
from surgeon.operations import run as operations
from surgeon.operations.results import Result
from surgeon.operations.verdict import State
from surgeon.registry import Registry
from surgeon.site.distribution import normalised
from surgeon.site.environment import Environment
from surgeon.site.fs import Root
from surgeon.site.inventory import Inventory, is_system, take
from surgeon.site.store import Store

TROUBLES = frozenset({"interrupted", "store-damaged", "store-newer", "store-unreadable"})
"""Errors of `status` that are findings here."""
INSTALLER = frozenset(
    {Action.UNINSTALL, Action.INSTALL_STEP, Action.REINSTALL, Action.INSTALL, Action.CLEAN_CACHE}
)
"""What is done by pip or uv."""


@dataclass(frozen=True)
class _Seen:
    """What the examination rests on."""

    environment: Environment
    facts: Markers
    inventory: Inventory
    checked: Inspected
    status: Result
    evidence: evidence.Evidence
    patches_from: Path | None


def examine(
    environment: Environment,
    registry: Registry,
    progress: Progress,
    *,
    profile_name: str | None = None,
    full: bool = False,
    patches_from: Path | None = None,
) -> Diagnosis:
    """Find what is wrong with an environment, and the commands that put it right.

    Args:
        profile_name: a built-in profile's name or a profile's file; `None` for the health checks and
            what torch itself needs.
        full: hash every file.
        patches_from: where the registry's further patches are from, to be named to `apply` too.

    Raises:
        UsageError: there is no such profile, or it is damaged.
        EnvironmentUnusable: the interpreter cannot be run.
    """
    profiles = [profile.load(name) for name in (profile_name, profile.ALWAYS) if name is not None]
    inventory = take(environment)
    facts = facts_of(environment)
    look = Inspection(inventory.copies, _targets(registry), _ours(environment), full=full)
    checked = look.check(progress)
    status = operations.status(environment, registry, registry.select(()))
    imports = evidence.look(environment, inventory, registry, progress)
    seen = _Seen(environment, facts, inventory, checked, status, imports, patches_from)
    return _diagnose(seen, profiles, registry, progress)


def _diagnose(
    seen: _Seen, profiles: Sequence[profile.Profile], registry: Registry, progress: Progress
) -> Diagnosis:
    environment, inventory, checked = seen.environment, seen.inventory, seen.checked
    held = stack.held(profiles, inventory)
    toolbox = _toolbox(seen, registry, held)
    index = ReleaseIndex(environment.python, toolbox.installer, held, inventory.version(evidence.TORCH))
    search = Search(environment, inventory, registry, seen.facts.markers, index, progress)
    found, notes = _findings(seen, profiles, registry, held, search)
    errors = _distinct(
        [*registry.problems, *(error for error in seen.status.errors if error.code not in TROUBLES)]
    )
    if environment.python is None:
        found = [_without_interpreter(finding) for finding in found]
    return Diagnosis(
        python=str(environment.python) if environment.python else None,
        site_packages=seen.status.site_packages,
        site_directories=tuple(str(folder) for folder in environment.site_directories),
        profiles=tuple(one.name for one in reversed(profiles)),
        findings=tuple(found),
        remedies=plan(found, toolbox),
        notes=tuple(notes),
        checked={
            "distributions": len(inventory.copies),
            "files": checked.files,
            "hashed": checked.hashed,
        },
        errors=errors,
        warnings=(*environment.notices, *health.shadows(inventory)),
        exit_code=exit_code(errors, otherwise=1 if found else 0),
    )


def _findings(
    seen: _Seen,
    profiles: Sequence[profile.Profile],
    registry: Registry,
    held: Mapping[str, str],
    search: Search,
) -> tuple[list[Finding], list[str]]:
    """Everything that is wrong, in the order of the commands that mend it; and what is expected."""
    inventory, sites = seen.inventory, _managed(seen.environment)
    ghosts, strangers = leftovers.ghosts(inventory, sites)
    against = stack.findings(profiles, inventory, seen.facts.markers["python_version"])
    rules = requirements.Rules(held, tuple(registry.patches.values()), profile.pairs(), seen.evidence)
    asked, notes = requirements.findings(inventory, seen.facts.markers, rules)
    judged = {finding.distribution for finding in against}
    asked = [finding for finding in asked if finding.distribution not in judged]
    replaced = {need.name for finding in (*against, *asked) for need in finding.needs}
    found = [
        *_troubles(seen.status),
        *health.damaged(inventory, seen.checked, leftovers.modules(inventory)),
        *health.doubled(inventory, seen.checked),
        *leftovers.failed_uninstalls(sites),
        *ghosts,
        *leftovers.hidden_modules(inventory),
        *against,
        *asked,  # what a profile has judged is not said twice
        *search.findings(seen.evidence, frozenset(judged | replaced)),
        *_pending(seen.status),
    ]
    found.sort(key=lambda finding: min((need.action for need in finding.needs), default=Action.INSTALL))
    expected = (*health.overwritten(inventory, seen.checked), *health.certificates(seen.checked))
    return found, [*notes, *_in_part(seen.evidence), *expected, *strangers]


def _in_part(seen: evidence.Evidence) -> list[str]:
    """Modules that fail, of packages that import and harm nobody else."""
    notes = [f"whether what needs torch imports is not known: {seen.unknown}"] if seen.unknown else []
    for name, each in seen.scanned.items():
        failing = seen.own_failures(name) if name not in seen.culprits else []
        if failing:
            number = f"{len(failing)} of {each.modules} modules of {name} {each.version}"
            notes.append(f"{number} will not import: {failing[0].reason}")
    return notes


def _troubles(status: Result) -> list[Finding]:
    """What is wrong with m3d-surgeon's own stores."""
    return [
        Finding(
            error.code,
            error.message,
            "Until it is settled, `apply` and `revert` cannot say what is theirs.",
            _settled_by(error),
            path=error.path or "",
            advice="" if _settled_by(error) else error.hint,
        )
        for error in status.errors
        if error.code in TROUBLES
    ]


def _settled_by(error: SurgeonError) -> tuple[Need, ...]:
    if error.code == "interrupted":
        return (Need(Action.RECOVER),)
    if error.code == "store-damaged" and error.path:
        return (Need(Action.SET_ASIDE, error.path),)
    return ()


def _without_interpreter(finding: Finding) -> Finding:
    """Where only a folder was named, an installer would change the environment of some other interpreter."""
    if not any(need.action in INSTALLER for need in finding.needs):
        return finding
    advice = "name this folder's interpreter with --python: the commands that mend it need one"
    return replace(finding, needs=(), advice=finding.advice or advice)


def _pending(status: Result) -> list[Finding]:
    """Files that wait for `apply`. Those that it would refuse are damaged, and found as such."""
    refused = (State.FOREIGN_EDIT, State.UNPATCHABLE)
    files = [file for file in status.files if not file.state.settled and file.state not in refused]
    if not files:
        return []
    patches = sorted({patch for file in files for patch, state in file.patches.items() if not state.settled})
    number = f"{len(files)} files wait" if len(files) > 1 else "1 file waits"
    return [
        Finding(
            "pending",
            f"{number} for `m3d-surgeon apply` ({len(patches)} patches)",
            "Without the patches these packages do not run on the torch that is here; after an upgrade "
            "of torch they are to be taken back.",
            (Need(Action.APPLY),),
            details=tuple(patches),
        )
    ]


def _targets(registry: Registry) -> frozenset[str]:
    """The distributions that patches are for."""
    return frozenset(normalised(patch.distribution) for patch in registry.patches.values())


def _toolbox(seen: _Seen, registry: Registry, held: Mapping[str, str]) -> Toolbox:
    """The installer that most of the distributions came with, as far as it can be run."""
    environment, inventory = seen.environment, seen.inventory
    by_uv = sum(copy.installer == "uv" for copy in inventory.copies)
    by_pip = sum(copy.installer == "pip" for copy in inventory.copies)
    has_pip = "pip" in inventory.used
    has_uv = shutil.which("uv") is not None
    uses_uv = (by_uv > by_pip and (has_uv or not has_pip)) or (not has_pip and has_uv)
    return Toolbox(
        python=str(environment.python or ""),
        installer="uv" if uses_uv else "pip",
        site_packages="" if environment.python else str(environment.path[0]),
        managed=seen.facts.managed,
        without_pip=not has_pip and not uses_uv,
        patched=_targets(registry),
        held=held,
        patches=str(seen.patches_from.absolute()) if seen.patches_from else "",
    )


def _managed(environment: Environment) -> tuple[Path, ...]:
    """The site directories that installers like pip keep."""
    folders = environment.site_directories
    if len(folders) == 1:
        return folders
    return tuple(
        folder
        for folder in folders
        if folder.name in ("site-packages", "dist-packages") and not is_system(folder)
    )


def _ours(environment: Environment) -> dict[Path, dict[str, str]]:
    """What the stores say we wrote: sha256 by path, by site directory. A damaged store says nothing."""
    found: dict[Path, dict[str, str]] = {}
    for folder in environment.site_directories:
        try:
            files = Store(Root(folder)).manifest().files
        except SurgeonError:
            continue
        found[folder] = {path: entry.result for path, entry in files.items() if entry.patches}
    return found


def _distinct(errors: Sequence[SurgeonError]) -> tuple[SurgeonError, ...]:
    seen: dict[tuple[str, str, str | None], SurgeonError] = {}
    for error in errors:
        seen.setdefault((error.code, error.message, error.path), error)
    return tuple(seen.values())
