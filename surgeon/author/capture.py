"""`capture`: patches made of what was edited by hand; each proves itself before it is written."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon import registry as registries
from surgeon.answer import Place
from surgeon.author import capture_text
from surgeon.author.changes import compare
from surgeon.author.drafts import module_name, write
from surgeon.author.examples import checks
from surgeon.author.excerpt import excerpts
from surgeon.author.pristine import Pristine
from surgeon.author.results import Written
from surgeon.errors import Refused, SurgeonError, UsageError
from surgeon.patch import Case, Patch, at_least
from surgeon.registry import Registry
from surgeon.rewriting.rewrite import deeply, parse, rewrite
from surgeon.site.distribution import Distribution, Installed
from surgeon.site.environment import Environment, compile_errors
from surgeon.site.fs import Root
from surgeon.site.store import Store, sha256
from surgeon.site.versions import this_release


@dataclass(frozen=True)
class HandEdit:
    """One file that was edited by hand.

    Attributes:
        base: what the hand edit was made on: the pristine bytes, or those with our patches in them.
        pristine: what RECORD lists.
        beside: the patches that the file has besides.
    """

    path: str
    base: bytes
    pristine: bytes
    edited: bytes
    beside: tuple[Patch, ...] = ()


def capture(
    environment: Environment,
    registry: Registry,
    name: str,
    folder: Path,
    *,
    given_id: str = "",
    wheel: Path | None = None,
    build: bool = False,
) -> Written:
    """Make a patch of every installed file of a distribution that was edited by hand.

    Args:
        name: the distribution.
        folder: where the patch modules go.
        given_id: the patch's id; with several files, the beginning of their ids.
        wheel: where the pristine files are, if not in the store or on the index.
        build: whether a release that has no wheel may be built, which runs its code.

    Raises:
        UsageError: it is not installed, or an id is bad or taken.
        Refused: nothing was edited, or its files may not be.
        EnvironmentUnusable: a module cannot be written.
    """
    distribution = _installed(environment, name)
    pristine = Pristine(environment, distribution, wheel, build)
    errors: list[SurgeonError] = []
    paths = [*_edited_paths(distribution, errors)]
    if not paths and not errors:
        raise Refused(
            f"no file of {name} {distribution.version} was edited: all are as shipped, or as patched",
            path=str(distribution.site),
            hint="edit the installed file, run it, then run this command again",
            code="nothing-to-capture",
        )
    ids = _ids(distribution.name, paths, given_id)
    places = {path: folder / module_name(ids[path], registry) for path in paths}
    made: dict[str, Patch] = {}
    for path in paths:
        try:
            file = _read(distribution, registry, pristine, path)
            made[path] = _patch(environment, distribution, file, ids[path])
        except Refused as refusal:
            refusal.path, refusal.hint = refusal.path or path, refusal.hint or _by_hand(ids[path], name, path)
            errors.append(refusal)
    for path, patch in made.items():
        write(places[path], capture_text.module(patch, distribution.version))
    return _answer(environment, distribution, made, places, errors)


def _answer(
    environment: Environment,
    distribution: Distribution,
    made: Mapping[str, Patch],
    places: Mapping[str, Path],
    errors: Sequence[SurgeonError],
) -> Written:
    return Written(
        command="capture",
        place=Place.of(environment),
        distribution=distribution.name,
        version=distribution.version,
        created=tuple(str(places[path]) for path in made),
        patches=tuple(patch.id for patch in made.values()),
        files=tuple(made),
        notes=tuple(_notes(made, distribution)),
        errors=tuple(errors),
    )


def patch_of(distribution: str, version: str, path: str, name: str, before: bytes, after: bytes) -> Patch:
    """A patch that makes `after` out of `before`, but for formatting and comments, with an example.

    Raises:
        Refused: a change cannot be anchored, or the patch does not prove itself.
    """
    return deeply(lambda: _made(distribution, version, path, name, before, after))


def _made(distribution: str, version: str, path: str, name: str, before: bytes, after: bytes) -> Patch:
    old, new = parse(before), parse(after)
    changes = compare(old, new)
    patch = Patch(
        id=name,
        symptom="",
        why=f"Captured from an edit by hand of {path} in {distribution} {version}.",
        distribution=distribution,
        versions=this_release(version),
        when={},
        files=(path,),
        needle=(b"\n",),
        transforms=tuple(changes.edits),
        expect=at_least(1, zero="the change is there already"),
        cases=(),
        unchanged=(),
        probe=f"import {path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}",
    )
    _prove(patch, before, after)
    return _with_example(patch, excerpts(old, changes), before)


def _prove(patch: Patch, before: bytes, after: bytes, beside: Sequence[Patch] = ()) -> None:
    """Hold a patch against the hand edit that it was made of.

    Raises:
        Refused: it fails, makes something else, or would match its own result.
    """
    done = rewrite(before, [*beside, patch])
    if reason := next(iter(done.failures.values()), ""):
        raise Refused(f"the edits do not apply together: {reason}", code="not-proved")
    if _said(done.result) != _said(after):
        raise Refused("the edits, put together, make something else of the file", code="not-proved")
    again = rewrite(done.result, [patch])
    if again.result != done.result or again.failures or any(again.matches.values()):
        raise Refused("the edits would match their own result", code="not-proved")


def _with_example(patch: Patch, texts: Sequence[str], source: bytes) -> Patch:
    """The patch with the shortest excerpt on which all checks of its examples pass."""
    said = ""
    for text in texts:
        needle = capture_text.needles(source, text)
        attempt = replace(patch, needle=needle or (b"\n",))
        after = rewrite(text.encode(), [attempt])
        complete = replace(attempt, cases=(Case(text, after.result.decode()),))
        faults = [check for check in checks(complete) if check.fault]
        if needle and not faults:
            return complete
        said = f"{faults[0].name}: {faults[0].fault.message}" if faults and faults[0].fault else "no needle"
    raise Refused(f"no example of the edits passes its checks: {said}", code="not-proved")


def _patch(environment: Environment, distribution: Distribution, file: HandEdit, name: str) -> Patch:
    """One file's patch, once it is loaded from its own text and held against the hand edit."""
    if error := compile_errors(environment, [file.edited])[0]:
        raise Refused(f"the edited file does not compile: {error}", code="does-not-compile")
    made = patch_of(distribution.name, distribution.version, file.path, name, file.base, file.edited)
    with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as scratch:
        place = Path(scratch, "captured.py")
        place.write_text(capture_text.module(made, distribution.version), encoding="utf-8")
        known = registries.load(Path(scratch))
        if problem := next((each for each in known.problems if each.path == str(place)), None):
            raise Refused(f"the module does not load: {problem.message}", code="not-proved")
        loaded = known.patches[name]
    if loaded != made:
        raise Refused("the module does not say what was captured", code="not-proved")
    _prove(loaded, file.pristine, file.edited, file.beside)
    return loaded


