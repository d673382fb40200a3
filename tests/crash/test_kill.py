"""`kill -9` before every single system call that changes the disk: nothing torn, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import seam
from tests.crash.scenes import SCENES, TARGETS, check_settled, contents, fresh, half_obsolete, looks


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """For each target: the hashes of its pristine bytes and of every patched form."""
    allowed: dict[str, set[str]] = {target: set() for target in TARGETS}
    for number, prepare in enumerate((fresh, half_obsolete)):
        site = tmp_path_factory.mktemp(f"model{number}")
        prepare(site)
        for action in ("status", "apply", "revert"):
            seam.command(action, site)
            for target, digest in contents(site).items():
                allowed[target].add(digest)
    return allowed


@pytest.mark.parametrize("following", ["apply", "revert", "recover"])
@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_every_point(
    scene: str,
    following: str,
    memory: Path,
    whole: dict[str, set[str]],
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
        for target, digest in contents(site).items():
            assert digest in whole[target], f"torn at point {point}"
        seam.command(following, site)
        check_settled(site, following, f"{following} after point {point}")
        if following == "recover":
            assert looks(site) == looks(model) or contents(site) == contents(finished), f"mixed at {point}"
        seam.command("revert", site)
        assert looks(site) == looks(reverted), f"revert after point {point}"
        assert not (site / ".m3d-surgeon").exists(), f"revert after point {point}"
        shutil.rmtree(site)
    record_property("points", points)
