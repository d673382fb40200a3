"""Jupyter as the start script configures it, asked over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import support
from tests.recipes.pages import block

pytestmark = pytest.mark.e2e

FIXED = (
    "c.ServerApp.ip = '0.0.0.0'\nc.ServerApp.token = 'fixed'\nc.IdentityProvider.token = 'fixed'\n"
    "c.ServerApp.password = ''\nc.ServerApp.allow_root = True\n"
)
"""What the image has: a token that everybody knows, on all addresses."""
ELSEWHERE = "127.0.0.2"
"""Reaches a server that listens on all addresses, and none that listens on 127.0.0.1."""
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running Jupyter.

    Attributes:
        said: the file that its output goes to.
    """

    port: int
    said: Path

    def status(self, token: str = "", path: str = "/api/contents", host: str = "127.0.0.1") -> int:
        """The status of an answer, redirections not followed; 0 where nobody listens."""
        request = urllib.request.Request(f"http://{host}:{self.port}{path}")
        if token:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.build_opener(Stay).open(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (urllib.error.URLError, OSError):
            return 0


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_: object) -> None:  # type: ignore[override]
        return None


@pytest.fixture
def opt(tmp_path: Path, surgeon_at: Callable[[Path], Path], tool: Callable[..., Path]) -> Path:
    """`/opt` as the Dockerfile leaves it; a home and an environment that hold the old settings."""
    surgeon_at(tmp_path / "opt" / "m3d-surgeon")
    (tmp_path / "opt" / "pod").mkdir(parents=True)
    python = tool("jupyterlab") / "python"
    home = tmp_path / "home" / ".jupyter"
    shared = python.parent.parent / "etc" / "jupyter"
    for folder in (home, shared):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("jupyter_server_config.py", "jupyter_lab_config.py"):
            (folder / name).write_text(FIXED)
    return tmp_path / "opt"


def lay(opt: Path) -> int:
    """Put the recipe's two files in their place, with a port that is free; returns that."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    for name in ("start-pod", "jupyter_lab_config.py"):
        text = block("start-script.md", name, opt.parent)
        (opt / "pod" / name).write_text(text.replace("8888", str(port)))
    other = opt / "pod" / "jupyter_server_config.py"
    other.unlink(missing_ok=True)
    other.symlink_to("jupyter_lab_config.py")
    return port


@contextmanager
def started(opt: Path, binaries: Path, command: list[str], **extra: str) -> Iterator[Server]:
    """Jupyter, once it answers; ended with everything that it started."""
    server = Server(lay(opt), opt / "said")
    plain = {k: v for k, v in support.clean_environ().items() if not k.startswith("JUPYTER")}
    environ = {**plain, "HOME": str(opt.parent / "home"), "PATH": f"{binaries}:/usr/bin:/bin", **extra}
    with server.said.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=opt, env=environ, start_new_session=True
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.status(path="/api"):
            assert process.poll() is None, server.said.read_text()
            assert time.monotonic() < deadline, server.said.read_text()
            time.sleep(0.3)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_with_a_token_it_listens_everywhere_and_asks_for_it(opt: Path, tool: Callable[..., Path]) -> None:
    script = ["/bin/bash", str(opt / "pod" / "start-pod")]
    with started(opt, tool("jupyterlab"), script, JUPYTER_TOKEN="of-the-environment") as server:
        for host in ("127.0.0.1", ELSEWHERE):
            assert server.status(host=host) == 403
            assert server.status("fixed", host=host) == 403
            assert server.status("of-the-environment", host=host) == 200
        assert server.status(path="/lab") == 302, "a browser is sent to the login page"
        assert "its token" not in server.said.read_text()


def test_without_a_token_one_is_printed_once_and_nobody_else_can_connect(
    opt: Path, tool: Callable[..., Path]
) -> None:
    script = ["/bin/bash", str(opt / "pod" / "start-pod")]
    tokens = []
    for _ in range(2):
        with started(opt, tool("jupyterlab"), script) as server:
            said = server.said.read_text()
            (token,) = re.findall(r"its token: (\S{43})$", said, re.M)
            assert said.count(token) == 1
            assert server.status(host=ELSEWHERE) == 0, "it listens on more than 127.0.0.1"
            assert server.status() == server.status("fixed") == 403
            assert server.status(token) == 200
            tokens.append(token)
    assert tokens[0] != tokens[1]


def test_a_token_of_blanks_is_none(opt: Path, tool: Callable[..., Path]) -> None:
    script = ["/bin/bash", str(opt / "pod" / "start-pod")]
    with started(opt, tool("jupyterlab"), script, JUPYTER_TOKEN=" \n") as server:
        assert server.status(host=ELSEWHERE) == 0, "it listens on more than 127.0.0.1"
        assert server.status() == server.status(" ") == 403
        assert "JUPYTER_TOKEN is not set" in server.said.read_text()


@pytest.mark.parametrize("module", ["jupyterlab", "jupyter_server"])
def test_started_in_another_way_it_is_as_careful(opt: Path, tool: Callable[..., Path], module: str) -> None:
    command = [str(tool("jupyterlab") / "python"), "-m", module]
    for more in ({}, {"JUPYTER_TOKEN": ""}, {"JUPYTER_TOKEN": " \t"}):
        folder = str(opt / "pod")
        extra = {"JUPYTER_CONFIG_DIR": folder, "JUPYTER_CONFIG_PATH": folder, **more}
        with started(opt, tool("jupyterlab"), command, **extra) as server:
            assert server.status(host=ELSEWHERE) == 0
            assert server.status() == server.status("fixed") == 403


def test_the_old_settings_are_a_hole(opt: Path, tool: Callable[..., Path]) -> None:
    """Without the recipe's folder they are used: otherwise the tests above prove nothing."""
    command = [str(tool("jupyterlab") / "python"), "-m", "jupyterlab", "--no-browser"]
    script = 'exec "$0" "$@" --port="$(sed -n "s/^c.ServerApp.port = //p" pod/jupyter_lab_config.py)"'
    with started(opt, tool("jupyterlab"), ["/bin/sh", "-c", script, *command]) as server:
        assert server.status("fixed", host=ELSEWHERE) == 200
