"""The operation behind `wheel`: wheels in, patched wheels out, made by the engine that `apply` uses."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from importlib_metadata import version as version_of

from surgeon.errors import EnvironmentUnusable, Refused, SurgeonError, UsageError
from surgeon.operations.work import Progress, silent
from surgeon.registry import Registry
from surgeon.site.environment import Environment
from surgeon.site.store import sha256
from surgeon.wheels.archive import BadArchive, DateTime
from surgeon.wheels.conditions import Conditions, conditions, together, undecided
from surgeon.wheels.download import wheel_at
from surgeon.wheels.local_versions import patched
from surgeon.wheels.output import lies_there, put
from surgeon.wheels.rebuild import Rebuilt, rebuild
from surgeon.wheels.requirements import contradicted, relaxed
from surgeon.wheels.results import NOT_NEEDED, PENDING, REFUSED, UNCHANGED, WRITTEN, Built, Shipped
from surgeon.wheels.scratch import Rewritten, concerned, rewrite
from surgeon.wheels.wheel import Wheel, open_wheel


@dataclass(frozen=True)
class Options:
    """How the wheels are to be built.

    Attributes:
        output: the folder for them; made where it is missing.
        build_number: see `versions.patched`.
        relax: loosen the requirements that the conditions deny, instead of only warning.
        date_time: of every entry, instead of its own.
    """

    output: Path
    build_number: int = 1
    relax: bool = False
    dry_run: bool = False
    date_time: DateTime | None = None


@dataclass(frozen=True)
class _Item:
    """One argument: the wheel behind it, or why there is none; and what became of it."""

    given: str
    wheel: Wheel | None = None
    built: Built | None = None
    errors: tuple[SurgeonError, ...] = ()
    warnings: tuple[str, ...] = ()


def wheel(
    arguments: Sequence[str],
    order: Options,
    registry: Registry,
    *,
    given: Sequence[str] = (),
    environment: Environment | None = None,
    progress: Progress = silent,
) -> Shipped:
    """Patch wheels, each for the conditions and for being installed beside the others.

    Args:
        arguments: paths of wheels, and exact requirements (`diffusers==0.36.0`), which are downloaded.
        given: `--with`, each `name==version`.
        environment: where the wheels will be installed, or `None` where only `given` says.

    Raises:
        UsageError: the command line asks for something that does not exist; nothing was written.
    """
    known = conditions(given, environment, registry.patches.values())
    answer = Shipped(environment, known.versions, errors=registry.problems, dry_run=order.dry_run)
    if registry.problems:  # a wheel without one of its patches would look like one that needs none
        return answer
    with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as name:
        scratch = Path(name)
        items = [
            _opened(argument, environment, scratch / f"download-{number}", progress)
            for number, argument in enumerate(dict.fromkeys(arguments))
        ]
        known = _decided(known, [item.wheel for item in items if item.wheel], registry)
        workshop = _Workshop(order, known, environment, registry, progress)
        items = [workshop.finished(item, scratch / f"site-{number}") for number, item in enumerate(items)]
    return replace(
        answer,
        conditions=known.versions,
        wheels=tuple(item.built for item in items if item.built),
        errors=tuple(error for item in items for error in item.errors),
        warnings=tuple(warning for item in items for warning in item.warnings),
    )


def source_date() -> DateTime | None:
    """`SOURCE_DATE_EPOCH` as a date, UTC (https://reproducible-builds.org/specs/source-date-epoch/).

    Raises:
        UsageError: it is set and is no number of seconds that a zip archive can hold.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text is None:
        return None
    try:
        moment = time.gmtime(int(text))
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or not 1970 <= moment.tm_year <= 2107:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {text!r}, which is no time in seconds", hint="set it right, or unset it"
        )
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)


def _opened(argument: str, environment: Environment | None, folder: Path, progress: Progress) -> _Item:
    progress(argument, 0, 1)
    folder.mkdir()
    try:
        return _Item(argument, open_wheel(wheel_at(argument, environment, folder)))
    except Refused as refusal:
        return _Item(argument, None, Built(argument, REFUSED, reason=refusal.message), (refusal,))


def _releases(wheels: Sequence[Wheel]) -> dict[str, str]:
    """The wheels' versions by name.

    Raises:
        UsageError: they hold two releases of one distribution, of which only one can be installed.
    """
    found: dict[str, str] = {}
    for each in wheels:
        if found.setdefault(each.name, str(each.version)) != str(each.version):
            raise UsageError(
                f"two releases of {each.name}: {found[each.name]} and {each.version}",
                hint="patch each by a command of its own: the wheels of one command are for one place",
            )
    return found


