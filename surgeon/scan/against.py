"""Holds what was read against one surface: the gaps, the modules that fail, and what patches make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from surgeon.scan.by_name import imports_by_name
from surgeon.scan.calls import calls
from surgeon.scan.cover import Cover, Patched, Pending
from surgeon.scan.gaps import Gap, When
from surgeon.scan.graph import Certain, Expect, Failure, Graph, Module
from surgeon.scan.reading import Key, Reading
from surgeon.scan.results import Broken, Missing, Occurrence, Outcome, Scanned, ScanResult
from surgeon.scan.surface import Surface
from surgeon.sources.glance import Statement

REWRITING = 200
"""Rewriting a source takes so many times as long as looking at it."""


Bite = tuple[str, str, When]
"""A name, the keyword that it does not take or an empty text, and when."""


class Against:
    """One scan of one surface."""

    def __init__(self, base: ScanResult, surface: Surface, reading: Reading, cover: Cover) -> None:
        self.base, self.surface, self.now, self.cover = base, surface, reading, cover
        self.blame: dict[str, tuple[Key, Gap]] = {}
        """The gaps of modules that fail by calling a function of another one."""

    def result(self) -> ScanResult:
        gaps = self.now.gaps(self.now.suspects())
        by, doubtful = self._promised(gaps)
        unpatched = cache(lambda: self._failing(gaps))
        covers = self._covers(doubtful, besides=unpatched)
        graph, failing = unpatched()
        after = self.now.with_bytes({key: each.data for key, each in covers.items()})
        left = {**{key: each for key, each in gaps.items() if key not in covers}, **after.gaps(covers)}
        for key, each in covers.items():
            closed = _bites(gaps[key]) - _bites(left.get(key, ()))
            by[key] = {gap: self.cover.by(each, *gap[:2]) for gap in closed}
        changed = self._changed(graph, after, covers)
        still = changed.failing(self._own(left, after)) if covers else failing
        return replace(
            self.base,
            surface=self.surface.description,
            distributions=tuple(self._verdicts(gaps, left, failing, still)),
            rows=tuple(self._rows(gaps, by)),
            skipped=tuple(sorted(self.now.skipped.items())),
        )

    def _promised(
        self, gaps: Mapping[Key, Sequence[Gap]]
    ) -> tuple[dict[Key, dict[Bite, str]], dict[Key, Pending]]:
        """What patches cover by their own word, and the files that must be rewritten to know.

        Those are the files that bite at import: the verdicts rest on them.
        """
        by: dict[Key, dict[Bite, str]] = {}
        doubtful: dict[Key, Pending] = {}
        for key, found in gaps.items():
            bites, distribution = list(_bites(found)), self.now.origins[key[0]].distribution
            if not bites or not distribution:
                continue
            pending = self.cover.pending(distribution, key[1], self.now.bytes_of(key))
            if pending is None:
                continue
            promised = self.cover.promised(pending, self.now.world.top, [each[:2] for each in bites])
            if promised is None or any(when is When.IMPORT for *_, when in bites):
                doubtful[key] = pending
            else:
                by[key] = dict(zip(bites, promised, strict=True))
        return by, doubtful

    def _failing(self, gaps: Mapping[Key, Sequence[Gap]]) -> tuple[Graph, dict[str, Failure]]:
        graph = self._graph(self.now)
        return graph, graph.failing(self._own(gaps, self.now))

    def _covers(self, pending: Mapping[Key, Pending], besides: Callable[[], object]) -> dict[Key, Patched]:
        """Files as they would be after `apply`, those that it would change.

        Args:
            besides: what is done meanwhile, where another process can take a part of this.
        """

        def rewrite(keys: Sequence[Key]) -> dict[Key, Patched]:
            patched = ((key, self.cover.patched(pending[key])) for key in keys)
            return {key: each for key, each in patched if each}

        found: dict[Key, Patched] = {}
        if pending:
            from surgeon.edits import tree  # noqa: F401 - once, or each process would load libcst by itself
        for part in self.now.share(rewrite, list(pending), cost=REWRITING, besides=besides):
            found.update(part)
        return found

    def _graph(self, reading: Reading) -> Graph:
        drags = getattr(self.surface, "drags", {})
        self.by_name = imports_by_name(reading)
        return Graph(
            {file.module: self._module(reading, key) for key, file in reading.files.items()},
            lambda module: reading.defines(reading.keys[module]),
            self._certain(reading),
            lambda name: drags.get(name, ()),
            self._expect(reading),
            reading.is_behind,
        )

    def _changed(self, graph: Graph, after: Reading, covers: Iterable[Key]) -> Graph:
        modules = [self._module(after, key) for key in covers]
        if any(each.lazy for each in modules):  # what others get through it may have changed
            return self._graph(after)
        return graph.changed(modules, self._certain(after), self._expect(after))

    def _module(self, reading: Reading, key: Key) -> Module:
        module = reading.module(key)
        named = tuple(statement for statement, _ in self.by_name.get(key, ()))
        return replace(module, statements=(*module.statements, *named)) if named else module

    def _expect(self, reading: Reading) -> Expect:
        return lambda modules: reading.judge(reading.keys[module] for module in modules)

    def _certain(self, reading: Reading) -> Certain:
        def imports(module: str) -> Iterable[tuple[Statement, frozenset[str]]]:
            judged = reading.certain(key := reading.keys[module])
            return (*judged.imports, *self.by_name.get(key, ())) if judged else ()

        return imports

    def _own(
        self, gaps: Mapping[Key, Sequence[Gap]], reading: Reading
    ) -> dict[str, tuple[int, frozenset[str]]]:
        """The modules that fail by themselves: with a gap, or by calling a function that has one."""
        own = {}
        for key, found in gaps.items():
            first = next((gap for gap in found if gap.when is When.IMPORT), None)
            if first:
                own[self.now.files[key].module] = first.line, first.errors
        for key, line, there, gap in calls(reading, gaps):
            module = self.now.files[key].module
            if module not in own:
                own[module] = line, gap.errors
                self.blame[module] = there, gap
        return own

    def _rows(
        self, gaps: Mapping[Key, Sequence[Gap]], by: Mapping[Key, Mapping[Bite, str]]
    ) -> Iterator[Missing]:
        places: dict[tuple[str, str, str], list[Occurrence]] = {}
        for key, found in gaps.items():
            for gap in found:
                patch = (
                    ""
                    if gap.when is When.GUARDED
                    else by.get(key, {}).get((gap.name, gap.keyword, gap.when), "")
                )
                row = self.now.origins[key[0]].name, gap.name, gap.keyword
                places.setdefault(row, []).append(Occurrence(key[1], gap.line, gap.when, patch))
        order = list(When)
        rows = [
            Missing(
                *row, tuple(sorted(each, key=lambda place: (order.index(place.when), place.path, place.line)))
            )
            for row, each in places.items()
        ]
        yield from sorted(
            rows, key=lambda row: (order.index(row.when), row.distribution, row.name, row.keyword)
        )

    def _verdicts(
        self,
        gaps: Mapping[Key, Sequence[Gap]],
        left: Mapping[Key, Sequence[Gap]],
        failing: Mapping[str, Failure],
        still: Mapping[str, Failure],
    ) -> Iterator[Scanned]:
        """Each distribution; of a module that fails with every patch in, the root that no patch mends."""

        def broken_one(module: str) -> Broken:
            after_apply = module in still
            root = (still if after_apply else failing)[module].root
            key = self.now.keys[root]
            own = (left if after_apply else gaps).get(key, ())
            gap = next((gap for gap in own if gap.when is When.IMPORT), None)
            if gap is None:
                key, gap = self.blame[root]
            return Broken(module, root, f"{_lacks(gap)} ({key[1]}:{gap.line})", after_apply)

        for origin in self.now.origins:
            modules = [file.module for file in origin.files]
            broken = tuple(broken_one(each) for each in modules if each in failing or each in still)
            verdict = Outcome.UNSEEN if origin.unseen else _verdict(broken)
            roots = Counter(
                each.reason for each in broken if each.after_apply or verdict is Outcome.AFTER_APPLY
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
                origin.unseen or (roots.most_common(1)[0][0] if roots else ""),
            )


def _lacks(gap: Gap) -> str:
    if gap.unbound:
        return f"{gap.unbound} is not defined: the import of {gap.name} is skipped"
    return f"{gap.name} takes no {gap.keyword}" if gap.keyword else f"{gap.name} is missing"


def _verdict(broken: Sequence[Broken]) -> Outcome:
    """What a distribution comes to, given its modules that fail."""
    if not broken:
        return Outcome.IMPORTS
    still = [each.module for each in broken if each.after_apply]
    if not still:
        return Outcome.AFTER_APPLY
    return Outcome.FAILS if any("." not in module for module in still) else Outcome.IN_PART


def _bites(gaps: Iterable[Gap]) -> set[Bite]:
    """What bites in a file, and when: a patch that leaves the error to the call has covered the import."""
    return {(gap.name, gap.keyword, gap.when) for gap in gaps if gap.when is not When.GUARDED}
