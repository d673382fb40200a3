"""What each release of torch offers, from a table: for a torch that is not installed.

The table is made from the releases' own sources and stubs (docs/torch-names.md says how, and what it cannot
know). What it does not know it never calls missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from surgeon.errors import UsageError
from surgeon.scan.releases_data import CLASS, LOADED, Data, load
from surgeon.scan.surface import Found, Question
from surgeon.site.versions import numbers

UNKNOWN = Found(exists=True)
"""There, or possibly there; more is not known."""


ADDED_BY_TYPING = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})
"""What `abc` and `typing` write into classes."""


def versions() -> tuple[str, ...]:
    """All releases in the table, in ascending order."""
    return load().releases


def table(version: str) -> Table:
    """What one release offers.

    Args:
        version: `2.1.0`, or `2.1` for the same; `2.1.0+cu121`; a prerelease (`2.1.0a0+git`) counts as the
            release that it leads to, a post-release has the names of the release that it corrects.

    Raises:
        UsageError: the table has no such release; the hint names the nearest ones.
    """
    known = versions()
    asked = numbers(version)
    wanted = (*asked, *[0] * (3 - len(asked))) if asked else ()
    name = ".".join(map(str, wanted))
    if name not in known:
        raise UsageError(
            f"torch {version} is not among the releases that m3d-surgeon knows the names of",
            hint=f"name one of {', '.join(_nearest(wanted, known))}; it knows {known[0]} to {known[-1]}",
            code="unknown-torch",
        )
    return Table(load(), known.index(name))


def _nearest(release: tuple[int, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The releases on both sides of a version, or the newest ones if there is none to go by."""
    if not release:
        return known[-2:]
    below = [v for v in known if numbers(v) < release]
    above = [v for v in known if numbers(v) > release]
    return tuple(below[-1:] + above[:1])


class Table:
    """One release of torch, as a `Surface`.

    Args:
        data: the table.
        place: the release's place in it.
    """

    def __init__(self, data: Data, place: int) -> None:
        self._data = data
        self._place = place
        self._spaces: dict[str, dict[str, str] | None] = {}
        self._closure = cache(self._loaded)

    @property
    def version(self) -> str:
        """The release: `2.1.0`."""
        return self._data.releases[self._place]

    @property
    def description(self) -> str:
        """For people."""
        return f"torch {self.version}, from the table"

    def ask(self, questions: Collection[Question]) -> Mapping[Question, Found]:
        """Answer every question; one that is not about torch is answered with not knowing."""
        return {question: self._answer(question) for question in questions}

    def _answer(self, question: Question) -> Found:
        parts = question.name.split(".")
        if parts[0] != "torch":
            return UNKNOWN
        space = "torch"
        for place, part in enumerate(parts[1:], 1):
            cell = self._inside(space, part, question)
            if cell is None:
                return Found(exists=False, missing=".".join(parts[: place + 1]))
            if cell.startswith("("):
                last = place == len(parts) - 1
                return Found(exists=True, parameters=_parameters(cell)) if last else UNKNOWN
            if cell[:1] != ":":
                return UNKNOWN
            space = cell[1:]
        return Found(exists=True, parameters=self._constructor(space) if ":" in space else None)

    def _inside(self, space: str, name: str, question: Question) -> str | None:
        """The cell of a name: `(a b` a function, `:space` a module or class, else unknown; `None`: none."""
        cells = self._cells(space) or {}
        if ":" in space:
            return self.member(space, name)
        cell, inner = cells.get(name), f"{space}.{name}"
        if cell is not None:
            return self._followed(space, name, cell)
        module = self._cells(inner)
        if module is not None and (
            question.imported or module[""].startswith(LOADED) or inner in self._closure(question.loaded)
        ):
            return f":{inner}"
        return "" if name in self._data.common or _never_missing(cells, name) else None

    def _followed(self, space: str, name: str, cell: str) -> str:
        """The cell of what a cell refers to."""
        if cell == ":":
            return f":{space}.{name}"
        if cell == "@":
            inner = f"{space}.{name}" if ":" in space else f"{space}:{name}"
            return f":{inner}" if self._cells(inner) is not None else ""
        if cell.startswith("@"):
            if self._cells(cell[1:]) is not None:
                return f":{cell[1:]}"
            module, _, inner = cell[1:].partition(":")
            found = (self._cells(module) or {}).get(inner, "")
            return found if found.startswith("(") else ""
        return cell

    # Classes

    def class_of(self, module: str, name: str) -> str:
        """The space of the class that a module has under a name, or an empty string."""
        if self._cells(f"{module}:{name}") is not None:
            return f"{module}:{name}"
        cell = self._inside(module, name, Question("", imported=True)) or ""
        return cell[1:] if cell.count(":") == 2 else ""

    def member(self, space: str, name: str) -> str | None:
        """The cell of a class's attribute, from the class or its bases."""
        for base in self._bases(space):
            cells = self._cells(base)
            if cells is None:
                return ""
            if name in cells:
                return self._followed(base, name, cells[name])
            if _never_missing(cells, name):
                return ""
        return None

    def _bases(self, space: str) -> list[str]:
        """A class and its bases in the order of a search; `?` (outside torch) is a space that is unknown."""
        found = [space]
        for base in found:
            found += [b for b in (self._cells(base) or {}).get("<", "").split() if b not in found]
        return found

    def _constructor(self, space: str) -> frozenset[str] | None:
        for base in self._bases(space):
            cells = self._cells(base)
            if cells is None or cells[""] != CLASS:
                return None
            for name in ("__init__", "__new__"):
                if name in cells:
                    return _parameters(cells[name]) if cells[name].startswith("(") else None
        return frozenset()

    # Modules

    def _cells(self, space: str) -> dict[str, str] | None:
        if space not in self._spaces:
            self._spaces[space] = self._data.cells(space, self._place)
        return self._spaces[space]

    def starts_with(self, module: str) -> bool:
        """Whether `import torch` loads a module."""
        return (self._cells(module) or {}).get("", "").startswith(LOADED)

    def _loaded(self, modules: frozenset[str]) -> frozenset[str]:
        """What importing these modules loads besides what `import torch` does."""
        waiting = [".".join(m.split(".")[: n + 1]) for m in modules for n in range(m.count(".") + 1)]
        found: set[str] = set()
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += (self._cells(module) or {}).get("<", "").split()
        return frozenset(found)


def _never_missing(cells: Mapping[str, str], name: str) -> bool:
    """Whether a name that is not listed may be there: a special one, or any in a space that is open."""
    special = (name.startswith("__") and name.endswith("__")) or name in ADDED_BY_TYPING
    return special or cells.get("", "*").endswith("*")


def _parameters(cell: str) -> frozenset[str]:
    return frozenset(cell[1:].split())
