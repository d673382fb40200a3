"""Findings about packages that cannot work on this torch: a release that does, or their removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon.doctor.evidence import TORCH, Culprit, Evidence, of
from surgeon.doctor.finding import Action, Finding, Need
from surgeon.doctor.fitting import Fitting, ReleaseIndex
from surgeon.doctor.health import reinstall
from surgeon.doctor.integrity import Progress
from surgeon.doctor.requirements import requirers
from surgeon.errors import SurgeonError
from surgeon.registry import Registry
from surgeon.scan.results import Outcome
from surgeon.scan.run import Request, scan
from surgeon.site.distribution import normalised
from surgeon.site.environment import Environment
from surgeon.site.inventory import Inventory
from surgeon.site.versions import joined


@dataclass(frozen=True)
class Search:
    """Looks for the release of a package that fits: in the index, then in the environment, by a scan."""

    environment: Environment
    inventory: Inventory
    registry: Registry
    markers: Mapping[str, str]
    index: ReleaseIndex
    progress: Progress

    def findings(self, evidence: Evidence, judged: frozenset[str]) -> list[Finding]:
        """What cannot work here, and what to do about each.

        Args:
            judged: the distributions that another finding replaces.
        """
        found = []
        if evidence.unusable and TORCH not in judged:
            found.append(_without_torch(evidence, self.environment))
        culprits = [each for name, each in evidence.culprits.items() if name not in judged]
        for number, each in enumerate(culprits):
            self.progress(f"looking for a release of {each.name} that fits", number, len(culprits))
            users = requirers(each.name, self.inventory, self.markers)

            def fault(folder: Path, each: Culprit = each, number: int = number) -> str:
                release = f"{each.name} {_version_in(folder, each.name)}"
                self.progress(f"looking for a release that fits: {release}", number, len(culprits))
                return self._fault(folder, each, evidence.table)

            # Without an interpreter no installer's command is given: there is nothing to look up.
            fitting = Fitting(unknown="no interpreter belongs to this folder")
            if self.environment.python:
                fitting = self.index.fitting(each.name, joined(*users.values()), each.version, fault)
            found.append(_finding(each, evidence, list(users), fitting, self._sharing(each.name)))
        return found

    def _sharing(self, name: str) -> tuple[Need, ...]:
        """To put back what goes when a distribution is uninstalled: files that others have installed too."""
        going = self.inventory.used.get(name)
        others = [
            copy
            for copy in self.inventory.used.values()
            if going
            and copy.name != name
            and copy.site == going.site
            and copy.rows.keys() & going.rows.keys()
        ]
        return tuple(need for copy in others if copy.verifiable for need in reinstall(copy))

    def _fault(self, folder: Path, culprit: Culprit, table: str) -> str:
        """Why a release that lies in a folder cannot be used here either, or an empty string."""
        beside = replace(self.environment, path=(folder, *self.environment.path))
        wanted = [culprit.name]
        while True:
            try:
                result = scan(beside, self.registry, Request(tuple(wanted), release=table), remember=False)
            except SurgeonError as error:
                return error.message
            seen = of(result)
            if again := seen.culprits.get(culprit.name):
                return again.reason
            in_part = seen.scanned[culprit.name].verdict is Outcome.IN_PART
            if not in_part or len(wanted) > 1 or not culprit.takes:
                return ""
            wanted += culprit.takes  # does the part that fails still take others down?


def _version_in(folder: Path, name: str) -> str:
    found = (each.name.removesuffix(".dist-info").rpartition("-") for each in folder.glob("*.dist-info"))
    return next((version for stem, _, version in found if normalised(stem) == name), "")


def _without_torch(evidence: Evidence, environment: Environment) -> Finding:
    reason = evidence.unusable.removeprefix("torch cannot be asked: ")
    return Finding(
        "torch-unusable",
        f"torch {evidence.torch} does not import: {reason}",
        "Nothing that needs torch runs.",
        distribution=TORCH,
        version=evidence.torch,
        advice=f"follow the other findings, then see what `{environment.python} -c 'import torch'` says",
    )


def _finding(
    each: Culprit, evidence: Evidence, users: Sequence[str], fitting: Fitting, sharing: tuple[Need, ...]
) -> Finding:
    which = f"{each.name} {each.version}"
    what = f"{which} does not import" if each.fails else f"{which} imports in part only"
    why = ["No patch mends it."]
    if each.takes:
        why.append(f"It takes down what imports it because it is installed: {', '.join(each.takes)}.")
    needs, advice = _remedy(each, users, fitting)
    if any(need.action is Action.UNINSTALL for need in needs):
        needs += sharing
    return Finding(
        "cannot-import",
        f"{what} on torch {evidence.torch}: {each.reason}",
        " ".join([*why, _looked_up(each, evidence, fitting)]),
        needs,
        each.name,
        each.version,
        details=(
            *(_victim(evidence, name, number) for name, number in each.takes.items()),
            *(f"{each.name} {version} does not do either: {fault}" for version, fault in fitting.tried),
        ),
        advice=advice,
    )


def _victim(evidence: Evidence, name: str, number: int) -> str:
    victim = evidence.scanned[name]
    return f"{name} {victim.version}: {number} of {victim.modules} modules fail because of it"


def _looked_up(each: Culprit, evidence: Evidence, fitting: Fitting) -> str:
    if fitting.unknown:
        return f"Whether another release fits could not be looked up: {fitting.unknown}."
    if fitting.version:
        return (
            f"{each.name} {fitting.version} is the newest that asks for no more than torch {evidence.torch} "
            "has: its requirements allow it, and its sources were scanned beside what is installed."
        )
    if fitting.tried:
        return (
            f"No release fits: of those whose requirements allow torch {evidence.torch}, the newest of each "
            f"series was scanned ({len(fitting.tried)} releases), and none imports"
            f"{'; older ones were not tried' if fitting.cut else ''}."
        )
    return f"No other release goes with torch {evidence.torch} and with what requires {each.name}."


def _remedy(each: Culprit, users: Sequence[str], fitting: Fitting) -> tuple[tuple[Need, ...], str]:
    """The release that fits; else its removal, if nothing is lost by it; else what to do by hand."""
    if fitting.version:
        return (Need(Action.INSTALL, each.name, f"=={fitting.version}"),), ""
    again = " run this again where the package index can be reached, or" if fitting.unknown else ""
    if users:
        return (), f"{again} take releases of {', '.join(users)} that do not require {each.name}".strip()
    if each.fails:  # what does not import is of no use here
        return (Need(Action.UNINSTALL, each.name),), ""
    return (), f"{again} uninstall {each.name}, if you do not use the part that imports".strip()
