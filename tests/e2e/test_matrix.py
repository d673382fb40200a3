"""Three environments of the matrix, measured anew: docs/compatibility.json says of them what is so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.tools import matrix
from tests.tools.matrix_table import combinations

pytestmark = pytest.mark.e2e

RESULTS: dict[str, Any] = json.loads((matrix.DOCS / "compatibility.json").read_text())["combinations"]
CHOSEN = {"diffusers-0.32": "flux", "diffusers-0.34": "attention", "torch-2.4.1-nov26": "attention"}
"""One that needs next to nothing, one between two stacks, one on a newer torch; and a workload each."""
AGAIN = "run `make matrix` and look at what it changes in docs/"


def seen(result: dict[str, Any], workload: str) -> dict[str, Any]:
    """What can be compared of a result: not the figures, and of the workloads only one."""
    kept = {"torch", "releases", "changed_files", "patches", "refused", "reverted"}
    found = {key: value for key, value in result.items() if key in kept}
    for phase in ("unpatched", "patched"):
        counts = result[phase]["passed"]
        found[f"{phase}: passed"] = {name: counts[name] for name in ("imports", workload)}
        found[f"{phase}: failed"] = {
            case: error
            for error, cases in result[phase]["failed"].items()
            for case in cases
            if case.startswith(("import ", f"{workload}."))
        }
    return found


@pytest.mark.parametrize(("name", "workload"), CHOSEN.items())
def test_a_combination_is_as_the_documents_say(name: str, workload: str, tmp_path: Path) -> None:
    combination = replace(combinations()[name], workloads=(workload,))
    result = matrix.measure(combination, support.CACHE / "e2e" / f"matrix-{name}", tmp_path, compare=False)
    assert seen(result, workload) == seen(RESULTS[name], workload), AGAIN
