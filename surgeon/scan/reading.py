"""Reads the sources of a scan: looks at all of them, parses those that matter, names those that are bad."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from surgeon.scan.files import File, Origin
from surgeon.scan.gaps import Asking, Gap, Judged, judge, questions
from surgeon.scan.grammar import Grammar
from surgeon.scan.graph import Module, is_lazy
from surgeon.scan.known import Known
from surgeon.scan.workers import Besides, shared
from surgeon.sources.glance import Glance, code_of, glance
from surgeon.sources.guards import World, is_closed
from surgeon.sources.names import Source, below
from surgeon.sources.references import read

Result = TypeVar("Result")

_DEFINED = re.compile(rb"\n(?:(?:class|def|async def)[ \t]+(\w+)|(\w+)[ \t]*[=:])")
_SET_TO = rb"""(?m)^%s[ \t]*(?::[^=\n]*)?=[ \t]*["']([\w.]+)["'][ \t]*(?:#|\r?$)"""
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)
"""What reading and parsing a file may come to."""
LARGEST_BYTES = 8_000_000
"""A larger source is data with a Python name."""

Key = tuple[int, str]
"""The number of an origin, and a path in it."""
Skipped = dict[str, str]
"""Paths that could not be read, and why."""


@dataclass
class Reading:
    """All sources of a scan, each looked at once and parsed at most once.

    Attributes:
        origins: what is scanned.
        world: what is known of the environment.
        known: what is known of the module that is asked.
        grammar: what sources are parsed under.
        changed: bytes that stand in for a file's own: what `apply` would make of it.
        glances: what was seen of each file.
        lazy: the packages that load their parts on demand.
        doubted: the files that may ask for something that is missing; all others ask for nothing that is.
        skipped: what could not be read, and why.
    """

    origins: tuple[Origin, ...]
    world: World
    known: Known
    grammar: Grammar
    changed: Mapping[Key, bytes] = field(default_factory=dict)
    glances: dict[Key, Glance] = field(default_factory=dict)
    lazy: set[Key] = field(default_factory=set)
    doubted: set[Key] = field(default_factory=set)
    skipped: Skipped = field(default_factory=dict)
    files: dict[Key, File] = field(default_factory=dict)
    _bare: dict[Key, Glance] = field(default_factory=dict)
    _sizes: dict[Key, int] = field(default_factory=dict)
    _ahead: dict[Key, Source] = field(default_factory=dict)
    _judged: dict[Key, Judged | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.files:
            self.files = {
                (number, file.path): file
                for number, origin in enumerate(self.origins)
                for file in origin.files
            }

    @cached_property
    def keys(self) -> dict[str, Key]:
        """The files, by the names of their modules."""
        return {file.module: key for key, file in self.files.items()}

    def bytes_of(self, key: Key) -> bytes:
        """A file's bytes.

        Raises:
            OSError, ValueError: they cannot be had.
        """
        if key in self.changed:
            return self.changed[key]
        path = self.origins[key[0]].folder / key[1]
        data = path.read_bytes()
        if len(data) > LARGEST_BYTES:
            raise ValueError(f"it is larger than {LARGEST_BYTES // 1_000_000} MB")
        return data

    def look(self, busy: int = 0, halfway: Callable[[], None] | None = None) -> None:
        """Look at every file.

        Args:
            busy: how many processors are taken.
            halfway: is called when most files have been looked at.
        """
        for key in self.files:
            try:
                self._sizes[key] = (self.origins[key[0]].folder / key[1]).stat().st_size
            except OSError:
                self._sizes[key] = 0
        keys = list(self.files)
        most = len(keys) * 2 // 3 if halfway else 0
        if halfway:
            self._look_at(keys[:most], busy)
            halfway()
        self._look_at(keys[most:], busy)

    def _look_at(self, keys: Sequence[Key], busy: int) -> None:
        for glances, lazy, skipped in self.share(self._look, keys, busy=busy):
            self.glances.update(glances)
            self.lazy |= lazy
            self.skipped.update(skipped)

    def _look(self, keys: Sequence[Key]) -> tuple[dict[Key, Glance], set[Key], Skipped]:
        found: dict[Key, Glance] = {}
        lazy: set[Key] = set()
        skipped: Skipped = {}
        for key in keys:
            try:
                data = self.bytes_of(key)
            except (OSError, ValueError) as error:
                skipped[self._path(key)] = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
                continue
            found[key] = glance(data, self.world.top, self.files[key].package)
            if is_lazy(data, key[1]):
                lazy.add(key)
        return found, lazy, skipped

    def ahead(self, guess: Asking | None) -> Iterator[None]:
        """Read, file by file, what is likely to be wanted, while somebody else works on the answers.

        Args:
            guess: answers that need not be right.
        """
        if guess is None:
            return
        known = Known(guess)
        known.learn(self.glances.values())
        doubtful = [key for key, each in self.glances.items() if known.doubts(each)]
        for key in doubtful:
            self._bare.update(self._look_again([key]))
            yield
        for key in doubtful:
            if known.doubts(self._bare[key]):
                with suppress(*UNREADABLE):
                    self._ahead[key] = self.source_of(key)
                yield

    def suspects(self) -> set[Key]:
        """The files that may ask for something that is missing."""
        self.known.learn(self.glances.values())
        doubtful = [key for key, each in self.glances.items() if self.known.doubts(each)]
        for bare in self.share(self._look_again, [key for key in doubtful if key not in self._bare]):
            self._bare.update(bare)
        self.doubted |= {key for key in doubtful if self.known.doubts(self._bare[key])}
        self.doubted |= {key for key in self.glances if self._may_be_unbound(key)}
        return self.doubted

    @cached_property
    def closed(self) -> frozenset[str]:
        """The packages that take the module asked for absent: below some release, say."""
        world = replace(self.world, asked=self.known.exists)
        packages = {self.files[key].module for key in self.lazy if "." not in self.files[key].module}
        return frozenset(each for each in packages if is_closed(each, world))

    def _may_be_unbound(self, key: Key) -> bool:
        """Whether a file imports the module only where its package takes it for there."""
        return self.files[key].module.partition(".")[0] in self.closed and any(
            not each.sure and below(each.module, self.world.top) for each in self.glances[key].statements
        )

    def is_behind(self, module: str) -> bool:
        """Whether a package that takes the module asked for absent puts something else in a part's place."""
        return module.partition(".")[0] in self.closed and any(
            each.sure and below(each.module, self.world.top)
            for each in self.glances[self.keys[module]].statements
        )

    def _look_again(self, keys: Sequence[Key]) -> dict[Key, Glance]:
        """Most doubts come from comments and texts: look without them."""
        found = {}
        for key in keys:
            found[key] = first = self.glances[key]
            with suppress(OSError, ValueError):
                bare = glance(code_of(self.bytes_of(key)), self.world.top, self.files[key].package)
                found[key] = bare._replace(looked_up=first.looked_up, loaded=first.loaded)
        return found

    def gaps(self, keys: Collection[Key]) -> dict[Key, tuple[Gap, ...]]:
        """The gaps of some files; those without any are left out."""
        self.judge(keys)
        found = ((key, self._judged[key]) for key in self.files if key in keys)
        return {key: each.gaps for key, each in found if each and each.gaps}

    def judge(self, keys: Iterable[Key]) -> None:
        """Judge some files, for later."""
        fresh = sorted(key for key in keys if key not in self._judged)
        for judged, skipped in self.share(self._judge, fresh, cost=5):
            self._judged.update(judged)
            self.skipped.update(skipped)

    def _judge(self, keys: Sequence[Key]) -> tuple[dict[Key, Judged | None], Skipped]:
        """Parse files, and judge them."""
        judged: dict[Key, Judged | None] = dict.fromkeys(keys)
        skipped: Skipped = {}
        refused: dict[Key, tuple[bytes, str]] = {}
        for key in keys:
            try:
                source = self._ahead.pop(key, None) or self.source_of(key)
                judged[key] = self._judgement(key, source)
            except SyntaxError as error:
                refused[key] = self.bytes_of(key), str(error)
            except UNREADABLE as error:
                skipped[self._path(key)] = f"it cannot be parsed: {error}"
        trees = self.grammar.parse_there(list(refused.values()))
        for key, tree in zip(refused, trees, strict=True):
            try:
                reason = tree if isinstance(tree, str) else ""
                if not isinstance(tree, str):
                    judged[key] = self._judgement(key, self.source_of(key, tree))
            except UNREADABLE as error:
                reason = str(error)
            if reason:
                skipped[self._path(key)] = f"it cannot be parsed: {reason}"
        return judged, skipped

    def _judgement(self, key: Key, source: Source) -> Judged:
        found = self.known.answers(questions(source), sure=key not in self.doubted)
        world = replace(self.world, asked=self.known.exists)
        return judge(source, world, found, self.known.loadable)

    def source_of(self, key: Key, tree: ast.Module | None = None) -> Source:
        """A file, parsed, or read out of the tree that the target's own parser made.

        Raises:
            OSError, SyntaxError, ValueError, RecursionError, MemoryError: it cannot be.
        """
        lazy = self.world.python >= (3, 14)
        tree = tree or self.grammar.parse(self.bytes_of(key))
        return read(tree, self.world.top, self.files[key].package, lazy_annotations=lazy)

    def with_bytes(self, changed: Mapping[Key, bytes]) -> Reading:
        """The same reading with other bytes in some files."""
        looked = {key: glance(data, self.world.top, self.files[key].package) for key, data in changed.items()}
        self.known.learn(looked.values())
        return replace(
            self,
            changed=changed,
            glances={**self.glances, **looked},
            doubted=self.doubted | set(changed),
            _bare={},
            _ahead={},
            _judged={key: each for key, each in self._judged.items() if key not in changed},
        )

    def asking(self, world: World, ask: Asking) -> Reading:
        """The same sources, read for another release of the module."""
        return replace(self, world=world, known=Known(ask), doubted=set(), _judged={})

    def module(self, key: Key) -> Module:
        """A file as a node of the graph."""
        statements = self.glances[key].statements if key in self.glances else ()
        return Module(self.files[key].module, statements, key in self.lazy)

    def certain(self, key: Key) -> Judged | None:
        """A file, parsed and judged; `None` where that is not possible."""
        self.judge([key])
        return self._judged[key]

    def defines(self, key: Key) -> Iterable[str]:
        """The names that a module defines at its left margin."""
        try:
            found = _DEFINED.findall(b"\n" + self.bytes_of(key))
        except (OSError, ValueError):
            return []
        return [(first or second).decode(errors="replace") for first, second in found]

    def text_of(self, word: str) -> str:
        """A module's name: the word itself, or what a module sets it to; empty if it is neither."""
        owner, _, name = word.rpartition(".")
        if word in self.keys or owner not in self.keys:
            return word if word in self.keys else ""
        with suppress(OSError, ValueError):
            if found := re.search(_SET_TO % re.escape(name.encode()), self.bytes_of(self.keys[owner])):
                return found.group(1).decode()
        return ""

    def share(
        self,
        work: Callable[[Sequence[Key]], Result],
        keys: Sequence[Key],
        *,
        cost: int = 1,
        busy: int = 0,
        besides: Callable[[], object] | None = None,
    ) -> list[Result]:
        """Work on some files in two processes if that pays; see `shared`.

        Args:
            cost: how many times as long it takes as looking at them.
            busy: how many processors are taken.
            besides: what is done here meanwhile; takes a third of looking at all files.
        """
        sizes = [0 if key in self._ahead else cost * self._sizes.get(key, 0) for key in keys]
        more = Besides(besides, sum(self._sizes.values()) // 3) if besides else None
        return shared(work, keys, sizes, busy, more)

    def _path(self, key: Key) -> str:
        return str(self.origins[key[0]].folder / key[1])
