"""Finds, validates and orders patches: the built-in ones, other packages', and a folder's.

A patch module that fails to load, or describes nonsense, is reported and harms no other.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from importlib_metadata import entry_points

from surgeon import patch as patches
from surgeon.errors import SurgeonError, UsageError
from surgeon.index import PatchIndex
from surgeon.patch import Case, Expect, Patch
from surgeon.rewriting import digest as digests
from surgeon.rewriting.rewrite import EDITION
from surgeon.site.fs import is_contained
from surgeon.site.versions import clauses

BUILT_IN = "surgeon.patches"
ID = r"[a-z0-9]+(-[a-z0-9]+)*"
ENTRY_POINTS = "m3d_surgeon.patches"

FIELDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "symptom", "why", "distribution", "versions", "probe", "upstream"), (str,)),
    "when": (dict, str),
    "files": (tuple, str),
    "needle": (tuple, bytes),
    "transforms": (tuple,),
    "expect": (Expect,),
    "cases": (tuple, Case),
    "unchanged": (tuple, str),
}
"""A patch's fields, each with its type and the type of what is in it."""


@dataclass(frozen=True)
class Registry:
    """The patches that a run knows, by id, in the order in which they are applied.

    Attributes:
        patches: by id, sorted by it; without their edits and examples where the index knew them.
        sources: the file that each was loaded from.
        problems: what could not be loaded, and why.
    """

    patches: Mapping[str, Patch]
    sources: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[SurgeonError, ...] = ()

    def complete(self, ids: Iterable[str]) -> dict[str, Patch]:
        """The patches with their edits and examples, which the others of a run do without.

        Raises:
            UsageError: one of them cannot be loaded any more.
        """
        return {
            name: patch if (patch := self.patches[name]).transforms else _load(*_read(self.sources[name]))
            for name in ids
        }

    def _unusable(self) -> str:
        """The modules that cannot be used, any of which may be the one that somebody asks for."""
        paths = [each.path for each in self.problems if each.path]
        return f"; these modules cannot be used, and `list` says why: {', '.join(paths)}" if paths else ""

    def select(self, ids: Iterable[str]) -> frozenset[str]:
        """The ids that the command line names; all of them where it names none.

        Raises:
            UsageError: there is no such patch (the nearest id is named), or it cannot be used, and why.
        """
        chosen = frozenset(ids)
        for unknown in sorted(chosen - set(self.patches)):
            import difflib  # here: only a mistake needs it

            if fault := next((each for each in self.problems if _may_be(each, unknown)), None):
                raise fault
            near = difflib.get_close_matches(unknown, self.patches, n=1, cutoff=0.5)
            raise UsageError(
                f"no patch {unknown!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                hint="run `m3d-surgeon list` to see them all" + self._unusable(),
                code="unknown-patch",
            )
        return chosen or frozenset(self.patches)


def load(*extra: Path | None, remembered: bool = False) -> Registry:
    """Load every patch: built-in, from entry points of this tool's own environment, and from `extra`.

    Args:
        extra: folders; `None` stands for none.
        remembered: take what the index knows of a patch, and load its module only when it is wanted.

    Raises:
        UsageError: one of `extra` is no folder.
    """
    folders = [folder for folder in extra if folder is not None]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError("no such folder of patches", path=str(folder), hint="check --patches")
    found: dict[str, Patch] = {}
    sources: dict[str, Path] = {}
    problems: list[SurgeonError] = []
    index = PatchIndex() if remembered else None
    for source in [*_built_in_modules(), *_installed(problems), *modules_in(folders)]:
        try:
            patch = _recalled(source, index) if index else _load(*_read(source))
            if patch.id in found:
                raise _bad(source, f"the id {patch.id!r} is taken by {sources[patch.id]}")
        except SurgeonError as problem:
            problems.append(problem)
            continue
        found[patch.id] = patch
        sources[patch.id] = source
    if index:
        index.save()
    return Registry(dict(sorted(found.items())), sources, tuple(problems))


def modules_in(folders: Iterable[Path]) -> Iterator[Path]:
    """The modules in folders of patches, which `load` runs; names that begin with `_` are not patches."""
    for folder in folders:
        yield from sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _installed(problems: list[SurgeonError]) -> Iterator[Path]:
    """The modules that installed packages bring: an entry point names a module, or a package of them."""
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.value, point.name)):
        try:
            spec = importlib.util.find_spec(point.module)
        except (Exception, SystemExit) as error:  # the package around it runs, and may raise anything
            spec, reason = None, f"{type(error).__name__}: {error}"
        else:
            reason = f"no module {point.module!r}"
        if spec is not None and spec.submodule_search_locations is not None:
            yield from modules_in(map(Path, spec.submodule_search_locations))
        elif spec is not None and spec.origin and Path(spec.origin).is_file():
            yield Path(spec.origin)
        else:
            where = Path(f"entry point {point.name} = {point.value} of {ENTRY_POINTS}")
            problems.append(_bad(where, reason))


