"""The releases that decide which patches a wheel needs: given with `--with`, or those of an environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from surgeon.errors import UsageError
from surgeon.patch import Patch
from surgeon.site.distribution import Installed, normalised
from surgeon.site.environment import Environment
from surgeon.site.versions import is_version, parsed, same, satisfies


@dataclass(frozen=True)
class Conditions:
    """What is installed where a wheel will be.

    Attributes:
        versions: by normalised name.
        stated: those of them that `--with` gave.
        complete: a name that is missing is not installed; otherwise nothing is known of it.
    """

    versions: Mapping[str, str]
    stated: Mapping[str, str]
    complete: bool


def conditions(given: Sequence[str], environment: Environment | None, patches: Iterable[Patch]) -> Conditions:
    """Gather the conditions.

    Args:
        given: `--with`, each `name==version`; they go before what is installed.
        environment: the one that `--python` names, or `None`.

    Raises:
        UsageError: nothing was given, or something that is no exact release; or the release of
            something that is installed cannot be read.
    """
    if not given and environment is None:
        raise UsageError(
            "the conditions are missing: what will the wheels be installed beside?",
            hint="name it with --with torch==2.1.0, or name an environment with --python",
            code="no-conditions",
        )
    versions: dict[str, str] = {}
    if environment is not None:
        installed = Installed(environment)
        for name in sorted({normalised(each) for patch in patches for each in patch.when}):
            if found := installed.find(name):
                versions[name] = found.version
    stated: dict[str, str] = {}
    for text in given:
        name, version = _release(text)
        if stated.setdefault(name, version) != version:
            raise UsageError(f"--with names two releases of {name}", hint="name one of them")
    for name, version in versions.items():
        if name not in stated and not is_version(version):
            raise UsageError(
                f"{name} is installed there, but its metadata does not say which release it is",
                hint=f"mend it, as `m3d-surgeon doctor` says, or name it with --with {name}==VERSION",
                code="no-conditions",
            )
    return Conditions({**versions, **stated}, stated, complete=environment is not None)


def together(known: Conditions, wheels: Mapping[str, str]) -> Conditions:
    """The conditions of wheels that will be installed side by side: each counts for the others.

    Raises:
        UsageError: `--with` says otherwise of one of them.
    """
    for name, version in wheels.items():
        stated = known.stated.get(name, version)
        if not same(stated, version):
            raise UsageError(
                f"--with names {name} {stated}, but a wheel of {name} {version} is to be patched",
                hint=f"leave out --with {name}, or patch the other wheel",
            )
    return Conditions({**known.versions, **wheels}, known.stated, known.complete)


def undecided(known: Conditions, patches: Iterable[Patch], name: str, version: str) -> dict[str, list[str]]:
    """What must still be said before it is known which patches a wheel needs.

    Returns:
        By the names of distributions whose release decides and is not known, the patches that ask.
    """
    missing: dict[str, list[str]] = {}
    if known.complete:
        return missing
    for patch in patches:
        if normalised(patch.distribution) != name or not satisfies(version, patch.versions):
            continue
        asked = {normalised(other): specifier for other, specifier in patch.when.items()}
        facts = {other: known.versions.get(other) for other in asked}
        if all(fact is None or satisfies(fact, asked[other]) for other, fact in facts.items()):
            for other in (other for other, fact in facts.items() if fact is None):
                missing.setdefault(other, []).append(patch.id)
    return missing


def _release(text: str) -> tuple[str, str]:
    try:
        requirement = Requirement(text)
        (specifier,) = requirement.specifier
        version = parsed(specifier.version)
        if specifier.operator == "==" and version and not requirement.url:
            return normalised(requirement.name), str(version)
    except (InvalidRequirement, ValueError):
        pass
    raise UsageError(f"--with {text!r} is no exact release", hint="write it as --with torch==2.1.0")
