"""What is said of a patch whose distribution is newer than any that was tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.operations import run as operations
from surgeon.operations import summary
from surgeon.operations.results import PatchResult, Result
from surgeon.operations.verdict import State
from surgeon.site.environment import Environment
from tests import support

UNTESTED = "untested: {} is newer than 1.2, the newest that was tested"


@pytest.fixture(autouse=True)
def gadget_1_2_was_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small package stands for one of the compatibility table's."""
    monkeypatch.setattr(summary, "_tested", lambda: {"gadget": "1.2"})


def run(command: str, site: Path) -> Result:
    known = registry.load(support.GADGETS)
    return getattr(operations, command)(Environment(None, (3, 10), (site,)), known, known.select(()))  # type: ignore[no-any-return]


def gadget_patches(result: Result) -> dict[str, PatchResult]:
    return {patch.id: patch for patch in result.patches if patch.distribution == "gadget"}


@pytest.mark.parametrize("version", ["1.3", "1.2.1", "1.2.post1", "1.3.dev0", "2.0+local"])
def test_a_newer_release_is_patched_and_marked(site: Path, version: str) -> None:
    support.gadget(site, version)
    pending = run("status", site)
    assert pending.exit_code == 1
    assert gadget_patches(pending)["gadget-shiny"].state is State.PRISTINE
    assert gadget_patches(pending)["gadget-shiny"].reason == UNTESTED.format(version)
    applied = run("apply", site)
    assert applied.exit_code == 0
    assert gadget_patches(applied)["gadget-shiny"].state is State.APPLIED
    assert gadget_patches(applied)["gadget-shiny"].reason == UNTESTED.format(version)
    assert run("status", site).exit_code == 0


@pytest.mark.parametrize("version", ["1.2", "1.2.0", "1.2+local", "1.1", "1.2rc1", "one"])
def test_any_other_release_is_not(site: Path, version: str) -> None:
    support.gadget(site, version)
    reasons = [patch.reason for command in ("status", "apply") for patch in run(command, site).patches]
    assert not [reason for reason in reasons if "untested" in reason]


def test_a_distribution_that_the_table_does_not_list_is_not(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "_tested", dict)
    support.gadget(site, "9")
    assert gadget_patches(run("status", site))["gadget-shiny"].reason == ""


def test_a_patch_that_is_not_needed_says_why_instead(site: Path) -> None:
    support.gadget(site, "9", torch="2.13.0")
    reasons = {patch.reason for patch in gadget_patches(run("status", site)).values()}
    assert reasons and not [reason for reason in reasons if "untested" in reason]


def test_the_list_that_is_shipped_names_every_distribution_that_has_a_patch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    patched = {patch.distribution for patch in registry.load().patches.values()}
    assert summary._tested().keys() >= patched
    shipped = support.CHECKOUT / "surgeon" / "operations" / "tested.json"
    assert json.loads(shipped.read_text()) == summary._tested()
