"""Every patch's examples, as tests: each with each of the checks that `m3d-surgeon test` makes."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
import surgeon.patches

from surgeon.author.examples import CASE_CHECKS, stays
from surgeon.patch import Case, Patch

PATCHES: list[Patch] = [
    importlib.import_module(each.name).PATCH
    for each in sorted(
        pkgutil.walk_packages(surgeon.patches.__path__, "surgeon.patches."), key=lambda each: each.name
    )
    if not each.ispkg
]
CASES = [
    pytest.param(patch, case, id=f"{patch.id}-{n}") for patch in PATCHES for n, case in enumerate(patch.cases)
]
UNCHANGED = [
    pytest.param(patch, source, id=f"{patch.id}-{n}")
    for patch in PATCHES
    for n, source in enumerate(patch.unchanged)
]


def test_there_are_patches_with_examples() -> None:
    assert PATCHES
    assert all(patch.cases and patch.unchanged for patch in PATCHES)


@pytest.mark.parametrize("check", CASE_CHECKS)
@pytest.mark.parametrize(("patch", "case"), CASES)
def test_a_case(patch: Patch, case: Case, check: str) -> None:
    assert CASE_CHECKS[check](patch, case) is None


@pytest.mark.parametrize(("patch", "source"), UNCHANGED)
def test_sources_that_stay_as_they_are(patch: Patch, source: str) -> None:
    assert stays(patch, source) is None
