"""Looks at an environment and says what is true of every file that a patch targets. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgeon.errors import Refused, SurgeonError
from surgeon.operations.verdict import Facts, State, Verdict, judge
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site.distribution import Distribution, Installed, is_glob, matching
from surgeon.site.environment import Environment
from surgeon.site.fs import Root
from surgeon.site.store import Entry, Journal, Manifest, Store, sha256
from surgeon.site.versions import is_version, satisfies


@dataclass(frozen=True)
class Applicability:
    """Whether a patch has anything to do in this environment, before its files are looked at.

    Attributes:
        reason: why not, or an empty string where its conditions hold.
        undecided: why nobody can tell whether they hold, or an empty string. What was patched then stays,
            and nothing else is.
    """

    patch: Patch
    distribution: Distribution | None
    reason: str
    undecided: str = ""


@dataclass(frozen=True)
class Target:
    """One installed file that patches may change, and the verdict on it."""

    path: str
    distribution: str
    version: str
    facts: Facts
    verdict: Verdict


@dataclass(frozen=True)
class Site:
    """One site directory: its store, and the targets in it.

    Attributes:
        journal: what a killed run left, or `None`.
        damage: why the store cannot be read, or `None`; the targets are then judged without it.
    """

    store: Store
    manifest: Manifest
    journal: Journal | None
    damage: SurgeonError | None
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Survey:
    """What is true of an environment."""

    environment: Environment
    installed: Installed
    applicable: Mapping[str, Applicability]
    sites: tuple[Site, ...]


def survey(environment: Environment, registry: Registry, installed: Installed | None = None) -> Survey:
    """Look at every file that a patch targets, and at every file that a store knows.

    Args:
        installed: what an earlier look found to be installed, where nothing can have changed since.
    """
    installed = installed or Installed(environment)
    applicable = {
        patch.id: _applicability(patch, installed, environment.folder) for patch in registry.patches.values()
    }
    sites = tuple(_site(folder, applicable, installed) for folder in environment.site_directories)
    return Survey(environment, installed, applicable, sites)


def _applicability(patch: Patch, installed: Installed, folder: Path | None) -> Applicability:
    distribution = installed.find(patch.distribution)
    if distribution is None:
        return Applicability(patch, None, f"{patch.distribution} is not installed")
    if folder not in (None, distribution.site):
        return Applicability(
            patch, distribution, f"{patch.distribution} is imported from {distribution.site}"
        )
    return Applicability(patch, distribution, *_conditions(patch, distribution, installed))


def _conditions(patch: Patch, distribution: Distribution, installed: Installed) -> tuple[str, str]:
    """Why a patch's conditions do not hold, and why that cannot be told; empty texts where they hold."""
    undecided = ""
    if not satisfies(distribution.version, patch.versions):
        if is_version(distribution.version):
            return f"{patch.distribution} {distribution.version} is not among {patch.versions}", ""
        undecided = _unknown(patch.distribution)
    for name, specifier in patch.when.items():
        other = installed.find(name)
        if other is None:
            return f"{name} is not installed", ""
        if satisfies(other.version, specifier):
            continue
        if is_version(other.version):
            return f"{name} {other.version} has what it needs", ""
        undecided = _unknown(name)
    return "", undecided


def _unknown(name: str) -> str:
    return f"the metadata of {name} cannot be read or does not say which release it is"


def _site(folder: Path, applicable: Mapping[str, Applicability], installed: Installed) -> Site:
    store = Store(Root(folder))
    manifest, journal, damage = Manifest(), None, None
    try:
        manifest, journal = store.manifest(), store.journal()
    except SurgeonError as error:
        damage = error
    targets = _Look(store, manifest, journal, damage is not None, applicable, installed).targets()
    return Site(store, manifest, journal, damage, tuple(sorted(targets, key=lambda target: target.path)))


