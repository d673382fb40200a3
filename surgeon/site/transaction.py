"""Changes files all together or not at all, and settles what a killed run left.

The order is what makes it safe. Every byte that may be needed, old and new, is on the disk under
its hash before the journal names it; the journal is on the disk before the first file changes;
the manifest's rename is the one instant in which the whole change becomes true. Until then,
recovery puts every file back; after it, recovery only clears up.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon.errors import EnvironmentUnusable, RecoveryFailed, Refused, SurgeonError
from surgeon.site import bytecode, fs
from surgeon.site.store import LOCK, Journal, Manifest, Step, Store, sha256


@dataclass(frozen=True)
class Change:
    """One file's new bytes.

    Attributes:
        path: relative to the site directory.
        distribution: whose file it is.
        before: the bytes that must be there now.
        after: the bytes to put there.
        mtime_ns: the modification time to give them; `None` for a new one.
        not_mtimes_ns: times that bytecode must not take a new one for.
        link: the symbolic link to put back instead of a file, or `None`.
    """

    path: str
    distribution: str
    before: bytes
    after: bytes
    mtime_ns: int | None = None
    not_mtimes_ns: tuple[int, ...] = ()
    link: str | None = None


@dataclass(frozen=True)
class Settled:
    """What became of the files of an interrupted run.

    Attributes:
        put_back: the paths that are again what they were before it.
        left: steps whose files somebody changed after it; they are as they were found.
    """

    put_back: tuple[str, ...] = ()
    left: tuple[Step, ...] = ()


Waiting = Callable[[str], None]
"""Told in one line for whom a run waits, once that lasts."""


def unheard(_line: str) -> None:
    """Nobody is told."""


@contextmanager
def locked(stores: Iterable[Store], wait: Waiting | None) -> Iterator[None]:
    """Hold the locks of site directories; a second run waits for its turn, and tells `wait` for whom.

    Whoever needs several takes them in the order of the folders' identities, whatever they are called
    and however `sys.path` orders them: no two runs can each hold what the other one waits for.
    This is the only place where a lock is taken, and it is never entered twice by one run.

    Args:
        wait: `None` for no waiting at all.

    Raises:
        EnvironmentUnusable: a store cannot be made or locked; or another run holds one and there is
            no waiting.
    """
    each: dict[tuple[int, int], Store] = {}
    for store in stores:
        with _said(store):
            each.setdefault(store.root.identity(), store)
    with ExitStack() as held:
        for identity in sorted(each):
            held.enter_context(_locked(each[identity], wait))
        yield


@contextmanager
def _locked(store: Store, wait: Waiting | None) -> Iterator[None]:
    def waiting(holder: fs.Holder) -> None:
        if wait is not None:
            wait(f"waiting for {_named(holder)}, which holds the lock of {store.root.folder}")

    with _said(store), store.root.locked(LOCK, None if wait is None else waiting):
        store.sync()
        yield


@contextmanager
def _said(store: Store) -> Iterator[None]:
    """What the disk refuses, as a message for a user."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, store.root.folder) from error


def _named(holder: fs.Holder) -> str:
    """Who it is, for a user."""
    if holder.pid is None:
        return "another m3d-surgeon (the system does not say which process)"
    return f"process {holder.pid}" + (f" ({shortened})" if (shortened := holder.command[:200]) else "")


