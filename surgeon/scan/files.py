"""Which files a scan reads: the Python sources of distributions, or of a folder of the user's own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgeon.errors import UsageError
from surgeon.scan.editable import mapped, places
from surgeon.site.distribution import Distribution, Installed, normalised
from surgeon.site.environment import Environment
from surgeon.site.fs import is_contained

NOTHING_TO_SCAN = "nothing-to-scan"
"""The code of the error that says that nothing here depends on the module."""


@dataclass(frozen=True)
class File:
    """One source.

    Attributes:
        path: relative to the folder of its origin, POSIX.
        module: its dotted name.
        package: the package that its relative imports start from.
    """

    path: str
    module: str
    package: str


@dataclass(frozen=True)
class Origin:
    """A distribution, or a folder of the user's own (without a version).

    Attributes:
        name: normalised, or the folder as it was given.
        version: as its metadata says; empty for a folder.
        folder: what the files' paths are relative to.
        unseen: why its sources were not looked at, or an empty string.
    """

    name: str
    version: str
    folder: Path
    files: tuple[File, ...]
    distribution: Distribution | None = None
    unseen: str = ""


def origins(
    installed: Installed,
    known: Iterable[Header],
    wanted: Sequence[str],
    module: str,
    owners: Collection[str],
    folder: Path | None = None,
) -> list[Origin]:
    """What is to be scanned: what was named, or every installed distribution that depends on `module`.

    Args:
        known: every installed distribution.
        owners: the distributions that the module comes with.
        folder: the one site directory that is looked at, or `None` for all.

    Raises:
        UsageError: nothing of that name is installed or lies there, or nothing depends on the module.
    """
    if wanted:
        return [_named(each, installed) for each in dict.fromkeys(wanted)]
    asking = sorted(_users(list(known), installed, module, {normalised(module), *owners}))
    every = (found for name in asking if (found := installed.find(name)))
    chosen = [each for each in every if folder in (None, each.site)]
    if not chosen:
        raise UsageError(
            f"nothing that is installed here depends on {module}",
            hint="name a distribution or a folder: m3d-surgeon scan DISTRIBUTION_OR_PATH",
            code=NOTHING_TO_SCAN,
        )
    return [of_distribution(found) for found in chosen]


def _users(
    known: Sequence[Header], installed: Installed, module: str, providers: Collection[str]
) -> set[str]:
    """The distributions that depend on a module, say so or not.

    Of those that do not, two kinds are looked at: what requires one that does, whole (trl requires
    accelerate); of all others, the sources right in their packages (torchao, einops).
    """
    users = {each.name for each in known if each.requires.intersection(providers)}
    its_own = {name for each in known if each.name in providers for name in (each.name, *each.requires)}
    near, before = set(users), -1
    while len(near) > before:
        before = len(near)
        near |= {each.name for each in known if each.requires & near}
    for each in known:
        found = installed.find(each.name) if each.name not in users | its_own else None
        if found and _imports(found, module, whole=each.name in near):
            users.add(each.name)
    return users


def _imports(distribution: Distribution, module: str, *, whole: bool) -> bool:
    """Tell whether a source of a distribution has an import of a module in it."""
    pattern = re.compile(rb"(?m)^[ \t]*(?:import|from)[ \t]+%s\b" % re.escape(module.encode()))
    for path in distribution.paths:
        if not path.endswith(".py") or not _can_be_opened(path) or (path.count("/") > 1 and not whole):
            continue
        try:
            if pattern.search((distribution.site / path).read_bytes()):
                return True
        except OSError:  # damaged installs concern doctor
            continue
    return False


@dataclass(frozen=True)
class Header:
    """What a distribution's metadata says at its top: normalised name, version, what it requires.

    Attributes:
        folder: where its metadata lies.
    """

    name: str
    version: str
    requires: frozenset[str]
    folder: Path

    def text(self, name: str) -> str:
        """A file beside its metadata; empty where there is none, or it is no plain file."""
        place = self.folder / name
        try:
            return place.read_text("utf-8", "replace") if place.is_file() else ""
        except OSError:
            return ""


def headers(environment: Environment) -> list[Header]:
    """Every installed distribution, in the order of the path; without the costly parser of e-mails.

    https://packaging.python.org/en/latest/specifications/core-metadata/
    """
    found: dict[str, Header] = {}
    for folder in environment.folders:
        for pattern in ("*.dist-info/METADATA", "*.egg-info/PKG-INFO", "*.egg-info", "EGG-INFO/PKG-INFO"):
            for path in sorted(folder.glob(pattern)):
                try:
                    header = _header(path.read_bytes() if path.is_file() else b"", path.parent)
                except OSError:  # damaged metadata concerns doctor
                    continue
                if header.name:
                    found.setdefault(header.name, header)
    return list(found.values())


def _header(data: bytes, folder: Path) -> Header:
    fields = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0].decode(errors="replace")
    name = re.search(r"(?mi)^name:\s*(\S+)", fields)
    version = re.search(r"(?mi)^version:\s*(\S+)", fields)
    required = re.findall(r"(?mi)^requires-dist:\s*([A-Za-z0-9][\w.-]*)", fields)
    return Header(
        normalised(name.group(1)) if name else "",
        version.group(1) if version else "",
        frozenset(normalised(each) for each in required),
        folder,
    )


def _named(name: str, installed: Installed) -> Origin:
    path = Path(name).expanduser()
    if os.sep in name or name in (".", "..") or name.endswith(".py"):
        if not path.exists():
            raise UsageError("no such file or folder", path=name, hint="check the path")
        return _of_path(path, name)
    found = installed.find(name)
    if found is not None:
        return of_distribution(found)
    if path.exists():
        return _of_path(path, name)
    raise UsageError(
        f"no distribution {name!r} is installed here, and no such file or folder",
        hint="check the spelling, or name the environment with --python",
        code="unknown-distribution",
    )


def of_distribution(found: Distribution) -> Origin:
    """A distribution with all its sources; those of an editable install are where it was installed from."""
    there = places(found.metadata.read_text, found.site)
    if there is not None:
        return _of_places(found, there)
    paths = found.paths or _listed(found)
    files = (file_at(path) for path in sorted(paths) if path.endswith(".py") and _can_be_opened(path))
    return Origin(found.name, found.version, found.site, tuple(files), found)


def _of_places(found: Distribution, there: Mapping[str, Path]) -> Origin:
    if not there:
        unseen = "it is an editable install, and where its sources are was not found; name their folder"
        return Origin(found.name, found.version, found.site, (), found, unseen)
    folder = Path(os.path.commonpath([place.parent for place in there.values()]))
    files = {}
    for name, place in there.items():
        for source in sorted(_sources(place)) if place.is_dir() else [place]:
            parts = [] if source == place else list(source.relative_to(place).with_suffix("").parts)
            is_package = bool(parts) and parts[-1] == "__init__"
            module = ".".join([name, *(parts[:-1] if is_package else parts)])
            package = module if is_package else module.rpartition(".")[0]
            path = source.relative_to(folder).as_posix()
            files[path] = File(path, module, package)
    return Origin(found.name, found.version, folder, tuple(files[path] for path in sorted(files)), found)


def _can_be_opened(path: str) -> bool:
    """Tell whether a path of RECORD's stays inside, and the file system's encoding here can say it."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return is_contained(path)


