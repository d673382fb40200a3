"""Where a wheel is worked on: a scratch folder that looks like the site-packages it is for.

The wheel lies there as it would be installed, beside the metadata of what it will be installed
beside; the engine then answers what `apply` would do.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from surgeon.errors import SurgeonError
from surgeon.operations.plan import aim_of_apply
from surgeon.operations.survey import survey
from surgeon.operations.work import Progress, Work
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site.distribution import matching, normalised
from surgeon.site.environment import Environment
from surgeon.wheels.conditions import Conditions
from surgeon.wheels.wheel import Wheel, record_digest


@dataclass(frozen=True)
class Rewritten:
    """What the patches made of a wheel's sources.

    Attributes:
        sources: the changed entries' new bytes, by their names in the wheel.
        patches: the ids of the patches in each changed file, by its path in site-packages.
        looked: likewise, patches that found nothing to do in a file.
        refusals: what stands against shipping it.
    """

    sources: Mapping[str, bytes]
    patches: Mapping[str, tuple[str, ...]]
    looked: Mapping[str, tuple[str, ...]]
    refusals: tuple[SurgeonError, ...]


def rewrite(
    wheel: Wheel,
    site: Path,
    known: Conditions,
    environment: Environment | None,
    registry: Registry,
    progress: Progress,
) -> Rewritten:
    """Work out what `apply` would do with a wheel where it is installed.

    Args:
        site: an empty scratch folder, or one that does not exist yet.
        environment: whose grammar the result must compile under; `None` for the running one.
    """
    places = entries(wheel)
    _lay_out(wheel, places, site, known, registry)
    python, version = (
        (environment.python, environment.version) if environment else (None, sys.version_info[:3])
    )
    work = Work(registry, frozenset(registry.patches))
    work.plan(survey(Environment(python, version, (site,)), registry), aim_of_apply, progress)
    outcomes = {outcome.target.path: outcome for _, outcome in work.every()}
    changed = {path: each for path, each in outcomes.items() if each.after != each.sources.original}
    entered = {path: each.entry for path, each in outcomes.items() if each.entry}
    return Rewritten(
        {places[path]: outcome.after for path, outcome in changed.items()},
        {path: tuple(sorted(entry.patches)) for path, entry in entered.items() if entry.patches},
        {path: tuple(sorted(entry.looked)) for path, entry in entered.items() if entry.looked},
        tuple(work.refusals),
    )


def concerned(wheel: Wheel, registry: Registry) -> list[Patch]:
    """The patches for this distribution that find a needle in one of its files."""
    places = entries(wheel)
    return [
        patch
        for patch in registry.patches.values()
        if normalised(patch.distribution) == wheel.name
        and any(
            needle in wheel.content(places[path])
            for path in matching(patch.files, places)
            for needle in patch.needle
        )
    ]


def entries(wheel: Wheel) -> dict[str, str]:
    """The entries that land in site-packages, by the path that they get there."""
    files = (member.name for member in wheel.members if not member.is_folder)
    return {place: name for name in files if (place := wheel.installed_as(name))}


def _lay_out(
    wheel: Wheel, places: Mapping[str, str], site: Path, known: Conditions, registry: Registry
) -> None:
    """Write metadata for everything, and of the wheel those files that patches name."""
    for name, version in {**known.versions, wheel.name: str(wheel.version)}.items():
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    record = io.StringIO()
    csv.writer(record).writerows((path, _proof(wheel, name), "") for path, name in places.items())
    own = site / f"{wheel.name.replace('-', '_')}-{wheel.version}.dist-info"
    (own / "RECORD").write_text(record.getvalue(), encoding="utf-8")
    patches = [each for each in registry.patches.values() if normalised(each.distribution) == wheel.name]
    for path in {path for patch in patches for path in matching(patch.files, places)}:
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wheel.content(places[path]))


def _proof(wheel: Wheel, name: str) -> str:
    """An entry's sha256 as RECORD writes it: the listed one, unless that is another hash or RECORD itself."""
    listed = wheel.listed.get(name, "")
    return listed if listed.startswith("sha256=") else record_digest(wheel.content(name))
