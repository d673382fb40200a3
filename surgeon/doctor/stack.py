"""Findings against a profile: what is missing, has the wrong version, or should not be there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from surgeon.doctor.evidence import TORCH
from surgeon.doctor.finding import Action, Finding, Need
from surgeon.doctor.profile import Profile, Requirement
from surgeon.site.inventory import Inventory
from surgeon.site.versions import is_version, joined, local, satisfies


def findings(profiles: Sequence[Profile], inventory: Inventory, python: str) -> list[Finding]:
    """Hold an environment against profiles; what two of them say of one distribution is said once.

    Args:
        python: the interpreter's version (`3.10`).
    """
    found: dict[tuple[str, str], Finding] = {}
    for profile in profiles:
        if profile.python and not satisfies(python, profile.python):
            found.setdefault(("python", profile.name), _other_python(profile, python))
        for requirement in profile.requirements:
            if not applies(requirement, inventory):
                continue
            if finding := _judge(requirement, profile, inventory):
                found.setdefault(("distribution", requirement.distribution), finding)
    return list(found.values())


def applies(requirement: Requirement, inventory: Inventory) -> bool:
    """Tell whether the conditions of a requirement on other distributions hold."""
    return all(
        (version := inventory.version(name)) and satisfies(version, what)
        for name, what in requirement.when.items()
    )


def held(profiles: Sequence[Profile], inventory: Inventory) -> dict[str, str]:
    """What no remedy may move, each with the specifier that it is to meet.

    What a profile holds, where it is installed or required; and torch as it is, the one release that
    m3d-surgeon is there to keep.
    """
    pins: dict[str, str] = {}
    for profile in profiles:
        for requirement in profile.requirements:
            name = requirement.distribution
            needed = requirement.presence == "required" or inventory.version(name)
            if requirement.hold and needed and applies(requirement, inventory):
                pins[name] = joined(pins.get(name, ""), requirement.versions)
    torch = inventory.version(TORCH)
    if is_version(torch):
        pins.setdefault(TORCH, f"=={torch}")
    return pins


def _judge(requirement: Requirement, profile: Profile, inventory: Inventory) -> Finding | None:
    name, version = requirement.distribution, inventory.version(requirement.distribution)
    installed = name in inventory.used
    if requirement.presence == "absent":
        return _unwanted(requirement, version) if installed else None
    if not installed:
        return _missing(requirement, profile, inventory) if requirement.presence == "required" else None
    if not satisfies(version, requirement.versions):
        expected = f"{requirement.versions} is expected"
        return _wrong(requirement, version, expected, _needs(requirement, profile, inventory))
    if requirement.builds and local(version) not in requirement.builds:
        builds = " or ".join(build or "none" for build in requirement.builds)
        needs = (Need(Action.UNINSTALL, name), *_needs(requirement, profile, inventory))
        return _wrong(requirement, version, f"the build {builds} is expected", needs)
    return None


def _unwanted(requirement: Requirement, version: str) -> Finding:
    name = requirement.distribution
    return Finding(
        "unwanted",
        f"{name} {version} is installed and should not be",
        requirement.why,
        (Need(Action.UNINSTALL, name),),
        name,
        version,
    )


def _missing(requirement: Requirement, profile: Profile, inventory: Inventory) -> Finding:
    name = requirement.distribution
    return Finding(
        "missing",
        f"{name} is not installed"
        + (f"; {requirement.versions} is expected" if requirement.versions else ""),
        requirement.why,
        _needs(requirement, profile, inventory),
        name,
    )


def _wrong(requirement: Requirement, version: str, expected: str, needs: tuple[Need, ...]) -> Finding:
    name = requirement.distribution
    return Finding(
        "wrong-version", f"{name} {version} is installed; {expected}", requirement.why, needs, name, version
    )


def _needs(requirement: Requirement, profile: Profile, inventory: Inventory) -> tuple[Need, ...]:
    """Install it; what belongs to the same step is installed together with it."""
    if not requirement.step:
        versions = joined(requirement.versions, requirement.install)
        return (Need(Action.INSTALL, requirement.distribution, versions, options=requirement.options),)
    return tuple(_together(requirement.step, profile, inventory))


def _together(step: str, profile: Profile, inventory: Inventory) -> Iterator[Need]:
    for each in profile.requirements:
        if each.step != step or each.presence == "absent" or not applies(each, inventory):
            continue
        if each.presence == "required" or each.distribution in inventory.used:
            versions = joined(each.versions, each.install)
            yield Need(Action.INSTALL_STEP, each.distribution, versions, step, each.options)


def _other_python(profile: Profile, python: str) -> Finding:
    return Finding(
        "wrong-python",
        f"this is Python {python}; {profile.python} is expected",
        profile.python_why,
        advice="make an environment with that Python and run this command on it",
    )
