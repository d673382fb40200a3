"""Whether what is installed imports on this torch, as `scan` sees it: what `expected` rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from surgeon.doctor.integrity import Progress
from surgeon.errors import EnvironmentUnusable, SurgeonError
from surgeon.registry import Registry
from surgeon.scan.files import NOTHING_TO_SCAN
from surgeon.scan.results import Broken, Missing, Scanned, ScanResult
from surgeon.scan.run import Request, scan
from surgeon.site.environment import Environment
from surgeon.site.inventory import Inventory

TORCH = "torch"


@dataclass(frozen=True)
class Culprit:
    """A distribution that does not import, or whose failing modules take those of others down.

    Attributes:
        reason: what is missing, and where.
        fails: whether its package itself does not import.
        takes: how many modules of others fail because of it, by distribution.
    """

    name: str
    version: str
    reason: str
    fails: bool
    takes: Mapping[str, int]


@dataclass(frozen=True)
class Evidence:
    """What a scan says of everything that needs torch, with every patch in.

    Attributes:
        torch: the release that is installed; empty where there is none.
        table: the release of the table that answered instead; empty where torch itself was asked.
        unusable: why torch itself cannot be imported; empty where it can, or was not tried.
        unknown: why nothing is known; empty where something is.
        scanned: by distribution.
        calls: uses of what is missing that no patch deals with, and that raise when they are called.
    """

    torch: str = ""
    table: str = ""
    unusable: str = ""
    unknown: str = ""
    scanned: Mapping[str, Scanned] = field(default_factory=dict)
    calls: Mapping[str, Sequence[Missing]] = field(default_factory=dict)

    @property
    def culprits(self) -> dict[str, Culprit]:
        """Who cannot work here, by distribution: those whose own gaps, which no patch mends, do the harm."""
        owner = {broken.module: each.name for each in self.scanned.values() for broken in each.broken}
        takes: dict[str, Counter[str]] = {}
        for victim in self.scanned.values():
            for broken in victim.broken:
                if broken.after_apply and (by := owner.get(broken.root, victim.name)) != victim.name:
                    takes.setdefault(by, Counter())[victim.name] += 1
        found = {}
        for name, each in self.scanned.items():
            own = self.own_failures(name)
            first = next((broken for broken in own if "." not in broken.module), own[0] if own else None)
            fails = first is not None and "." not in first.module
            if first and (fails or name in takes):
                found[name] = Culprit(name, each.version, first.reason, fails, takes.get(name, {}))
        return found

    def own_failures(self, name: str) -> list[Broken]:
        """The modules of a distribution that fail for what it lacks itself, patches or not."""
        own = {broken.module for broken in self.scanned[name].broken}
        return [each for each in self.scanned[name].broken if each.after_apply and each.root in own]


def look(environment: Environment, inventory: Inventory, registry: Registry, progress: Progress) -> Evidence:
    """Scan what needs torch; where torch cannot be asked, by the table of its releases.

    Only what can be told is: without a torch, or with nobody who needs it, there is no evidence.
    """
    torch = inventory.used.get(TORCH)
    if not torch:
        return Evidence()
    progress("asking torch for what the installed packages need", 0, 1)
    unusable = ""
    # A torch without sources is metadata alone: there is nothing to ask.
    table = "" if environment.python and "torch/__init__.py" in torch.rows else torch.version
    try:
        try:
            result = scan(environment, registry, Request(release=table))
        except EnvironmentUnusable as error:
            unusable, table = error.message, torch.version
            result = scan(environment, registry, Request(release=table))
    except SurgeonError as error:
        if error.code == NOTHING_TO_SCAN:
            return Evidence()
        return Evidence(torch.version, table, unusable, error.message)
    finally:
        progress("asking torch for what the installed packages need", 1, 1)
    return replace(of(result), torch=torch.version, table=table, unusable=unusable)


def of(result: ScanResult) -> Evidence:
    """A scan's answer as evidence."""
    calls: dict[str, list[Missing]] = {}
    for row in result.rows:
        if row.uncovered:
            calls.setdefault(row.distribution, []).append(row)
    return Evidence(scanned={each.name: each for each in result.distributions}, calls=calls)
