"""Small wheels for the tests of `wheel`, sound and spoilt."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests import support

INFO = "gadget-1.0.dist-info"
NAME = "gadget-1.0-py3-none-any.whl"


def members(files: Mapping[str, bytes] | None = None, version: str = "1.0") -> dict[str, bytes]:
    """The entries of a wheel of `gadget`, RECORD last."""
    files = files if files is not None else {"gadget/__init__.py": b"", "gadget/core.py": support.GADGET}
    return support.distribution_files("gadget", version, files)


def recorded(files: Mapping[str, bytes], info: str = INFO) -> dict[str, bytes]:
    """The same entries with a RECORD that lists them all."""
    others = {path: data for path, data in files.items() if path != f"{info}/RECORD"}
    rows = [f"{path},{support.record_hash(data)},{len(data)}" for path, data in others.items()]
    return {**others, f"{info}/RECORD": "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()}


def pack(
    folder: Path,
    entries: Mapping[str, bytes],
    name: str = NAME,
    *,
    mode: int = 0o644,
    date: tuple[int, int, int, int, int, int] = (2024, 2, 29, 12, 30, 58),
) -> Path:
    """A zip file of these entries, deflated, as build backends make them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries.items():
            info = zipfile.ZipInfo(entry, date)
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Every entry's bytes, in the archive's order."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}
