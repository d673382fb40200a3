"""A patch's digest: what decides the bytes that it makes, as one hash, and nothing else.

The edits are plain data, so a digest is made of their values and not of the text that holds them:
a docstring, a comment, a renamed constant, one that moved to another module, or another release of
Python make no difference. What a patch defines for itself (a function, a class) is no data: then the
code of its module and of the modules of its own that it imports is a part of the digest.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surgeon.patch import Patch
from surgeon.rewriting.rewrite import EDITION

ENGINE = "surgeon"
BUILT_IN = "surgeon.patches"
SITES = ("site-packages", "dist-packages")
SAID = frozenset({"cases", "files", "probe", "symptom", "unchanged", "upstream", "versions", "when", "why"})
"""A patch's fields that decide no bytes: they describe, or say where and when, which is asked each time."""


def digest(patch: Patch, source: Path, text: bytes) -> str:
    """The sha256 over what decides the bytes that a patch makes of a file.

    Args:
        source: the patch's module, which is loaded.
        text: the bytes that it was loaded from.
    """
    try:
        values = _Values()
        expect = patch.expect
        parts: list[object] = [
            EDITION,
            patch.id,
            [needle.hex() for needle in patch.needle],
            [expect.minimum, expect.maximum, bool(expect.zero)],
            [values.plain(edit) for edit in patch.transforms],
        ]
        if values.own:
            every = {**{path: path.read_bytes() for path in values.own}, source: text}
            for path, each in list(every.items()):
                every = {**helpers(path, each), **every}
            parts.append(sorted(normalised(each) for each in every.values()))
        said = json.dumps(parts).encode()
    except Exception:  # whatever a stranger's objects do when they are looked at: the text itself will do
        said = str(EDITION).encode() + b"\0" + text
    return hashlib.sha256(said).hexdigest()


class _Values:
    """Turns edits into plain data, and remembers the modules of what is none."""

    def __init__(self) -> None:
        self.own: set[Path] = set()

    def plain(self, value: Any) -> Any:
        """A value as JSON can write it; two values that mean the same are written the same."""
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, (float, complex, bytes)):
            return {type(value).__name__: repr(value)}
        if isinstance(value, (list, tuple)):
            return [self.plain(each) for each in value]
        if isinstance(value, (set, frozenset)):
            return {"set": sorted(json.dumps(self.plain(each)) for each in value)}
        if isinstance(value, Mapping):
            return {"map": [[self.plain(key), self.plain(each)] for key, each in value.items()]}
        return self._object(value)

    def _object(self, value: Any) -> Any:
        code = value if hasattr(value, "__qualname__") else type(value)
        self._note(code.__module__)
        said: dict[str, Any] = {"name": code.__qualname__}
        if cells := getattr(value, "__closure__", None):
            said["cells"] = [self.plain(each.cell_contents) for each in cells]
        if isinstance(value, types.MethodType):
            said["self"] = self.plain(value.__self__)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            said["fields"] = {
                each.name: self.plain(getattr(value, each.name))
                for each in dataclasses.fields(value)
                if each.default is dataclasses.MISSING or getattr(value, each.name) != each.default
            }
        elif isinstance(value, re.Pattern):
            said["fields"] = [self.plain(value.pattern), value.flags]
        elif isinstance(value, functools.partial):
            said["fields"] = self.plain([value.func, value.args, value.keywords])
        elif code is type(value):
            said["fields"] = {name: self.plain(each) for name, each in vars(value).items()}
        return said

    def _note(self, module: str) -> None:
        """Remember a module unless it is the engine's: what that makes is what `EDITION` stands for."""
        place = getattr(sys.modules[module], "__file__", None)
        if place and not is_engine(module) and module.partition(".")[0] not in sys.stdlib_module_names:
            self.own.add(Path(place))


def is_engine(module: str) -> bool:
    """Tell whether a module is this tool's, and no patch."""
    return f"{module}.".startswith(f"{ENGINE}.") and not f"{module}.".startswith(f"{BUILT_IN}.")


def helpers(source: Path, text: bytes) -> dict[Path, bytes]:
    """The modules of its own that a loaded module imports, and those that they import, with their bytes.

    Its own are those in its folder and, where that is a package, in the whole package. Modules that
    are imported by a computed name, and files that are read, are not seen.
    """
    home = _home(source)
    found: dict[Path, bytes] = {}
    waiting = {source: text}
    while waiting:
        for name in _imported(*waiting.popitem()):
            place = getattr(sys.modules.get(name), "__file__", None)
            path = Path(place) if place else source
            if is_engine(name) or path == source or path in found or not path.is_relative_to(home):
                continue
            with suppress(OSError):
                waiting[path] = found[path] = path.read_bytes()
    return found


def _home(source: Path) -> Path:
    """The folder whose modules are a patch module's own: the outermost package around it, or its folder."""
    built_in = [Path(folder) for folder in sys.modules[BUILT_IN].__path__] if BUILT_IN in sys.modules else []
    for folder in built_in:
        if source.is_relative_to(folder):
            return folder
    home = source.parent
    while (home.parent / "__init__.py").is_file():
        home = home.parent
    return source if home.name in SITES else home


def _imported(source: Path, text: bytes) -> Iterator[str]:
    """Every module that an import in a loaded module may mean, in full."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a module that was compiled: it has no text
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = _package(source).split(".") if node.level else []
            around = around[: len(around) - node.level + 1]
            module = ".".join([*around, *([node.module] if node.module else [])])
            names = [module, *(f"{module}.{each.name}" for each in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _package(source: Path) -> str:
    modules = [each for each in list(sys.modules.values()) if getattr(each, "__file__", "") == str(source)]
    return next((each.__package__ or "" for each in modules), "")


def normalised(text: bytes) -> str:
    """A module's code without what decides nothing: positions, comments, docstrings, and what `Patch` says.

    It is the same under every Python that parses it: `ast.dump` is not, as nodes gain fields.
    """
    return json.dumps(_node(ast.parse(text)))


def _node(value: Any) -> Any:
    if isinstance(value, list):
        return [_node(each) for each in value]
    if not isinstance(value, ast.AST):
        return value if value is None or isinstance(value, (str, bool, int)) else repr(value)
    skipped = {"kind", "type_comment", "returns", *(["annotation"] if isinstance(value, ast.arg) else [])}
    fields = {name: getattr(value, name, None) for name in sorted(value._fields) if name not in skipped}
    if isinstance(value, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        fields["body"] = value.body[ast.get_docstring(value, clean=False) is not None :]
    if isinstance(value, ast.JoinedStr):  # Python 3.12 has empty texts in them
        fields["values"] = [each for each in value.values if getattr(each, "value", None) != ""]
    if isinstance(value, ast.Call) and _last(value.func) == Patch.__name__:
        fields["keywords"] = [each for each in value.keywords if each.arg not in SAID]
    return [
        type(value).__name__,
        {name: _node(each) for name, each in fields.items() if each is not None and each != []},
    ]


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
