"""Every test starts from the shell of a user who set nothing that concerns us."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import support
from tests.tools.figures import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]


@pytest.fixture(autouse=True)
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in support.HIDDEN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An empty site directory in the layout of a virtual environment without an interpreter."""
    folder = tmp_path / "env" / "lib" / "python3.10" / "site-packages"
    folder.mkdir(parents=True)
    return folder
