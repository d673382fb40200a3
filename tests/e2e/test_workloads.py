"""The workloads on patched packages and torch 2.1.0 give the numbers of unpatched ones on torch 2.13."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests import environments, support
from tests.tools import matrix_runs
from tests.tools.matrix_table import ALL

pytestmark = pytest.mark.e2e

CHOSEN = [("nov26", name) for name in ALL] + [("dec25", name) for name in ("attention", "flux", "wan")]
"""nov26, the newest stack, needs every patch and runs everything.

dec25 has the same patches, but another diffusers (0.36.0), whose dispatcher and RMS norms are edited in
other places: these three reach them. Its transformers (4.57.3) differs from nov26's (4.57.6) in nothing that
is edited, and `make matrix` runs the rest, on dec25 and aug25 as well.
"""


@cache
def built(stack: str) -> Path:
    """An environment of this module's own, built once, whatever the order of the tests."""
    return environments.pod(support.CACHE / "e2e" / f"workloads-{stack}", stack)


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Path:
    """The environment of a stack."""
    return built(request.param)


def run(venv: Path, name: str, folder: Path) -> matrix_runs.Outcome:
    """One workload in a fresh process, its outcome not remembered."""
    return matrix_runs.Runner(matrix_runs.found(venv), {}, folder).workload(name)


@pytest.mark.parametrize("environment", ["nov26"], indirect=True)
def test_a_workload_fails_before(environment: Path, tmp_path: Path) -> None:
    assert support.surgeon("revert", "-p", environment).exit_code == 0
    assert run(environment, "flux", tmp_path).failed


@pytest.mark.parametrize(("environment", "name"), CHOSEN, indirect=["environment"])
def test_a_workload_gives_the_golden_numbers(
    environment: Path, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """No case fails, none that has golden numbers is missing, none is without them, each number agrees."""
    stack = environment.name.removeprefix("workloads-")
    assert support.surgeon("apply", "-p", environment).exit_code == 0
    outcome = run(environment, name, tmp_path)
    assert not outcome.failed, outcome.failed
    assert outcome.passed
    assert outcome.golden == stack, "there are no golden numbers for what is installed"
    print(f"{stack} {name}: {len(outcome.passed)} cases, largest difference {outcome.worst:.1e}")


SPOIL = """
import sys, numpy
kept, made = sys.argv[1:3]
with numpy.load(kept) as file:
    arrays = dict(file)
exec(sys.argv[3])
numpy.savez(made, **arrays)
"""
SPOILED = {
    "wan/": "",
    "out: off by": "arrays['forward/out'].flat[0] += 3e-5 * max(1, abs(arrays['forward/out']).max())",
    "forward/out: missing": "del arrays['forward/out']",
    "new/out: there is no golden number": "arrays['new/out'] = arrays['forward/out']",
}


@pytest.mark.parametrize("environment", ["nov26"], indirect=True)
@pytest.mark.parametrize("complaint", SPOILED)
def test_the_comparison_sees_what_is_off(environment: Path, complaint: str, tmp_path: Path) -> None:
    wanted, made = matrix_runs.GOLDEN / "nov26" / "wan.npz", tmp_path / "made.npz"
    python = environment / "bin" / "python"
    support.run(python, "-c", SPOIL, wanted, made, SPOILED[complaint])
    wrong = matrix_runs.compare(environment, made, wanted)["wrong"]
    assert len(wrong) == (1 if SPOILED[complaint] else 0)
    assert all(complaint in line for line in wrong), wrong
