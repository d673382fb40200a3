"""The work of one run: every file's planned outcome, and the commit, site directory by site directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from surgeon.errors import EnvironmentUnusable, Refused, SurgeonError
from surgeon.operations.plan import Aim, Future, Sources, decision, reinstall, rewritten, without_rewriting
from surgeon.operations.results import Decision
from surgeon.operations.survey import Site, Survey, Target
from surgeon.operations.verdict import Facts
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site import bytecode, transaction
from surgeon.site.environment import compile_errors
from surgeon.site.store import FOLDER, MANIFEST
from surgeon.site.transaction import Change

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how much of it is done, and how much there is."""

Aiming = Callable[[Target, frozenset[str], Mapping[str, Patch]], "Aim | None"]
"""What a command wants of a file; raises `Refused` where it may not have it."""


def silent(_what: str, _done: int, _total: int) -> None:
    """No progress is shown."""


class Work:
    """Plans, remembers what it has worked out, and commits.

    A plan is made twice, before the lock is taken and again under it. Whatever is the same the
    second time is not rewritten again.
    """

    def __init__(self, registry: Registry, selected: frozenset[str]) -> None:
        self.outcomes: dict[Path, list[Future]] = {}
        self.refusals: list[SurgeonError] = []
        self.decisions: list[Decision] = []
        self.registry = registry
        self._known = registry.patches
        self._selected = selected
        self._unchecked: set[tuple[Path, str]] = set()
        self._done: dict[tuple[Path, str], tuple[Facts, Aim, Future | Refused]] = {}

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths whose bytes change."""
        every = (outcome for outcomes in self.outcomes.values() for outcome in _changing(outcomes))
        return tuple(outcome.target.path for outcome in every)

    def every(self) -> Iterator[tuple[Path, Future]]:
        """Every outcome that was worked out, changing or not, with its site directory."""
        for (folder, _), (_, _, outcome) in self._done.items():
            if isinstance(outcome, Future):
                yield folder, outcome

    def plan(self, seen: Survey, aiming: Aiming, progress: Progress) -> None:
        """Work out every file's outcome; what must be refused is refused, the rest goes on."""
        self.outcomes, self.refusals, self.decisions = {}, [], []
        aims: list[tuple[Site, Target, Aim]] = []
        for site in seen.sites:
            for target in site.targets:
                try:
                    aim = aiming(target, self._selected, self._known)
                except Refused as refusal:
                    self.refusals.append(refusal)
                    self.decisions.append(decision(target, refusal))
                else:
                    self.decisions.append(decision(target, aim))
                    if aim:
                        aims.append((site, target, aim))
        self._work_out(aims, progress)
        self._compile(seen, [_key(site, target) for site, target, _ in aims])
        for site, target, _ in aims:
            outcome = self._done[_key(site, target)][2]
            if isinstance(outcome, Refused):
                self.refusals.append(outcome)
                continue
            self.refusals += outcome.refusals
            if outcome.after != outcome.sources.current or outcome.entry != target.facts.entry:
                self.outcomes.setdefault(site.store.root.folder, []).append(outcome)

    def _work_out(self, aims: Sequence[tuple[Site, Target, Aim]], progress: Progress) -> None:
        """Make every file's outcome, of what is not known from the first plan."""
        waiting: list[tuple[Site, Target, Aim, Sources]] = []
        for site, target, aim in aims:
            key = _key(site, target)
            if key in self._done and self._done[key][:2] == (target.facts, aim):
                continue
            try:
                sources = _sources(site, target, aim)
            except OSError as error:
                self._done[key] = (target.facts, aim, _cannot_be_read(target, error))
            except Refused as refusal:
                self._refuse(site, target, aim, refusal)
            else:
                if outcome := without_rewriting(target, aim, sources):
                    self._done[key] = (target.facts, aim, outcome)
                else:
                    waiting.append((site, target, aim, sources))
        if waiting:
            self._rewrite(waiting, progress)

    def _rewrite(self, waiting: Sequence[tuple[Site, Target, Aim, Sources]], progress: Progress) -> None:
        # Here and not at the top: nothing that needs no rewriting pays for the parser.
        from surgeon.rewriting.parallel import Job, rewrite_all

        known = self.registry.complete({patch for _, _, aim, _ in waiting for patch in aim.patches})
        wanted = [tuple(known[patch] for patch in aim.patches) for _, _, aim, _ in waiting]
        jobs = [Job(sources.original, each) for (*_, sources), each in zip(waiting, wanted, strict=True)]
        every = rewrite_all(jobs, lambda index, done: progress(waiting[index][1].path, done, len(jobs)))
        for (site, target, aim, sources), patches, written in zip(waiting, wanted, every, strict=True):
            try:
                outcome = rewritten(target, patches, sources, written)
            except Refused as refusal:
                self._refuse(site, target, aim, refusal)
            else:
                self._done[_key(site, target)] = (target.facts, aim, outcome)
                self._unchecked.add(_key(site, target))

    def _refuse(self, site: Site, target: Target, aim: Aim, refusal: Refused) -> None:
        refusal.path = refusal.path or target.path
        self._done[_key(site, target)] = (target.facts, aim, refusal)

    def _compile(self, seen: Survey, keys: Sequence[tuple[Path, str]]) -> None:
        """Refuse what the environment's own grammar does not take."""
        fresh: dict[tuple[Path, str], Future] = {}
        for key in self._unchecked.intersection(keys):
            outcome = self._done[key][2]
            if isinstance(outcome, Future) and outcome.after != outcome.sources.original:
                fresh[key] = outcome
        self._unchecked.clear()
        errors = compile_errors(seen.environment, [outcome.after for outcome in fresh.values()])
        for (key, outcome), error in zip(fresh.items(), errors, strict=True):
            if error is not None:
                facts, aim, _ = self._done[key]
                self._done[key] = (facts, aim, _does_not_compile(outcome, error))

    def commit(self, seen: Survey, locked: Collection[Path], progress: Progress) -> None:
        """Make the plan true in the site directories that are locked.

        Raises:
            EnvironmentUnusable, RecoveryFailed: see `transaction.commit`.
        """
        prefix = seen.environment.pycache_prefix
        self.outcomes = {folder: each for folder, each in self.outcomes.items() if folder in locked}
        sites = [site for site in seen.sites if site.store.root.folder in self.outcomes]
        for site in sites:
            _check_writable(site, self.outcomes[site.store.root.folder], prefix)
        total = len(self.changed)
        done = 0

        def one_more(path: str) -> None:
            nonlocal done
            progress(path, done, total)
            done += 1

        for site in sites:
            outcomes = self.outcomes[site.store.root.folder]
            files = dict(site.manifest.files)
            for outcome in outcomes:
                files.pop(outcome.target.path, None)
                if outcome.entry is not None:
                    files[outcome.target.path] = outcome.entry
            changes = [_change(site, outcome) for outcome in _changing(outcomes)]
            transaction.commit(site.store, changes, site.manifest.followed_by(files), prefix, one_more)


