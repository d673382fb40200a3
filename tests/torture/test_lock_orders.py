"""Runs over the same site directories in opposite order never wait for each other for ever."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError
from surgeon.operations import run as operations
from surgeon.registry import Registry
from surgeon.site import fs, transaction
from surgeon.site.environment import Environment
from surgeon.site.fs import Root
from surgeon.site.store import LOCK, Journal, Step, Store, sha256
from tests import support
from tests.crash import scenes, seam
from tests.tools.scale import scaled
from tests.tools.terminal import on_a_terminal

Figure = Callable[[str, object], None]
TOO_LONG = 60
CONTESTED = ("widget", "gizmo")
PACKAGES = ("gadget", "widget", "gadgetry", "gizmo")
"""Two for each of two site directories: one is patched all along, so that each has a store."""


def both(first: Path, second: Path) -> None:
    """Two site directories, each with a package that needs a patch and one that has its own."""
    for site in (first, second):
        site.mkdir()
    support.install(first, "torch", "2.1.0")
    for number, name in enumerate(PACKAGES):
        files = {f"{name}/__init__.py": b"", f"{name}/core.py": support.GADGET}
        support.install((first, second)[number // 2], name, "1.0", files)
    environment, known = Environment(None, (3, 10), (first, second)), patches()
    others = frozenset(known.patches) - {f"{name}-shiny" for name in CONTESTED}
    assert len(operations.apply(environment, known, others).changed) == 2


def patches() -> Registry:
    """One patch for each package."""
    shiny = seam.gadgets().patches["gadget-shiny"]
    return Registry(
        {
            f"{name}-shiny": replace(
                shiny,
                id=f"{name}-shiny",
                distribution=name,
                files=(f"{name}/*.py",),
                digest=sha256(name.encode()),
            )
            for name in PACKAGES
        }
    )


def run(command: str, path: Sequence[Path]) -> int:
    environment, known = Environment(None, (3, 10), tuple(path)), patches()
    if command == "recover":
        return operations.recover(environment, known).exit_code
    contested = frozenset(f"{name}-shiny" for name in CONTESTED)
    result = getattr(operations, command)(environment, known, contested)
    return result.exit_code  # type: ignore[no-any-return]


def started(command: str, path: Sequence[Path]) -> int:
    """A command in a process of its own."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(run(command, path))
    except SurgeonError as error:
        os._exit(0 if error.code == "changed-meanwhile" else 50)
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def all_ended(children: Sequence[int]) -> list[int] | None:
    """Their exit codes; `None` where they wait for each other (and are killed)."""
    ends: dict[int, int] = {}
    deadline = time.monotonic() + TOO_LONG
    while len(ends) < len(children) and time.monotonic() < deadline:
        for child in set(children) - set(ends):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                ends[child] = os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    for child in set(children) - set(ends):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [ends[child] for child in children] if len(ends) == len(children) else None


CONTESTS = {
    "two applies": ("apply", "apply"),
    "apply against revert": ("apply", "revert"),
    "four": ("apply", "revert", "recover", "apply"),
}


