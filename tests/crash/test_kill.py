"""`kill -9` before every single system call that changes the disk: nothing torn, nothing lost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from surgeon.verdict import State
from tests import support
from tests.crash import seam

TARGETS = ("gadget/core.py", "gadget/extra.py")


def fresh(site: Path) -> None:
    support.gadget(site)


def patched(site: Path) -> None:
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


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """For each target: the hashes of its pristine bytes and of every patched form."""
    allowed: dict[str, set[str]] = {target: set() for target in TARGETS}
    for number, prepare in enumerate((fresh, half_obsolete)):
        site = tmp_path_factory.mktemp(f"model{number}")
        prepare(site)
        for action in ("apply", "revert"):
            for target in TARGETS:
                allowed[target].add(support.hashes(site)[target])
            seam.command(action, site)
            for target in TARGETS:
                allowed[target].add(support.hashes(site)[target])
    return allowed


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of fsyncs cost nothing there."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("following", ["apply", "revert", "recover"])
@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_every_point(
    scene: str,
    following: str,
    memory: Path,
    results: dict[str, set[str]],
    record_property: Callable[[str, object], None],
) -> None:
    prepare, action = SCENES[scene]
    model = memory / "model"
    model.mkdir()
    prepare(model)
    finished = shutil.copytree(model, memory / "finished")
    points = seam.count(action, finished)
    assert points > 20
    reverted = shutil.copytree(model, memory / "reverted")
    seam.command("revert", reverted)
    for point in range(1, points + 1):
        site = shutil.copytree(model, memory / "killed")
        assert seam.kill_before(point, action, site), f"point {point} was never reached"
        for target in TARGETS:
            assert support.hashes(site)[target] in results[target], f"torn at point {point}"
        seam.command(following, site)
        check_settled(site, following, f"{following} after point {point}")
        if following == "recover":
            assert looks(site) == looks(model) or contents(site) == contents(finished), f"mixed at {point}"
        seam.command("revert", site)
        assert looks(site) == looks(reverted), f"revert after point {point}"
        assert not (site / ".m3d-surgeon").exists(), f"revert after point {point}"
        shutil.rmtree(site)
    record_property("points", points)


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
