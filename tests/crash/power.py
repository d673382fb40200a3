"""A file system that loses its power: what was synced is there afterwards, anything else may be.

`Disk` stands in for `os` in `surgeon.site.fs`. Every call is carried out for real and repeated on a
model that knows what POSIX promises and no more: a file's bytes and looks are safe once the file
was synced, a name once its folder was. Everything else survives or not, each by itself: a rename
may be on the disk and the bytes behind it not.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from tests.crash.seam import Killed

EXHAUSTIVE = 6
"""Up to so many unsynced changes at once, every subset of them is tried."""


@dataclass(frozen=True)
class Content:
    """A file as it can be read."""

    data: bytes
    mode: int
    mtime_ns: int | None = None

    @property
    def torn(self) -> Content:
        """Only the first half reached the disk."""
        return replace(self, data=self.data[: len(self.data) // 2])


@dataclass(eq=False)
class File:
    """A file's inode: as a process sees it, and as it was when it was last synced."""

    now: Content
    safe: Content


@dataclass(frozen=True, eq=False)
class Link:
    """A symbolic link; it never changes."""

    to: str


@dataclass(eq=False)
class Folder:
    """A folder's inode: its names, and the changes to them since it was last synced."""

    now: dict[str, Inode] = field(default_factory=dict)
    safe: dict[str, Inode] = field(default_factory=dict)
    pending: list[Naming] = field(default_factory=list)

    def name(self, names: Mapping[str, Inode | None]) -> None:
        """Give names to inodes, or take them away, in one step."""
        _give(self.now, names)
        self.pending.append(Naming(names))

    def sync(self) -> None:
        """What the names are now is safe."""
        self.safe, self.pending = dict(self.now), []


Inode: TypeAlias = "File | Link | Folder"


@dataclass(frozen=True, eq=False)
class Naming:
    """One change of a folder's names; a rename changes two of them at once."""

    names: Mapping[str, Inode | None]


Change: TypeAlias = "File | Naming"
"""What may be lost by itself: a file's unsynced bytes, or one change of a folder's names."""

Snapshot: TypeAlias = "dict[str, Content | str | None]"
"""A whole tree: a file's content, a link's goal, `None` for a folder."""


def _give(entries: dict[str, Inode], names: Mapping[str, Inode | None]) -> None:
    for name, inode in names.items():
        if inode is None:
            entries.pop(name, None)
        else:
            entries[name] = inode


