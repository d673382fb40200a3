"""`scan`, without a terminal: takes an environment and what is asked of it, and returns a `ScanResult`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from surgeon.distribution import Installed as Distributions
from surgeon.environment import Environment
from surgeon.registry import Registry
from surgeon.scan import cache
from surgeon.scan.cover import Cover, Patched
from surgeon.scan.gaps import Gap, When
from surgeon.scan.graph import Failure, Graph
from surgeon.scan.guards import World
from surgeon.scan.installed import Installed
from surgeon.scan.known import Known
from surgeon.scan.reading import Key, Reading
from surgeon.scan.results import Broken, Minimum, Place, Row, Scanned, ScanResult, Verdict, from_json
from surgeon.scan.sources import Origin, headers, modules, origins, tops
from surgeon.scan.surface import Surface
from surgeon.store import sha256

REWRITING = 20
"""Rewriting a source takes so many times as long as looking at it."""


Bite = tuple[str, str, When]
"""A name, the keyword that it does not take or an empty text, and when."""


@dataclass(frozen=True)
class Request:
    """What the command line asks.

    Attributes:
        wanted: distributions, folders or files; none for every one that depends on the module.
        module: the module that is asked: `torch`.
        release: a release of it that need not be installed, or an empty string.
        minimum: whether to go through all known releases of it.
        import_time_only: whether to leave out what bites only when it is called.
        fail_on: the exit code is 1 if a gap bites then, or at import.
    """

    wanted: tuple[str, ...] = ()
    module: str = "torch"
    release: str = ""
    minimum: bool = False
    import_time_only: bool = False
    fail_on: When | None = None


def scan(environment: Environment, registry: Registry, request: Request) -> ScanResult:
    """Find what the installed sources ask of a module in vain.

    Raises:
        UsageError: there is nothing of the name that was given.
        EnvironmentUnusable: the module cannot be asked.
    """
    installed = Distributions(environment)
    targets = tuple(origins(environment, installed, request.wanted, request.module))
    versions = {each.name.replace("-", "_"): each.version for each in headers(environment)}
    importable = frozenset(modules(environment))
    asked = installed.find(request.module)
    record = sha256((asked.record_bytes if asked else None) or b"")
    what = f"{request.module} {request.release} {request.minimum} {record}"
    name = cache.key(environment, registry, targets, versions, importable, what)
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        if kept := cache.load(name):
            return _as_asked(from_json(kept), request)
    world = World(request.module, versions, importable, python=environment.version)
    run = _Minimum if request.minimum else _Once
    result = run(environment, installed, registry, request, world, targets).result()
    cache.save(name, result.to_json())
    return _as_asked(result, request)


def _as_asked(result: ScanResult, request: Request) -> ScanResult:
    """The answer without what was not asked for, and the exit code."""
    rows = result.rows
    if request.import_time_only:
        places = ((row, tuple(p for p in row.places if p.when is When.IMPORT)) for row in rows)
        rows = tuple(replace(row, places=each) for row, each in places if each)
    bites = {row.when for row in result.rows}
    gravest = {None: set(), When.IMPORT: {When.IMPORT}, When.CALL: {When.IMPORT, When.CALL}}[request.fail_on]
    warnings = tuple(f"{path} was left out: {reason}" for path, reason in result.skipped)
    return replace(result, rows=rows, warnings=warnings, exit_code=1 if bites & gravest else 0)


class _Run:
    """What both kinds of run need."""

    def __init__(
        self,
        environment: Environment,
        installed: Distributions,
        registry: Registry,
        request: Request,
        world: World,
        targets: tuple[Origin, ...],
    ) -> None:
        self.environment, self.installed, self.registry = environment, installed, registry
        self.request, self.world, self.targets = request, world, targets

    def base(self) -> ScanResult:
        python = self.environment.python
        return ScanResult(
            python=str(python) if python else None,
            site_directories=tuple(str(each) for each in self.environment.site_directories),
            module=self.request.module,
            surface="",
        )

    def against(self, surface: Surface, release: str, reading: Reading) -> ScanResult:
        """Scan against one surface."""
        instead = {self.request.module: release} if release else {}
        world = replace(self.world, versions={**self.world.versions, **instead})
        cover = Cover(self.registry, self.installed, instead)
        return _Scan(self.base(), surface, reading.asking(world, surface.ask), cover).result()

    def looked(self) -> Reading:
        reading = Reading(self.targets, self.world, Known(lambda _: {}))
        reading.look()
        return reading


class _Once(_Run):
    """One release: the one that is installed, or one out of the table."""

    def result(self) -> ScanResult:
        if self.request.release:
            from surgeon.scan import releases

            return self.against(releases.table(self.request.release), self.request.release, self.looked())
        version = self.world.versions.get(self.request.module, "")
        surface = Installed(self.environment, self.request.module, version, tops(self.targets))
        try:  # it imports the module while we look
            return self.against(surface, "", self.looked())
        finally:
            surface.close()


class _Minimum(_Run):
    """Every release of torch in the table."""

    def result(self) -> ScanResult:
        from surgeon.scan import releases

        reading = self.looked()
        found = []
        for release in releases.versions():
            result = self.against(releases.table(release), release, reading)
            broken = [each for row in result.distributions for each in row.broken]
            found.append(Minimum(release, len(broken), sum(each.after_apply for each in broken)))
        return replace(
            self.base(), surface=f"torch {found[0].release} to {found[-1].release}", minimum=tuple(found)
        )


class _Scan:
    """One scan of one surface."""

    def __init__(self, base: ScanResult, surface: Surface, reading: Reading, cover: Cover) -> None:
        self.base, self.surface, self.now, self.cover = base, surface, reading, cover

    def result(self) -> ScanResult:
        gaps = self.now.gaps(self.now.suspects())
        covers = self._covers(gaps)
        after = self.now.with_bytes({key: each.data for key, each in covers.items()})
        left = {**{key: each for key, each in gaps.items() if key not in covers}, **after.gaps(covers)}
        by = {
            key: {gap: self.cover.by(each, *gap[:2]) for gap in _bites(gaps[key]) - _bites(left.get(key, ()))}
            for key, each in covers.items()
        }
        failing = self._failing(self.now, gaps)
        still = self._failing(after, left) if covers else failing
        return replace(
            self.base,
            surface=self.surface.description,
            distributions=tuple(self._verdicts(gaps, failing, still)),
            rows=tuple(self._rows(gaps, by)),
            skipped=tuple(sorted(self.now.skipped.items())),
        )

    def _covers(self, gaps: Mapping[Key, Sequence[Gap]]) -> dict[Key, Patched]:
        """The files with gaps that `apply` would change, as they would be."""
        wanted = [key for key, each in gaps.items() if self.now.origins[key[0]].distribution and _bites(each)]
        found: dict[Key, Patched] = {}
        for part in self.now.share(self._rewrite, wanted, cost=REWRITING):
            found.update(part)
        return found

    def _rewrite(self, keys: Sequence[Key]) -> dict[Key, Patched]:
        found: dict[Key, Patched] = {}
        for key in keys:
            distribution = self.now.origins[key[0]].distribution
            if distribution and (patched := self.cover.patched(distribution, key[1], self.now.bytes_of(key))):
                found[key] = patched
        return found

    def _failing(self, reading: Reading, gaps: Mapping[Key, Sequence[Gap]]) -> dict[str, Failure]:
        files = reading.files
        keys = {file.module: key for key, file in files.items()}
        drags = getattr(self.surface, "drags", {})
        graph = Graph(
            {file.module: reading.module(key) for key, file in files.items()},
            lambda module: reading.defines(keys[module]),
            lambda module: judged.imports if (judged := reading.certain(keys[module])) else (),
            lambda name: drags.get(name, ()),
        )
        own = {}
        for key, found in gaps.items():
            first = next((gap for gap in found if gap.when is When.IMPORT), None)
            if first:
                own[files[key].module] = first.line, first.errors
        return graph.failing(own)

    def _rows(self, gaps: Mapping[Key, Sequence[Gap]], by: Mapping[Key, Mapping[Bite, str]]) -> Iterator[Row]:
        places: dict[tuple[str, str, str], list[Place]] = {}
        for key, found in gaps.items():
            for gap in found:
                patch = (
                    ""
                    if gap.when is When.GUARDED
                    else by.get(key, {}).get((gap.name, gap.keyword, gap.when), "")
                )
                row = self.now.origins[key[0]].name, gap.name, gap.keyword
                places.setdefault(row, []).append(Place(key[1], gap.line, gap.when, patch))
        order = list(When)
        rows = [
            Row(
                *row, tuple(sorted(each, key=lambda place: (order.index(place.when), place.path, place.line)))
            )
            for row, each in places.items()
        ]
        yield from sorted(
            rows, key=lambda row: (order.index(row.when), row.distribution, row.name, row.keyword)
        )

    def _verdicts(
        self, gaps: Mapping[Key, Sequence[Gap]], failing: Mapping[str, Failure], still: Mapping[str, Failure]
    ) -> Iterator[Scanned]:
        files = self.now.files
        keys = {file.module: key for key, file in files.items()}

        def reason(failure: Failure) -> str:
            key = keys[failure.root]
            gap = next(gap for gap in gaps[key] if gap.when is When.IMPORT)
            lacks = f"{gap.name} takes no {gap.keyword}" if gap.keyword else f"{gap.name} is missing"
            return f"{lacks} ({key[1]}:{gap.line})"

        for origin in self.now.origins:
            modules = [file.module for file in origin.files]
            broken = tuple(
                Broken(each, failing[each].root, reason(failing[each]), each in still)
                for each in modules
                if each in failing
            )
            tops = [each for each in modules if "." not in each]
            if not broken:
                verdict = Verdict.IMPORTS
            elif not any(each.after_apply for each in broken):
                verdict = Verdict.AFTER_APPLY
            elif any(each in still for each in tops):
                verdict = Verdict.FAILS
            else:
                verdict = Verdict.IN_PART
            roots = Counter(
                each.reason for each in broken if each.after_apply or verdict is Verdict.AFTER_APPLY
            )
            patched = (
                sum(self.cover.is_patched(origin.distribution, file.path) for file in origin.files)
                if origin.distribution
                else 0
            )
            yield Scanned(
                origin.name,
                origin.version,
                verdict,
                len(origin.files),
                len(modules),
                broken,
                patched,
                roots.most_common(1)[0][0] if roots else "",
            )


def _bites(gaps: Iterable[Gap]) -> set[Bite]:
    """What bites in a file, and when: a patch that leaves the error to the call has covered the import."""
    return {(gap.name, gap.keyword, gap.when) for gap in gaps if gap.when is not When.GUARDED}
