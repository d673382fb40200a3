"""What a wheel asks for that its conditions deny. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from surgeon.distribution import normalised
from surgeon.ship.wheels import HEADER_END
from surgeon.versions import satisfies

REQUIRES = re.compile(rb"^Requires-Dist:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


def contradicted(metadata: bytes, versions: Mapping[str, str]) -> list[str]:
    """The requirements that a release among the conditions does not meet, as METADATA states them.

    Args:
        versions: by normalised name.
    """
    return [text for _, text, requirement in _requirements(metadata) if _denied(requirement, versions)]


def relaxed(metadata: bytes, versions: Mapping[str, str]) -> bytes:
    """METADATA in which those requirements ask for any release."""
    pieces, done = [], 0
    for span, _, requirement in _requirements(metadata):
        if _denied(requirement, versions):
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


def _denied(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(normalised(requirement.name))
    if version is None or (requirement.marker and "extra" in str(requirement.marker)):
        return False
    return not satisfies(version, str(requirement.specifier))