def commit(
    store: Store,
    changes: Sequence[Change],
    manifest: Manifest,
    pycache_prefix: Path | None,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Make all the changes and the manifest true, or none of them. Needs the lock.

    Raises:
        EnvironmentUnusable: the disk refused; everything is as it was.
        Refused: a file is no longer what it was when its change was planned; likewise.
        RecoveryFailed: the disk refused, and putting things back failed as well.
    """
    journal: Journal | None = None
    previous = store.manifest_bytes()
    try:
        data = manifest.to_bytes()
        journal = _prepare(store, changes, data)
        with store.root.together():
            for change in changes:
                progress(change.path)
                _install(store, change)
                bytecode.purge(store.root, change.path, pycache_prefix)
        store.write_manifest(data)
    except BaseException as error:
        _back_out(store, journal, previous, pycache_prefix, error)
        if isinstance(error, OSError):
            raise unwritable(error, store.root.folder) from error
        raise
    try:
        _clear_up(store, manifest)
    except OSError as error:
        raise EnvironmentUnusable(
            f"everything was done, but what was put aside for it cannot be removed: {error.strerror}",
            path=str(store.root.folder),
            hint="run `m3d-surgeon recover`",
            code="unwritable",
        ) from error


def recover(store: Store, attested: Callable[[Step], bool], pycache_prefix: Path | None) -> Settled:
    """Settle what a killed run left. Needs the lock; does nothing where there is no journal.

    Args:
        attested: tells whether RECORD or the manifest vouches for the bytes that a step put aside.

    Raises:
        RecoveryFailed: the journal is damaged, or names bytes that are gone or nobody vouches for.
        EnvironmentUnusable: the disk refused.
    """
    journal = store.journal()
    if journal is None:
        return Settled()
    try:
        settled = Settled()
        if sha256(store.manifest_bytes() or b"") != journal.manifest:
            left = tuple(step for step in journal.steps if _is_foreign(store, step))
            settled = Settled(tuple(_undo(store, journal, attested)), left)
        for step in journal.steps:
            store.root.sync(step.path.rpartition("/")[0])
            bytecode.purge(store.root, step.path, pycache_prefix)
            bytecode.sync(store.root, step.path, pycache_prefix)
        store.remove_journal()
        store.collect(store.manifest())  # the store stays, if only for the lock: the run may go on
    except OSError as error:
        raise unwritable(error, store.root.folder) from error
    return settled


def tidy(store: Store) -> None:
    """Remove a store that says nothing, left by a killed run; no matter if it cannot be."""
    with suppress(OSError):
        store.tidy()
    if store.is_leftover():
        # Whoever holds the lock is about to write; what was nothing before may be a journal by now.
        with suppress(EnvironmentUnusable, OSError), locked([store], wait=None):
            if store.is_leftover():
                store.collect(store.manifest())
                store.dissolve()


def unwritable(error: OSError, folder: Path) -> EnvironmentUnusable:
    """The one message for a disk that refused, with what to do about it."""
    hints = {
        errno.ENOSPC: "free some space and run the command again",
        errno.EDQUOT: "free some of the quota and run the command again",
        errno.EROFS: "the file system is read-only: run the command where it is writable (an image's build)",
        errno.EACCES: "run the command as the owner of this folder",
        errno.EPERM: "run the command as the owner of this folder",
    }
    return EnvironmentUnusable(
        f"the environment cannot be written: {error.strerror or error}",
        path=str(folder),
        hint=hints.get(error.errno or 0, "run the command again"),
        code="unwritable",
    )


def _prepare(store: Store, changes: Sequence[Change], manifest: bytes) -> Journal:
    """Put aside what may be needed, and write down what is to be done."""
    journal = Journal(sha256(manifest), tuple(_step(store, change) for change in changes))
    journal.to_bytes()  # raises before anything is written
    with store.root.together():
        for change in changes:
            store.put_object(change.before)
            store.put_object(change.after)
    if changes:
        store.write_journal(journal)
    return journal


def _step(store: Store, change: Change) -> Step:
    looks = store.root.looks(change.path)
    assert looks.mtime_ns is not None  # it was read from the disk
    return Step(
        path=change.path,
        distribution=change.distribution,
        before=sha256(change.before),
        after=sha256(change.after),
        before_mtime_ns=looks.mtime_ns,
        before_link=looks.link,
    )


def _install(store: Store, change: Change) -> None:
    """Put one file's new bytes in place, if the old ones are still there."""
    if store.root.read(change.path) != change.before:
        raise Refused(
            "the file changed while the command ran",
            path=change.path,
            hint="run the command again",
            code="changed-meanwhile",
        )
    looks = store.root.looks(change.path)
    mtime_ns = change.mtime_ns
    if mtime_ns is None:
        mtime_ns = fs.later(time.time_ns(), *store.root.mtimes_ns(change.path), *change.not_mtimes_ns)
    store.root.replace(change.path, change.after, replace(looks, mtime_ns=mtime_ns, link=change.link))


def _undo(store: Store, journal: Journal, attested: Callable[[Step], bool]) -> Iterator[str]:
    """Put back every file that holds what the journal wrote; leave what anybody else wrote since."""
    for step in journal.steps:
        store.root.remove_temporary(step.path)
        if not store.root.exists(step.path) or sha256(store.root.read(step.path)) != step.after:
            continue
        if not attested(step):
            raise _unrecoverable(step, "neither RECORD nor the manifest vouches for what was there before")
        try:
            before = store.object(step.before)
        except Refused as error:
            raise _unrecoverable(step, error.message) from error
        looks = replace(store.root.looks(step.path), mtime_ns=step.before_mtime_ns, link=step.before_link)
        store.root.replace(step.path, before, looks)
        yield step.path


def _is_foreign(store: Store, step: Step) -> bool:
    """Tell whether a file holds neither what was there before the journal nor what it wrote."""
    if not store.root.exists(step.path):
        return False
    return sha256(store.root.read(step.path)) not in (step.before, step.after)


def _back_out(
    store: Store,
    journal: Journal | None,
    previous: bytes | None,
    prefix: Path | None,
    error: BaseException,
) -> None:
    """After a failure in mid-change: everything back as it was.

    The manifest comes first. Its rename may have happened before the disk failed, and as long as
    it stands the change counts as committed, for us and for a recovery after us.
    """
    try:
        if journal is not None:
            if store.manifest_bytes() != previous:
                store.write_manifest(previous)
            for path in _undo(store, journal, lambda _: True):
                bytecode.purge(store.root, path, prefix)
        _clear_up(store, store.manifest())
    except (OSError, SurgeonError) as second:
        raise RecoveryFailed(
            f"the change failed ({error}), and so did putting things back ({second})",
            path=str(store.root.folder),
            hint="make the folder writable again, then run `m3d-surgeon recover`",
        ) from error


def _clear_up(store: Store, manifest: Manifest) -> None:
    store.remove_journal()
    store.collect(manifest)
    if not manifest.files:
        store.dissolve()


def _unrecoverable(step: Step, reason: str) -> RecoveryFailed:
    return RecoveryFailed(
        f"an interrupted run cannot be undone here: {reason}",
        path=step.path,
        hint=f"reinstall {step.distribution} (pip install --force-reinstall --no-deps), "
        "then run `m3d-surgeon recover`",
    )
