"""The compatibility table: the page, the JSON file and what the tool knows of them say the same."""

from __future__ import annotations

import json
from typing import Any

from packaging.version import Version

from surgeon import registry
from tests.tools import matrix, matrix_report
from tests.tools.matrix_table import MODERN, STACKS, combinations

WRITTEN = json.loads((matrix.DOCS / "compatibility.json").read_text())
RESULTS: dict[str, Any] = WRITTEN["combinations"]
AGAIN = "run `make matrix` and look at what it changes in docs/"


def test_the_page_says_what_the_json_says() -> None:
    assert (matrix.DOCS / "compatibility.md").read_text() == matrix_report.page(WRITTEN), AGAIN


def test_the_tool_knows_the_newest_releases_that_work() -> None:
    tested = json.loads(matrix.TESTED.read_text())
    assert tested == matrix_report.newest(RESULTS), AGAIN
    for name, version in tested.items():
        works = [one["releases"].get(name) for one in RESULTS.values() if "works" in one["verdict"].split()]
        assert version in works
        assert not [other for other in works if other and Version(other) > Version(version)]


def test_the_documents_have_what_was_promised() -> None:
    assert len(RESULTS) >= 30
    assert RESULTS.keys() <= combinations().keys(), "the documents have combinations that are gone"
    assert all(one["reverted"] and not one["refused"] for one in RESULTS.values())
    assert {RESULTS[stack]["verdict"] for stack in STACKS} == {matrix_report.PATCHED}
    assert {RESULTS[stack]["golden"] for stack in STACKS} == set(STACKS)


def test_torch_is_no_reason_to_patch_where_it_has_everything() -> None:
    """What is changed there is changed by a patch for which torch's version does not matter."""
    patches = registry.load().patches
    modern = {name: one for name, one in RESULTS.items() if one["torch"] == MODERN}
    assert modern
    assert {name: one["patches"] for name, one in modern.items() if name.endswith("nov26")} == {
        f"torch-{MODERN}-nov26": {}
    }
    assert not [
        patch for one in modern.values() for patch in one["patches"] if "torch" in patches[patch].when
    ]
