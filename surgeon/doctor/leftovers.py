"""Findings about what lies beside the packages: failed uninstalls, ghosts, hidden modules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from surgeon.doctor.finding import Action, Finding, Need
from surgeon.site.distribution import normalised
from surgeon.site.inventory import Copy, Inventory, exists, is_folder, is_system, read_regular

DATA_FOLDERS = frozenset({"bin", "etc", "include", "lib", "lib64", "man", "share"})
"""What `pip install --target` puts beside the packages."""
MOST_FOLDERS = 10_000
"""A folder that no distribution owns is looked through up to so many folders."""


def failed_uninstalls(sites: tuple[Path, ...]) -> list[Finding]:
    """Folders that pip renamed before removing them, and then did not (`~umpy`)."""
    found = []
    for site in sites:
        names = [name for name in _listing(site) if name.startswith("~")]
        if names:
            found.append(
                Finding(
                    "failed-uninstall",
                    f"leftovers of a failed uninstall: {', '.join(names[:5])}"
                    + (" ..." if len(names) > 5 else ""),
                    "pip renames what it removes, and was interrupted or refused: the old files take "
                    "up space and pip warns of an invalid distribution on every run.",
                    tuple(Need(Action.REMOVE, str(site / name)) for name in names),
                    path=str(site),
                    details=tuple(str(site / name) for name in names[:5]),
                )
            )
    return found


def ghosts(inventory: Inventory, sites: tuple[Path, ...]) -> tuple[list[Finding], list[str]]:
    """Folders that no distribution owns and that Python takes for a (namespace) package.

    Returns:
        Findings for those that hold nothing but bytecode; notes for those with anything of somebody's.
    """
    found, notes = [], []
    for site in sites:
        owned = _owned(inventory, site)
        if owned is None:
            continue
        for name in _listing(site):
            folder = site / name
            if name in owned or not name.isidentifier() or name == "__pycache__" or name in DATA_FOLDERS:
                continue
            if not is_folder(folder) or folder.is_symlink() or exists(folder / "__init__.py"):
                continue
            if exists(site / f"{name}.py"):  # a module is found before a folder that is no package
                continue
            if _holds_anything(folder):
                notes.append(f"{folder} belongs to no installed distribution")
                continue
            found.append(_ghost(folder))
    return found, notes


def _ghost(folder: Path) -> Finding:
    return Finding(
        "ghost",
        f"the folder {folder.name} belongs to no installed distribution and holds nothing but bytecode",
        f"An uninstall left it. Python takes it for a namespace package: `import {folder.name}` succeeds, "
        "and code that looks whether the package is there (`find_spec`) goes on as if it were.",
        (Need(Action.REMOVE, str(folder)),),
        path=str(folder),
    )


def modules(inventory: Inventory) -> dict[tuple[Path, str], str]:
    """The distribution that keeps each top-level name which several claim: the one of that name.

    By site directory and module.
    """
    return {(site, name): module.name for site, name, module, _ in _claimed_twice(inventory)}


def hidden_modules(inventory: Inventory) -> list[Finding]:
    """Modules (`x.py`) that a package folder (`x/`) of another distribution hides.

    Python looks for a package before it looks for a module. xfuser 0.4.3 to 0.7.0 ship a
    folder `entrypoints/` at the top level, which hides the module of the distribution entrypoints.
    """
    found = []
    for site, name, module, package in _claimed_twice(inventory):
        if not exists(site / name / "__init__.py") or not exists(site / f"{name}.py"):
            continue
        own = all(
            path.split("/")[0] != name
            for copy in inventory.copies
            if copy.site == site and copy is not package
            for path in copy.rows
        )
        needs = (Need(Action.REMOVE, str(site / name)),) if own else ()
        found.append(
            Finding(
                "hidden-module",
                f"{name}.py of {module.name} {module.version} is hidden by the folder {name}/ of "
                f"{package.name} {package.version}",
                f"`import {name}` gets {package.name}'s folder: everything that uses {module.name} fails "
                "(Jupyter, where it is entrypoints).",
                needs,
                module.name,
                module.version,
                str(site / name),
                advice="" if needs else f"uninstall {package.name} or {module.name}",
            )
        )
    return found


def _claimed_twice(inventory: Inventory) -> Iterator[tuple[Path, str, Copy, Copy]]:
    """Site, name, the distribution called so that has it as a module, and the one that has a folder."""
    packages: dict[tuple[Path, str], Copy] = {}
    for copy in inventory.copies:
        for path in copy.rows:
            if path.endswith("/__init__.py") and path.count("/") == 1:
                packages.setdefault((copy.site, path.split("/")[0]), copy)
    for copy in inventory.copies:
        # A copy whose RECORD is lost is taken to have had the module of its name.
        named = copy.name.replace("-", "_")
        for path in copy.rows or ((f"{named}.py",) if exists(copy.site / f"{named}.py") else ()):
            name = path.removesuffix(".py")
            if "/" in path or name == path or normalised(name) != copy.name:
                continue
            other = packages.get((copy.site, name))
            if other is not None and other.name != copy.name:
                yield copy.site, name, copy, other


def _owned(inventory: Inventory, site: Path) -> set[str] | None:
    """The top-level names that distributions own; `None` where that cannot be known."""
    names: set[str] = set()
    here = [copy for copy in inventory.copies if copy.site == site]
    if is_system(site) or any(copy.faults for copy in here):
        return None
    for copy in here:
        names |= {path.split("/")[0] for path in copy.rows}
        if not copy.rows:
            names |= _top_level(site / copy.info) | {copy.name.replace("-", "_")}
    return names


def _top_level(info: Path) -> set[str]:
    try:
        return set(read_regular(info / "top_level.txt").decode(errors="replace").split())
    except OSError:
        return set()


def _holds_anything(folder: Path) -> bool:
    """Tell whether anything but bytecode and folders lies below, or what is there cannot be seen."""
    hidden: list[OSError] = []
    for number, (place, folders, names) in enumerate(os.walk(folder, onerror=hidden.append)):
        if number > MOST_FOLDERS or any(not name.endswith(".pyc") for name in names):
            return True
        if any(Path(place, name).is_symlink() for name in folders):
            return True
    return bool(hidden)


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(place.name for place in folder.iterdir())
    except OSError:
        return []
