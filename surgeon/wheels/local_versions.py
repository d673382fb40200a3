"""Versions of patched wheels: the release that was patched, and a local version that says so. Pure.

A local version (PEP 440) is what "the same release with changes of one's own" is called: whoever
asks for `==0.36.0` accepts `0.36.0+m3d.1`, and installers prefer it to `0.36.0`.
"""

from __future__ import annotations

from packaging.version import Version

from surgeon.errors import Refused, UsageError

LABEL = "m3d"


def patched(version: Version, build_number: int) -> str:
    """The version of a patched wheel, normalised: `0.36.0+m3d.1`, or `1.0+cu121.m3d.1`.

    Args:
        version: of the wheel that is patched.
        build_number: tells apart what was built from one release with different patches; a higher
            one is the newer for every installer.

    Raises:
        UsageError: the build number is not positive.
        Refused: the version is one that this function made (`already-patched`).
    """
    if build_number < 1:
        raise UsageError("--build-number must be 1 or more", hint="leave it out for 1")
    if is_patched(version):
        raise Refused(
            f"{version} was built by this tool already",
            hint="build from the wheel of the original release; --build-number tells builds apart",
            code="already-patched",
        )
    label = f"{LABEL}.{build_number}"
    local = f"{version.local}.{label}" if version.local else label
    return f"{version.public}+{local}"


def is_patched(version: Version) -> bool:
    """Tell whether a local version says that this tool built the wheel."""
    return LABEL in (version.local or "").split(".")
