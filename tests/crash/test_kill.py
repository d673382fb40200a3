"""`kill -9` before every single system call that changes the disk: nothing torn, nothing lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import support
from tests.crash import seam
from tests.crash.scenes import (
    SCENES,
    TARGETS,
    check_settled,
    compiled,
    contents,
    fresh,
    half_obsolete,
    interrupted,
    looks,
)
from tests.tools.scale import TORTURE, scaled


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
        compiled(site)  # an interpreter ran what lay there
        seam.command(following, site)
        check_settled(site, following, f"{following} after point {point}")
        if following == "recover":
            assert looks(site) == looks(model) or contents(site) == contents(finished), f"mixed at {point}"
        seam.command("revert", site)
        assert looks(site) == looks(reverted), f"revert after point {point}"
        assert not (site / ".m3d-surgeon").exists(), f"revert after point {point}"
        shutil.rmtree(site)
    record_property("points", points)


@pytest.mark.parametrize("scene", SCENES)
def test_killed_again_in_the_next_command(
    scene: str, memory: Path, whole: dict[str, set[str]], record_property: Callable[[str, object], None]
) -> None:
    """Pairs of kills; real processes in `make torture`."""
    prepare, action = SCENES[scene]
    kill = seam.kill_before if TORTURE else seam.die_before
    model = memory / "model"
    model.mkdir()
    prepare(model)
    points = seam.count(action, shutil.copytree(model, memory / "finished"))
    reverted = shutil.copytree(model, memory / "reverted")
    seam.command("revert", reverted)
    dice = random.Random(scene)
    pairs = 0
    while pairs < scaled(60, 400):
        site = shutil.copytree(model, memory / "killed")
        first, second = dice.randint(1, points), dice.randint(1, 50)
        following, last = (dice.choice(("apply", "revert", "recover")) for _ in range(2))
        assert kill(first, action, site)
        pairs += kill(second, following, site)
        when = f"{last} after kills before call {first} of {action} and {second} of {following}"
        for target, digest in contents(site).items():
            assert digest in whole[target], when
        seam.command(last, site)
        check_settled(site, last, when)
        seam.command("revert", site)
        assert looks(site) == looks(reverted), when
        assert not (site / ".m3d-surgeon").exists(), when
        shutil.rmtree(site)
    record_property("pairs", pairs)


@pytest.mark.parametrize("following", ["apply", "revert", "recover"])
def test_a_hand_edit_after_the_kill_is_kept_and_told_of(following: str, memory: Path) -> None:
    """The killed run's bytes are in the file, its needle is not: nothing later would mention it."""
    site = memory / "site"
    site.mkdir()
    interrupted(site)
    core = site / TARGETS[0]
    edited = core.read_bytes() + b"# mine\n"
    core.write_bytes(edited)
    result = seam.command(following, site)
    assert [(error.path, error.code) for error in result.errors] == [(TARGETS[0], "changed-meanwhile")]
    assert result.exit_code == 3
    assert core.read_bytes() == edited


@pytest.mark.parametrize("following", ["apply", "revert", "recover"])
def test_a_reinstall_after_the_kill_is_nothing_to_tell_of(following: str, memory: Path) -> None:
    site = memory / "site"
    site.mkdir()
    interrupted(site)
    support.uninstall(site, "gadget")
    support.gadget(site, "2.0", source=support.GADGET + b"NEWER = True\n")
    assert seam.command(following, site).exit_code == 0
