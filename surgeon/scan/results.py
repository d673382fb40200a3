"""What `scan` found, as frozen data: the one thing that its renderer reads."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any

from surgeon.answer import Place, envelope
from surgeon.errors import SurgeonError
from surgeon.scan.gaps import When


class Outcome(enum.Enum):
    """What becomes of a distribution whose modules are imported."""

    IMPORTS = "imports"
    AFTER_APPLY = "imports after apply"
    IN_PART = "imports in part"
    FAILS = "will not import"
    UNSEEN = "not looked at"


@dataclass(frozen=True)
class Occurrence:
    """One use of something that is missing, in one file."""

    path: str
    line: int
    when: When
    patch: str = ""


@dataclass(frozen=True)
class Missing:
    """One thing that is missing, as one distribution uses it.

    Attributes:
        name: dotted.
        keyword: the keyword that the function `name` does not take, or an empty string.
        places: every use, import time first.
    """

    distribution: str
    name: str
    keyword: str
    places: tuple[Occurrence, ...]

    @property
    def when(self) -> When:
        """The gravest of its places."""
        return next(when for when in When if any(place.when is when for place in self.places))

    @property
    def first(self) -> Occurrence:
        """The first of its gravest places."""
        return next(place for place in self.places if place.when is self.when)

    def count(self, when: When) -> int:
        """How many of its places bite then."""
        return sum(place.when is when for place in self.places)

    @property
    def patches(self) -> tuple[str, ...]:
        """The patches that cover one or more of its places, sorted."""
        return tuple(sorted({place.patch for place in self.places if place.patch}))

    @property
    def uncovered(self) -> int:
        """How many places that are not guarded no patch covers."""
        return sum(place.when is not When.GUARDED and not place.patch for place in self.places)


@dataclass(frozen=True)
class Broken:
    """One module that fails when it is imported.

    Attributes:
        root: the module whose gap it is; the same module, or one that it imports.
        reason: what is missing, and where.
        after_apply: whether it still fails when every patch is in.
    """

    module: str
    root: str
    reason: str
    after_apply: bool


@dataclass(frozen=True)
class Scanned:
    """One distribution, or one folder.

    Attributes:
        files: how many sources it has.
        modules: how many modules they are.
        broken: those that fail when they are imported.
        patched: how many of its files are patched already.
        reason: why, where it is not simply fine.
    """

    name: str
    version: str
    verdict: Outcome
    files: int
    modules: int
    broken: tuple[Broken, ...] = ()
    patched: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Minimum:
    """One release of torch: how many modules would fail when they are imported, and after `apply`."""

    release: str
    failing: int
    failing_after_apply: int


@dataclass(frozen=True)
class ScanResult:
    """The answer of `scan`.

    Attributes:
        module: the module that was asked.
        surface: which one, for people.
        minimum: every known release of it, if that was asked.
        site_packages: the site directory of what was scanned, or the first one.
        skipped: files that could not be read, and why.
    """

    python: str | None
    site_directories: tuple[str, ...]
    module: str
    surface: str
    distributions: tuple[Scanned, ...] = ()
    rows: tuple[Missing, ...] = ()
    minimum: tuple[Minimum, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()
    exit_code: int = 0
    site_packages: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints. Keys are only ever added to it (`schema` 1)."""
        found = {
            "module": self.module,
            "surface": self.surface,
            "distributions": [_scanned(each) for each in self.distributions],
            "missing": [_row(each) for each in self.rows],
            "minimum": [asdict(each) for each in self.minimum],
            "skipped": [{"path": path, "reason": reason} for path, reason in self.skipped],
        }
        place = Place(self.python, self.site_packages, self.site_directories)
        return envelope("scan", place, found, self)


def _scanned(each: Scanned) -> dict[str, Any]:
    return {
        "name": each.name,
        "version": each.version,
        "verdict": each.verdict.value,
        "reason": each.reason,
        "files": each.files,
        "modules": each.modules,
        "failing": len(each.broken),
        "failing_after_apply": sum(broken.after_apply for broken in each.broken),
        "patched": each.patched,
        "broken": [
            {
                "module": broken.module,
                "root": broken.root,
                "reason": broken.reason,
                "after_apply": broken.after_apply,
            }
            for broken in each.broken
        ],
    }


def _row(row: Missing) -> dict[str, Any]:
    return {
        "distribution": row.distribution,
        "name": row.name,
        "keyword": row.keyword,
        "when": row.when.value,
        "import": row.count(When.IMPORT),
        "call": row.count(When.CALL),
        "guarded": row.count(When.GUARDED),
        "first": f"{row.first.path}:{row.first.line}",
        "patches": list(row.patches),
        "uncovered": row.uncovered,
        "places": [
            {"path": place.path, "line": place.line, "when": place.when.value, "patch": place.patch}
            for place in row.places
        ],
    }


def from_json(content: dict[str, Any]) -> ScanResult:
    """The result that `to_json` made this of.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    environment = content["environment"]
    return ScanResult(
        python=environment["python"],
        site_directories=tuple(environment["site_directories"]),
        module=content["module"],
        surface=content["surface"],
        distributions=tuple(_scanned_from(each) for each in content["distributions"]),
        rows=tuple(
            Missing(
                each["distribution"],
                each["name"],
                each["keyword"],
                tuple(
                    Occurrence(place["path"], place["line"], When(place["when"]), place["patch"])
                    for place in each["places"]
                ),
            )
            for each in content["missing"]
        ),
        minimum=tuple(Minimum(**each) for each in content["minimum"]),
        skipped=tuple((each["path"], each["reason"]) for each in content["skipped"]),
        site_packages=environment["site_packages"],
    )


def _scanned_from(each: dict[str, Any]) -> Scanned:
    broken = tuple(Broken(b["module"], b["root"], b["reason"], b["after_apply"]) for b in each["broken"])
    return Scanned(
        each["name"],
        each["version"],
        Outcome(each["verdict"]),
        each["files"],
        each["modules"],
        broken,
        each["patched"],
        each["reason"],
    )
