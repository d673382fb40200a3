"""The only module that changes an environment.

Every path below a `Root` is relative to one site directory and is walked component by component
with `O_NOFOLLOW`, so that a symbolic link put in place of a folder leads nowhere. A file is never
written through its inode (installers hard-link it into a shared cache) and the last component is
never resolved (uv's symlink mode points into that cache): a new file takes the old one's place.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_MODE = 0o755
FILE_MODE = 0o644
TEMPORARY_SUFFIX = ".m3d-surgeon"
_NOFOLLOW_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SECOND_NS = 1_000_000_000
BYTECODE_CYCLE_NS = 2**32 * SECOND_NS
"""A bytecode file keeps 32 bits of its source's time (PEP 552): times so far apart look alike in it."""
APART_NS = 2 * SECOND_NS
"""Whole seconds differ however they are rounded: downwards, towards zero (`int(st_mtime)`, as importlib
does), upwards where a float has no room for the nanoseconds, to even ones by FAT."""
LONGEST_NAME = 255
PATIENCE_SECONDS = 1.0
"""A wait for a lock that lasts longer than this is told."""
_PAUSE_SECONDS = 0.02
_ATTEMPTS = 100
_NOWHERE = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Looks:
    """What a file has besides its bytes; kept when it is replaced.

    Attributes:
        mode: permission bits, setuid, setgid and sticky among them; of a link, its target's.
        uid: owner; `None` for whoever writes it.
        gid: group; `None` likewise.
        mtime_ns: time of the last change, nanoseconds since the epoch, which may be before it;
            `None` for now.
        link: where it points, if it is a symbolic link.
        xattrs: extended attributes, ACLs among them (Linux); none of a link.
    """

    mode: int
    uid: int | None
    gid: int | None
    mtime_ns: int | None
    link: str | None
    xattrs: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as far as the kernel says.

    Attributes:
        pid: the process, or `None` where it is not known: another system than Linux, or a process
            outside this container.
        command: its command line; empty where it is not known.
    """

    pid: int | None = None
    command: str = ""


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
            mode = (itself if link is None else os.stat(name, dir_fd=parent)).st_mode
            attributes: tuple[tuple[str, bytes], ...] = ()
            if link is None:
                descriptor = os.open(
                    name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent
                )
                try:
                    attributes = _attributes(descriptor)
                finally:
                    os.close(descriptor)
        owner = (itself.st_uid, itself.st_gid)
        return Looks(stat.S_IMODE(mode), *owner, itself.st_mtime_ns, link, attributes)

    def mtimes_ns(self, path: str) -> tuple[int, int]:
        """The times by which an interpreter may know a source: its own, and a link's target's."""
        with self._parent(path) as (parent, name):
            itself = os.stat(name, dir_fd=parent, follow_symlinks=False)
            return itself.st_mtime_ns, os.stat(name, dir_fd=parent).st_mtime_ns

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
                return _is_there(parent, name)
        except (FileNotFoundError, NotADirectoryError):
            return False

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
                    _link_new(parent, temporary, looks.link, looks)
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
        self.replace(path, data, Looks(FILE_MODE, *self._store_owner(), None, None, ()))

    def make_folder(self, path: str) -> None:
        """Make a folder of the store where there is none, durably; owned like the site directory.

        It gets its name last: root, killed before he gave it away, leaves nobody without a store.
        """
        with self._parent(path) as (parent, name):
            temporary = temporary_name(name)
            for _ in range(_ATTEMPTS):
                if _is_there(parent, name):
                    return
                with suppress(OSError):
                    self.remove_temporary(path)
                try:
                    _make_folder_new(parent, temporary, *self._store_owner())
                    os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
                except OSError as error:
                    # Another process is making it, too: with the same temporary name, or it was quicker.
                    if error.errno not in (errno.EEXIST, errno.ENOENT, errno.ENOTEMPTY):
                        raise
                else:
                    self._sync_names(path, parent)
                    return
            raise OSError(errno.EBUSY, "somebody else makes and removes this folder", path)

    def identity(self) -> tuple[int, int]:
        """Device and inode of the site directory, whatever it is called."""
        about = os.stat(self.folder)
        return about.st_dev, about.st_ino

    def remove(self, path: str) -> None:
        """Remove a file or a link; nothing where there is none."""
        try:
            with self._parent(path) as (parent, name):
                os.unlink(name, dir_fd=parent)
                self._sync_names(path, parent)
        except (FileNotFoundError, NotADirectoryError):
            return

    def remove_temporary(self, path: str) -> None:
        """Remove what a killed `replace` or `make_folder` of `path` left beside it."""
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/{temporary_name(name)}".lstrip("/")
        try:
            self.remove(temporary)
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM):  # POSIX's word for a folder, and Linux's
                raise
            # Root, killed before he gave it away, may have left one that its finder cannot look into.
            self.remove_folder(temporary)
            if not self.exists(temporary):
                return
            # A power cut may have taken the folder's new name and left what was put into it since.
            for each in self.listing(temporary):
                self.remove(f"{temporary}/{each}")
            self.remove_folder(temporary)

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
    def locked(self, path: str, wait: Callable[[Holder], None] | None) -> Iterator[None]:
        """Hold an exclusive lock on the file `path`, made where it is missing.

        Where another process holds it, its turn is awaited; `wait` is called once that lasts.
        Without `wait` there is no waiting: `BlockingIOError`.

        The lock goes with the process that holds it. The file may be removed by its holder: a
        waiter that wakes up on a removed file tries again on the new one.
        """
        while True:
            descriptor = self._lock_file(path)
            try:
                _lock(descriptor, wait)
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

    def _store_owner(self) -> tuple[int | None, int | None]:
        """Root gives what it writes to the site directory's owner; anybody else keeps it (`None`)."""
        if os.geteuid() != 0:
            return None, None
        owner = os.stat(self.folder)
        return owner.st_uid, owner.st_gid

    def _lock_file(self, path: str) -> int:
        while True:
            try:
                with self._parent(path) as (parent, name):
                    try:
                        return self._opened_lock(parent, name)
                    except PermissionError:
                        if not self._removed_idle_lock(parent, name):
                            raise
            except FileNotFoundError:
                self.make_folder(path.rpartition("/")[0])

    def _opened_lock(self, parent: int, name: str) -> int:
        """The lock's descriptor, for writing where that is allowed: a lock on NFS asks for it.

        Older releases left locks that belong to root in other people's stores.
        """
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(name, flags | os.O_RDWR, dir_fd=parent)
        except PermissionError:
            return os.open(name, flags | os.O_RDONLY, dir_fd=parent)
        except FileNotFoundError:
            descriptor = os.open(name, flags | os.O_RDWR | os.O_CREAT, FILE_MODE, dir_fd=parent)
            os.fchmod(descriptor, FILE_MODE)  # open's mode went through the umask
        about = os.fstat(descriptor)
        # Of a file that was put there meanwhile (a hard link to root's own) nothing is given away.
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and about.st_size == 0:
            _give(descriptor, *self._store_owner())
        return descriptor

    def _removed_idle_lock(self, parent: int, name: str) -> bool:
        """Remove a lock that we may not even read and nobody holds: root's umask or a kill made it so."""
        with suppress(OSError):
            if _holders(os.stat(name, dir_fd=parent, follow_symlinks=False)) == []:
                os.unlink(name, dir_fd=parent)
                return True
        return False

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
        _check(path)
        with self._folder(folder) as descriptor:
            yield descriptor, name

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """Open a folder below the root without following a link in any component."""
        if path:
            _check(path)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in path.split("/") if path else ():
                below = os.open(part, _NOFOLLOW_FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


def _is_there(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def temporary_name(name: str) -> str:
    """The name under which a file's replacement is written first, beside it."""
    temporary = f".{name}{TEMPORARY_SUFFIX}"
    if len(os.fsencode(temporary)) <= LONGEST_NAME:
        return temporary
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()}{TEMPORARY_SUFFIX}"


def later(now_ns: int, *mtimes_ns: int) -> int:
    """A modification time, from now on, that no bytecode file takes for one of `mtimes_ns`.

    It names its source by size and whole seconds, of which it keeps 32 bits.
    """
    while any(_alike(now_ns, mtime_ns) for mtime_ns in mtimes_ns):
        now_ns += SECOND_NS
    return now_ns


def _alike(one_ns: int, other_ns: int) -> bool:
    distance = (one_ns - other_ns) % BYTECODE_CYCLE_NS
    return distance < APART_NS or distance > BYTECODE_CYCLE_NS - APART_NS


def _check(path: str) -> None:
    """Raise for a path that is not contained, or that this locale has no name for."""
    if not is_contained(path):
        raise ValueError(f"not a path inside a site directory: {path!r}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        said = "this locale's encoding cannot spell its name (set LC_ALL=C.UTF-8)"
        raise OSError(errno.EILSEQ, said, path) from None


def _lock(descriptor: int, wait: Callable[[Holder], None] | None) -> None:
    """Lock a file; see `Root.locked`."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if wait is None:
                raise
            if time.monotonic() > patience:
                break
            time.sleep(_PAUSE_SECONDS)
    wait(_holder(os.fstat(descriptor)))
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(lock: os.stat_result) -> Holder:
    """Who holds a lock file."""
    for pid in _holders(lock) or ():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            words = []
        command = " ".join(word.decode(errors="backslashreplace") for word in words if word)
        return Holder(pid, "".join(each if each.isprintable() else "?" for each in command))
    return Holder()


def _holders(lock: os.stat_result) -> list[int] | None:
    """The processes that hold a lock file; `None` where the kernel does not say (proc_locks(5)).

    A file system that is laid over others may give a file another device there than `stat` does.
    """
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return None
    device = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    found = [row for row in rows if row[1] == "FLOCK" and row[5].endswith(f":{lock.st_ino}")]
    return [int(row[4]) for row in sorted(found, key=lambda row: row[5] != device)]


def _give(descriptor: int, uid: int | None, gid: int | None) -> None:
    """Give a file or a folder to an owner, if it is not his already."""
    about = os.fstat(descriptor)
    if (missing := _missing_owner(about, uid, gid)) is not None:
        os.fchown(descriptor, *missing)


def _missing_owner(about: os.stat_result, uid: int | None, gid: int | None) -> tuple[int, int] | None:
    """What to hand to `chown` (-1 leaves one as it is), or `None` where the owner is right."""
    new_uid = -1 if uid is None or uid == about.st_uid else uid
    new_gid = -1 if gid is None or gid == about.st_gid else gid
    return None if new_uid == new_gid == -1 else (new_uid, new_gid)


def _make_folder_new(parent: int, name: str, uid: int | None, gid: int | None) -> None:
    os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    descriptor = os.open(name, _NOFOLLOW_FOLDER, dir_fd=parent)
    try:
        os.fchmod(descriptor, FOLDER_MODE)  # mkdir's mode went through the umask
        _give(descriptor, uid, gid)
    finally:
        os.close(descriptor)


def _link_new(parent: int, name: str, link: str, looks: Looks) -> None:
    os.symlink(link, name, dir_fd=parent)
    about = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if (missing := _missing_owner(about, looks.uid, looks.gid)) is not None:
        os.chown(name, *missing, dir_fd=parent, follow_symlinks=False)
    if looks.mtime_ns is not None:
        os.utime(name, ns=(looks.mtime_ns, looks.mtime_ns), dir_fd=parent, follow_symlinks=False)


def _write_new(parent: int, name: str, data: bytes, looks: Looks) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        _give(descriptor, looks.uid, looks.gid)
        for key, value in looks.xattrs:
            os.setxattr(descriptor, key, value)
        # After the attributes: the owner of a file that is read-only may not set any.
        os.fchmod(descriptor, looks.mode)
        if looks.mtime_ns is not None:
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
