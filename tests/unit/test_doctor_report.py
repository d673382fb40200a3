"""What `doctor` prints: nothing out of somebody's files commands the terminal."""

from __future__ import annotations

import pytest

from surgeon.doctor.finding import Diagnosis, Finding
from surgeon.report.doctor import text


def test_what_would_command_a_terminal_is_shown_as_its_escape(capsys: pytest.CaptureFixture[str]) -> None:
    finding = Finding("code", "a \x1b]0;name\x07\udce9 é", "why", details=("one\r\ntwo",))
    text(Diagnosis(None, "/site", findings=(finding,), checked={"distributions": 1, "files": 1, "hashed": 0}))
    said = capsys.readouterr().out
    assert "1. code: a \\x1b]0;name\\x07\\udce9 é\n" in said
    assert "- one\\r\\ntwo\n" in said
    assert said.replace("\n", "").isprintable()