def _decided(known: Conditions, wheels: Sequence[Wheel], registry: Registry) -> Conditions:
    """The conditions, the wheels themselves among them; enough to know which patches each needs.

    Raises:
        UsageError: one is missing, or denied by a wheel.
    """
    known = together(known, _releases(wheels))
    for each in wheels:
        missing = undecided(known, concerned(each, registry), each.name, str(each.version))
        for name, patches in sorted(missing.items()):
            raise UsageError(
                f"{each.name} {each.version}: {', '.join(patches)} depends on which {name} is installed",
                hint=f"name it with --with {name}==VERSION, or name the environment with --python",
                code="no-conditions",
            )
    return known


@dataclass(frozen=True)
class _Workshop:
    """What is the same for every wheel of a command."""

    order: Options
    known: Conditions
    environment: Environment | None
    registry: Registry
    progress: Progress

    def finished(self, item: _Item, site: Path) -> _Item:
        """Build one wheel and put it in its place, or say why not."""
        if item.wheel is None:
            return item
        facts = Built(
            item.given,
            REFUSED,
            distribution=item.wheel.name,
            version=str(item.wheel.version),
            original_sha256=item.wheel.sha256,
        )
        try:
            version = patched(item.wheel.version, self.order.build_number)
            done = rewrite(item.wheel, site, self.known, self.environment, self.registry, self.progress)
            if done.refusals:
                reason = "; ".join(refusal.message for refusal in done.refusals)
                return replace(item, built=replace(facts, reason=reason), errors=done.refusals)
            if not done.sources:
                return replace(item, built=replace(facts, state=NOT_NEEDED, reason="it needs no patch here"))
            rebuilt, warnings = self._rebuilt(item.wheel, version, done)
            built = self._placed(replace(facts, output_version=version, files=done.patches), rebuilt)
            return replace(item, built=built, warnings=warnings)
        except (Refused, EnvironmentUnusable) as refusal:
            refusal.path = refusal.path or item.given
            return replace(item, built=replace(facts, reason=refusal.message), errors=(refusal,))

    def _rebuilt(self, each: Wheel, version: str, done: Rewritten) -> tuple[Rebuilt, tuple[str, ...]]:
        metadata = f"{each.info}/METADATA"
        before = each.content(metadata)
        markers = self.environment.interpreter.markers if self.environment else None
        denied = contradicted(before, self.known.versions, markers)
        sources = dict(done.sources)
        if denied and self.order.relax:
            sources[metadata] = relaxed(before, self.known.versions, markers)
        note = self._note(each, done, denied if self.order.relax else [])
        try:
            rebuilt = rebuild(each, version, sources, note, self.order.date_time)
        except BadArchive as error:
            raise Refused(f"{each.filename} cannot be written again: {error}", code="bad-wheel") from error
        warnings = [_asks(each, text, loosened=self.order.relax) for text in denied]
        warnings += [f"{each.filename}: {dropped} was left out" for dropped in rebuilt.dropped]
        return rebuilt, tuple(warnings)

    def _note(self, each: Wheel, done: Rewritten, loosened: Sequence[str]) -> Mapping[str, object]:
        """What the wheel says of itself: nothing in it depends on when, where or by whom it was built."""
        ids = sorted({patch for patches in done.patches.values() for patch in patches})
        asked = sorted({name for patch in ids for name in self.registry.patches[patch].when})
        return {
            "schema": 1,
            "m3d-surgeon": version_of("m3d-surgeon"),
            "original": {"file": each.filename, "version": str(each.version), "sha256": each.sha256},
            "conditions": {name: self.known.versions[name] for name in asked if name in self.known.versions},
            "patches": {patch: self.registry.patches[patch].digest for patch in ids},
            "files": {path: list(patches) for path, patches in sorted(done.patches.items())},
            "looked": {path: list(patches) for path, patches in sorted(done.looked.items())},
            "results": {each.installed_as(name): sha256(data) for name, data in sorted(done.sources.items())},
            "relaxed": list(loosened),
        }

    def _placed(self, built: Built, rebuilt: Rebuilt) -> Built:
        place = self.order.output / rebuilt.filename
        built = replace(built, output=str(place), sha256=sha256(rebuilt.data))
        if lies_there(place, rebuilt.data):
            return replace(built, state=UNCHANGED)
        if self.order.dry_run:
            return replace(built, state=PENDING)
        put(place, rebuilt.data)
        return replace(built, state=WRITTEN)


def _asks(each: Wheel, text: str, *, loosened: bool) -> str:
    wish = f"{each.name} {each.version} asks for {text}"
    if loosened:
        return f"{wish}; its patched wheel takes any release of it"
    return (
        f"{wish}, which denies the conditions: install it without its dependencies, or build it with --relax"
    )
