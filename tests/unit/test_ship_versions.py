"""The versions of patched wheels: what installers make of them is PEP 440's, not ours."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from surgeon.errors import Refused, UsageError
from surgeon.wheels.local_versions import is_patched, patched

VERSIONS = [
    ("0.36.0", "0.36.0+m3d.1"),
    ("1.0+cu121", "1.0+cu121.m3d.1"),
    ("2.1.0a0+git", "2.1.0a0+git.m3d.1"),
    ("1!2.0.post1.dev3", "1!2.0.post1.dev3+m3d.1"),
    ("2024.01.1", "2024.1.1+m3d.1"),
]


@pytest.mark.parametrize(("version", "expected"), VERSIONS)
def test_the_local_version_is_added_to(version: str, expected: str) -> None:
    assert patched(Version(version), 1) == expected
    assert str(Version(expected)) == expected, "file names want the normalised form"


@pytest.mark.parametrize(("version", "expected"), VERSIONS)
def test_who_asks_for_the_release_gets_the_patched_one_and_installers_prefer_it(
    version: str, expected: str
) -> None:
    public = Version(version).public
    assert SpecifierSet(f"=={public}").contains(expected, prereleases=True)
    assert Version(expected) > Version(version)
    assert Version(patched(Version(version), 10)) > Version(patched(Version(version), 9))


@pytest.mark.parametrize("version", ["0.36.0+m3d.1", "1.0+cu121.m3d.2"])
def test_what_was_patched_once_is_not_patched_again(version: str) -> None:
    assert is_patched(Version(version))
    with pytest.raises(Refused, match="already") as refusal:
        patched(Version(version), 2)
    assert refusal.value.code == "already-patched"
    assert not is_patched(Version("1.0+m3dx.1"))


def test_a_build_number_is_positive() -> None:
    with pytest.raises(UsageError, match="build-number"):
        patched(Version("1.0"), 0)
