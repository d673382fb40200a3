"""What a patch is. A patch module imports this and `surgeon.edits`, and nothing else of ours.

Nothing here, and nothing at the top of a patch module, imports libcst: `status` and an `apply`
that finds nothing to do read every patch's description and must not pay for a parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surgeon.edits.tree import Tree

Edit = Callable[["Tree"], int]
"""One transform: queues its replacements on the tree and returns how often it matched."""


@dataclass(frozen=True)
class Case:
    """An example that documents a patch and tests it: `before` must become exactly `after`."""

    before: str
    after: str


@dataclass(frozen=True)
class Expect:
    """How often a patch must match in each file that holds its needle.

    Attributes:
        minimum: fewer matches than this refuse the file.
        maximum: more matches than this refuse the file; `None` for no limit.
        zero: why no match at all is fine as well ("guarded upstream since 0.7"), or an empty string.
    """

    minimum: int
    maximum: int | None = None
    zero: str = ""

    def accepts(self, matches: int) -> bool:
        """Tell whether `matches` is a number that this patch was written for."""
        if matches == 0 and self.zero:
            return True
        return matches >= self.minimum and (self.maximum is None or matches <= self.maximum)

    def __str__(self) -> str:
        if self.maximum is None:
            return f"at least {self.minimum}"
        return (
            f"exactly {self.minimum}" if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"
        )


def exactly(matches: int, *, zero: str = "") -> Expect:
    """Expect `matches` matches a file; `zero` says why none would be fine too."""
    return Expect(matches, matches, zero)


def at_least(matches: int, *, zero: str = "") -> Expect:
    """Expect `matches` or more a file; `zero` says why none would be fine too."""
    return Expect(matches, None, zero)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Why, where and when installed sources are edited, and the edits.

    Attributes:
        id: unique, kebab case; stands in a comment on every line that the patch inserts.
        symptom: the last line of the traceback that a user meets, as a regular expression
            (`re.search`); the probe must fail with it before the patch.
        why: one paragraph for that user: what they saw and its cause.
        distribution: the package as the index names it.
        versions: the releases it is written for (PEP 440 specifier; a prerelease counts as the
            release that it leads to, a local version as its public one).
        when: conditions on other distributions, e.g. `{"torch": "<2.2"}`; all must hold.
        files: paths relative to site-packages, POSIX, exact or globs (`**` crosses folders).
        needle: bytes of which at least one must occur in a file before it is parsed.
        transforms: the edits, in order.
        expect: how often they must match, all together, in a file that holds the needle.
        cases: examples, before and after.
        unchanged: sources that hold the needle, or nearly, and must be left alone.
        probe: statements that fail with `symptom` before and pass after, in a fresh interpreter.
        upstream: where the package itself fixed it (version or link), if known.
    """

    id: str
    symptom: str
    why: str
    distribution: str
    versions: str
    when: Mapping[str, str]
    files: tuple[str, ...]
    needle: tuple[bytes, ...]
    transforms: tuple[Edit, ...]
    expect: Expect
    cases: tuple[Case, ...]
    unchanged: tuple[str, ...]
    probe: str
    upstream: str = ""
    digest: str = field(default="", compare=False)
    """Set by the registry: sha256 over what decides the bytes that it makes (`surgeon.rewriting.digest`)."""
