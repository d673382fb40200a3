"""Where the sources of an editable install are. Everything is read, nothing is imported.

An installer leaves direct_url.json (PEP 610), a `.pth` file that names a folder, or one that imports
a finder; the finder is a Python file in which modules and their places stand as literals (setuptools,
editables, scikit-build-core). Where neither says enough, the project's folder is looked through.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

Reader = Callable[[str], "str | None"]
"""Gives the text of a file of the dist-info folder."""

NO_PACKAGES = frozenset({"benchmarks", "build", "conftest", "dist", "docs", "examples", "noxfile", "setup"})
"""What lies beside a project's packages and is not installed; and tests."""


def places(read: Reader, site: Path) -> Mapping[str, Path] | None:
    """Where each module of an editable install is: a package's folder, or a file.

    Returns:
        By dotted name; empty where that cannot be found; `None` for any other install.
    """
    project = _project(_text(read, "direct_url.json"))
    if project is None:
        return None
    rows = [row.partition(",")[0].strip('"') for row in _text(read, "RECORD").splitlines()]
    names = [each for each in _text(read, "top_level.txt").split() if each.isidentifier()]
    found: dict[str, Path] = {}
    for row in rows:
        if "/" not in row and row.endswith(".py"):
            found.update(mapped(site / row))
    for row in rows:
        if "/" not in row and row.endswith(".pth"):
            for folder in _folders(site / row):
                found.update(_packages(folder, names))
    if not found:
        stated = names or [_name(_text(read, "METADATA"))]
        for folder in (project / "src", project):
            found = found or {name: place for name in stated if (place := _place(folder / name))}
    return found


def mapped(finder: Path) -> dict[str, Path]:
    """The modules that a finder maps, as its literals say."""
    try:
        tree = ast.parse(finder.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, Path] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Call) and len(node.args) == 2:
            pairs = [(node.args[0], node.args[1])]
        else:
            continue
        for key, value in pairs:
            name, place = getattr(key, "value", None), getattr(value, "value", None)
            if isinstance(name, str) and isinstance(place, str) and Path(place).is_absolute():
                there = _place(Path(place))
                if there and all(part.isidentifier() for part in name.split(".")):
                    found[name] = there
    return found


def _packages(folder: Path, names: list[str]) -> Iterator[tuple[str, Path]]:
    """The packages in a folder of the path that belong to a project."""
    if names:
        yield from ((name, place) for name in names if (place := _place(folder / name)))
        return
    with suppress(OSError):
        for each in sorted(folder.iterdir()):
            name = each.name.removesuffix(".py")
            is_source = each.suffix == ".py" or (each / "__init__.py").is_file()
            if is_source and name.isidentifier() and not name.startswith("test") and name not in NO_PACKAGES:
                yield name, each


def _place(named: Path) -> Path | None:
    """A module's folder or file: `pkg`, `pkg.py` for `pkg`, and the folder of `pkg/__init__.py`."""
    if named.name == "__init__.py" and named.is_file():
        return named.parent
    if named.is_dir() or (named.is_file() and named.suffix == ".py"):
        return named
    file = named.with_name(f"{named.name}.py")
    return file if file.is_file() else None


def _folders(pth: Path) -> Iterator[Path]:
    """The folders that a `.pth` file adds to the path (https://docs.python.org/3/library/site.html)."""
    with suppress(OSError):
        for line in pth.read_text("utf-8-sig", "replace").splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                folder = pth.parent / line.strip()
                if folder.is_dir():
                    yield folder


def _project(direct_url: str) -> Path | None:
    with suppress(ValueError, AttributeError, TypeError, RecursionError):
        origin = json.loads(direct_url or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return Path(unquote(urlsplit(origin["url"]).path))
    return None


def _name(metadata: str) -> str:
    for line in metadata.splitlines():
        if line.lower().startswith("name:"):
            return line[5:].strip().replace("-", "_").replace(".", "_")
    return ""


def _text(read: Reader, name: str) -> str:
    try:
        return read(name) or ""
    except (OSError, ValueError):
        return ""
