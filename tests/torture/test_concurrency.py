"""Several runs at once, and readers all the while: nothing torn, nothing mixed at rest, nothing lost."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError
from surgeon.operations.verdict import State
from surgeon.site import transaction
from surgeon.site.store import Store
from tests import support
from tests.crash import scenes, seam
from tests.tools.scale import scaled

Figure = Callable[[str, object], None]
CONTESTS: dict[str, Sequence[str]] = {
    "two applies": ("apply",) * 2,
    "eight applies": ("apply",) * 8,
    "apply against revert": ("apply", "revert"),
    "many": ("apply", "revert", "apply", "recover", "revert", "apply"),
}


def at_once(commands: Sequence[str], site: Path) -> None:
    """Run commands in processes of their own, all let go at the same moment."""
    barrier, go = os.pipe()
    children = [_started(command, site, barrier, go) for command in commands]
    os.close(barrier)
    os.close(go)  # end of file: everybody runs
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ends == [0] * len(ends), f"{commands}: {ends}"


def _started(command: str, site: Path, barrier: int, go: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.close(go)
        os.read(barrier, 1)
        errors = seam.command(command, site).errors
        allowed = {"changed-meanwhile", "interrupted", "unreadable"}
        os._exit(0 if {error.code for error in errors} <= allowed else 1)
    except SurgeonError as error:
        os._exit(0 if error.code == "changed-meanwhile" else 2)
    except BaseException:
        traceback.print_exc()
        os._exit(3)


def reader(site: Path, whole: dict[str, set[bytes]]) -> int:
    """A process that reads and compiles the targets until it is told to stop; fails on a torn one."""
    child = os.fork()
    if child:
        return child
    try:
        stop = site.parent / "stop"
        while not stop.exists():
            for target in scenes.TARGETS:
                data = (site / target).read_bytes()
                compile(data, target, "exec")
                if data not in whole[target]:
                    os._exit(1)
        os._exit(0)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        os._exit(2)


def contest(commands: Sequence[str], rounds: int, memory: Path) -> None:
    """Rounds of the same contest over one site directory, with a reader looping over the targets."""
    site = memory / "site"
    site.mkdir()
    support.gadget(site)
    shipped = {target: (site / target).read_bytes() for target in scenes.TARGETS}
    original = scenes.looks(site)
    seam.command("apply", site)
    patched = {target: (site / target).read_bytes() for target in scenes.TARGETS}
    seam.command("revert", site)
    child = reader(site, {target: {shipped[target], patched[target]} for target in scenes.TARGETS})
    try:
        for number in range(rounds):
            at_once(commands, site)
            now = {target: (site / target).read_bytes() for target in scenes.TARGETS}
            assert now in (shipped, patched), f"mixed after round {number}"
            check_rest(site, set(commands))
            seam.command("revert", site)
            assert scenes.looks(site) == original, f"round {number}"
            assert not (site / ".m3d-surgeon").exists(), f"round {number}"
    finally:
        (memory / "stop").touch()
        end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert end == 0, "a reader saw a torn file"


def check_rest(site: Path, commands: set[str]) -> None:
    """Nothing is under way, and the store says what lies there."""
    result = seam.command("status", site)
    states = {file.state for file in result.files}
    assert not result.errors
    assert states in ({State.APPLIED}, {State.PRISTINE})
    if commands == {"apply"}:
        assert states == {State.APPLIED}


@pytest.mark.parametrize("name", CONTESTS)
def test_contests(name: str, memory: Path, record_property: Figure) -> None:
    rounds = scaled(25, 125)
    contest(CONTESTS[name], rounds, memory)
    record_property("rounds", rounds)
    record_property("torn or mixed", 0)


def test_two_at_once(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run waits: here the first one takes its time between two files."""
    import time

    real = transaction._install

    def slowly(store: Store, change: transaction.Change) -> None:
        real(store, change)
        time.sleep(0.15)

    monkeypatch.setattr(transaction, "_install", slowly)
    contest(("apply", "apply"), 2, memory)
    shutil.rmtree(memory / "site")
    (memory / "stop").unlink()
    contest(("apply", "revert", "apply"), 2, memory)


def test_an_edit_after_the_plan_is_kept(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves a file between the plan and the write: everything is as it was, his edit with it."""
    support.gadget(memory)
    real = transaction._prepare
    core = memory / "gadget" / "core.py"

    def meanwhile(*arguments: object) -> object:
        journal = real(*arguments)  # type: ignore[arg-type]
        core.write_bytes(support.GADGET + b"# mine\n")
        return journal

    monkeypatch.setattr(transaction, "_prepare", meanwhile)
    with pytest.raises(SurgeonError, match="changed while"):
        seam.command("apply", memory)
    assert core.read_bytes() == support.GADGET + b"# mine\n"
    assert (memory / "gadget" / "extra.py").read_bytes() == support.GADGET


def test_an_edit_after_a_kill_is_kept(memory: Path) -> None:
    site = memory / "site"
    site.mkdir()
    scenes.interrupted(site)
    core = site / "gadget" / "core.py"
    core.write_bytes(b"# mine\n")
    seam.command("recover", site)
    assert core.read_bytes() == b"# mine\n"
    assert (site / "gadget" / "extra.py").read_bytes() == support.GADGET
