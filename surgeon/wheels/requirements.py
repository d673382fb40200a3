"""What a wheel asks for that its conditions deny. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from surgeon.site.distribution import normalised
from surgeon.site.versions import satisfies
from surgeon.wheels.wheel import HEADER_END

REQUIRES = re.compile(rb"^Requires-Dist:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


def contradicted(
    metadata: bytes, versions: Mapping[str, str], markers: Mapping[str, str] | None = None
) -> list[str]:
    """The requirements that a release among the conditions does not meet, as METADATA states them.

    Args:
        versions: by normalised name.
        markers: the values of PEP 508's markers where the wheel will be installed; `None` where that
            is not known: then a requirement counts unless it is an extra's.
    """
    found = _requirements(metadata)
    return [text for _, text, requirement in found if _denied(requirement, versions, markers)]


def relaxed(metadata: bytes, versions: Mapping[str, str], markers: Mapping[str, str] | None = None) -> bytes:
    """METADATA in which those requirements ask for any release."""
    pieces, done = [], 0
    for span, _, requirement in _requirements(metadata):
        if _denied(requirement, versions, markers):
            requirement.specifier = type(requirement.specifier)()
            pieces += [metadata[done : span[0]], str(requirement).encode()]
            done = span[1]
    return b"".join([*pieces, metadata[done:]])


def _requirements(metadata: bytes) -> Iterator[tuple[tuple[int, int], str, Requirement]]:
    end = HEADER_END.search(metadata)
    for found in REQUIRES.finditer(metadata, 0, end.start() + 1 if end else len(metadata)):
        text = found[1].decode("utf-8", "replace").strip()
        try:
            yield found.span(1), text, Requirement(text)
        except InvalidRequirement:  # installers leave such a line out as well
            continue


def _denied(requirement: Requirement, versions: Mapping[str, str], markers: Mapping[str, str] | None) -> bool:
    version = versions.get(normalised(requirement.name))
    if version is None or not _applies(requirement, markers):
        return False
    return not satisfies(version, str(requirement.specifier))


def _applies(requirement: Requirement, markers: Mapping[str, str] | None) -> bool:
    """Tell whether a requirement holds where the wheel will be; those of extras are nobody's."""
    if requirement.marker is None:
        return True
    if markers is None:
        return "extra" not in str(requirement.marker)
    try:
        return requirement.marker.evaluate({**markers, "extra": ""})
    except Exception:  # a marker that compares nonsense: packaging raises several kinds of errors
        return False
