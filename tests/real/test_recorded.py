"""What `apply` makes of the three real stacks is what is recorded. See tests/tools/recorded.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import recorded


@pytest.mark.parametrize("name", recorded.STACKS)
def test_what_apply_makes_of_a_stack(name: str, tmp_path: Path) -> None:
    assert not recorded.faults(recorded.read()[name], recorded.stack(name, tmp_path / name))