class _Look:
    """One look at one site directory. Only files that hold a needle, or that the store knows, are hashed."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        journal: Journal | None,
        damaged: bool,
        applicable: Mapping[str, Applicability],
        installed: Installed,
    ) -> None:
        self._store = store
        self._entries = manifest.files
        self._damaged = damaged
        self._journaled = {step.path: step.after for step in journal.steps} if journal else {}
        self._applicable = applicable
        self._installed = installed
        self._why_not = {
            patch: item.reason or "it no longer names this file" for patch, item in applicable.items()
        }

    def targets(self) -> Iterator[Target]:
        """Every file that an applicable patch wants to change, and every file that the store knows."""
        named = self._named()
        for path, (distribution, patches) in named.items():
            if target := self._target(path, distribution, patches):
                yield target
        for path, entry in self._entries.items():
            if path not in named:
                yield self._remembered(path, entry)

    def _named(self) -> dict[str, tuple[Distribution, list[Patch]]]:
        """The files that the applicable patches name, each with those patches."""
        named: dict[str, tuple[Distribution, list[Patch]]] = {}
        for item in self._applicable.values():
            distribution = item.distribution
            if distribution is None or item.reason or distribution.site != self._store.root.folder:
                continue
            for path in dict.fromkeys(
                (*matching(item.patch.files, distribution.paths), *self._unrecorded(item))
            ):
                named.setdefault(path, (distribution, []))[1].append(item.patch)
        return named

    def _unrecorded(self, item: Applicability) -> list[str]:
        """A patch's files that lie there although RECORD does not list them: to be said, not edited."""
        known = item.distribution.paths if item.distribution else ()
        exact = (path for path in item.patch.files if not is_glob(path) and path not in known)
        return [path for path in exact if self._content(path)[0] is not None]

    def _target(self, path: str, distribution: Distribution, patches: Sequence[Patch]) -> Target | None:
        entry = self._entries.get(path)
        data, trouble = self._content(path)
        recorded = distribution.recorded(path)
        # Without a readable store a patched file, whose needle is gone, is known by its hash alone.
        lost = self._damaged and data is not None and sha256(data) != recorded
        if entry is None and not trouble and not lost:
            patches = [patch for patch in patches if _concerns(patch, path, data)]
            if not patches:
                return None
        current = None if data is None else sha256(data)
        facts = Facts(
            recorded=recorded,
            current=current,
            entry=entry,
            wanted={
                patch.id: patch.digest
                for patch in self._wanted(path, patches, data, current, entry)
                if not self._applicable[patch.id].undecided
                or (entry is not None and patch.id in entry.patches)
            },
            why_not=self._why_not,
            journaled=self._journaled.get(path),
            unpatchable=distribution.unpatchable
            or trouble
            or ("" if recorded else "RECORD does not list it"),
        )
        return Target(path, distribution.name, distribution.version, facts, judge(facts))

    def _remembered(self, path: str, entry: Entry) -> Target:
        """A file that the store knows and no applicable patch names: obsolete, or gone with its package."""
        distribution = self._installed.find(entry.distribution)
        if distribution is not None and distribution.site == self._store.root.folder:
            target = self._target(path, distribution, [])
            if target is not None:
                return target
        state = State.SUPERSEDED if entry.patches else State.NOT_NEEDED
        reason = f"{entry.distribution} is no longer installed here"
        verdict = Verdict(state, reason, dict.fromkeys(entry.patches, state))
        facts = Facts(None, None, entry, {}, self._why_not)
        return Target(path, entry.distribution, entry.version, facts, verdict)

    def _content(self, path: str) -> tuple[bytes | None, str]:
        """A file's bytes, or why they cannot be had (empty where it is simply missing)."""
        try:
            return self._store.root.read(path), ""
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError) as error:
            return None, f"it cannot be read: {getattr(error, 'strerror', None) or error}"

    def _wanted(
        self,
        path: str,
        patches: Sequence[Patch],
        data: bytes | None,
        current: str | None,
        entry: Entry | None,
    ) -> Iterator[Patch]:
        """The patches whose needle is in the pristine bytes; of a patched file those are the stored ones."""
        if self._damaged:
            yield from patches
            return
        if entry is None or not entry.patches or current != entry.result:
            yield from (patch for patch in patches if _concerns(patch, path, data))
            return
        original: bytes | None = None
        for patch in patches:
            if patch.id not in entry.patches and entry.looked.get(patch.id) != patch.digest:
                original = self._original(entry) if original is None else original
                if not _concerns(patch, path, original):
                    continue
            yield patch

    def _original(self, entry: Entry) -> bytes:
        try:
            return self._store.object(entry.original)
        except Refused:
            return b""


def _concerns(patch: Patch, path: str, data: bytes | None) -> bool:
    """Tell whether a file holds a patch's needle; a missing one counts if the patch names it by itself."""
    if data is None:
        return path in patch.files
    return any(needle in data for needle in patch.needle)
