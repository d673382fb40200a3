"""What a version means, for everything that compares one (PEP 440). Pure.

- A prerelease (`2.1.0a0+git`, `2.1.0rc1`, `0.37.0.dev0`) counts as the release that it leads to, which
  PEP 440 itself puts outside `>=2.1` and `<2.1` alike; as itself for a clause that names a prerelease
  (`>=2.1.0rc1`).
- A post-release (`2.3.1.post1`) is a release of its own, after the one that it corrects: it meets
  `>=2.3.1` and `==2.3.1.post1`, not `==2.3.1`. A prerelease of one counts as that post-release.
- A local version (`2.1.0+cu121`) counts as its public one, and as itself for a clause that names a
  local version (`==2.1.0+cu121`).
- An epoch (`1!2.0`) is a part of the release, above every version of a lower epoch.
- What is no version (damaged metadata) meets the empty specifier, which asks for no version, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version


def parsed(text: str) -> Version | None:
    """A version out of its text, or `None` where it is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_version(text: str) -> bool:
    """Tell whether a text is a version."""
    return parsed(text) is not None


def clauses(specifier: str) -> SpecifierSet:
    """The clauses of a specifier such as `>=1.0,<2`; an empty one has none.

    Raises:
        ValueError: it is none.
    """
    return SpecifierSet(specifier)


def is_specifier(text: str) -> bool:
    """Tell whether a text is a specifier."""
    try:
        clauses(text)
    except InvalidSpecifier:
        return False
    return True


def release(version: Version) -> Version:
    """The release that a version counts as, without its local part."""
    if version.is_prerelease:
        post = f".post{version.post}" if version.post is not None and version.pre is None else ""
        return Version(f"{version.base_version}{post}")
    return Version(version.public)


def counted(version: str) -> str:
    """The release that a version counts as, with its local part (`2.1.0+git` for `2.1.0a0+git`)."""
    found = parsed(version)
    if found is None:
        return ""
    return f"{release(found)}+{found.local}" if found.local else str(release(found))


@lru_cache(maxsize=1024)  # an `apply` looks three times, and patches share their conditions
def satisfies(version: str, specifier: str) -> bool:
    """Tell whether a version meets a specifier, clause by clause.

    Raises:
        ValueError: `specifier` is none.
    """
    itself = parsed(version)
    if itself is None:
        return not len(clauses(specifier))
    release_of_it = counted(version)
    return all(
        clause.contains(str(itself) if _names_a_prerelease(clause) else release_of_it, prereleases=True)
        for clause in clauses(specifier)
    )


def same(version: str, other: str) -> bool:
    """Tell whether two texts are one version (`2.1` and `2.1.0`), local parts included."""
    one = parsed(version)
    return one is not None and one == parsed(other)


def is_newer(version: str, than: str) -> bool:
    """Tell whether a version counts as a later release than another; false where one of them is none."""
    one, other = parsed(version), parsed(than)
    return one is not None and other is not None and release(one) > release(other)


def order(version: str) -> Version:
    """What versions are sorted by, exactly; what is none comes first."""
    return parsed(version) or Version("0.dev0")


def public(version: str) -> str:
    """A version without its local part, normalised; empty where it is none."""
    found = parsed(version)
    return found.public if found else ""


def local(version: str) -> str:
    """The local part (`cu121` of `2.1.0+cu121`); empty where there is none."""
    found = parsed(version)
    return (found.local or "") if found else ""


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of the release in epoch 0 that a version is, or leads to, or comes after; else none."""
    found = parsed(version)
    return found.release if found and not found.epoch else ()


def this_release(version: str) -> str:
    """The specifier of one release: what is true of it need not be of the next."""
    return f"=={public(version)}" if is_version(version) else f"==={version}"


def below_the_next_minor(version: str) -> str:
    """The specifier of a version's minor release and all earlier ones; empty for no version."""
    found = parsed(version)
    if found is None:
        return ""
    epoch = f"{found.epoch}!" if found.epoch else ""
    return f"<{epoch}{found.major}.{found.minor + 1}"


def series(version: str) -> str:
    """The first release of a version's series (`0.18` of `0.18.2`), whose prereleases are not below it."""
    found = parsed(version)
    if found is None:
        return ""
    epoch = f"{found.epoch}!" if found.epoch else ""
    return f"{epoch}{found.major}.{found.minor}"


def joined(*specifiers: str) -> str:
    """Specifiers as one, each clause once."""
    return str(SpecifierSet(",".join(dict.fromkeys(each for each in specifiers if each))))


def possible(specifier: str) -> bool:
    """Tell whether any version can meet a specifier, as installers judge: they will be given it.

    The bounds, and versions just beside them, are tried.
    """
    every = clauses(specifier)
    tried = (Version("0"), *(each for clause in every for each in _beside(clause)))
    return any(every.contains(str(each), prereleases=True) for each in tried)


def _names_a_prerelease(clause: Specifier) -> bool:
    bound = parsed(clause.version)
    return clause.operator == "===" or (bound is not None and bound.is_prerelease)


def _beside(clause: Specifier) -> Iterator[Version]:
    """A clause's bound, and the next versions above and below of every kind."""
    bound = parsed(clause.version.removesuffix(".*"))
    if bound is None:
        return
    epoch = f"{bound.epoch}!" if bound.epoch else ""
    numbers = ".".join(map(str, bound.release))
    yield bound
    yield Version(f"{epoch}{numbers}.0.0.1")
    yield Version(f"{epoch}{numbers}.dev0")
    yield Version(f"{epoch}{numbers}.post{(bound.post or 0) + 1}")
    if bound.pre:
        yield Version(f"{epoch}{numbers}{bound.pre[0]}{bound.pre[1] + 1}")
    *before, last = bound.release
    if last:  # below a bound that its own prereleases do not meet
        yield Version(f"{epoch}{'.'.join(map(str, [*before, last - 1]))}.post999999")