def _edited_paths(distribution: Distribution, errors: list[SurgeonError]) -> Iterator[str]:
    """The sources that are neither what RECORD lists nor what we wrote; what else changed is refused."""
    root = Root(distribution.site)
    entries = Store(root).manifest().files
    for path in sorted(distribution.paths):
        recorded, entry = distribution.recorded(path), entries.get(path)
        if recorded is None or path.endswith(".pyc"):
            continue
        try:
            current = sha256(root.read(path))
        except (OSError, ValueError) as error:
            errors.append(_cannot(path, f"it was removed or cannot be read: {error}"))
            continue
        if current == recorded or (entry is not None and current == entry.result):
            continue
        if path.endswith(".py"):
            yield path
        else:
            errors.append(_cannot(path, "it is no Python source"))


def _read(distribution: Distribution, registry: Registry, pristine: Pristine, path: str) -> HandEdit:
    """A file, what it was before the edit, and the patches that were in it then."""
    edited = Root(distribution.site).read(path)
    original = pristine.read(path)
    entry = Store(Root(distribution.site)).manifest().files.get(path)
    if entry is None or not entry.patches:
        return HandEdit(path, original, original, edited)
    beside = tuple(patch for name, patch in registry.patches.items() if name in entry.patches)
    base = rewrite(original, beside).result
    if sha256(base) != entry.result:
        raise Refused(
            f"it was edited on top of {', '.join(entry.patches)}, which would be made otherwise today",
            hint="move your copy of the file away, reinstall the package, apply, and edit it again",
            code="outdated",
        )
    return HandEdit(path, base, original, edited, beside)


def _installed(environment: Environment, name: str) -> Distribution:
    distribution = Installed(environment).find(name)
    if distribution is None:
        raise UsageError(
            f"{name} is not installed",
            path=str(environment.python or ""),
            hint="name the environment with --python INTERPRETER_OR_VENV",
            code="not-installed",
        )
    if distribution.unpatchable:
        raise Refused(f"{name}: {distribution.unpatchable}", path=str(distribution.site), code="unpatchable")
    return distribution


def _ids(distribution: str, paths: Sequence[str], given: str) -> dict[str, str]:
    """An id for each file: the one that was given, or made of the distribution's name and the file's."""
    if given and len(paths) == 1:
        return {paths[0]: given}
    for parts in range(1, max((path.count("/") for path in paths), default=0) + 2):
        ids = {path: _kebab(f"{given or distribution}/{_tail(path, parts)}") for path in paths}
        if len({*ids.values()}) == len(paths):
            return ids
    return {path: _kebab(f"{given or distribution}/{path}/{n}") for n, path in enumerate(paths)}


def _tail(path: str, parts: int) -> str:
    return "/".join(path.removesuffix(".py").removesuffix("/__init__").split("/")[-parts:])


def _kebab(text: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split())


def _cannot(path: str, reason: str) -> Refused:
    return Refused(f"it cannot be captured: {reason}", path=path, hint="put it back", code="not-a-source")


def _by_hand(name: str, distribution: str, path: str) -> str:
    return f"write the patch by hand: `m3d-surgeon new {name} -d {distribution} -f {path}`"


def _notes(made: Mapping[str, Patch], distribution: Distribution) -> Iterator[str]:
    for path, patch in made.items():
        number = len(patch.transforms)
        yield f"{patch.id}: {number} {'edit' if number == 1 else 'edits'} of {path}"
    if made:
        yield f"for {distribution.name} {distribution.version} alone: another release may have mended it"
    if made:
        release = f"{distribution.name}=={distribution.version}"
        yield f"to have the patch instead of your edit: pip install --force-reinstall --no-deps {release},"
        yield "then m3d-surgeon apply --patches with the folder of the module"


def _said(data: bytes) -> str:
    """A file as a syntax tree, written out; what this Python cannot read is compared by its words."""
    try:
        return ast.dump(ast.parse(data))
    except (SyntaxError, ValueError):
        return " ".join(parse(data).code.split())
