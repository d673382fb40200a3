"""The only module that changes the disk.

Every path below a `Root` is relative to one site directory and is walked component by component
with `O_NOFOLLOW`, so that a symbolic link put in place of a folder leads nowhere. A file is never
written through its inode (installers hard-link it into a shared cache) and the last component is
never resolved (uv's symlink mode points into that cache): a new file takes the old one's place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_MODE = 0o755
FILE_MODE = 0o644
TEMPORARY_SUFFIX = ".m3d-surgeon"
_NOFOLLOW_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SECOND_NS = 1_000_000_000
_NOWHERE = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Looks:
    """What a file has besides its bytes; kept when it is replaced.

    Attributes:
        mode: permission bits.
        uid: owner; -1 for whoever writes it.
        gid: group; -1 likewise.
        mtime_ns: time of the last change, nanoseconds since the epoch; 0 for now.
        link: where it points, if it is a symbolic link (the rest is then its target's).
        xattrs: extended attributes, ACLs among them (Linux).
    """

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    link: str | None
    xattrs: tuple[tuple[str, bytes], ...]


def is_contained(path: str) -> bool:
    """Tell whether a path out of RECORD or the store stays inside the folder that it is relative to."""
    return "\\" not in path and "\0" not in path and _NOWHERE.isdisjoint(path.split("/"))


class Root:
    """A site directory: the one place where paths are contained.

    Raises (every method): `OSError`, and `ValueError` for a path that is not contained.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsynced: set[str] | None = None

    def read(self, path: str) -> bytes:
        """A regular file's bytes. A link in last place is followed, for reading only."""
        with self._parent(path) as (parent, name):
            # Non-blocking: a FIFO put in a file's place would otherwise hold us for ever.
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def looks(self, path: str) -> Looks:
        """Mode, owner, times and attributes of a file, and whether it is a symbolic link."""
        with self._parent(path) as (parent, name):
            itself = os.stat(name, dir_fd=parent, follow_symlinks=False)
            link = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(itself.st_mode) else None
            at = itself if link is None else os.stat(name, dir_fd=parent)
            attributes: tuple[tuple[str, bytes], ...] = ()
            if link is None:
                descriptor = os.open(
                    name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent
                )
                try:
                    attributes = _attributes(descriptor)
                finally:
                    os.close(descriptor)
        return Looks(stat.S_IMODE(at.st_mode), at.st_uid, at.st_gid, at.st_mtime_ns, link, attributes)

    def link_holds(self, path: str, link: str, data: bytes) -> bool:
        """Tell whether a symbolic link `link` in the place of `path` would point at these bytes."""
        try:
            return (self.folder / path).parent.joinpath(link).read_bytes() == data
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """Tell whether anything has this name, a dangling link included."""
        try:
            with self._parent(path) as (parent, name):
                os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def listing(self, path: str) -> list[str]:
        """The names in a folder; none where there is no such folder."""
        try:
            with self._folder(path) as folder:
                return os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def may_change(self, path: str) -> bool:
        """Tell whether the folder that holds `path` lets us replace a file in it. Changes nothing."""
        with self._parent(path) as (parent, _):
            return os.access(".", os.W_OK | os.X_OK, dir_fd=parent)

    def replace(self, path: str, data: bytes, looks: Looks) -> None:
        """Put a new file with these bytes and looks in the place of `path`, durably.

        `looks.link` is put back as a symbolic link: `data` is then only what it must point at.
        """
        with self._parent(path) as (parent, name):
            temporary = temporary_name(name)
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            try:
                if looks.link is not None:
                    os.symlink(looks.link, temporary, dir_fd=parent)
                else:
                    _write_new(parent, temporary, data, looks)
                os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
                raise
            self._sync_names(path, parent)

    def write(self, path: str, data: bytes) -> None:
        """Write a file of the store, whole or not at all, durably; owned like the site directory."""
        uid, gid = self._store_owner()
        self.replace(path, data, Looks(FILE_MODE, uid, gid, 0, None, ()))

    def make_folder(self, path: str) -> None:
        """Make a folder of the store where there is none, durably."""
        with self._parent(path) as (parent, name):
            try:
                os.mkdir(name, FOLDER_MODE, dir_fd=parent)
            except FileExistsError:
                return
            with self._folder(path) as folder:
                os.fchmod(folder, FOLDER_MODE)  # mkdir's mode went through the umask
                os.fchown(folder, *self._store_owner())
            self._sync_names(path, parent)

    def remove(self, path: str) -> None:
        """Remove a file or a link; nothing where there is none."""
        try:
            with self._parent(path) as (parent, name):
                os.unlink(name, dir_fd=parent)
                self._sync_names(path, parent)
        except (FileNotFoundError, NotADirectoryError):
            return

    def remove_temporary(self, path: str) -> None:
        """Remove what a killed `replace` of `path` left beside it."""
        folder, _, name = path.rpartition("/")
        self.remove(f"{folder}/{temporary_name(name)}".lstrip("/"))

    def sync(self, path: str) -> None:
        """Make what was done to the names in a folder durable; nothing where there is no such folder.

        Whoever did it may have been killed before it was: what we build on it must not outlive it.
        """
        with suppress(FileNotFoundError, NotADirectoryError), self._folder(path) as folder:
            os.fsync(folder)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; nothing where it is not empty or not there."""
        with suppress(OSError), self._parent(path) as (parent, name):
            os.rmdir(name, dir_fd=parent)
            self._sync_names(path, parent)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the names changed within durable at its end, each folder once, and not one by one.

        After an exception nothing is promised: whoever undoes the changes syncs what it does.
        """
        self._unsynced = set()
        try:
            yield
            for folder in sorted(self._unsynced):
                self.sync(folder)
        finally:
            self._unsynced = None

    @contextmanager
    def locked(self, path: str, wait: Callable[[], None]) -> Iterator[None]:
        """Hold an exclusive lock on the file `path`, made where it is missing.

        Where another process holds it, `wait` is called once and its turn awaited.

        The lock goes with the process that holds it. The file may be removed by its holder: a
        waiter that wakes up on a removed file tries again on the new one.
        """
        while True:
            descriptor = self._lock_file(path)
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    wait()
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._is_same_file(path, descriptor):
                    yield
                    return
            finally:
                os.close(descriptor)

    def _sync_names(self, path: str, parent: int) -> None:
        """Make durable that `path` was named or removed, now or at the end of `together`."""
        if self._unsynced is None:
            os.fsync(parent)
        else:
            self._unsynced.add(path.rpartition("/")[0])

    def _store_owner(self) -> tuple[int, int]:
        """Root gives what it writes to the site directory's owner; anybody else keeps it (-1)."""
        if os.geteuid() != 0:
            return -1, -1
        owner = os.stat(self.folder)
        return owner.st_uid, owner.st_gid

    def _lock_file(self, path: str) -> int:
        while True:
            try:
                with self._parent(path) as (parent, name):
                    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                    return os.open(name, flags, FILE_MODE, dir_fd=parent)
            except FileNotFoundError:
                self.make_folder(path.rpartition("/")[0])

    def _is_same_file(self, path: str, descriptor: int) -> bool:
        try:
            with self._parent(path) as (parent, name):
                there = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        folder, _, name = path.rpartition("/")
        if not is_contained(path):
            raise ValueError(f"not a path inside a site directory: {path!r}")
        with self._folder(folder) as descriptor:
            yield descriptor, name

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """Open a folder below the root without following a link in any component."""
        if path and not is_contained(path):
            raise ValueError(f"not a path inside a site directory: {path!r}")
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in path.split("/") if path else ():
                below = os.open(part, _NOFOLLOW_FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


def temporary_name(name: str) -> str:
    """The name under which a file's replacement is written first, beside it."""
    return f".{name}{TEMPORARY_SUFFIX}"


def later(now_ns: int, *mtimes_ns: int) -> int:
    """A modification time, from now on, that differs from all of `mtimes_ns` in whole seconds.

    A bytecode file names its source by size and whole seconds.
    """
    taken = {mtime_ns // SECOND_NS for mtime_ns in mtimes_ns}
    while now_ns // SECOND_NS in taken:
        now_ns += SECOND_NS
    return now_ns


def _write_new(parent: int, name: str, data: bytes, looks: Looks) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        own = os.fstat(descriptor)
        if (looks.uid, looks.gid) not in ((own.st_uid, own.st_gid), (-1, -1)):
            os.fchown(descriptor, looks.uid, looks.gid)
        os.fchmod(descriptor, looks.mode)
        for key, value in looks.xattrs:
            os.setxattr(descriptor, key, value)
        if looks.mtime_ns:
            os.utime(descriptor, ns=(looks.mtime_ns, looks.mtime_ns))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _attributes(descriptor: int) -> tuple[tuple[str, bytes], ...]:
    """Extended attributes, without those that the kernel sets by itself on every new file."""
    if not hasattr(os, "listxattr"):
        return ()
    try:
        names = os.listxattr(descriptor)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            return ()
        raise
    return tuple((n, os.getxattr(descriptor, n)) for n in sorted(names) if not n.startswith("security."))