def _built_in() -> list[Path]:
    return [Path(folder) for folder in importlib.import_module(BUILT_IN).__path__]


def _built_in_modules() -> Iterator[Path]:
    """The built-in modules, which lie in one folder for each distribution."""
    for home in _built_in():
        yield from modules_in(sorted(folder for folder in home.iterdir() if folder.is_dir()))


def _home(source: Path) -> Path | None:
    """The folder of built-in patches that a module lies below, or `None` for another's."""
    return next((home for home in _built_in() if source.is_relative_to(home)), None)


def _recalled(source: Path, index: PatchIndex) -> Patch:
    _, text = _read(source)
    key = hashlib.sha256(b"\0".join((os.fsencode(source), _own_text(), text))).hexdigest()
    patch = index.recall(key)
    if patch is None:
        patch = _load(source, text)
        index.remember(key, patch, digests.helpers(source, text))
    return patch


def _read(source: Path) -> tuple[Path, bytes]:
    try:
        return source, source.read_bytes()
    except OSError as error:
        raise _bad(source, f"it cannot be read: {error.strerror}") from error


def _load(source: Path, text: bytes) -> Patch:
    if (home := _home(source)) is not None:
        dotted = ".".join(source.relative_to(home).with_suffix("").parts)
        module = importlib.import_module(f"{BUILT_IN}.{dotted}")
    else:
        module = _run(source, text)
    patch: Any = getattr(module, "PATCH", None)
    if not issubclass(type(patch), Patch):  # isinstance would ask a stranger's object what it is
        raise _bad(source, "it has no PATCH = Patch(...)")
    if fault := _wrong_type(patch) or _fault(patch):
        raise _bad(source, fault)
    described: Patch = replace(patch, digest=digests.digest(patch, source, text))
    return described


def _run(source: Path, text: bytes) -> ModuleType:
    """Run a stranger's patch module under a name of its own.

    It is compiled from the bytes that its digest is made of: no bytecode of an older text is used,
    and none is left in the folder.
    """
    module = ModuleType(f"m3d_surgeon_patch_{source.stem}")
    module.__file__ = str(source)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(text, str(source), "exec"), module.__dict__)
    except UsageError as error:  # one of our edits, which says what is wrong
        raise _bad(source, error.message) from error
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises is its own affair
        raise _bad(source, f"it fails to load: {type(error).__name__}: {error}") from error
    return module


def _wrong_type(patch: Patch) -> str:
    """Which field is not of the type that `Patch` says, or an empty string."""
    wrong = [name for name, kinds in FIELDS.items() if not _has_kind(getattr(patch, name), *kinds)]
    return f"{', '.join(wrong)}: not of the type that surgeon.patch says" if wrong else ""


def _fault(patch: Patch) -> str:
    """What is wrong with a patch's description, or an empty string."""
    try:
        if not re.fullmatch(ID, patch.id) or not patch.distribution:
            return f"the id {patch.id!r} is not kebab case, or it names no distribution"
        for text in (patch.versions, *patch.when.values()):
            clauses(text)
        re.compile(patch.symptom)
        if not patch.files or not all(is_contained(path) for path in patch.files):
            return "files must be paths inside site-packages"
        if not patch.needle or not all(isinstance(n, bytes) and n for n in patch.needle):
            return "needle must hold non-empty bytes"
        if not patch.transforms or not all(callable(edit) for edit in patch.transforms):
            return "transforms must hold edits"
    except (ValueError, re.error, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _has_kind(value: object, kind: type, *inner: type) -> bool:
    """Tell whether a value is of a type and, if it is a collection, whether all in it are of theirs."""
    if not isinstance(value, kind):
        return False
    if isinstance(value, dict):
        return all(isinstance(each, inner[0]) for item in value.items() for each in item)
    return not inner or (isinstance(value, tuple) and all(isinstance(each, inner[0]) for each in value))


@cache
def _own_text() -> bytes:
    """A hash of the code that reads a patch module: what the index remembers of one depends on it as well."""
    edits = importlib.util.find_spec("surgeon.edits")
    places = [Path(each) for each in (__file__, digests.__file__, patches.__file__)]
    places += sorted(Path(edits.origin).parent.glob("*.py")) if edits and edits.origin else []
    hashed = hashlib.sha256(f"{EDITION}".encode())
    for place in places:
        hashed.update(place.read_bytes())
    return hashed.digest()


def _may_be(problem: SurgeonError, name: str) -> bool:
    """Tell whether a module that cannot be used is, by its name or its text, the one with an id."""
    source = Path(problem.path or "")
    if source.stem == name.replace("-", "_"):
        return True
    try:
        text = source.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return False
    return re.search(rf"""\bid\s*=\s*["']{re.escape(name)}["']""", text) is not None


def _bad(source: Path, reason: str) -> UsageError:
    problem = UsageError(
        f"this patch cannot be used: {reason}",
        path=str(source),
        hint="mend it, or run without it",
        code="bad-patch",
    )
    problem.exit_code = 3
    return problem
