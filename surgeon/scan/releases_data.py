"""The file of torch's names: reading it, and picking one release out of it."""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from surgeon.errors import SurgeonError

PATH = Path(__file__).with_name("data") / "torch.json.xz"

LOADED = "M"
"""The kind of a module that `import torch` loads; any other's is `m`; `*` after it: it may hold more."""

CLASS = "c"
SCHEMA = 1


@dataclass(frozen=True)
class Data:
    """The table, mostly as it lies on disk: a module's names are read when it is asked about.

    Attributes:
        releases: ascending.
        common: names that so many modules import from elsewhere (`sys`, `Any`) that they are not listed.
        not_covered: modules with everything below them whose names are not listed.
        spaces: module (`torch.nn`) or class (`torch.nn.modules.module:Module`) -> lines, as in
            `tests/tools/torch_names/table.py`.
    """

    releases: tuple[str, ...]
    common: frozenset[str]
    not_covered: tuple[str, ...]
    spaces: dict[str, str]

    def cells(self, space: str, place: int) -> dict[str, str] | None:
        """The names of a module or class in the release at a place, with their cells; `None`: none such."""
        text = self.spaces.get(space)
        if text is None:
            return None
        found: dict[str, str] = {}
        for line in text.split("\n"):
            if "|" in line:
                name, *runs = line.split("|")
                for run in runs:
                    span, _, cell = run.partition(" ")
                    first, _, last = span.partition("-")
                    if int(first) <= place <= int(last):
                        found[name] = cell
            else:
                name, _, cell = line.partition(" ")
                found[name] = cell
        return found if "" in found else None


@cache
def load() -> Data:
    """The table that comes with m3d-surgeon, read once."""
    return read(PATH)


def read(path: Path) -> Data:
    """A table.

    Raises:
        SurgeonError: the file is not there or cannot be read: the installation is damaged.
    """
    try:
        stored = json.loads(lzma.decompress(path.read_bytes()))
        if stored["schema"] != SCHEMA:
            raise ValueError(f"schema {stored['schema']}")
        return Data(
            tuple(stored["releases"]),
            frozenset([*stored["common"].split(), "torch"]),
            tuple(stored["not_covered"]),
            stored["spaces"],
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise SurgeonError(
            f"the table of torch's names cannot be read ({error})",
            path=str(path),
            hint="reinstall m3d-surgeon",
            code="damaged-installation",
        ) from error