class Disk:
    """`os` over one folder. `states` collects every tree that a power cut could have left.

    Attributes:
        states: by fingerprint, each tree and the number of the call before which it was possible.
        calls: how many calls changed the disk.
        risky: the calls before which a name is not safe yet: a process that dies there leaves
            behind what the next one sees and a power cut may still take.
    """

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.root = _load(folder)
        self.states: dict[str, tuple[int, Snapshot]] = {}
        self.calls = 0
        self.risky: list[int] = []
        self.watching = True
        self.dies_before: int | None = None
        self._open: dict[int, File | Folder] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def changes(self) -> None:
        """Called before every change: the power may fail here, or the process die."""
        self.calls += 1
        if self.dies_before is not None and self.calls >= self.dies_before:
            raise Killed
        if self.watching:
            self.observe()

    def observe(self) -> None:
        """Add every tree that a power cut at this moment could leave."""
        unsynced = list(_unsynced(self.root))
        if any(isinstance(change, Naming) for change in unsynced):
            self.risky.append(self.calls)
        for lost, torn in _losses(unsynced):
            tree = dict(_walk(self.root, "", lost, torn))
            self.states.setdefault(fingerprint(tree), (self.calls, tree))

    # Calls, by the names that `os` gives them

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        parent = self._folder(dir_fd)
        known = parent.now.get(path) if parent else None
        if parent is not None and flags & os.O_CREAT and known is None:
            self.changes()
        descriptor = os.open(path, flags, mode, dir_fd=dir_fd)
        if dir_fd is None and Path(path) == self.top:
            self._open[descriptor] = self.root
        elif isinstance(known, (File, Folder)):
            self._open[descriptor] = known
        elif parent is not None and flags & os.O_CREAT:
            nothing = Content(b"", mode)
            created = self._open[descriptor] = File(nothing, nothing)
            parent.name({path: created})
        return descriptor

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        os.close(descriptor)

    def write(self, descriptor: int, data: Any) -> int:
        self.changes()
        written = os.write(descriptor, data)
        file = self._file(descriptor)
        file.now = replace(file.now, data=file.now.data + bytes(data[:written]))
        return written

    def fchmod(self, descriptor: int, mode: int) -> None:
        self.changes()
        os.fchmod(descriptor, mode)
        if isinstance(inode := self._open.get(descriptor), File):
            inode.now = replace(inode.now, mode=mode)

    def utime(self, descriptor: int | str, *, ns: tuple[int, int], **link: Any) -> None:
        self.changes()
        os.utime(descriptor, ns=ns, **link)
        if isinstance(descriptor, str):
            return  # a symbolic link's own time: nothing reads it
        file = self._file(descriptor)
        file.now = replace(file.now, mtime_ns=ns[1])

    def fsync(self, descriptor: int) -> None:
        self.changes()
        os.fsync(descriptor)
        inode = self._open[descriptor]
        if isinstance(inode, Folder):
            inode.sync()
        else:
            inode.safe = inode.now

    def mkdir(self, path: str, mode: int, *, dir_fd: int) -> None:
        self.changes()
        os.mkdir(path, mode, dir_fd=dir_fd)
        self._parent(dir_fd).name({path: Folder()})

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        self.changes()
        os.rmdir(path, dir_fd=dir_fd)
        self._parent(dir_fd).name({path: None})

    def unlink(self, path: str, *, dir_fd: int) -> None:
        self.changes()
        os.unlink(path, dir_fd=dir_fd)
        self._parent(dir_fd).name({path: None})

    def symlink(self, to: str, path: str, *, dir_fd: int) -> None:
        self.changes()
        os.symlink(to, path, dir_fd=dir_fd)
        self._parent(dir_fd).name({path: Link(to)})

    def replace(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        self.changes()
        os.replace(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        parent = self._parent(src_dir_fd)
        assert parent is self._parent(dst_dir_fd), "a rename from one folder into another"
        parent.name({old: None, new: parent.now[old]})

    def _folder(self, descriptor: int | None) -> Folder | None:
        inode = None if descriptor is None else self._open.get(descriptor)
        return inode if isinstance(inode, Folder) else None

    def _parent(self, descriptor: int) -> Folder:
        folder = self._folder(descriptor)
        assert folder is not None
        return folder

    def _file(self, descriptor: int) -> File:
        file = self._open[descriptor]
        assert isinstance(file, File)
        return file


def fingerprint(tree: Snapshot) -> str:
    """One short text for one tree; the times that a run gave are part of it."""
    return hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest()


def materialise(tree: Snapshot, folder: Path) -> Path:
    """Make a real folder out of a tree."""
    folder.mkdir()
    for path, what in sorted(tree.items()):
        place = folder / path
        if what is None:
            place.mkdir()
        elif isinstance(what, str):
            place.symlink_to(what)
        else:
            place.write_bytes(what.data)
            place.chmod(what.mode)
            if what.mtime_ns is not None:
                os.utime(place, ns=(what.mtime_ns, what.mtime_ns))
    return folder


def _load(folder: Path) -> Folder:
    """A real folder as the model has it, all of it safe."""
    loaded = Folder()
    for path in folder.iterdir():
        loaded.now[path.name] = _loaded(path)
    loaded.sync()
    return loaded


def _loaded(path: Path) -> Inode:
    if path.is_symlink():
        return Link(str(path.readlink()))
    if path.is_dir():
        return _load(path)
    about = path.stat()
    content = Content(path.read_bytes(), stat.S_IMODE(about.st_mode), about.st_mtime_ns)
    return File(content, content)


def _unsynced(folder: Folder) -> Iterator[Change]:
    """Everything below a folder that a power cut may take, what only a lost name leads to included."""
    seen: set[int] = set()
    todo: list[Inode] = [folder]
    while todo:
        inode = todo.pop()
        if id(inode) in seen:
            continue
        seen.add(id(inode))
        if isinstance(inode, File) and inode.now != inode.safe:
            yield inode
        if isinstance(inode, Folder):
            yield from inode.pending
            todo += [*inode.now.values(), *inode.safe.values()]
            todo += [i for naming in inode.pending for i in naming.names.values() if i is not None]


def _losses(changes: list[Change]) -> Iterator[tuple[set[Change], set[Change]]]:
    """What is lost and what is torn: all subsets of a few; of many, all, none and each one alone."""
    if len(changes) <= EXHAUSTIVE:
        for size in range(len(changes) + 1):
            for lost in itertools.combinations(changes, size):
                yield set(lost), set()
    else:
        every = set(changes)
        yield set(), set()
        yield every, set()
        for change in changes:
            yield {change}, set()
            yield every - {change}, set()
    for change in changes:
        if isinstance(change, File):
            yield set(), {change}


def _walk(
    folder: Folder, prefix: str, lost: set[Change], torn: set[Change]
) -> Iterator[tuple[str, Content | str | None]]:
    entries = dict(folder.safe)
    for naming in folder.pending:
        if naming not in lost:
            _give(entries, naming.names)
    for name, inode in entries.items():
        path = prefix + name
        if isinstance(inode, Folder):
            yield path, None
            yield from _walk(inode, path + "/", lost, torn)
        elif isinstance(inode, Link):
            yield path, inode.to
        elif inode in torn:
            yield path, inode.now.torn
        else:
            yield path, inode.safe if inode in lost else inode.now
