"""Runs m3d-surgeon and writes down every call that changes the disk.

Run by the tool's interpreter: `python record.py FILE ARGUMENTS`. `surgeon.site.fs` alone changes the
disk, and only through `os`; a stand-in for that one name sees all of it. Linux: the path behind a
descriptor comes out of /proc.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from surgeon import cli
from surgeon.site import fs

CALLS: list[list[Any]] = []
WRITTEN: set[str] = set()


class Watched:
    """`os`; what changes the disk is written down as [call, path, what else matters]."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            WRITTEN.add(_at(dir_fd, path))
            CALLS.append(["open", _at(dir_fd, path), flags])
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def write(self, descriptor: int, data: bytes) -> int:
        CALLS.append(["write", _path(descriptor), len(data)])
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        CALLS.append(["fsync", _path(descriptor)])
        os.fsync(descriptor)

    def fchmod(self, descriptor: int, mode: int) -> None:
        CALLS.append(["fchmod", _path(descriptor), mode])
        os.fchmod(descriptor, mode)

    def utime(self, descriptor: int, *, ns: tuple[int, int]) -> None:
        CALLS.append(["utime", _path(descriptor), *ns])
        os.utime(descriptor, ns=ns)

    def close(self, descriptor: int) -> None:
        if _path(descriptor) in WRITTEN:
            CALLS.append(["close", _path(descriptor)])
        os.close(descriptor)

    def mkdir(self, path: str, mode: int, *, dir_fd: int) -> None:
        os.mkdir(path, mode, dir_fd=dir_fd)
        CALLS.append(["mkdir", _at(dir_fd, path), mode])

    def unlink(self, path: str, *, dir_fd: int) -> None:
        os.unlink(path, dir_fd=dir_fd)
        CALLS.append(["unlink", _at(dir_fd, path)])

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        os.rmdir(path, dir_fd=dir_fd)
        CALLS.append(["rmdir", _at(dir_fd, path)])

    def replace(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        CALLS.append(["replace", _at(src_dir_fd, old), _at(dst_dir_fd, new)])
        os.replace(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def _path(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _at(folder: int | None, name: str) -> str:
    return name if folder is None else f"{_path(folder)}/{name}"


if __name__ == "__main__":
    fs.os = Watched()  # type: ignore[assignment]
    log = Path(sys.argv.pop(1))
    sys.argv[0] = "m3d-surgeon"
    try:
        cli.main()
    finally:
        log.write_text(json.dumps(CALLS))
