"""The situations in which a run is killed or fails, and what may be found afterwards."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from surgeon.operations.verdict import State
from tests import support
from tests.crash import seam

TARGETS = ("gadget/core.py", "gadget/extra.py")


def fresh(site: Path) -> None:
    """Nothing was done yet."""
    support.gadget(site)
    compiled(site)


def patched(site: Path) -> None:
    """Everything is applied."""
    support.gadget(site)
    seam.command("apply", site)
    compiled(site)


def half_obsolete(site: Path) -> None:
    """Two patches in one file; then torch grows up and one of them is to be taken out."""
    support.gadget(site, source=support.GADGET + b"DULL = torch.dull.stain\n")
    seam.command("apply", site)
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.5.0")
    compiled(site)


def interrupted(site: Path) -> None:
    """An apply was killed after its last file, just before its manifest was put in place."""
    fresh(site)
    trace: list[str] = []
    with seam.through(seam.Seam(lambda _, name: trace.append(name))):
        seam.command("apply", site)
    shutil.rmtree(site)
    site.mkdir()
    fresh(site)
    renames = [number for number, name in enumerate(trace, 1) if name == "replace"]
    assert seam.die_before(renames[-1], "apply", site)


SCENES: dict[str, tuple[Callable[[Path], None], str]] = {
    "first apply": (fresh, "apply"),
    "revert": (patched, "revert"),
    "apply that rebuilds": (half_obsolete, "apply"),
}
RECOVERY = {"recovery": (interrupted, "recover")}


def compiled(site: Path) -> None:
    """Bytecode of every target that ignores its source (PEP 552), and says what it was made from."""
    cache = site / "gadget" / "__pycache__"
    cache.mkdir(exist_ok=True)
    for target in TARGETS:
        digest = hashlib.sha256((site / target).read_bytes()).hexdigest()
        header = b"\x6f\x0d\x0d\x0a" + (1).to_bytes(4, "little") + bytes(8)
        (cache / f"{Path(target).stem}.cpython-310.pyc").write_bytes(header + digest.encode())


def stale(site: Path) -> list[str]:
    """The bytecode files that a fresh interpreter would run instead of the source that lies there."""
    found = []
    for pyc in (site / "gadget" / "__pycache__").glob("*.pyc"):
        source = site / "gadget" / f"{pyc.name.partition('.')[0]}.py"
        if pyc.read_bytes()[16:].decode() != hashlib.sha256(source.read_bytes()).hexdigest():
            found.append(pyc.name)
    return found


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
    assert not stale(site), when