@pytest.mark.parametrize("name", CONTESTS)
@pytest.mark.parametrize("named", ["by its name", "by a link"])
def test_opposite_orders(
    name: str, named: str, memory: Path, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    """Every process rests after each lock that it gets: in opposite orders each would hold the other's."""
    real = Store.sync

    def slowly(store: Store) -> None:
        real(store)
        time.sleep(0.1)

    monkeypatch.setattr(Store, "sync", slowly)
    first, second = memory / "first", memory / "second"
    both(first, second)
    (memory / "a-link").symlink_to(second)
    other = second if named == "by its name" else memory / "a-link"
    orders = ((first, second), (other, first))
    before = {site: support.hashes(site) for site in (first, second)}
    rounds = scaled(2, 20)
    for number in range(rounds):
        children = [started(command, orders[index % 2]) for index, command in enumerate(CONTESTS[name])]
        ends = all_ended(children)
        assert ends is not None, f"they wait for each other in round {number}"
        assert set(ends) == {0}, ends
        patched = {site: support.hashes(site) != before[site] for site in (first, second)}
        assert len(set(patched.values())) == 1, f"mixed in round {number}"
        assert set(CONTESTS[name]) != {"apply"} or all(patched.values())
        assert run("revert", (first, second)) == 0
        assert {site: support.hashes(site) for site in (first, second)} == before
    record_property("rounds", rounds)
    record_property("deadlocks", 0)


def test_locks_are_taken_in_the_order_of_identities(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the folders are called and however they are ordered; one folder twice is locked once."""
    folders = [memory / name for name in "dbca"]
    for folder in folders:
        folder.mkdir()
    (memory / "link").symlink_to(folders[0])
    taken: list[tuple[int, int]] = []
    real = Root.locked

    def noted(root: Root, *arguments: object) -> object:
        taken.append(root.identity())
        return real(root, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Root, "locked", noted)
    for order in (folders, folders[::-1], sorted(folders)):
        taken.clear()
        with transaction.locked([Store(Root(each)) for each in (*order, memory / "link")], None):
            assert taken == sorted(taken)
            assert len(taken) == len(folders)


@contextmanager
def held(site: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds a site directory's lock."""
    lock = site / LOCK
    lock.parent.mkdir(exist_ok=True)
    program = (
        "import fcntl, sys, time\n"
        "lock = open(sys.argv[1], 'a')\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, lock], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def release_once_awaited(holder: subprocess.Popen[bytes], lock: Path) -> None:
    """Let go as soon as somebody is queued behind the holder: he has told it by then."""
    deadline = time.monotonic() + TOO_LONG
    while time.monotonic() < deadline:
        rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
        if any(row[1] == "->" and row[6].endswith(f":{lock.stat().st_ino}") for row in rows):
            break
        time.sleep(0.05)
    holder.kill()


def interrupted(site: Path) -> None:
    """What a killed run left, with nothing of it done yet."""
    store = Store(Root(site))
    data = (site / "gadget" / "core.py").read_bytes()
    before, after = store.put_object(data), store.put_object(data + b"#")
    store.write_journal(
        Journal(sha256(b"never"), (Step("gadget/core.py", "gadget", before, after, 5, None),))
    )


WAITING = re.compile(r"waiting for process (\d+) \(.*python.*\), which holds the lock of (\S+)")


@pytest.mark.parametrize("option", [(), ("--json",), ("--quiet",), ("--json", "--quiet")])
@pytest.mark.parametrize("command", ["apply", "revert", "recover"])
def test_a_wait_that_lasts_says_for_whom(command: str, option: tuple[str, ...], tmp_path: Path) -> None:
    """On stderr, whatever is printed on stdout and wherever stderr leads."""
    site = tmp_path / "site"
    site.mkdir()
    support.gadget(site)
    if command == "revert":
        seam.command("apply", site)
    if command == "recover":
        interrupted(site)
    words = (command, "--site-packages", site, "--patches", support.GADGETS)[: 3 + 2 * (command != "recover")]
    environ = support.clean_environ(HOME=str(tmp_path))
    with held(site) as other:
        call = [sys.executable, "-m", "surgeon", *map(str, words), *option]
        with subprocess.Popen(
            call, env=environ, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as waiting:
            assert waiting.stderr is not None
            said = WAITING.fullmatch(waiting.stderr.readline().strip())
            assert said is not None
            assert (int(said[1]), said[2]) == (other.pid, str(site))
            assert waiting.poll() is None, "it waits"
            other.kill()
            out, err = waiting.communicate(timeout=TOO_LONG)
    assert (waiting.returncode, err) == (0, "")
    if "--json" in option:
        assert json.loads(out)["exit_code"] == 0
    elif "--quiet" in option:
        assert out == ""


def test_a_terminal_is_told_too(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    support.gadget(site)
    with held(site) as other:
        command = (sys.executable, "-m", "surgeon", "apply", "--site-packages", site)
        words = [*map(str, command), "--patches", str(support.GADGETS)]
        awaited = threading.Thread(target=release_once_awaited, args=(other, site / LOCK))
        awaited.start()
        code, text = on_a_terminal(words, columns=500, HOME=str(tmp_path))
        awaited.join()
    assert code == 0
    assert f"waiting for process {other.pid} (" in text


def test_a_short_wait_says_nothing(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fs, "PATIENCE_SECONDS", 30.0)
    store = Store(Root(memory))
    with held(memory) as other:
        releaser = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.3; kill {other.pid}"])
        with transaction.locked([store], pytest.fail):
            pass
        releaser.wait()


@pytest.mark.parametrize("said", [None, []])
def test_somebody_whom_the_system_does_not_name(
    said: list[int] | None, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of this container, or not on Linux."""
    monkeypatch.setattr(fs, "_holders", lambda _: said)
    monkeypatch.setattr(fs, "PATIENCE_SECONDS", 0.1)
    lines: list[str] = []
    with held(memory) as other:

        def told(line: str) -> None:
            lines.append(line)
            other.kill()

        at_last = threading.Timer(10, other.kill)
        at_last.start()
        with transaction.locked([Store(Root(memory))], told):
            at_last.cancel()
    assert lines == [
        "waiting for another m3d-surgeon (the system does not say which process), "
        f"which holds the lock of {memory}"
    ]


def test_what_looks_like_a_leftover_is_nobodys_while_the_lock_is_held(memory: Path) -> None:
    """A lock and no more is also what a run has that is about to write: nobody waits to tidy it."""
    site = memory / "site"
    site.mkdir()
    support.install(site, "gadget", "1.0", {"gadget/__init__.py": b""})
    with held(site):
        begun = time.monotonic()
        for command in ("apply", "revert", "recover"):
            assert seam.command(command, site).exit_code == 0
        assert time.monotonic() - begun < 10
        assert (site / LOCK).exists()
    seam.command("recover", site)
    assert not (site / ".m3d-surgeon").exists()


def test_the_lock_lasts_as_long_as_the_run(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a run that settles what was left of another one, which had nothing to keep a store for."""
    site = memory / "site"
    site.mkdir()
    scenes.interrupted(site)
    real = transaction._prepare
    locks: list[bool] = []

    def noted(store: Store, *arguments: object) -> object:
        locks.append(store.root.exists(LOCK))
        return real(store, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(transaction, "_prepare", noted)
    assert seam.command("apply", site).exit_code == 0
    assert locks == [True]


def test_a_journal_that_appears_while_a_leftover_is_tidied_keeps_its_objects(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that holds the lock is killed with its journal written: it is not a leftover any more."""
    site = memory / "site"
    site.mkdir()
    scenes.fresh(site)
    store = Store(Root(site))
    store.root.make_folder(".m3d-surgeon")
    real = Store.sync

    def meanwhile(self: Store) -> None:
        monkeypatch.setattr(Store, "sync", real)
        interrupted(site)

    monkeypatch.setattr(Store, "sync", meanwhile)
    transaction.tidy(store)
    assert store.journal() is not None
    assert len(list((site / ".m3d-surgeon" / "objects").iterdir())) == 2
