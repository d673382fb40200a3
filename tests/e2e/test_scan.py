"""What `scan` predicts is what importing does: real packages on the real torch 2.1.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import environments, support, truth

pytestmark = pytest.mark.more

SAMPLE = 40
"""Modules of each kind, besides all that have a gap of their own; `make scan-truth` imports every one."""


@pytest.fixture(scope="module", params=truth.STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, Path]:
    return request.param, environments.pod(support.CACHE / "scan" / request.param, request.param)


def test_every_crash_is_predicted_and_nearly_every_prediction_comes_true(stack: tuple[str, Path]) -> None:
    name, venv = stack
    found = truth.measure(venv, name, SAMPLE)
    print(found, found.missed, found.false, sep="\n")
    assert found.modules > 50, "nothing was proved"
    assert set(found.missed) <= set(truth.KNOWN_MISSES), found.missed
    assert found.precision >= 0.95, found.false


def test_the_comparison_sees_a_miss_and_a_false_alarm() -> None:
    came = {
        "a": [["AttributeError", "", "torch.xpu", ""]],
        "b": [],
        "c": [["ImportError", "no flash_attn", "", ""]],
        "d": [["RuntimeError", "", "", ""], ["ImportError", "", "torch.x", ""]],
    }
    broken = {"b": {"reason": "x"}, "c": {"reason": "y"}, "d": {"reason": "z"}}
    found = truth.compare("s", broken, came)
    assert found.missed == {"a": "torch.xpu"}
    assert found.false == {"b": "x"}
    assert found.apart == {"c": "ImportError: no flash_attn"}
    assert (found.recall, found.precision) == (0.5, 0.5)