def _key(site: Site, target: Target) -> tuple[Path, str]:
    return site.store.root.folder, target.path


def _changing(outcomes: Iterable[Future]) -> Iterator[Future]:
    return (outcome for outcome in outcomes if outcome.after != outcome.sources.current)


def _sources(site: Site, target: Target, aim: Aim) -> Sources:
    """Read what a file is made from.

    Raises:
        Refused: the stored original is missing or damaged.
    """
    root, entry = site.store.root, target.facts.entry
    if aim.forget:
        return Sources(b"", b"", 0, None)
    current = root.read(target.path)
    if entry is not None and entry.patches and target.facts.current == entry.result:
        try:
            return Sources(current, site.store.object(entry.original), entry.mtime_ns, entry.link)
        except Refused as damage:
            damage.hint = f"run `{reinstall(target)}`, then this command again"
            raise
    looks = root.looks(target.path)
    assert looks.mtime_ns is not None  # it was read from the disk
    return Sources(current, current, looks.mtime_ns, looks.link)


def _change(site: Site, outcome: Future) -> Change:
    """The change of one file: the original gets its time and its link back, a patched file a new time."""
    target, sources = outcome.target, outcome.sources
    change = Change(target.path, target.distribution, sources.current, outcome.after)
    if outcome.after != sources.original:
        return replace(change, not_mtimes_ns=(sources.mtime_ns,))
    holds = sources.link is not None and site.store.root.link_holds(target.path, sources.link, outcome.after)
    return replace(change, mtime_ns=sources.mtime_ns, link=sources.link if holds else None)


def _check_writable(site: Site, outcomes: Iterable[Future], prefix: Path | None) -> None:
    """Find out before the first change whether the last one will be possible.

    Raises:
        EnvironmentUnusable: a folder cannot be written, or bytecode that would be used cannot be removed.
    """
    root = site.store.root
    paths = [outcome.target.path for outcome in _changing(outcomes)]
    one_of_each_folder = {path.rpartition("/")[0]: path for path in (FOLDER, MANIFEST, *paths)}
    for path in one_of_each_folder.values():
        if (root.exists(path) or path == FOLDER) and not root.may_change(path):
            raise EnvironmentUnusable(
                "the environment cannot be written",
                path=str((root.folder / path).parent),
                hint="run the command as the owner of this folder, where it is writable",
                code="unwritable",
            )
    for path in paths:
        if stale := bytecode.undeletable(root, path, prefix):
            raise EnvironmentUnusable(
                "bytecode that ignores its source cannot be removed",
                path=str(stale),
                hint="make its folder writable and run the command again",
                code="stale-bytecode",
            )


def _cannot_be_read(target: Target, error: OSError) -> Refused:
    return Refused(
        f"it cannot be read: {error.strerror or error}",
        path=target.path,
        hint="run the command again; if it stays, reinstall the package",
        code="unreadable",
    )


def _does_not_compile(outcome: Future, error: str) -> Refused:
    return Refused(
        f"the patched file does not compile under this interpreter: {error}",
        path=outcome.target.path,
        hint=f"leave out one of: {', '.join(outcome.entry.patches if outcome.entry else ())}",
        code="does-not-compile",
    )
