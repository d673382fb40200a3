"""Findings about any environment: damage, copies, and what failed uninstalls left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from surgeon.doctor.finding import Action, Finding, Need
from surgeon.doctor.integrity import Damage, Inspected
from surgeon.doctor.requirements import builds_of_torch
from surgeon.site.distribution import normalised
from surgeon.site.fs import is_contained
from surgeon.site.inventory import UNREADABLE, Copy, Inventory, is_name
from surgeon.site.versions import order

SHOWN = 5
"""So many single files are named; the rest is counted."""


def damaged(
    inventory: Inventory, checked: Inspected, modules: Mapping[tuple[Path, str], str]
) -> list[Finding]:
    """Distributions whose files or metadata are not what was installed.

    Args:
        modules: the owner of each top-level module, by site directory and module: what another
            distribution keeps under the same name may be missing (see `leftovers.hidden_modules`).
    """
    twice = {(copy.site, copy.name) for copies in duplicates(inventory) for copy in copies}
    found: list[Finding] = []
    for copy in inventory.copies:
        if (copy.site, copy.name) in twice:
            continue
        if copy.unreadable:
            found.append(_unreadable(copy, [f"{copy.info}: {'; '.join(copy.faults)}"], [copy.info]))
            continue
        if copy.faults:
            found.append(_without_proof(copy, inventory))
            continue
        damages = [
            damage
            for damage in checked.damages.get((copy.site, copy.info), ())
            if not _gave_way(copy, damage, modules) and not _is_certificates(damage)
        ]
        if damages:
            found += _judged(copy, damages)
    return found


def _judged(copy: Copy, damages: Sequence[Damage]) -> Iterator[Finding]:
    closed = [damage for damage in damages if damage.what == UNREADABLE]
    if closed:
        places = dict.fromkeys(damage.path.split("/")[0] for damage in closed)
        yield _unreadable(copy, [f"{damage.path}: {damage.what}" for damage in closed], list(places))
    if others := [damage for damage in damages if damage not in closed]:
        yield _changed(copy, others)


def _unreadable(copy: Copy, details: Sequence[str], places: Sequence[str]) -> Finding:
    return Finding(
        "unreadable",
        f"{copy.name} {copy.version}: this user may not read all of it",
        "Whether it is whole cannot be said, and what this user runs fails on it. Installed under a "
        "strict umask, it belongs to another user alone.",
        tuple(Need(Action.OPEN, str(copy.site / place)) for place in places),
        copy.name,
        copy.version,
        str(copy.site),
        _listed(details),
    )


def _gave_way(copy: Copy, damage: Damage, modules: Mapping[tuple[Path, str], str]) -> bool:
    top = damage.path.split("/")[0]
    owner = modules.get((copy.site, top))
    return damage.what == "missing" and owner not in (None, copy.name) and owner == normalised(top)


def certificates(checked: Inspected) -> list[str]:
    """Bundles of certificates that were changed: where a network has an authority of its own, it is added."""
    return [
        f"{site / damage.path} was changed: a certificate authority of this network was added to it, or it "
        "is damaged"
        for (site, _), damages in checked.damages.items()
        for damage in damages
        if _is_certificates(damage)
    ]


def _is_certificates(damage: Damage) -> bool:
    return damage.path.endswith("/cacert.pem") and damage.what == "changed"


def _changed(copy: Copy, damages: Sequence[Damage]) -> Finding:
    changed = [damage for damage in damages if damage.what in ("changed", "empty")]
    in_cache = copy.installer == "uv" and any(damage.linked or not damage.later for damage in changed)
    from_start = bool(changed) and all(not damage.later for damage in changed)
    needs = reinstall(copy, no_cache=from_start and not in_cache)
    if in_cache:
        needs.insert(0, Need(Action.CLEAN_CACHE, copy.name))
    message = f"{copy.name} {copy.version}: {_count(damages)}"
    if in_cache or from_start:
        code = "polluted-cache"
        cache = f"{'uv' if in_cache else 'the installer'}'s cache"
        linked = any(damage.linked for damage in changed)
        message += (
            f", and it shares them with {cache}" if linked else f"; by their time they are from {cache}"
        )
        why = (
            "Every environment that is made from that cache gets the same bytes, and so may this one "
            "again when it is put right: the cache has to go first."
        )
    elif not changed:
        code = "missing-files"
        why = "Importing what is missing fails, and an uninstall or upgrade may fail half-way."
    else:
        code = "changed-files"
        message += ", since it was installed"
        why = (
            "Somebody or something edited or damaged the installed files: what runs is not what was "
            "released, and `apply` leaves such files alone."
        )
    details = _listed([f"{damage.path}: {damage.what}" for damage in damages])
    return Finding(code, message, why, tuple(needs), copy.name, copy.version, str(copy.site), details)


def _count(damages: Sequence[Damage]) -> str:
    counts: dict[str, int] = {}
    for damage in damages:
        kind = {
            "changed": "differs from RECORD",
            "empty": "is empty",
            "missing": "is missing",
        }.get(damage.what, "cannot be read")
        counts[kind] = counts.get(kind, 0) + 1
    plural = {
        "differs from RECORD": "differ from RECORD",
        "is empty": "are empty",
        "is missing": "are missing",
    }
    return ", ".join(
        f"{count} files {plural.get(kind, kind)}" if count > 1 else f"1 file {kind}"
        for kind, count in counts.items()
    )


def _without_proof(copy: Copy, inventory: Inventory) -> Finding:
    """Its metadata is damaged: no installer can replace it, so its files have to be removed first."""
    return Finding(
        "damaged-metadata",
        f"{copy.name} {copy.version}: {'; '.join(copy.faults)}",
        "An installer cannot uninstall or upgrade it, and whatever asks for its version or its entry "
        "points fails: on a damaged entrypoints, Jupyter does not start.",
        needs=(
            *(Need(Action.REMOVE, str(place)) for place in _files_of(copy, inventory)),
            *reinstall(copy),
        ),
        distribution=copy.name,
        version=copy.version,
        path=str(copy.site / copy.info),
    )


def reinstall(copy: Copy, *, no_cache: bool = False) -> list[Need]:
    """Put the same release back from where it came; nothing for what has no name to ask for."""
    if not is_name(copy.name):
        return []
    versions = f"=={copy.version}" if copy.version else ""
    options = builds_of_torch(copy.name, copy.version)
    return [Need(Action.REINSTALL, copy.name, versions, options=options, no_cache=no_cache, url=copy.origin)]


def _files_of(copy: Copy, inventory: Inventory) -> Iterator[Path]:
    """The metadata folder, and what lies at the top level under names of this distribution alone."""
    yield copy.site / copy.info
    others = [other for other in inventory.copies if other is not copy and other.site == copy.site]
    claimed = {name for other in others for name in _top_level(other)}
    for name in sorted(_top_level(copy) - claimed - {copy.info, "__pycache__"}):
        if os.path.lexists(copy.site / name):
            yield copy.site / name


def _top_level(copy: Copy) -> set[str]:
    """The top-level names that are a distribution's; of one without RECORD, those that go by its name."""
    if not copy.rows:
        module = copy.name.replace("-", "_")
        return {module, f"{module}.py"}
    return {path.split("/")[0] for path in copy.rows if is_contained(path)}


