"""Holds the installed files against RECORD: what is missing, what is not what was shipped.

Every file's existence and size is looked at. Hashed are: the files written later than RECORD was
(the installer wrote it last, so somebody else wrote them); the smaller files of the distributions
that are asked about by name; and with `full`, everything.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from surgeon.site.inventory import UNREADABLE, Copy, Row

SMALL = 1024 * 1024
"""Up to this size (bytes) a file of a distribution that is asked about is always hashed."""
BLOCK = 1024 * 1024
BATCH = 64
"""So many files are hashed by a thread before it says so."""
GENERATED = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"})
"""Files of a dist-info folder that installers write or rewrite themselves (PEP 376, 610, 627)."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Damage:
    """One file that is not what RECORD lists.

    Attributes:
        path: relative to the site directory.
        what: `missing`, `empty`, `changed`, `UNREADABLE` or why it cannot be read.
        later: it was written after the installation.
        linked: its bytes are shared with other places, as uv's hard and symbolic links into its cache.
        owners: other distributions that list the path; one of them if the bytes there are its.
    """

    path: str
    what: str
    later: bool = False
    linked: bool = False
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspected:
    """What a look at all distributions found.

    Attributes:
        damages: per distribution's metadata folder (in its site directory), what is wrong.
        overwritten: damages that are another distribution's file of the same name.
    """

    damages: Mapping[tuple[Path, str], Sequence[Damage]]
    overwritten: Mapping[tuple[Path, str], Sequence[Damage]]
    files: int
    hashed: int


@dataclass(frozen=True)
class _Candidate:
    copy: Copy
    path: str
    size: int
    later: bool


class Inspection:
    """One look at an environment's files.

    Args:
        copies: the distributions to verify; those that cannot be are skipped.
        named: names of distributions whose smaller files are always hashed.
        ours: per site directory, the sha256 (hex) of every file that the store says we wrote.
        full: hash everything.
    """

    def __init__(
        self,
        copies: Sequence[Copy],
        named: Collection[str],
        ours: Mapping[Path, Mapping[str, str]],
        *,
        full: bool = False,
    ) -> None:
        self._copies = [copy for copy in copies if copy.verifiable]
        self._named = named
        self._ours = ours
        self._full = full
        self._found: dict[tuple[Path, str], list[Damage]] = {}
        self._overwritten: dict[tuple[Path, str], list[Damage]] = {}
        self._files = 0

    def check(self, progress: Progress) -> Inspected:
        """Look at every file."""
        candidates = [candidate for copy in self._copies for candidate in self._stat(copy)]
        total = sum(candidate.size for candidate in candidates)
        done = 0
        batches = [candidates[start : start + BATCH] for start in range(0, len(candidates), BATCH)]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for batch, troubles in zip(batches, pool.map(self._judge_all, batches), strict=True):
                done += sum(candidate.size for candidate in batch)
                progress(batch[-1].copy.name, done, total)
                for candidate, trouble in zip(batch, troubles, strict=True):
                    if trouble:
                        self._add(candidate.copy, candidate.path, trouble, candidate.later)
        return Inspected(self._found, self._overwritten, self._files, len(candidates))

    def _stat(self, copy: Copy) -> Iterator[_Candidate]:
        """The files that need hashing; those that are seen to be wrong without it are put down."""
        ours = self._ours.get(copy.site, {})
        always = self._full or copy.name in self._named
        most = None if self._full else SMALL
        for path, row in copy.rows.items():
            if not _is_shipped(path, row, copy.info):
                continue
            self._files += 1
            try:
                seen = os.stat(f"{copy.site}/{path}")  # noqa: PTH116  # twice as fast as a Path, 20,000 times
            except OSError as error:
                self._add(copy, path, _unseen(error), False)
                continue
            except ValueError:
                self._add(copy, path, "cannot be a file's name", False)
                continue
            later = seen.st_mtime_ns > copy.recorded_ns
            if not stat.S_ISREG(seen.st_mode):
                self._add(copy, path, "is no regular file", later)
            elif row.size not in (-1, seen.st_size) and path not in ours:
                self._add(copy, path, "changed" if seen.st_size else "empty", later)
            elif path in ours or later or (always and (most is None or seen.st_size <= most)):
                yield _Candidate(copy, path, seen.st_size, later)

    def _judge_all(self, batch: Sequence[_Candidate]) -> list[str]:
        return [self._judge(candidate) for candidate in batch]

    def _judge(self, candidate: _Candidate) -> str:
        """What is wrong with the bytes of a file, or an empty string."""
        place = candidate.copy.site / candidate.path
        algorithm, recorded = _digest(candidate.copy.rows[candidate.path])
        try:
            found = _hash(place, algorithm)
        except (OSError, ValueError) as error:
            return _unseen(error)
        ours = self._ours.get(candidate.copy.site, {}).get(candidate.path)
        if found == recorded or (ours is not None and found.hex() == ours):
            return ""
        return "changed"

    def _add(self, copy: Copy, path: str, what: str, later: bool) -> None:
        others = [other for other in self._copies if other.site == copy.site and other is not copy]
        owners = [other for other in others if path in other.rows and other.name != copy.name]
        key = (copy.site, copy.info)
        place = copy.site / path
        if what in ("changed", "empty"):
            for owner in owners:
                if _holds(place, owner.rows[path]):
                    damage = Damage(path, what, owners=(owner.name,))
                    self._overwritten.setdefault(key, []).append(damage)
                    return
        names = tuple(owner.name for owner in owners)
        self._found.setdefault(key, []).append(Damage(path, what, later, _is_linked(place), names))


def _is_shipped(path: str, row: Row, info: str) -> bool:
    """Tell whether RECORD's row is of a file that the distribution ships, inside the site directory.

    Scripts and data outside it are the installer's making; bytecode comes and goes.
    """
    if not row.digest or path.startswith(("/", "..")) or path.endswith(".pyc") or "\0" in path:
        return False
    folder, _, name = path.rpartition("/")
    return not (folder == info and name in GENERATED)


def _digest(row: Row) -> tuple[str, bytes]:
    """RECORD's algorithm and digest: urlsafe base64 without padding."""
    algorithm, _, encoded = row.digest.partition("=")
    try:
        return algorithm, base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return algorithm, b""


def _hash(place: Path, algorithm: str) -> bytes:
    digest = hashlib.new(algorithm)
    if not digest.digest_size:  # SHAKE has no size of its own, and RECORD names none
        raise ValueError(f"unsupported hash type {algorithm}")
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while block := os.read(descriptor, BLOCK):
            digest.update(block)
    finally:
        os.close(descriptor)
    return digest.digest()


def _holds(place: Path, row: Row) -> bool:
    """Tell whether a file's bytes are those that a row lists."""
    algorithm, recorded = _digest(row)
    try:
        return _hash(place, algorithm) == recorded
    except (OSError, ValueError):
        return False


def _unseen(error: Exception) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    if isinstance(error, PermissionError):
        return UNREADABLE
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _is_linked(place: Path) -> bool:
    try:
        itself = place.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISLNK(itself.st_mode) or itself.st_nlink > 1
