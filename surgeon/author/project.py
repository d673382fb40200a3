"""Which folders of patches a project names: `[tool.m3d-surgeon] patches = [...]` in a pyproject.toml.

Patch modules are code that runs. A pyproject.toml that the user names with `--patches` is taken at
once, and its folders are remembered; of one that merely lies in the current folder (of a checkout
that somebody else made, say) only remembered folders are used, and any other is shown and left out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeon import userfiles
from surgeon.errors import UsageError

PYPROJECT = "pyproject.toml"
FOLDER = "m3d_patches"
MENTIONED = re.compile(rb"""tool["'\s]*\.["'\s]*m3d-surgeon""")
"""What a pyproject.toml that concerns us contains; any other is not even parsed."""
MOST_BYTES = 1 << 20
"""A file that is longer is no project's; one that lies in the current folder may be a link to anything."""


@dataclass(frozen=True)
class Chosen:
    """The folders to load patches from.

    Attributes:
        folders: absolute, in the order in which they are named.
        notices: what the user should know: a folder that was left out, or is used for the first time.
    """

    folders: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()


def folders(named: Path | None, here: Path | None = None) -> Chosen:
    """The folders behind `--patches`: a folder itself, or those that a pyproject.toml names.

    Without `--patches`, the folders that the current folder's pyproject.toml names, as far as they
    were named by hand before.

    Args:
        named: what `--patches` says.
        here: the current folder.

    Raises:
        UsageError: there is no such folder, or the file that was named cannot be used.
    """
    if named is not None and named.is_file():
        found = _named_in(named)
        fresh = [folder for folder in found if str(folder) not in _remembered()]
        _remember(found)
        return Chosen(found, tuple(f"the patches in {each} are used here from now on" for each in fresh))
    if named is not None:
        return Chosen((named.absolute(),))
    file = (here or Path.cwd()) / PYPROJECT
    try:
        found = _named_in(file) if _mentions_us(file) else ()
    except OSError:
        return Chosen()
    except UsageError as error:
        return Chosen(notices=(f"{file} names patches that were left out: {error.message}; {error.hint}",))
    known = _remembered()
    return Chosen(
        tuple(folder for folder in found if str(folder) in known),
        tuple(_left_out(file, folder) for folder in found if str(folder) not in known),
    )


def folder_for_new(named: Path | None, chosen: Chosen, here: Path | None = None) -> Path:
    """Where a new patch module goes: the folder that is in use or named here, else `m3d_patches`."""
    here = here or Path.cwd()
    if chosen.folders:
        return chosen.folders[0]
    if named is None:
        with contextlib.suppress(OSError, UsageError):
            file = here / PYPROJECT
            written = _resolved(file) if _mentions_us(file) else ()
            # Nobody consented to what the file says: it does not lead out of its own folder.
            if written and written[0].is_relative_to(here.resolve()):
                return written[0]
    return here / FOLDER


def others_in(folder: Path, created: Iterable[str], chosen: Chosen) -> tuple[str, ...]:
    """A warning of the modules that lie beside a new one and would run with it, if nobody named them."""
    fresh = {Path(path).name for path in created}
    others = [name for name in _modules(folder) if name not in fresh]
    if not others or not fresh or folder.absolute() in chosen.folders:
        return ()
    return (f"--patches {folder} would run what else is in it, too: look at {', '.join(others)} first",)


def _mentions_us(file: Path) -> bool:
    """Tell whether a regular file of no great length names this tool.

    Raises:
        OSError: it cannot be read.
    """
    if not file.is_file():  # a pipe would be waited for, a device read for ever
        return False
    with file.open("rb") as content:
        head = content.read(MOST_BYTES + 1)
    return len(head) <= MOST_BYTES and bool(MENTIONED.search(head))


def _resolved(file: Path) -> tuple[Path, ...]:
    """The folders that a pyproject.toml names, absolute, whether they are there or not.

    Raises:
        UsageError: see `_patches`; or what it names can be no path.
    """
    try:
        return tuple((file.absolute().parent / each).resolve() for each in _patches(file))
    except (OSError, ValueError, RuntimeError) as error:  # a null byte; links that lead to each other
        raise UsageError(f"it names no folder: {error}", path=str(file), hint="mend it") from error


def _named_in(file: Path) -> tuple[Path, ...]:
    found = _resolved(file)
    for folder in found:
        if not folder.is_dir():
            raise UsageError("no such folder of patches", path=str(folder), hint=f"check {file}")
    return found


def _patches(file: Path) -> list[str]:
    """`[tool.m3d-surgeon] patches` of a pyproject.toml.

    Raises:
        UsageError: it is no TOML, says something else, or this Python cannot read TOML.
    """
    try:
        project = _toml().loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
        raise UsageError(f"it cannot be read: {error}", path=str(file), hint="mend it") from error
    table = project.get("tool", {}).get("m3d-surgeon", {})
    named = table.get("patches", []) if isinstance(table, dict) else None
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise UsageError(
            "[tool.m3d-surgeon] patches is not a list of folders",
            path=str(file),
            hint='write it as patches = ["m3d_patches"]',
        )
    return named


def _toml() -> Any:
    """A TOML parser: the standard library's since Python 3.11, else tomli where it is installed.

    Raises:
        UsageError: there is none.
    """
    for name in ("tomllib", "tomli"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise UsageError(
        "this Python (older than 3.11) cannot read TOML without the package tomli",
        hint="name the folder itself with --patches DIR, or install tomli beside m3d-surgeon",
    )


def _left_out(file: Path, folder: Path) -> str:
    modules = ", ".join(_modules(folder)) or "no module"
    return (
        f"{file} names the patches in {folder} ({modules}), which were left out: "
        f"they are code that would run; look at them, then use them with `--patches {file.name}` once, "
        "and they are used here from then on"
    )


def _modules(folder: Path) -> list[str]:
    from surgeon.registry import modules_in  # here: it is loaded while the interpreter is asked

    return [path.name for path in modules_in([folder])]


def _memory() -> Path | None:
    """The file that remembers folders, in the user's own state."""
    state = userfiles.folder("XDG_STATE_HOME", ".local/state")
    return state / "patch-folders.json" if state else None


def _remembered() -> frozenset[str]:
    """Absolute paths; none where the memory cannot be read."""
    memory = _memory()
    try:
        known = json.loads((userfiles.read(memory) if memory else None) or b'{"folders": []}')
        return frozenset(each for each in known["folders"] if isinstance(each, str))
    except (ValueError, KeyError, TypeError):
        return frozenset()


def _remember(found: Iterable[Path]) -> None:
    """Add folders to the memory. A home that cannot be written is no reason to fail: they were named."""
    known = _remembered()
    every = sorted(known | {str(folder) for folder in found})
    memory = _memory()
    if memory is None or frozenset(every) == known:
        return
    with contextlib.suppress(OSError):
        userfiles.write(memory, json.dumps({"schema": 1, "folders": every}, indent=2).encode() + b"\n")
