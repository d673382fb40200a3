"""Nothing that a target does makes us wait for ever, and nothing that it started outlives the wait."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from surgeon.errors import EnvironmentUnusable
from surgeon.scan import installed
from surgeon.scan.surface import Question
from surgeon.site import environment as environments
from surgeon.site import installers
from surgeon.site.environment import Environment, find_environment
from tests import support

LONG = "314159265"
"""Seconds that a process of ours sleeps, by which it is found."""
SLEEP = f"import subprocess, time\nsubprocess.Popen(['sleep', '{LONG}'])\ntime.sleep({LONG})\n"
HANGS = {
    "at once": f"import time\ntime.sleep({LONG})\n",
    "with a process of its own": SLEEP,
    "deaf to signals": "import signal\nfor each in (1, 2, 14, 15):\n"
    "    signal.signal(each, signal.SIG_IGN)\n" + SLEEP,
    "in a thread's lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n",
    "in a loop": "while True:\n    pass\n",
    "when it is asked": "import signal, time\ndef __getattr__(name):\n"
    f"    signal.signal(14, signal.SIG_IGN)\n    time.sleep({LONG})\n",
    "having closed what it speaks to": f"import os, time\nos.closerange(3, 50)\ntime.sleep({LONG})\n",
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(installed, "TIMEOUT_SECONDS", 2)
    monkeypatch.setattr(environments, "TIMEOUT_SECONDS", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    assert not sleeping()


def sleeping() -> list[str]:
    """The processes that this file started and that are still there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if LONG.encode() in entry.read_bytes():
                found.append(str(entry))
        except OSError:
            continue
    return found


def gone(what: Callable[[], object], seconds: float = 5) -> bool:
    last = time.monotonic() + seconds
    while what() and time.monotonic() < last:
        time.sleep(0.05)
    return not what()


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hangs") / "venv"
    support.make_venv(folder)
    return folder


def asked(venv: Path, program: str, questions: int = 1) -> EnvironmentUnusable:
    support.install(support.site_packages(venv), "library", "1.0", {"library.py": program.encode()})
    surface = installed.LiveModule(find_environment(str(venv)), "library", "1.0")
    began = time.monotonic()
    try:
        surface.expect([Question(f"library.{'x' * 60}{n}") for n in range(questions)])
        with pytest.raises(EnvironmentUnusable) as caught:
            surface.ask([Question("library.y")])
    finally:
        surface.close()
    assert time.monotonic() - began < 15
    assert gone(sleeping)
    return caught.value


@pytest.mark.parametrize("kind", HANGS)
def test_a_module_that_hangs_is_one_clear_error(kind: str, venv: Path) -> None:
    error = asked(venv, HANGS[kind])
    assert error.exit_code == 4
    assert "library" in error.message
    assert "import library" in error.hint
    if kind in ("at once", "in a loop", "in a thread's lock"):
        assert error.code == "module-hangs"
        assert "library.py, line" in error.message


def test_more_questions_than_a_pipe_holds_wait_no_longer(venv: Path) -> None:
    assert asked(venv, HANGS["at once"], questions=5_000).code == "module-hangs"


def test_a_process_that_the_import_leaves_behind_ends_with_the_scan(venv: Path) -> None:
    program = f"import subprocess\nsubprocess.Popen(['sleep', '{LONG}'], close_fds=False)\n"
    support.install(support.site_packages(venv), "library", "1.0", {"library.py": program.encode()})
    surface = installed.LiveModule(find_environment(str(venv)), "library", "1.0")
    try:
        assert not surface.ask([Question("library.y")])[Question("library.y")].exists
    finally:
        surface.close()
    assert gone(sleeping)


def test_the_command_says_so_and_exits_with_4(venv: Path, tmp_path: Path) -> None:
    site = support.site_packages(venv)
    support.install(site, "torch", "2.1.0", {"torch/__init__.py": SLEEP.encode()})
    support.install(site, "user", "1.0", {"user.py": b"import torch\ntorch.shiny\n"})
    program = (
        "import sys; from surgeon.scan import installed; installed.TIMEOUT_SECONDS = 2; "
        "from surgeon.cli import main; main()"
    )
    command = (sys.executable, "-c", program, "scan", "-p", venv, "user")
    done = support.run(*command, check=False, env=support.clean_environ(XDG_CACHE_HOME=str(tmp_path)))
    assert done.returncode == 4, done
    assert "torch cannot be asked: no answer in 2 s" in done.stderr
    assert "--torch VERSION" in done.stderr
    assert gone(sleeping)


@pytest.mark.parametrize("body", [f"sleep {LONG}", f"sleep {LONG} &\nwait", f"trap '' TERM\nsleep {LONG}"])
def test_an_interpreter_that_hangs_is_one_clear_error(body: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    with pytest.raises(EnvironmentUnusable, match="timed out after 1 s"):
        environments.ask(python)
    assert gone(sleeping)


def test_a_compilation_that_hangs_ends(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nsleep {LONG} &\nsleep {LONG}\n")
    python.chmod(0o755)
    there = Environment(python, (3, 10), (tmp_path,))
    with pytest.raises(EnvironmentUnusable, match="timed out"):
        environments.compile_errors(there, [b"x = 1\n"])
    assert gone(sleeping)


def test_an_installer_that_hangs_ends_with_what_it_started(tmp_path: Path) -> None:
    program = tmp_path / "pip"
    program.write_text(f"#!/bin/sh\nsleep {LONG} &\nsleep {LONG}\n")
    program.chmod(0o755)
    assert "timed out" in installers.failure([str(program)], 1)
    assert gone(sleeping)
    assert os.getpgid(0) == os.getpgrp()
