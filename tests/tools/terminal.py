"""A terminal of a given width for a program to write to."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import support


def on_a_terminal(words: Sequence[str | Path], columns: int = 100, **environ: str) -> tuple[int, str]:
    """Run a program in a terminal of its own: its exit code, and all that it wrote there."""
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = os.fork()
    if not child:
        _become(theirs, [*map(str, words)], plain(COLUMNS=str(columns), **environ))
    os.close(theirs)
    written = b""
    while chunk := _read(terminal):
        written += chunk
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), written.decode(errors="replace").replace("\r\n", "\n")


def plain(**extra: str) -> dict[str, str]:
    """A user's variables, without those that say how to print."""
    known = support.clean_environ(PYTHONPATH=str(support.CHECKOUT), TERM="xterm-256color")
    hidden = ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "COLUMNS")
    return {**{name: value for name, value in known.items() if name not in hidden}, **extra}


def _become(terminal: int, words: list[str], environ: Mapping[str, str]) -> None:
    """Turn this process, a child, into the program."""
    try:
        os.setsid()
        for descriptor in range(3):
            os.dup2(terminal, descriptor)
        os.chdir("/")
        os.execvpe(words[0], words, environ)
    finally:
        os._exit(127)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes any more
        return b""
