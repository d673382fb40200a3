"""The power fails anywhere: whatever subset of the unsynced reached the disk, nothing is torn or lost."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError
from tests.crash import power, seam
from tests.crash.scenes import RECOVERY, SCENES, TARGETS, check_settled, contents, looks, stale
from tests.tools.scale import scaled

EVERY = {**SCENES, **RECOVERY}
FOLLOWING = ("apply", "revert", "recover")
Figure = Callable[[str, object], None]


class Expected:
    """What may be found after a power cut in one command, and what must be found in the end."""

    def __init__(self, scene: str, memory: Path) -> None:
        prepare, self.action = EVERY[scene]
        self.model = memory / "model"
        self.model.mkdir()
        prepare(self.model)
        self.before = looks(self.model)
        after = {name: self._after(name, memory) for name in {self.action, *FOLLOWING}}
        self.after = contents(after[self.action])
        self.reverted = looks(after["revert"])
        self.at_rest = [contents(site) for site in (self.model, *after.values())]
        self.whole = {target: {state[target] for state in self.at_rest} for target in TARGETS}

    def _after(self, name: str, memory: Path) -> Path:
        site = shutil.copytree(self.model, memory / f"after {name}")
        seam.command(name, site)
        return site

    def check(self, tree: power.Snapshot, following: str, place: Path, when: str) -> None:
        """One tree that a power cut left: whole files, and one command settles it."""
        site = power.materialise(tree, place)
        for target, digest in contents(site).items():
            assert digest in self.whole[target], f"{target} is torn, {when}"
        seam.command("status", site)
        seam.command(following, site)
        check_settled(site, following, f"{following} {when}")
        assert contents(site) in self.at_rest, f"mixed after {following} {when}"
        seam.command("revert", site)
        assert looks(site) == self.reverted, f"revert after {following} {when}"
        assert not (site / ".m3d-surgeon").exists(), f"revert after {following} {when}"
        shutil.rmtree(site)


def run(expected: Expected, site: Path, disk: type[power.Disk] = power.Disk) -> power.Disk:
    """Run the scene's command over the model, to its end."""
    modelled = disk(site)
    with seam.through(modelled):
        seam.command(expected.action, site)
    return modelled


@pytest.mark.parametrize("scene", EVERY)
def test_every_state_that_a_power_cut_can_leave(scene: str, memory: Path, record_property: Figure) -> None:
    expected = Expected(scene, memory)
    disk = run(expected, shutil.copytree(expected.model, memory / "run"))
    assert disk.calls > 20
    for call, tree in disk.states.values():
        for following in FOLLOWING:
            expected.check(tree, following, memory / "cut", f"power cut before call {call}")
        site = power.materialise(tree, memory / "cut")
        seam.command("recover", site)
        assert looks(site) == expected.before or contents(site) == expected.after, f"mixed at call {call}"
        shutil.rmtree(site)
    record_property("states", len(disk.states))
    record_property("recoveries", len(disk.states) * len(FOLLOWING))


@pytest.mark.parametrize("scene", EVERY)
def test_what_a_command_has_reported_outlives_a_power_cut(scene: str, memory: Path) -> None:
    expected = Expected(scene, memory)
    disk = run(expected, shutil.copytree(expected.model, memory / "run"))
    disk.states.clear()
    disk.observe()
    for _, tree in disk.states.values():
        site = power.materialise(tree, memory / "cut")
        assert contents(site) == expected.after
        shutil.rmtree(site)


@pytest.mark.parametrize("scene", EVERY)
def test_a_kill_and_later_a_power_cut(scene: str, memory: Path, record_property: Figure) -> None:
    """What a killed run had done and not synced is still there for the next one, which builds on it."""
    expected = Expected(scene, memory)
    risky = run(expected, shutil.copytree(expected.model, memory / "run")).risky
    states: dict[str, tuple[str, power.Snapshot]] = {}
    points = [(call, following) for call in risky for following in FOLLOWING]
    for call, following in random.Random(scene).sample(points, min(len(points), scaled(60, 10**6))):
        disk = killed_and_followed(expected, call, following, memory / "twice")
        for key, (then, tree) in disk.states.items():
            states.setdefault(key, (f"killed before {call}, cut before {then} in {following}", tree))
    chosen = random.Random(scene).sample(list(states.values()), min(len(states), scaled(120, 1_500)))
    for number, (when, tree) in enumerate(chosen):
        expected.check(tree, FOLLOWING[number % len(FOLLOWING)], memory / "cut", when)
    record_property("distinct states", len(states))
    record_property("states checked", len(chosen))


@pytest.mark.parametrize("scene", EVERY)
def test_what_is_reported_after_a_kill_outlives_a_power_cut(
    scene: str, memory: Path, record_property: Figure
) -> None:
    """Whatever a killed run had done and not synced: once the next one is done, it is settled for good."""
    expected = Expected(scene, memory)
    risky = run(expected, shutil.copytree(expected.model, memory / "run")).risky
    checked = 0
    for call, following in itertools.product(risky, FOLLOWING):
        disk = killed_and_followed(expected, call, following, memory / "twice")
        disk.states.clear()
        disk.observe()
        for _, tree in disk.states.values():
            site = power.materialise(tree, memory / "cut")
            assert contents(site) in expected.at_rest, f"{following} after a kill before {call}"
            assert not stale(site), f"{following} after a kill before {call}"
            shutil.rmtree(site)
            checked += 1
    record_property("kills", len(risky) * len(FOLLOWING))
    record_property("states checked", checked)


def killed_and_followed(expected: Expected, call: int, following: str, place: Path) -> power.Disk:
    """A command killed at a call, then another one that is watched; nothing was synced in between."""
    site = shutil.copytree(expected.model, place)
    disk = power.Disk(site)
    disk.watching, disk.dies_before = False, call
    with seam.through(disk):
        with pytest.raises(seam.Killed):
            seam.command(expected.action, site)
        disk.watching, disk.dies_before = True, None
        seam.command(following, site)
    disk.observe()
    shutil.rmtree(site)
    return disk


class ForgetsFiles(power.Disk):
    """A file system on which the sync of a file was never asked for."""

    def fsync(self, descriptor: int) -> None:
        if isinstance(self._open[descriptor], power.Folder):
            super().fsync(descriptor)


class ForgetsFolders(power.Disk):
    """Likewise of a folder."""

    def fsync(self, descriptor: int) -> None:
        if isinstance(self._open[descriptor], power.File):
            super().fsync(descriptor)


@pytest.mark.parametrize("disk", [ForgetsFiles, ForgetsFolders])
def test_a_missing_sync_is_found(disk: type[power.Disk], memory: Path) -> None:
    expected = Expected("first apply", memory)
    harmed = 0
    for number, (call, tree) in enumerate(
        run(expected, shutil.copytree(expected.model, memory / "run"), disk).states.values()
    ):
        try:
            expected.check(tree, "recover", memory / f"cut{number}", f"before call {call}")
        except (AssertionError, SurgeonError):
            harmed += 1
    assert harmed
