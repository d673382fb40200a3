"""What a command does not need, it does not load: `status` and a no-op `apply` never pay for a parser."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import support

SPY = """
import sys
sys.argv = ["m3d-surgeon", *sys.argv[1:]]
try:
    from surgeon.cli import main
    main()
finally:
    print(*(set(sys.modules) & {"libcst", "pydantic", "rich", "surgeon.operations.run"}), file=sys.stderr)
"""


def loaded(*arguments: str | Path) -> set[str]:
    """Which of the costly modules a command loads, its output being a pipe."""
    done = support.run(sys.executable, "-c", SPY, *arguments, check=False, cwd="/")
    return set(done.stderr.splitlines()[-1].split()) if done.stderr.strip() else set()


@pytest.fixture
def patched(site: Path) -> Path:
    support.gadget(site)
    assert support.surgeon("apply", "--site-packages", site, "--patches", support.GADGETS).exit_code == 0
    return site


@pytest.mark.parametrize("command", ["status", "apply", "list"])
def test_libcst_is_not_loaded_where_nothing_is_to_be_done(patched: Path, command: str) -> None:
    found = loaded(command, "--site-packages", patched, "--patches", support.GADGETS)
    assert found.isdisjoint({"libcst", "pydantic"}), "typer converts values with pydantic"


def test_status_never_parses_even_where_everything_is_pending(site: Path) -> None:
    support.gadget(site)
    assert "libcst" not in loaded("status", "--site-packages", site, "--patches", support.GADGETS)


def test_the_spy_sees_libcst_where_it_is_needed(site: Path) -> None:
    support.gadget(site)
    assert "libcst" in loaded("apply", "--site-packages", site, "--patches", support.GADGETS)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_of_the_engine(option: str) -> None:
    assert "surgeon.operations.run" not in loaded(option)
