"""How much is tried: a few minutes' worth in `make test`, hours' worth in `make torture`."""

from __future__ import annotations

import os

TORTURE = bool(os.environ.get("M3D_SURGEON_TORTURE"))


def scaled(short: int, long: int) -> int:
    """`short` in `make test`, `long` in `make torture`."""
    return long if TORTURE else short