def _listed(found: Distribution) -> list[str]:
    """The sources of an editable or legacy install are wherever its top-level names are."""
    try:
        text = found.metadata.read_text("top_level.txt") or ""
    except (OSError, ValueError):
        return []
    return [
        each.relative_to(found.site).as_posix()
        for name in text.split()
        for each in _sources(found.site / name)
    ]


def _of_path(path: Path, name: str) -> Origin:
    root = path.absolute()
    if root.is_file():
        return Origin(name, "", root.parent, (file_at(root.name),))
    top = root
    while (top / "__init__.py").exists():
        top = top.parent
    files = (file_at(each.relative_to(top).as_posix()) for each in sorted(_sources(root)))
    return Origin(name, "", top, tuple(files))


def _sources(root: Path) -> Iterable[Path]:
    if root.with_suffix(".py").is_file():
        yield root.with_suffix(".py")
    for folder, names, files in os.walk(root):
        names[:] = [each for each in names if not each.startswith(".") and each != "__pycache__"]
        names[:] = [each for each in names if not Path(folder, each, "pyvenv.cfg").exists()]
        yield from (Path(folder, each) for each in files if each.endswith(".py"))


def file_at(path: str) -> File:
    """The source at a path relative to a folder of `sys.path`."""
    module = path.removesuffix(".py").replace("/", ".")
    if path.endswith("__init__.py"):
        package = module.removesuffix(".__init__")
        return File(path, package, package)
    return File(path, module, module.rpartition(".")[0])


def modules(environment: Environment) -> Iterator[str]:
    """The top-level modules that can be imported."""
    yield from environment.interpreter.modules
    for folder in environment.folders:
        for each in folder.iterdir():
            yield each.name.partition(".")[0]
            if "editable" in each.name and each.suffix == ".py":
                yield from (name.partition(".")[0] for name in mapped(each))


def tops(targets: Sequence[Origin]) -> set[str]:
    """The top-level modules of what is scanned."""
    return {
        file.module.partition(".")[0] for origin in targets if origin.distribution for file in origin.files
    }
