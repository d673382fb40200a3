"""Every patch's examples, as tests."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

import pytest
import surgeon.patches

from surgeon.patch import Case, Patch
from surgeon.rewrite import rewrite

PATCHES: list[Patch] = [
    importlib.import_module(f"surgeon.patches.{each.name}").PATCH
    for each in sorted(pkgutil.iter_modules(surgeon.patches.__path__), key=lambda each: each.name)
    if not each.name.startswith("_")
]
CASES = [
    pytest.param(patch, case, id=f"{patch.id}-{n}") for patch in PATCHES for n, case in enumerate(patch.cases)
]
UNCHANGED = [
    pytest.param(patch, source, id=f"{patch.id}-{n}")
    for patch in PATCHES
    for n, source in enumerate(patch.unchanged)
]
every_case = pytest.mark.parametrize(("patch", "case"), CASES)


def run(patch: Patch, source: str, *, crlf: bool = False, last_newline: bool = True) -> str:
    """What `patch` makes of `source`; its expectation must hold."""
    text = source if last_newline else source.removesuffix("\n")
    result = rewrite((text.replace("\n", "\r\n") if crlf else text).encode(), [patch])
    assert result.failures == {}
    return result.result.decode()


def test_there_are_patches_with_examples() -> None:
    assert PATCHES
    assert all(patch.cases and patch.unchanged for patch in PATCHES)


@every_case
def test_before_becomes_after(patch: Patch, case: Case) -> None:
    assert run(patch, case.before) == case.after


@every_case
def test_after_stays(patch: Patch, case: Case) -> None:
    result = rewrite(case.after.encode(), [patch])
    assert result.result.decode() == case.after
    assert result.matches.get(patch.id, 0) == 0


@every_case
def test_the_result_compiles(patch: Patch, case: Case) -> None:
    compile(case.before, patch.id, "exec")
    compile(run(patch, case.before), patch.id, "exec")


@every_case
def test_windows_line_ends_survive(patch: Patch, case: Case) -> None:
    assert run(patch, case.before, crlf=True) == case.after.replace("\n", "\r\n")


@every_case
def test_a_missing_last_newline_stays_missing(patch: Patch, case: Case) -> None:
    assert run(patch, case.before, last_newline=False) == case.after.removesuffix("\n")


@every_case
def test_a_byte_order_mark_survives(patch: Patch, case: Case) -> None:
    result = rewrite(b"\xef\xbb\xbf" + case.before.encode(), [patch])
    assert result.result == b"\xef\xbb\xbf" + case.after.encode()


@every_case
def test_inserted_lines_name_the_patch(patch: Patch, case: Case) -> None:
    before, after = case.before.splitlines(), run(patch, case.before).splitlines()
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        unmarked = [line for line in after[c:d] if not line.endswith(f"  # m3d-surgeon: {patch.id}")]
        if tag == "insert":
            assert unmarked == []
        elif tag == "replace":
            assert len(unmarked) <= b - a


@pytest.mark.parametrize(("patch", "source"), UNCHANGED)
def test_sources_that_stay_as_they_are(patch: Patch, source: str) -> None:
    compile(source, patch.id, "exec")
    result = rewrite(source.encode(), [patch])
    assert result.result == source.encode()
    assert result.matches.get(patch.id, 0) == 0
