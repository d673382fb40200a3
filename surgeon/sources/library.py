"""The sources that a test may lead to, in whatever distribution: found by their modules' names, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.sources.names import Source

if TYPE_CHECKING:
    from surgeon.sources.guards import Judge

LARGEST_BYTES = 1_000_000


@dataclass(eq=False)
class Library:
    """What is installed, as far as its sources can be read.

    Attributes:
        folders: the environment's site directories, in the order of its path.
        top: the module that is asked: its own sources are not read.
    """

    folders: tuple[Path, ...]
    top: str
    judges: dict[tuple[str, object], Judge | None] = field(default_factory=dict)
    """Those that have been made, by the module and what answers for the module that is asked."""
    _sources: dict[str, Source | None] = field(default_factory=dict)

    def source(self, module: str) -> Source | None:
        """A module's source; `None` where there is none that can be read."""
        if module not in self._sources:
            self._sources[module] = self._read(module)
        return self._sources[module]

    def _read(self, module: str) -> Source | None:
        from surgeon.sources.references import read

        for path, package in self._paths(module):
            try:
                if path.stat().st_size > LARGEST_BYTES:
                    return None
                data = path.read_bytes()
            except OSError:
                continue
            try:
                return read(data, self.top, package)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        return None

    def has(self, module: str) -> bool | None:
        """Whether there is such a module below a package that is installed; `None` if that is not known."""
        top = module.partition(".")[0]
        roots = [each for each in self.folders if (each / top).is_dir()]
        if not roots or top == self.top:
            return None
        base = roots[0].joinpath(*module.split("."))
        return (
            base.is_dir() or base.with_suffix(".py").is_file() or any(base.parent.glob(f"{base.name}.*.so"))
        )

    def _paths(self, module: str) -> Iterable[tuple[Path, str]]:
        parts = module.split(".")
        if parts[0] == self.top or not all(parts):
            return
        for folder in self.folders:
            base = folder.joinpath(*parts)
            yield base / "__init__.py", module
            yield base.with_name(f"{base.name}.py"), module.rpartition(".")[0]
