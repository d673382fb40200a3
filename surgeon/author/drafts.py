"""`new`: a patch module to begin with, whose case fails until its edit is right."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from surgeon.answer import Place
from surgeon.author.results import Written
from surgeon.author.template import Sketch, candidates, module
from surgeon.errors import EnvironmentUnusable, Refused, UsageError
from surgeon.registry import ID, Registry
from surgeon.site.distribution import Distribution, Installed, is_glob, matching
from surgeon.site.environment import Environment
from surgeon.site.fs import is_contained
from surgeon.site.versions import below_the_next_minor


def new(
    environment: Environment, registry: Registry, name: str, distribution: str, file: str, folder: Path
) -> Written:
    """Write a patch module and say what could be filled in.

    Args:
        name: the patch's id.
        file: a path relative to the site directory, or inside it, or a glob.
        folder: where the module goes; made where it is missing.

    Raises:
        UsageError: the id is bad or taken, or the installed distribution has no such file.
        Refused: the module is there already.
        EnvironmentUnusable: it cannot be written.
    """
    place = folder / module_name(name, registry)
    installed = Installed(environment)
    found = installed.find(distribution)
    path = _path(file, found, distribution)
    known = Sketch(
        id=name,
        distribution=distribution,
        file=path,
        version=found.version if found else "",
        when=_when(installed, distribution),
        candidates=_candidates(found, path),
    )
    write(place, module(known))
    missing = f"{distribution} is not installed here, so its version and file were not checked"
    return Written(
        command="new",
        place=Place.of(environment),
        distribution=distribution,
        version=known.version,
        created=(str(place),),
        patches=(name,),
        files=(path,),
        notes=tuple(_notes(known)),
        warnings=() if found else (missing,),
    )


def module_name(name: str, registry: Registry) -> str:
    """The file name of a new patch's module.

    Raises:
        UsageError: the id is not kebab case, or another patch has it.
    """
    if not re.fullmatch(ID, name):
        raise UsageError(
            f"the id {name!r} is not kebab case",
            hint="use lower-case words and digits with hyphens between them: my-first-patch",
            code="bad-id",
        )
    if name in registry.patches:
        raise UsageError(
            f"the id {name!r} is taken",
            path=str(registry.sources.get(name, "")) or None,
            hint="choose another id",
            code="id-taken",
        )
    return f"{name.replace('-', '_')}.py"


def write(place: Path, text: str) -> None:
    """Write a new module.

    Raises:
        Refused: something has that name.
        EnvironmentUnusable: the folder cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Refused(
            "there is something of that name already, and it stays",
            path=str(place),
            hint="choose another id or another folder (--dir)",
            code="exists",
        ) from error
    except OSError as error:
        raise EnvironmentUnusable(
            f"the module cannot be written: {error.strerror}",
            path=str(place),
            hint="name a folder that you may write with --dir",
            code="unwritable",
        ) from error


def _path(file: str, found: Distribution | None, distribution: str) -> str:
    """The file as a patch names it: relative to the site directory, and one of the distribution's."""
    path = file
    if found is not None and Path(file).is_absolute() and Path(file).is_relative_to(found.site):
        path = Path(file).relative_to(found.site).as_posix()
    if not is_contained(path) or not path.endswith(".py"):
        raise UsageError(
            f"not a Python file inside site-packages: {file!r}",
            hint=f"name it as RECORD does: {distribution.replace('-', '_')}/module.py, or with globs",
            code="bad-file",
        )
    if found is None or any(True for _ in matching((path,), found.paths)):
        return path
    near = _near(path, [each for each in found.paths if each.endswith(".py")])
    raise UsageError(
        f"{distribution} {found.version} has no {'file like' if is_glob(path) else 'file'} {path!r}"
        + (f"; did you mean {' or '.join(map(repr, near))}?" if near else ""),
        path=str(found.site),
        hint="name it relative to site-packages, as RECORD does",
        code="unknown-file",
    )


def _near(path: str, paths: list[str]) -> list[str]:
    """The files that may have been meant: those that end alike, then those that are spelt alike."""
    tail = [each for each in paths if each.endswith(f"/{path}")]
    return (tail or difflib.get_close_matches(path, paths, n=3, cutoff=0.6))[:3]


def _when(installed: Installed, distribution: str) -> dict[str, str]:
    """The torch that is here, and older: what a newer one has, the patch is not for."""
    torch = installed.find("torch")
    if torch is None or distribution == "torch":
        return {}
    below = below_the_next_minor(torch.version)
    return {"torch": below} if below else {}


def _candidates(found: Distribution | None, path: str) -> list[str]:
    if found is None or is_glob(path):
        return []
    try:
        return candidates((found.site / path).read_bytes(), own=path.partition("/")[0].removesuffix(".py"))
    except OSError:
        return []


def _notes(known: Sketch) -> list[str]:
    filled = [f"for {known.distribution} {known.version}"] if known.version else []
    filled += [f"where {name} is {specifier}" for name, specifier in (known.when or {}).items()]
    if known.candidates:
        filled.append(f"the file reads {', '.join(known.candidates)}")
    return filled
