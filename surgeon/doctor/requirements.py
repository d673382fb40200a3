"""Findings about versions: what installed distributions ask of each other, and what a profile asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement

from surgeon.doctor.evidence import TORCH, Evidence
from surgeon.doctor.finding import Action, Finding, Need
from surgeon.patch import Patch
from surgeon.scan.results import Outcome
from surgeon.site.distribution import normalised
from surgeon.site.inventory import Copy, Inventory
from surgeon.site.versions import joined, local, order, possible, public, same, satisfies

BUILT_WITH_TORCH = frozenset({TORCH, "torchvision", "torchaudio"})
BUILD = re.compile(r"cpu|cu\d+|rocm[\d.]+")
"""The local versions under which PyTorch's own index keeps its builds."""


@dataclass(frozen=True)
class Unmet:
    """One requirement that is not met: `user` asks for `specifier` of `name`, or for what is at `url`."""

    user: Copy
    name: str
    specifier: str
    extras: tuple[str, ...] = ()
    url: str = ""

    @property
    def wish(self) -> str:
        """The requirement, as it is written."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{f' @ {self.url}' if self.url else self.specifier}"


@dataclass(frozen=True)
class Rules:
    """What decides over an unmet requirement.

    Attributes:
        held: specifiers of what must not be moved, by name: torch, and what a profile holds.
        patches: all that are known; a distribution that they adapt to this torch may ask for a newer.
        pairs: which torch each torchvision and torchaudio was built for.
        evidence: who imports on this torch.
    """

    held: Mapping[str, str]
    patches: Sequence[Patch]
    pairs: Mapping[str, Mapping[str, str]]
    evidence: Evidence


def unmet(inventory: Inventory, markers: Mapping[str, str]) -> Iterator[Unmet]:
    """Every requirement of a distribution in use that the environment does not meet, extras left out."""
    for copy in (each for each in inventory.copies if inventory.used.get(each.name) is each):
        for line in () if copy.system else copy.requires:
            requirement = _parsed(line)
            if requirement is None or not _applies(requirement, markers):
                continue
            name, specifier = normalised(requirement.name), str(requirement.specifier)
            other = inventory.used.get(name)
            if other is None or not satisfies(other.version, specifier):
                yield Unmet(copy, name, specifier, tuple(sorted(requirement.extras)), requirement.url or "")


def is_adapted(user: Copy, name: str, inventory: Inventory, patches: Sequence[Patch]) -> bool:
    """Tell whether patches adapt `user`, in this release, to the torch that is here."""
    if name != TORCH:
        return False
    return any(
        normalised(patch.distribution) == user.name
        and satisfies(user.version, patch.versions)
        and TORCH in patch.when
        and all(satisfies(inventory.version(other), what) for other, what in patch.when.items())
        for patch in patches
    )


def _adapted(user: Copy, inventory: Inventory, patches: Sequence[Patch]) -> str:
    """Who makes a distribution's demand for a newer torch expected, or an empty string.

    What an adapted distribution needs itself runs beside it: that is what its patches are tried with.
    """
    if is_adapted(user, TORCH, inventory, patches):
        return "m3d-surgeon's patches adapt it"
    for other in inventory.used.values():
        needed = (_parsed(line) for line in other.requires)
        if is_adapted(other, TORCH, inventory, patches) and any(
            requirement is not None and normalised(requirement.name) == user.name for requirement in needed
        ):
            return f"{other.name} brings it, which m3d-surgeon's patches adapt"
    return ""


def _shown(user: Copy, inventory: Inventory, rules: Rules) -> str:
    """Why a distribution's demand for a newer torch is expected, by what was seen; else an empty string."""
    scanned, evidence = rules.evidence.scanned.get(user.name), rules.evidence
    if scanned is None or not scanned.modules or user.name in evidence.culprits:
        return ""
    adapted = _adapted(user, inventory, rules.patches)
    failing, calls = evidence.own_failures(user.name), evidence.calls.get(user.name, ())
    if not adapted and (failing or calls):
        return ""
    after = " after `apply`" if scanned.verdict is Outcome.AFTER_APPLY else ""
    whole = f"its {scanned.modules} modules import{after}"
    if failing:
        whole = f"{len(failing)} of its {scanned.modules} modules do not import ({failing[0].reason})"
    elif any(each.after_apply for each in scanned.broken):
        whole = "its modules import once what cannot work is gone"
    more = f" and {len(calls) - 3} more" if len(calls) > 3 else ""
    later = f"; missing when it is called: {', '.join(row.name for row in calls[:3])}{more}" if calls else ""
    return f"{adapted or 'nothing that it uses is missing'}: {whole}{later}"


def findings(
    inventory: Inventory, markers: Mapping[str, str], rules: Rules
) -> tuple[list[Finding], list[str]]:
    """What installed distributions ask for and do not have.

    Returns:
        Findings, one for each distribution that is asked for; and notes on what is expected here.
    """
    groups: dict[str, list[Unmet]] = {}
    paired: list[Unmet] = []
    notes = []
    for each in unmet(inventory, markers):
        if each.name == TORCH and each.user.name in rules.pairs and inventory.version(TORCH):
            paired.append(each)
        elif each.name == TORCH and each.user.name in rules.evidence.culprits:
            continue  # a finding of its own
        elif each.name == TORCH and (shown := _shown(each.user, inventory, rules)):
            notes.append(
                f"{each.user.name} {each.user.version} asks for {each.wish}; torch "
                f"{inventory.version(TORCH)} is here: expected, {shown}"
            )
        else:
            groups.setdefault(each.name, []).append(each)
    found = [_finding(name, asked, inventory, markers, rules) for name, asked in groups.items()]
    return [*([_mismatched(paired, inventory, rules)] if paired else []), *found], notes


