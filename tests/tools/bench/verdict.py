"""A target and what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.tools.bench.measure import Sample, ratio


def compared(
    what: str, limit: float, samples: Sequence[Sample], base: Sequence[Sample], against: str
) -> dict[str, Any]:
    """A target that is a ratio of times: wall time decides, processor time stands beside it."""
    wall = ratio(samples, base, "wall")
    return {
        "what": what,
        "against": against,
        "limit": limit,
        "measured": round(wall, 2),
        "cpu": round(ratio(samples, base, "cpu"), 2),
        "met": wall <= limit,
    }


def plain(what: str, limit: float, measured: float, against: str, unit: str = "") -> dict[str, Any]:
    """A target that is a number."""
    return {
        "what": what,
        "against": against,
        "limit": limit,
        "measured": round(measured, 3),
        "unit": unit,
        "met": measured <= limit,
    }
