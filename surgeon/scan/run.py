"""`scan`, without a terminal: takes an environment and what is asked of it, and returns a `ScanResult`."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from surgeon.errors import UsageError
from surgeon.registry import Registry
from surgeon.scan import cache
from surgeon.scan.against import Against
from surgeon.scan.cover import Cover
from surgeon.scan.files import Origin, headers, modules, of_distribution, origins, tops
from surgeon.scan.gaps import Asking, When
from surgeon.scan.grammar import Grammar
from surgeon.scan.installed import LiveModule
from surgeon.scan.known import Known, imported
from surgeon.scan.packages import Packages
from surgeon.scan.packages import state as files_of
from surgeon.scan.reading import Reading
from surgeon.scan.results import Minimum, ScanResult, from_json
from surgeon.scan.surface import Surface
from surgeon.scan.workers import WORTH_IT_BYTES, shared, without_collector
from surgeon.site.distribution import Installed as Distributions
from surgeon.site.environment import Environment
from surgeon.sources.guards import World
from surgeon.sources.library import Library

if TYPE_CHECKING:
    from surgeon.scan.releases import Table


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


@without_collector()
def scan(
    environment: Environment, registry: Registry, request: Request, *, remember: bool = True
) -> ScanResult:
    """Find what the installed sources ask of a module in vain.

    Args:
        remember: whether to keep the answer; there is no use in one about a folder that is deleted next.

    Raises:
        UsageError: there is nothing of the name that was given.
        EnvironmentUnusable: the module cannot be asked.
    """
    installed, known = Distributions(environment), headers(environment)
    importable = frozenset(modules(environment))
    packages = Packages(known, importable)
    if not request.release and not request.minimum:
        request = replace(request, module=packages.named(request.module))
    owners = packages.owners(request.module)
    targets = tuple(origins(installed, known, request.wanted, request.module, owners, environment.folder))
    state = _state(environment, installed, request.module, owners)
    what = f"{request.module} {request.release} {request.minimum} {state}"
    name = cache.key(environment, registry, targets, known, importable, what)
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        if kept := cache.load(name):
            return _as_asked(from_json(kept), request, environment.notices)
    library = Library(tuple(environment.folders), request.module)
    world = World(
        request.module,
        packages.versions(),
        importable,
        python=environment.version,
        constants=environment.interpreter.constants,
        library=library,
    )
    run = _MinimumRun if request.minimum else _Once
    result = run(environment, installed, registry, request, world, targets, state).result()
    if remember:
        cache.save(name, result.to_json())
    return _as_asked(result, request, environment.notices)


def _state(environment: Environment, installed: Distributions, module: str, owners: Iterable[str]) -> str:
    """What is seen of the module that is asked: of its distributions, or of its files where it has none."""
    found = [each for owner in sorted(owners) if (each := installed.find(owner))]
    if found:
        binaries = (each.site / path for each in found for path in each.paths if path.endswith(".so"))
        return "\n".join([*(cache.seen(of_distribution(each)) for each in found), *map(cache.stat, binaries)])
    return files_of(environment.folders, module)


def _as_asked(result: ScanResult, request: Request, notices: Sequence[str]) -> ScanResult:
    """The answer without what was not asked for, and the exit code."""
    rows = result.rows
    if request.import_time_only:
        places = ((row, tuple(p for p in row.places if p.when is When.IMPORT)) for row in rows)
        rows = tuple(replace(row, places=each) for row, each in places if each)
    bites = {row.when for row in result.rows}
    gravest = {None: set(), When.IMPORT: {When.IMPORT}, When.CALL: {When.IMPORT, When.CALL}}[request.fail_on]
    left_out = (f"{path} was left out: {reason}" for path, reason in result.skipped)
    warnings = (*notices, *left_out)
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
        state: str,
    ) -> None:
        self.environment, self.installed, self.registry = environment, installed, registry
        self.request, self.world, self.targets, self.state = request, world, targets, state

    def base(self) -> ScanResult:
        python = self.environment.python
        sites = [str(each.distribution.site) for each in self.targets if each.distribution]
        sites += [str(each) for each in self.environment.site_directories]
        return ScanResult(
            python=str(python) if python else None,
            site_directories=tuple(str(each) for each in self.environment.site_directories),
            module=self.request.module,
            surface="",
            site_packages=sites[0] if sites else None,
        )

    def against(self, surface: Surface, release: str, reading: Reading) -> ScanResult:
        """Scan against one surface."""
        instead = {self.request.module: release} if release else {}
        world = replace(self.world, versions={**self.world.versions, **instead})
        cover = Cover(self.registry, self.installed, instead)
        return Against(self.base(), surface, reading.asking(world, surface.ask), cover).result()

    def looked(self, meanwhile: LiveModule | None = None) -> Reading:
        """All sources, looked at; a module that is being imported meanwhile is asked ahead for its parts."""
        reading = Reading(self.targets, self.world, Known(lambda _: {}), Grammar(self.environment))
        if meanwhile and meanwhile.is_running:
            reading.look(1, lambda: meanwhile.expect(imported(reading.glances.values())))
        else:
            reading.look()
        reading.skipped.update({each.name: each.unseen for each in self.targets if each.unseen})
        return reading


class _Once(_Run):
    """One release: the one that is installed, or one out of the table."""

    def result(self) -> ScanResult:
        if self.request.release:
            from surgeon.scan import releases

            return self.against(releases.table(self.request.release), self.request.release, self.looked())
        version = self.world.versions.get(self.request.module.partition(".")[0].lower(), "")
        out = tops(self.targets)
        memory = (
            cache.surface_key(self.environment, self.state, self.world.versions, out) if self.state else ""
        )
        surface = LiveModule(self.environment, self.request.module, version, out, memory)
        try:  # it imports the module while we look, and answers while we read
            reading = self.looked(surface)
            surface.meanwhile = reading.ahead(self._guess(version))
            return self.against(surface, "", reading)
        finally:
            surface.close()

    def _guess(self, version: str) -> Asking | None:
        """What the table of releases says of the one that is installed: it tells what to read first."""
        from surgeon.scan import releases

        with suppress(UsageError):
            return releases.table(version).ask if self.request.module == "torch" else None
        return None


class _MinimumRun(_Run):
    """Every release of torch in the table."""

    def result(self) -> ScanResult:
        from surgeon.scan import releases

        reading, every = self.looked(), releases.versions()

        def some(chosen: Sequence[str]) -> list[Minimum]:
            return [self._on(releases.table(each), reading) for each in chosen]

        parts = shared(some, every, [WORTH_IT_BYTES] * len(every))
        found = sorted((row for part in parts for row in part), key=lambda row: every.index(row.release))
        return replace(
            self.base(),
            surface=f"torch {found[0].release} to {found[-1].release}",
            minimum=tuple(found),
            skipped=tuple(sorted(reading.skipped.items())),
        )

    def _on(self, table: Table, reading: Reading) -> Minimum:
        result = self.against(table, table.version, reading)
        gc.collect()  # scopes refer to each other; those of all releases come to a gigabyte
        broken = [each for row in result.distributions for each in row.broken]
        return Minimum(table.version, len(broken), sum(each.after_apply for each in broken))
