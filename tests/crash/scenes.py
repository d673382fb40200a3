"""The situations in which a run is killed or fails, and what may be found afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from surgeon.verdict import State
from tests import support
from tests.crash import seam

TARGETS = ("gadget/core.py", "gadget/extra.py")


def fresh(site: Path) -> None:
    """Nothing was done yet."""
    support.gadget(site)


def patched(site: Path) -> None:
    """Everything is applied."""
    support.gadget(site)
    seam.command("apply", site)


def half_obsolete(site: Path) -> None:
    """Two patches in one file; then torch grows up and one of them is to be taken out."""
    support.gadget(site, source=support.GADGET + b"DULL = torch.dull.stain\n")
    seam.command("apply", site)
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.5.0")


SCENES: dict[str, tuple[Callable[[Path], None], str]] = {
    "first apply": (fresh, "apply"),
    "revert": (patched, "revert"),
    "apply that rebuilds": (half_obsolete, "apply"),
}


def looks(site: Path) -> dict[str, tuple[str, int, int]]:
    """Hash, mode and mtime_ns of the targets."""
    return {target: support.tree(site)[target] for target in TARGETS}


def contents(site: Path) -> dict[str, str]:
    """The targets' hashes."""
    return {target: row[0] for target, row in looks(site).items()}


def check_settled(site: Path, following: str, when: str) -> None:
    """After one further command nothing is under way any more, and what it is for is done."""
    states = {file.state for file in seam.command("status", site).files}
    if following == "apply":
        assert states <= {State.APPLIED, State.NOT_NEEDED}, when
    if following == "revert":
        assert states <= {State.PRISTINE, State.NOT_NEEDED}, when
    assert not (site / ".m3d-surgeon" / "journal.json").exists(), when
    assert not [path for path in (site / "gadget").iterdir() if path.name.startswith(".")], when
