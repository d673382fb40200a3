"""From one observed release to corrections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.tools.torch_names.corrections import Corrections
from tests.tools.torch_names.events import Event
from tests.tools.torch_names.facts import covered
from tests.tools.torch_names.modules import is_extension
from tests.tools.torch_names.resolve import Release
from tests.tools.torch_names.wheels import Parser


def learn(
    corrections: Corrections,
    version: str,
    path: Path,
    observation: dict[str, object],
    log: Callable[[str], None],
) -> None:
    """Add what one running release shows.

    Args:
        corrections: changed in place.
        version: the release.
        path: the archive of its sources.
        observation: what `observe.py` printed.
        log: takes progress.
    """
    build = str(observation["version"])
    modules: dict[str, dict[str, object]] = observation["modules"]  # type: ignore[assignment]
    seen = {module: set(names) for module, names in modules.items() if covered(module)}
    at = corrections.place(version, build)
    absent = "-" if build.endswith("+cpu") else "0"
    parser = Parser(covered, log)
    extension = {m for m in seen if is_extension(m)}
    bare = parser.release(path, {m: [Event("open")] for m in extension})
    for module in {m for m in extension if not any(not _dunder(n) for n in seen[m])}:
        parent, _, name = module.rpartition(".")
        seen.setdefault(parent, set()).add(name)  # an empty module: known as a name of its parent
    for module in extension:
        derived = _names(bare, module) - {n for n in seen[module] if f"{module}.{n}" in extension}
        there = {n for n in seen[module] if not _dunder(n)}
        corrections.learn(at, corrections.extra, module, there, there - derived, absent)
        gone = derived - there - _inner(bare, module) if absent == "0" else set()
        corrections.learn(at, corrections.lacking, module, gone, gone, "0" if absent == "0" else "-")
    release = parser.release(path, corrections.extension_events(version))
    for module in sorted(set(seen) - extension):
        there = {n for n in seen[module] if not _dunder(n)}
        new = there - _names(release, module) if module in release.modules else set()
        corrections.learn(at, corrections.extra, module, there, new, absent)
    for patterns in (corrections.extra, corrections.lacking):
        for module in set(patterns) - set(seen):
            failed = module in release.modules and not is_extension(module)
            corrections.learn(at, patterns, module, set(), set(), "-" if failed else absent)
    names = sum(map(len, corrections.extra.values()))
    log(f"torch {build}: {len(seen)} modules looked at, {names} names known")


def _names(release: Release, module: str) -> set[str]:
    scope = release.scope(module) if module in release.modules else None
    if scope is None:
        return set()
    merged = {name for place in scope.merged for name in release.members(place)}
    return {n for n in {*scope.names, *merged, *_inner(release, module)} if not _dunder(n)}


def _inner(release: Release, module: str) -> set[str]:
    return {m.rpartition(".")[2] for m in release.modules if m.rpartition(".")[0] == module}


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