def duplicates(inventory: Inventory) -> list[list[Copy]]:
    """The copies of one distribution in one site directory, where there is more than one."""
    groups: dict[tuple[Path, str], list[Copy]] = {}
    for copy in inventory.copies:
        if not copy.system and not copy.unreadable:
            groups.setdefault((copy.site, copy.name), []).append(copy)
    return [copies for copies in groups.values() if len(copies) > 1]


def doubled(inventory: Inventory, checked: Inspected) -> list[Finding]:
    """Two versions of one distribution in one place: an upgrade or a copy went wrong."""
    return [_doubled(copies, checked) for copies in duplicates(inventory)]


def _doubled(copies: Sequence[Copy], checked: Inspected) -> Finding:
    def rank(copy: Copy) -> tuple[bool, int, Version]:
        return not copy.faults, -len(checked.damages.get((copy.site, copy.info), ())), order(copy.version)

    kept = max(copies, key=rank)
    versions = ", ".join(copy.version or copy.info for copy in copies)
    whole = [copy for copy in copies if copy.rows]
    # pip cannot install itself again after it has uninstalled itself.
    removed = [copy for copy in copies if not copy.rows or (copy.name == "pip" and copy is not kept)]
    needs = [Need(Action.REMOVE, str(copy.site / copy.info)) for copy in removed]
    if kept.name != "pip" and whole:
        needs.append(Need(Action.UNINSTALL, kept.name, times=len(whole)))
    needs += reinstall(kept)
    return Finding(
        "two-versions",
        f"{kept.name} is installed more than once in one place: {versions}",
        "Which version is reported depends on the order of the folder, the files are a mixture, and an "
        f"installer removes only one of them. The files there are those of {kept.version or 'neither'}.",
        tuple(needs),
        kept.name,
        kept.version,
        str(kept.site),
        tuple(str(copy.site / copy.info) for copy in copies),
    )


def shadows(inventory: Inventory) -> list[str]:
    """Copies further down the path, which nobody uses; a system's own copies are meant to be hidden."""
    return [
        f"{copy.name} {used.version} in {used.site} hides {copy.version} in {copy.site}"
        for copy in inventory.copies
        if not copy.system and (used := inventory.used[copy.name]).site != copy.site
    ]


def overwritten(inventory: Inventory, checked: Inspected) -> list[str]:
    """Files that two distributions install: the last one's are there."""
    notes = []
    for copy in inventory.copies:
        damages = checked.overwritten.get((copy.site, copy.info), ())
        for owner in sorted({damage.owners[0] for damage in damages}):
            paths = [damage.path for damage in damages if damage.owners[0] == owner]
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            notes.append(f"{copy.name} and {owner} both install {paths[0]}{more}: {owner}'s is there")
    return notes


def _listed(lines: Sequence[str]) -> tuple[str, ...]:
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return (*lines[:SHOWN], *more)
