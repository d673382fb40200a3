"""What running releases of torch taught: names that extension code makes, and names that only stubs have.

`corrections.json` holds, per observed release, what the sources do not show. A release between two
observed ones has what both have; what only one of them has may be there or not, and counts as being there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from tests.tools.torch_names.events import Event
from tests.tools.torch_names.modules import is_extension

PATH = Path(__file__).with_name("corrections.json")

Patterns = dict[str, dict[str, str]]
"""Module -> name -> one character an observed release: `1` yes, `0` no, `-` not known."""


@dataclass
class Corrections:
    """All that was observed.

    Attributes:
        observed: the releases, ascending, each with the build that was looked at (`2.1.0+cu121`).
        extra: names that are there and are not in the sources.
        lacking: names that the stubs of the extension have and that are not there.
    """

    observed: dict[str, str]
    extra: Patterns
    lacking: Patterns

    @classmethod
    def load(cls, path: Path = PATH) -> Corrections:
        """Read the file; nothing is known if there is none."""
        if not path.exists():
            return cls({}, {}, {})
        stored = json.loads(path.read_text())
        return cls(stored["observed"], _unpacked(stored["extra"]), _unpacked(stored["lacking"]))

    def save(self, path: Path = PATH) -> None:
        """Write the file, the same bytes for the same content."""
        packed = {"observed": self.observed, "extra": _packed(self.extra), "lacking": _packed(self.lacking)}
        path.write_text(json.dumps(packed, indent=1) + "\n")

    def without(self, release: str) -> Corrections:
        """As if no release of the same minor version had been observed."""
        minor = Version(release).release[:2]
        kept = [n for n, v in enumerate(self.observed) if Version(v).release[:2] != minor]

        def shorter(patterns: Patterns) -> Patterns:
            return {
                m: {n: "".join(p[place] for place in kept) for n, p in names.items()}
                for m, names in patterns.items()
            }

        observed = {v: b for n, (v, b) in enumerate(self.observed.items()) if n in kept}
        return Corrections(observed, shorter(self.extra), shorter(self.lacking))

    def known(self, release: str) -> bool:
        """Whether a release of the same minor version was observed, or an older and a newer one."""
        before, after = self._around(release)
        return before is not None and after is not None

    def _around(self, release: str, pattern: str = "") -> tuple[int | None, int | None]:
        """The places of the nearest observed releases; one of the same minor version counts as both."""
        wanted = Version(release)
        places = [n for n in range(len(self.observed)) if not pattern or pattern[n] != "-"]
        versions = [Version(v) for v in self.observed]
        same = [n for n in places if versions[n].release[:2] == wanted.release[:2]]
        if same:
            nearest = min(same, key=lambda n: abs(versions[n].micro - wanted.micro))
            return nearest, nearest
        before = [n for n in places if versions[n] < wanted]
        after = [n for n in places if versions[n] > wanted]
        return (before[-1] if before else None), (after[0] if after else None)

    def _judged(self, release: str, patterns: dict[str, str]) -> tuple[list[str], list[str]]:
        """The names that the observed neighbours agree on, and those on which they do not."""
        agreed, unsure = [], []
        for name, pattern in patterns.items():
            seen = [pattern[n] == "1" for n in self._around(release, pattern) if n is not None]
            if len(seen) == 2 and all(seen):
                agreed.append(name)
            elif any(seen):
                unsure.append(name)
        return agreed, unsure

    def extension_events(self, release: str) -> dict[str, list[Event]]:
        """What importing each module of the extension does, besides what its stub says."""
        found: dict[str, list[Event]] = {}
        for module in sorted(m for m in {*self.extra, *self.lacking} if is_extension(m)):
            present, unsure = self._judged(release, self.extra.get(module, {}))
            lacking, _ = self._judged(release, self.lacking.get(module, {}))
            events = [Event("delete", name) for name in lacking]
            events += [Event("bind", name, sure=False) for name in present]
            events += [Event("unsure", names=tuple(unsure))] if unsure else []
            found[module] = events + ([] if self.known(release) else [Event("open")])
        return {module: events for module, events in found.items() if events}

    def additions(self, release: str) -> dict[str, tuple[list[str], list[str]]]:
        """Per other module, the names that are there besides, and those that may be."""
        judged = {m: self._judged(release, p) for m, p in self.extra.items() if not is_extension(m)}
        return {module: found for module, found in judged.items() if any(found)}

    def place(self, version: str, build: str) -> int:
        """Make room for a release's observation, in order; an earlier one of it is forgotten."""
        order = sorted({*self.observed, version}, key=Version)
        at = order.index(version)
        for patterns in (self.extra, self.lacking):
            for names in patterns.values():
                for name, pattern in names.items():
                    rest = pattern[at + 1 :] if version in self.observed else pattern[at:]
                    names[name] = f"{pattern[:at]}-{rest}"
        self.observed = {v: build if v == version else self.observed[v] for v in order}
        return at

    def learn(
        self, at: int, patterns: Patterns, module: str, there: set[str], new: set[str], absent: str
    ) -> None:
        """Note what of a module's names is there in the release at one place.

        Args:
            at: the place.
            patterns: `extra` or `lacking`.
            module: the module.
            there: of the names known so far, and of any others, those that the statement is true of.
            new: those to be remembered if they are not known so far.
            absent: what to note of a known name that is not `there`: `0`, or `-` if that proves nothing.
        """
        names = patterns.setdefault(module, {})
        for name in sorted(new - set(names)):
            names[name] = "0" * len(self.observed)
        for name, pattern in names.items():
            names[name] = pattern[:at] + ("1" if name in there else absent) + pattern[at + 1 :]


def _packed(patterns: Patterns) -> dict[str, dict[str, str]]:
    packed: dict[str, dict[str, list[str]]] = {}
    for module, names in sorted(patterns.items()):
        for name, pattern in sorted(names.items()):
            packed.setdefault(module, {}).setdefault(pattern, []).append(name)
    return {m: {p: " ".join(names) for p, names in sorted(groups.items())} for m, groups in packed.items()}


def _unpacked(packed: dict[str, dict[str, str]]) -> Patterns:
    return {m: {n: p for p, names in groups.items() for n in names.split()} for m, groups in packed.items()}
