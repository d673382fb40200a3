"""Every shipped patch, applied to a real release that needs it and taken out again."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon import registry
from tests import environments, support
from tests.torture.test_round_trip import everything

TARGETS = ("diffusers", "transformers", "accelerate", "xfuser", "peft")
OLDER = (
    ("2.1.0", "diffusers==0.28.2", "huggingface-hub==0.26.0", "kornia==0.6.7", "transformers==4.48.3"),
    ("2.1.0", "diffusers==0.35.1", "transformers==4.52.4", "accelerate==1.10.0"),
    ("2.1.0", "kornia==0.8.3", "--python-version", "3.11"),
    ("2.1.0", "xfuser==0.4.4", "transformers==4.55.4"),
    ("2.4.1", "diffusers==0.37.0"),
)
"""torch's release, and releases of packages that need what the stacks' releases do not.

kornia 0.8.3 is for Python 3.11 and later, which torch 2.1.0 is there for as well.
"""


def stacks() -> list[tuple[str, ...]]:
    """The releases of the three stacks that patches are for."""
    return [
        ("2.1.0", *(pin for pin in environments.pins(stack) if pin.split("==")[0] in TARGETS))
        for stack in ("nov26", "dec25", "aug25")
    ]


def mark(path: Path, dice: random.Random) -> None:
    """Give a file a mode, a time, attributes and, where we may, an owner of its own."""
    path.chmod(dice.choice((0o644, 0o600, 0o755, 0o664)))
    if os.geteuid() == 0:
        os.chown(path, dice.choice((0, 1234)), dice.choice((0, 4321)))
    os.setxattr(path, "user.origin", dice.randbytes(5))
    os.utime(path, ns=(1, dice.randrange(10**18, 2 * 10**18)))


def test_every_patch_is_applied_to_a_real_release_and_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    dice = random.Random(0)
    applied: set[str] = set()
    files = 0
    for number, (torch, *releases) in enumerate([*stacks(), *OLDER]):
        venv = environments.light(tmp_path / str(number), *releases, torch=torch)
        site = support.site_packages(venv)
        wanted = support.surgeon("apply", "--dry-run", "-p", venv).json["changed"]
        for path in wanted:
            mark(site / path, dice)
        before = {path: everything(path) for path in sorted(site.rglob("*.py"))}
        assert support.surgeon("apply", "-p", venv).json["changed"] == wanted
        changed = {str(path.relative_to(site)) for path in before if everything(path) != before[path]}
        assert changed == set(wanted)
        status = support.surgeon("status", "-p", venv)
        assert status.exit_code == 0, status.stdout
        applied |= {patch["id"] for patch in status.json["patches"] if patch["state"] == "applied"}
        assert support.surgeon("revert", "-p", venv).exit_code == 0
        assert {path: everything(path) for path in sorted(site.rglob("*.py"))} == before, releases
        files += len(wanted)
    assert applied == set(registry.load(None).patches)
    record_property("patches", len(applied))
    record_property("files", files)
