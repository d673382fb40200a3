"""Whatever lies in the store and in RECORD: nothing outside changes, and `status` still answers."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError
from surgeon.operations.verdict import State
from tests import support
from tests.crash import seam
from tests.hostile import world as w
from tests.tools.scale import scaled

COMMANDS = ("apply", "revert", "recover", "diff")
CASES = scaled(2_000, 20_000)
PARTS = 8
CODE = {"gadget/core.py": support.GADGET, "gadget/extra.py": support.GADGET}
SHIPPED = {"gadget/__init__.py": b"", **CODE}
Figure = Callable[[str, object], None]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_harmed_environment_harms_nothing_else(part: int, memory: Path, record_property: Figure) -> None:
    models = [w.build(memory / f"model{n}", prepare) for n, prepare in enumerate(w.WORLDS.values())]
    refused = 0
    for number in range(CASES // PARTS):
        seed = number * PARTS + part
        dice = random.Random(seed)
        world = shutil.copytree(dice.choice(models), memory / "world", symlinks=True)
        done = [w.harm(dice, world) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        refused += attempt(world, dice.choices(COMMANDS, k=2), f"seed {seed}: {'; '.join(done)}")
        shutil.rmtree(world)
    assert refused > CASES // PARTS // 10, "the harm is harmless"
    record_property("cases", CASES // PARTS)
    record_property("commands that refused", refused)


def attempt(world: Path, commands: list[str], case: str) -> int:
    """Run `status`, two commands and `status` again over a harmed world; how many refused."""
    before, refused = w.canary(world), 0
    for command in ("status", *commands, "status"):
        try:
            result = seam.command(command, world / w.SITE)
            if command == "status":
                check_status({file.path: file.state for file in result.files}, world / w.SITE, case)
        except SurgeonError as error:
            assert command != "status", case
            assert error.exit_code in (3, 4, 5), case
            refused += 1
        except BaseException as error:
            raise AssertionError(f"{command} raised {error!r}: {case}") from error
        assert w.canary(world) == before, f"{command} changed what is none of its business: {case}"
    return refused


def check_status(states: dict[str, State], site: Path, case: str) -> None:
    """A file that holds what an unharmed RECORD lists is never called changed."""
    record = site / w.INFO / "RECORD"
    metadata = site / w.INFO / "METADATA"
    shipped = support.distribution_files("gadget", "1.0", SHIPPED)
    if not record.is_file() or not metadata.is_file():
        return
    if metadata.is_symlink() or (site / "gadget").is_symlink():
        return
    if any(place.read_bytes() != shipped[f"{w.INFO}/{place.name}"] for place in (record, metadata)):
        return
    for path in CODE:
        place = site / path
        if place.is_file() and place.read_bytes() == support.GADGET:
            assert states.get(path) in (State.PRISTINE, State.SUPERSEDED), f"{path} {states}: {case}"
