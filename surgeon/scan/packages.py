"""Which distribution a module comes with, and which modules a distribution brings: `PIL` and pillow.

RECORD says so, top_level.txt where there is none, and what an editable install maps.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from surgeon.errors import UsageError
from surgeon.scan.editable import places
from surgeon.scan.files import Header
from surgeon.site.distribution import normalised

_ROW = re.compile(r'^"?([^/,"\n]+)(/?)', re.MULTILINE)
_SUFFIXES = ("py", "so", "pyd")
COMMON = frozenset(
    {"benchmark", "benchmarks", "docs", "examples", "scripts", "src", "test", "tests", "tools"}
)
"""Folders that wheels bring by mistake: they say nothing of a distribution."""


@dataclass(frozen=True)
class Packages:
    """The distributions of an environment, by the modules that they bring.

    Attributes:
        headers: every distribution.
        importable: the top-level modules that can be imported, the standard library's among them.
    """

    headers: Sequence[Header]
    importable: Collection[str]

    def named(self, name: str) -> str:
        """The module that a user means: by its own name, or by its distribution's.

        Raises:
            UsageError: there is none, or the distribution has several.
        """
        parts = name.split(".")
        if all(part.isidentifier() for part in parts) and parts[0] in self.importable:
            owners = self.owners(parts[0]) if len(parts) > 1 else ()
            above = f"{'/'.join(parts[:-1])}/__init__.py"  # a package may make parts of it as it likes
            if not owners or self.owners(name) or any(above in each.text("RECORD") for each in self.headers):
                return name
        for header in self.headers:
            if header.name == normalised(name):
                brought = sorted(_modules(header) - COMMON)
                public = [each for each in brought if not each.startswith("_")] or brought
                if len(public) == 1:
                    return public[0]
                if public:
                    raise UsageError(
                        f"{header.name} brings several modules: {', '.join(public)}",
                        hint="name one of them with --module",
                        code="unknown-module",
                    )
        known = {each for each in self.importable if each.isidentifier() and not each.startswith("_")}
        near = difflib.get_close_matches(name, sorted(known | {each.name for each in self.headers}), 3, 0.7)
        hint = f"it may be {' or '.join(near)}" if near else "check the spelling, or name the environment"
        if name == "torch":
            hint = "name the environment with --python, or a release of torch with --torch VERSION"
        raise UsageError(f"there is no module {name!r} here", hint=hint, code="unknown-module")

    def owners(self, module: str) -> frozenset[str]:
        """The distributions that a module comes with: several bring parts of `google`, or `cv2`."""
        if any(each.name == normalised(module) and self._brings(each, module) for each in self.headers):
            return frozenset({normalised(module)})
        return frozenset(each.name for each in self.headers if self._brings(each, module))

    def versions(self) -> dict[str, str]:
        """What is installed, by distribution and by module: lower case, `_` for `-`."""
        found = {each.name.replace("-", "_"): each.version for each in self.headers}
        for module, headers in self._by_module.items():
            if len(headers) == 1 and module not in COMMON:
                found.setdefault(module.lower(), headers[0].version)
        return found

    @cached_property
    def _by_module(self) -> Mapping[str, list[Header]]:
        found: dict[str, list[Header]] = {}
        for header in self.headers:
            for module in _modules(header):
                found.setdefault(module, []).append(header)
        return found

    def _brings(self, header: Header, module: str) -> bool:
        path = module.replace(".", "/")
        record = header.text("RECORD")
        if f"{path}/" in record or f"{path}." in record:
            return (
                re.search(rf'^"?{re.escape(path)}(?:/|\.(?:[\w-]+\.)?(?:py|so)\b)', record, re.M) is not None
            )
        return module.partition(".")[0] in _modules(header) if not record or _is_editable(header) else False


def _is_editable(header: Header) -> bool:
    return places(header.text, header.folder.parent) is not None


def _modules(header: Header) -> set[str]:
    """The top-level modules that a distribution brings."""
    there = places(header.text, header.folder.parent)
    if there is not None:
        return {each.partition(".")[0] for each in there}
    record = header.text("RECORD")
    return set(_recorded(record)) if record else set(header.text("top_level.txt").split())


def _recorded(record: str) -> Iterator[str]:
    for name, folder in set(_ROW.findall(record)):
        stem, _, rest = name.partition(".")
        is_module = not rest if folder else rest.rpartition(".")[2] in _SUFFIXES
        if is_module and stem.isidentifier() and stem != "__pycache__":
            yield stem


def state(folders: Sequence[Path], module: str) -> str:
    """What is seen of a module that comes with no distribution: the times and sizes of its files."""
    seen = []
    for folder in folders:
        top = folder.joinpath(*module.split("."))
        for place in (top, *sorted(top.parent.glob(f"{top.name}.*")), *sorted(top.rglob("*"))):
            with suppress(OSError):
                stat = place.stat()
                if "__pycache__" not in place.parts:
                    seen.append(f"{place} {stat.st_mtime_ns} {stat.st_size} {stat.st_ino}")
    return "\n".join(seen)
