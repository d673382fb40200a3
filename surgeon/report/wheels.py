"""What `wheel` says."""

from __future__ import annotations

from surgeon.report.tables import table
from surgeon.wheels.results import PENDING, UNCHANGED, WRITTEN, Built, Shipped

WORDS = {WRITTEN: "wrote", PENDING: "would write", UNCHANGED: "is there already"}


def shipped(result: Shipped) -> None:
    """Print what became of every wheel: the new ones with their hashes, to pin them by."""
    if result.wheels:
        table(("wheel", "version", "state", "patches"), [_row(wheel) for wheel in result.wheels])
    for wheel in result.wheels:
        if wheel.output:
            print()
            print(f"{WORDS[wheel.state]}: {wheel.output}")
            print(f"  sha256:{wheel.sha256}")


def _row(wheel: Built) -> tuple[str, ...]:
    name = wheel.distribution or wheel.given
    return name, wheel.output_version or wheel.version, wheel.state, ", ".join(wheel.patches) or wheel.reason
