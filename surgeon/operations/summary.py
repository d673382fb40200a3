"""Turns what was seen of an environment into a `Result`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from surgeon.errors import SurgeonError
from surgeon.operations.results import FileResult, PatchResult, Result
from surgeon.operations.survey import Applicability, Site, Survey, Target
from surgeon.operations.verdict import State, worst
from surgeon.patch import Patch
from surgeon.site.versions import is_newer

UNPATCHABLE_CODES = frozenset({"not-parseable", "not-round-trip", "does-not-compile"})
"""Refusals that only the attempt brings to light, and that make a file unpatchable all the same."""


def summarise(command: str, seen: Survey, selected: frozenset[str], errors: Sequence[SurgeonError]) -> Result:
    """Say how every selected patch and every file that it concerns stands."""
    refused = {error.path: error for error in errors if error.code in UNPATCHABLE_CODES}
    files = tuple(
        _file(site, target, refused.get(target.path))
        for site in seen.sites
        for target in site.targets
        # A patch that is known no more can only be named by leaving the choice open.
        if set(target.verdict.patches) & selected or set(target.verdict.patches) - set(seen.applicable)
    )
    holding = [site for site in seen.sites if site.targets] or list(seen.sites)
    python = seen.environment.python
    return Result(
        command=command,
        python=str(python) if python else None,
        site_packages=str(holding[0].store.root.folder) if holding else None,
        site_directories=tuple(str(folder) for folder in seen.environment.site_directories),
        patches=tuple(_patch(item, files) for item in seen.applicable.values() if item.patch.id in selected),
        files=files,
        errors=tuple(errors),
        warnings=(*seen.environment.notices, *_undecided(seen, selected), *_shadows(seen)),
    )


def _file(site: Site, target: Target, refused: SurgeonError | None) -> FileResult:
    return FileResult(
        path=target.path,
        site=str(site.store.root.folder),
        distribution=target.distribution,
        version=target.version,
        state=State.UNPATCHABLE if refused else target.verdict.state,
        patches=target.verdict.patches,
        reason=refused.message if refused else target.verdict.reason,
    )


def _patch(item: Applicability, files: Sequence[FileResult]) -> PatchResult:
    """One patch's state: the gravest among its files; where it has none, why not."""
    states = [file.patches[item.patch.id] for file in files if item.patch.id in file.patches]
    state, reason = worst(states), item.reason
    unpatchable = item.undecided or (item.distribution.unpatchable if item.distribution else "")
    if not states and not reason and unpatchable:
        state, reason = State.UNPATCHABLE, unpatchable
    elif state is State.NOT_NEEDED and not reason:
        reason = "no installed file needs it"
    elif states and not reason:
        reason = item.undecided or _untested(item)
    return PatchResult(item.patch.id, item.patch.distribution, state, len(states), reason)


def _untested(item: Applicability) -> str:
    """Say so where the release is newer than any that the compatibility table has seen."""
    newest = _tested().get(item.patch.distribution)
    if item.distribution is None or newest is None:
        return ""
    version = item.distribution.version
    if not is_newer(version, newest):
        return ""
    return f"untested: {version} is newer than {newest}, the newest that was tested"


@cache
def _tested() -> Mapping[str, str]:
    """The newest release of each distribution that works in docs/compatibility.md (`make matrix`)."""
    read: dict[str, str] = json.loads(Path(__file__).with_name("tested.json").read_text(encoding="utf-8"))
    return read


def _undecided(seen: Survey, selected: frozenset[str]) -> list[str]:
    items = (item for item in seen.applicable.values() if item.undecided and item.patch.id in selected)
    return list(dict.fromkeys(item.undecided for item in items))


def _shadows(seen: Survey) -> list[str]:
    copies = {d.name: d for item in seen.applicable.values() if (d := item.distribution)}
    return [
        f"{name} {copy.version} in {copy.site} hides another copy in {other}, which was left alone"
        for name, copy in copies.items()
        for other in copy.shadowed
    ]


def troubles(seen: Survey) -> list[SurgeonError]:
    """What is wrong with the stores themselves: damage, or a run that was interrupted."""
    found: list[SurgeonError] = []
    for site in seen.sites:
        if site.damage:
            found.append(site.damage)
        if site.journal:
            trouble = SurgeonError(
                "a run was interrupted here, or is under way; some files may be patched and others not",
                path=str(site.store.root.folder),
                hint="run `m3d-surgeon recover`, or the interrupted command again",
                code="interrupted",
            )
            trouble.exit_code = 1
            found.append(trouble)
    return found


def details(patch: Patch) -> dict[str, str]:
    """What a patch says of itself, in the order in which to show it."""
    return {
        "versions": patch.versions or "any",
        "when": ", ".join(f"{name} {specifier}" for name, specifier in patch.when.items()),
        "symptom": patch.symptom,
        "why": " ".join(patch.why.split()),
        "targets": ", ".join(patch.files),
        "upstream": patch.upstream,
    }