def _finding(
    name: str, asked: Sequence[Unmet], inventory: Inventory, markers: Mapping[str, str], rules: Rules
) -> Finding:
    version = inventory.version(name)
    users = sorted({each.user.name for each in asked})
    there = f"{version} is installed" if version else "it is not installed"
    whole = ", ".join(f"{each.user.name} {each.user.version} asks for {each.wish}" for each in asked[:3])
    more = f" and {len(asked) - 3} more" if len(asked) > 3 else ""
    why = (
        f"{' and '.join(users[:3])} may fail to import, or fail later in a way that does not name the cause."
    )
    if name == TORCH and version:
        why += "".join(f" {_seen(each.user, rules.evidence)}" for each in asked[:3])
    return Finding(
        "unmet-requirement" if version else "missing-requirement",
        f"{whole}{more}; {there}",
        why,
        _needs(name, asked, inventory, markers, rules),
        name,
        version,
        details=tuple(f"{each.user.name} {each.user.version}: {each.wish}" for each in asked),
    )


def _seen(user: Copy, evidence: Evidence) -> str:
    """What a scan says of a distribution whose demand is not met."""
    scanned = evidence.scanned.get(user.name)
    if scanned is None or not scanned.modules:
        return f"{user.name} was not scanned" + (f": {evidence.unknown}." if evidence.unknown else ".")
    row = next(iter(evidence.calls.get(user.name, ())), None)
    if failing := evidence.own_failures(user.name):
        return f"{user.name} imports in part: {failing[0].reason}."
    called = f" {row.name} is missing when it is called ({row.first.path}:{row.first.line})." if row else ""
    taken = any(each.after_apply for each in scanned.broken)
    return f"{user.name} {'is taken down by another' if taken else 'imports'}.{called}"


def requirers(name: str, inventory: Inventory, markers: Mapping[str, str]) -> dict[str, str]:
    """What every installed distribution that requires another one asks of it; extras left out."""
    found: dict[str, str] = {}
    for copy in inventory.used.values():
        for line in copy.requires:
            requirement = _parsed(line)
            if requirement and normalised(requirement.name) == name and _applies(requirement, markers):
                found[copy.name] = joined(found.get(copy.name, ""), str(requirement.specifier))
    return found


def _needs(
    name: str, asked: Sequence[Unmet], inventory: Inventory, markers: Mapping[str, str], rules: Rules
) -> tuple[Need, ...]:
    """Install what all its users ask for; where that is impossible, other releases of the users."""
    wanted = [each.specifier for each in asked if each.specifier]
    wanted += [
        specifier
        for user, specifier in requirers(name, inventory, markers).items()
        if not is_adapted(inventory.used[user], name, inventory, rules.patches)
    ]
    together = joined(*wanted)
    if name in rules.held:
        together = joined(together, rules.held[name])
    users = sorted({each.user.name for each in asked})
    if possible(together):
        extras = tuple(sorted({extra for each in asked for extra in each.extras}))
        url = next((each.url for each in asked if each.url), "")
        return (Need(Action.INSTALL, name, together, extras=extras, url=url),)
    # The one that is asked for stays: releases of its users are taken that go with it.
    also = () if name in rules.held else (Need(Action.INSTALL, name),)
    return (*(Need(Action.INSTALL, user, options=("--upgrade",)) for user in users), *also)


def _mismatched(asked: Sequence[Unmet], inventory: Inventory, rules: Rules) -> Finding:
    """A torchvision or torchaudio that was built for another torch."""
    torch = inventory.version(TORCH)
    options = builds_of_torch(TORCH, torch)
    needs = [Need(Action.INSTALL_STEP, TORCH, f"=={torch}", step=TORCH, options=options)]
    advice = ""
    for each in asked:
        fitting = partner(each.user.name, torch, rules.pairs)
        if fitting:
            needs.append(Need(Action.INSTALL_STEP, each.user.name, f"=={fitting}", step=TORCH))
        else:
            advice = f"no {each.user.name} is known that was built for torch {torch}"
    what = ", ".join(
        f"{each.user.name} {each.user.version} was built for torch{each.specifier}" for each in asked
    )
    return Finding(
        "torch-mismatch",
        f"{what}; torch {torch} is installed",
        "Their compiled libraries fit one release of torch only: importing them fails with an error that "
        "names `torchvision::nms`, an undefined symbol, or a function that torch does not have.",
        tuple(needs) if not advice else (),
        asked[0].user.name,
        asked[0].user.version,
        advice=advice,
    )


def builds_of_torch(name: str, version: str) -> tuple[str, ...]:
    """The option that lets an installer find a build such as `2.1.0+cu121`: PyPI takes no local versions."""
    build = local(version)
    if name not in BUILT_WITH_TORCH or not BUILD.fullmatch(build):
        return ()
    return ("--extra-index-url", f"https://download.pytorch.org/whl/{build}")


def partner(name: str, torch: str, pairs: Mapping[str, Mapping[str, str]]) -> str:
    """The newest release of torchvision or torchaudio built for a torch, or an empty string."""
    built_for = pairs.get(name, {})
    return max((each for each in built_for if same(built_for[each], public(torch))), key=order, default="")


@cache
def _parsed(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _applies(requirement: Requirement, markers: Mapping[str, str]) -> bool:
    """Tell whether a requirement is one of this environment's; those of extras are nobody's."""
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate({**markers, "extra": ""})
    except Exception:  # a marker that compares nonsense: packaging raises several kinds of errors
        return False
