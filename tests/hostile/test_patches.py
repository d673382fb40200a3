"""A patch module that raises or describes nonsense harms no other patch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.errors import SurgeonError
from surgeon.operations import run as operations
from surgeon.patch import Patch
from tests import support
from tests.crash import seam

NONSENSE = (
    "None",
    "0",
    "-1.5",
    "''",
    "'x' * 100_000",
    "'../../evil'",
    "()",
    "(None,)",
    "((),)",
    "{1: 2}",
    "{'torch': None}",
    "{'torch': 'soon'}",
    "[print]",
    "(lambda tree: None,)",
    "(lambda tree: 1 / 0,)",
    "(lambda tree: 'many',)",
    "(lambda tree: tree.module.body.clear(),)",
    "(lambda tree: setattr(tree, 'module', None),)",
    "object()",
    "lambda: 0",
    "b'x'",
    "(b'torch.shiny', 7)",
    "('gadget/*.py', '/etc/passwd')",
    "('**/*',)",
    "'('",
    "range(10**9)",
    "'\\ud800'",
)
FIELDS = tuple(each.name for each in dataclasses.fields(Patch) if each.name != "digest")
RAISING = (
    "raise ValueError('no')",
    "raise SystemExit(0)",
    "raise RecursionError",
    "import no_such_module",
    "def f(:",
    "\0",
    "PATCH = None",
    "PATCH = 'patch'",
    "class Sly:\n    __class__ = property(lambda self: 1 / 0)\nPATCH = Sly()",
    "import sys; sys.exit('bye')",
    "raise ExceptionGroup('many', [ValueError()])"
    if hasattr(__builtins__, "ExceptionGroup")
    else "raise OSError",
    "f = lambda: f(); f = f()",
    "",
)
STRANGE = ("strange", "x")


def applied(site: Path, folder: Path) -> set[str]:
    """Run the commands with the gadget's own patches and a folder of strange ones."""
    every = registry.load(folder)
    gadgets = seam.gadgets().patches
    mixed = {**gadgets, **{i: p for i, p in every.patches.items() if i not in gadgets and p.id in STRANGE}}
    known = registry.Registry(mixed, {}, every.problems)
    for command in ("status", "diff", "apply", "status"):
        try:
            result = getattr(operations, command)(seam.environment(site), known, known.select(()))
        except SurgeonError as error:
            raise AssertionError(f"{command} gave up: {error!r}") from error
        result.to_json()
        operations.catalogue("list", seam.environment(site), known, known.select(()))
    return {file.path for file in result.files if str(file.patches.get("gadget-shiny")) == "applied"}


@pytest.mark.parametrize("field", FIELDS)
def test_nonsense_in_a_field_harms_no_other_patch(
    field: str, site: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    original = (support.GADGETS / "gadget_shiny.py").read_text()
    for value in NONSENSE:
        folder = tmp_path / "strange"
        folder.mkdir()
        change = f"dataclasses.replace(PATCH, id='strange', expect=at_least(0), {field}={value})"
        if field in ("id", "expect"):
            change = f"dataclasses.replace(PATCH, **{{'id': 'strange', '{field}': {value}}})"
        source = f"{original}\nfrom surgeon.patch import at_least\nimport dataclasses\nPATCH = {change}\n"
        (folder / "strange.py").write_text(source)
        support.gadget(site)
        # What it does to the file itself is its own affair; the other file is only the gadget's.
        assert applied(site, folder) or field in ("transforms", "files", "needle"), f"{field} = {value}"
        seam.command("revert", site)
        for path in (folder / "strange.py", folder):
            path.unlink() if path.is_file() else path.rmdir()
    record_property("strange patches", len(NONSENSE))


@pytest.mark.parametrize("source", RAISING)
def test_a_module_that_fails_harms_no_other_patch(source: str, site: Path, tmp_path: Path) -> None:
    (tmp_path / "strange.py").write_text(source)
    support.gadget(site)
    assert applied(site, tmp_path) == {"gadget/core.py", "gadget/extra.py"}
    problems = [
        problem
        for problem in registry.load(tmp_path).problems
        if problem.path == str(tmp_path / "strange.py")
    ]
    assert [problem.code for problem in problems] == ["bad-patch"]
