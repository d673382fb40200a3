"""Times before 1970, at 0 and far ahead: they come back to the nanosecond, and the store stays readable."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from surgeon.operations.verdict import State
from surgeon.site.fs import Root
from surgeon.site.store import Store
from tests import support
from tests.crash import scenes, seam
from tests.tools.scale import scaled

Figure = Callable[[str, object], None]
SECOND = 10**9
NAMED = {
    "one ns before 1970": -1,
    "one second before 1970": -SECOND,
    "five seconds before 1970": -5 * SECOND,
    "1970": 0,
    "one ns after 1970": 1,
    "1980, as wheels have it": 315_532_800 * SECOND,
    "32 bits, signed": 2**31 * SECOND,
    "32 bits": 2**32 * SECOND - 1,
    "2100": 4_102_444_800 * SECOND + 123_456_789,
    "64 bits of ns": 2**63,
    "ext4's first": -(2**31) * SECOND,
    "ext4's last": (2**34 - 2**31) * SECOND - 1,
    "64 bits of seconds, first": -(2**63) * SECOND,
    "64 bits of seconds, last": 2**63 * SECOND - 1,
}


def random_times(number: int) -> Iterator[int]:
    dice = random.Random(number)
    for bits in range(number):
        yield dice.randrange(-(2 ** (bits % 64)), 2 ** (bits % 64)) * SECOND + dice.randrange(SECOND)


TIMES = [*NAMED.values(), *random_times(scaled(20, 1_000))]


@pytest.fixture(params=["in memory", "on the disk"])
def folder(request: pytest.FixtureRequest, memory: Path, tmp_path: Path) -> Path:
    """Two file systems, each with the times that it has."""
    return memory if request.param == "in memory" else tmp_path


def laid(site: Path, mtime_ns: int) -> dict[str, tuple[str, int, int]]:
    """The small package with that time on its files, as far as the file system has it."""
    site.mkdir()
    support.gadget(site)
    for target in scenes.TARGETS:
        os.utime(site / target, ns=(mtime_ns, mtime_ns))
    return scenes.looks(site)


def test_every_time_comes_back(folder: Path, record_property: Figure) -> None:
    exact = 0
    for mtime_ns in TIMES:
        site = folder / "site"
        before = laid(site, mtime_ns)
        exact += before[scenes.TARGETS[0]][2] == mtime_ns
        for command in ("apply", "status", "diff", "apply"):
            result = seam.command(command, site)
            assert (result.exit_code, result.errors) == (0, ()), f"{command} at {mtime_ns}"
        assert {file.state for file in result.files} == {State.APPLIED}
        entries = Store(Root(site)).manifest().files
        assert {entries[target].mtime_ns for target in scenes.TARGETS} == {before[scenes.TARGETS[0]][2]}
        assert seam.command("revert", site).exit_code == 0
        assert scenes.looks(site) == before, f"{mtime_ns} did not come back"
        assert not (site / ".m3d-surgeon").exists()
        shutil.rmtree(site)
    assert exact > len(TIMES) // 4
    record_property("times", len(TIMES))


def test_every_time_comes_back_after_a_kill(folder: Path, record_property: Figure) -> None:
    killed = 0
    for mtime_ns in NAMED.values():
        site = folder / "site"
        before = laid(site, mtime_ns)
        trace: list[str] = []
        with seam.through(seam.Seam(lambda _, name, trace=trace: trace.append(name))):  # type: ignore[misc]
            seam.command("apply", site)
        renames = [number for number, name in enumerate(trace, 1) if name == "replace"]
        shutil.rmtree(site)
        for call in renames[-3:]:
            assert laid(site, mtime_ns) == before
            assert seam.die_before(call, "apply", site)
            seam.command("recover", site)
            assert scenes.looks(site) == before, f"{mtime_ns} did not come back"
            shutil.rmtree(site)
            killed += 1
    record_property("kills", killed)


def in_bytecode(path: Path) -> int:
    """As importlib compares it: `int(stat.st_mtime) & 0xFFFFFFFF`."""
    return int(path.stat().st_mtime) & 0xFFFFFFFF


def test_times_that_look_alike_in_bytecode_are_told_apart(memory: Path, record_property: Figure) -> None:
    """A `.pyc` keeps 32 bits of seconds, so that one of 1890 passes for one of today."""
    tried = 0
    for cycles in (-2, -1, 0, 1):
        for seconds in range(-1, 4):
            site = memory / "site"
            laid(site, (int(time.time()) + seconds + cycles * 2**32) * SECOND)
            core = site / scenes.TARGETS[0]
            before = in_bytecode(core)
            seam.command("apply", site)
            assert in_bytecode(core) != before, f"{cycles} cycles, {seconds} s"
            seam.command("revert", site)
            assert in_bytecode(core) == before
            shutil.rmtree(site)
            tried += 1
    record_property("times", tried)


def test_a_links_own_time_comes_back(folder: Path) -> None:
    """And a new time differs from its target's, by which the interpreter knows the source."""
    site = folder / "site"
    laid(site, 0)
    core = site / scenes.TARGETS[0]
    core.rename(folder / "cached.py")
    core.symlink_to("../../cached.py")
    os.utime(core, ns=(-5 * SECOND, -5 * SECOND), follow_symlinks=False)
    seam.command("apply", site)
    assert not core.is_symlink()
    seam.command("revert", site)
    assert core.is_symlink()
    assert core.lstat().st_mtime_ns == -5 * SECOND
    assert core.stat().st_mtime_ns == 0
