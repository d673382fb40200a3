"""A folder in memory where there is one: thousands of fsyncs cost nothing there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from surgeon.operations import work
from tests.crash import seam


@pytest.fixture(autouse=True)
def _compiled_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "compile_errors", seam.compiled_here)


@pytest.fixture
def memory() -> Iterator[Path]:
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)
