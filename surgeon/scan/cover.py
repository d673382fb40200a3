"""What `apply` would make of the files that have gaps: the bytes that they would hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from surgeon.errors import SurgeonError
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site.distribution import Distribution, Installed, matching
from surgeon.site.fs import Root
from surgeon.site.store import Entry, Store, sha256
from surgeon.site.versions import satisfies
from surgeon.sources.names import below


@dataclass(frozen=True)
class Patched:
    """A file after `apply`: its bytes, and the ids of the patches that changed something."""

    data: bytes
    patches: tuple[str, ...]


@dataclass(frozen=True)
class Pending:
    """A file before `apply`: its original bytes, and the patches whose needles are in it, complete."""

    original: bytes
    patches: tuple[Patch, ...]


def _speaks(edit: object, name: str, keyword: str) -> bool:
    words = [each for each in getattr(edit, "__dict__", {}).values() if isinstance(each, str)]
    if keyword:
        return keyword in words
    return any(each and (below(each, name) or below(name, each)) for each in words if "." in each)


class Cover:
    """The patches of a registry, as far as they concern the distributions that are installed.

    Args:
        instead: versions that stand in for installed ones (`{"torch": "2.4.1"}`).
    """

    def __init__(self, registry: Registry, installed: Installed, instead: Mapping[str, str]) -> None:
        self._installed, self._instead = installed, instead
        self._registry = registry
        self._edits: dict[str, Patch] = {}
        self._entries: dict[Path, Mapping[str, Entry]] = {}

    def patches(self, distribution: Distribution, path: str) -> list[Patch]:
        """The patches that `apply` would run on a file, if their needle is in it."""
        return [
            patch
            for patch in self._registry.patches.values()
            if self._installed.find(patch.distribution) is distribution
            and satisfies(distribution.version, patch.versions)
            and all(self._holds(name, specifier) for name, specifier in patch.when.items())
            and any(True for _ in matching(patch.files, [path]))
        ]

    def _holds(self, name: str, specifier: str) -> bool:
        if name in self._instead:
            return satisfies(self._instead[name], specifier)
        other = self._installed.find(name)
        return other is not None and satisfies(other.version, specifier)

    def entry(self, distribution: Distribution, path: str) -> Entry | None:
        """What the store knows of a file."""
        site = distribution.site
        if site not in self._entries:
            try:
                self._entries[site] = Store(Root(site)).manifest().files
            except SurgeonError:
                self._entries[site] = {}
        return self._entries[site].get(path)

    def is_patched(self, distribution: Distribution, path: str) -> bool:
        """Tell whether the store says that a file is patched."""
        entry = self.entry(distribution, path)
        return entry is not None and bool(entry.patches)

    def pending(self, distribution: Distribution, path: str, data: bytes) -> Pending | None:
        """What `apply` would run on a file, or `None` where it does nothing.

        A file that is neither what RECORD lists nor what we wrote is left alone, as `apply` does.
        """
        patches = self.patches(distribution, path)
        original = self._original(distribution, path, data) if patches else None
        wanted = [p for p in patches if original and any(needle in original for needle in p.needle)]
        if original is None or not wanted or self._is_applied(distribution, path, data, wanted):
            return None
        return Pending(original, tuple(self._complete(each.id) for each in wanted))

    def promised(self, pending: Pending, top: str, lacking: Iterable[tuple[str, str]]) -> list[str] | None:
        """The patches that say of themselves that they deal with what is missing, in its order.

        Args:
            lacking: names, each with the keyword that it does not take or an empty text.

        Returns:
            An empty text where no patch does; `None` if a patch has an edit that does not say what it is for.
        """
        if not all(_speaks(edit, top, "") for patch in pending.patches for edit in patch.transforms):
            return None
        return [
            next((p.id for p in pending.patches if any(_speaks(e, *each) for e in p.transforms)), "")
            for each in lacking
        ]

    def patched(self, pending: Pending) -> Patched | None:
        """What `apply` makes of a file, or `None` where nothing matches."""
        from surgeon.rewriting.rewrite import (
            rewrite,  # here: a scan that finds nothing to patch needs no parser
        )

        written = rewrite(pending.original, pending.patches)
        did = tuple(patch.id for patch in pending.patches if written.matches.get(patch.id))
        return Patched(written.result, did) if did else None

    def _is_applied(
        self, distribution: Distribution, path: str, data: bytes, wanted: Collection[Patch]
    ) -> bool:
        """Tell whether a file already holds what these patches make of it."""
        entry = self.entry(distribution, path)
        if entry is None or entry.result != sha256(data):
            return False
        done = {**entry.patches, **entry.looked}
        return all(done.get(patch.id) == patch.digest for patch in wanted)

    def by(self, patched: Patched, name: str, keyword: str) -> str:
        """The patch that closed a gap: of several, the one whose edits speak of what was missing."""
        chosen = [self._complete(patch) for patch in patched.patches]
        speaking = [each for each in chosen if any(_speaks(edit, name, keyword) for edit in each.transforms)]
        return (speaking or chosen)[0].id

    def _complete(self, patch: str) -> Patch:
        """A patch with its edits, loaded once."""
        if patch not in self._edits:
            self._edits.update(self._registry.complete([patch]))
        return self._edits[patch]

    def _original(self, distribution: Distribution, path: str, data: bytes) -> bytes | None:
        recorded = distribution.recorded(path)
        if distribution.unpatchable or recorded is None:
            return None
        if sha256(data) == recorded:
            return data
        entry = self.entry(distribution, path)
        if entry is None or entry.result != sha256(data) or entry.original != recorded:
            return None
        try:
            return Store(Root(distribution.site)).object(entry.original)
        except SurgeonError:
            return None
