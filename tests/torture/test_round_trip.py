"""Real files of real wheels: edited and put back, byte for byte, or refused. Odd ones, by name."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from surgeon.operations import run as operations
from surgeon.operations import work
from surgeon.operations.results import Result
from surgeon.patch import Case, Patch, at_least
from surgeon.registry import Registry
from surgeon.site.store import sha256
from tests import environments, support
from tests.crash import seam
from tests.tools.scale import TORTURE, scaled

if TYPE_CHECKING:
    from surgeon.edits.tree import Tree

Figure = Callable[[str, object], None]
BATCH = 50
PARTS = 8 if TORTURE else 4
STACKS = ("aug25", "dec25", "nov26") if TORTURE else ("nov26",)
HEAVY = ("torch", "torchvision", "triton")
REFUSALS = {"not-round-trip", "not-parseable", "does-not-compile", "expectation-missed"}


def insert_a_line(tree: Tree) -> int:
    """The synthetic edit: one line above the last statement."""
    if not tree.module.body or "SYNTHETIC_EDIT" in tree.module.code:
        return 0
    tree.insert_before(tree.module.body[-1], "SYNTHETIC_EDIT = 1")
    return 1


PATCH = Patch(
    id="synthetic",
    symptom="none",
    why="For the tests.",
    distribution="bulk",
    versions="",
    when={},
    files=("bulk/**/*.py",),
    needle=(b"\n", b"\r", b" ", b"="),
    transforms=(insert_a_line,),
    expect=at_least(1, zero="nothing to put it above"),
    cases=(Case(before="", after=""),),
    unchanged=(),
    probe="",
    digest=sha256(b"synthetic"),
)
KNOWN = Registry({PATCH.id: PATCH})


def command(name: str, site: Path) -> Result:
    return getattr(operations, name)(seam.environment(site), KNOWN, KNOWN.select(()))  # type: ignore[no-any-return]


def everything(path: Path) -> tuple[object, ...]:
    """All that a file is: bytes, mode, owner, time and attributes."""
    about = path.stat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    owner = (about.st_mode, about.st_uid, about.st_gid)
    return path.read_bytes(), owner, about.st_mtime_ns, attributes


def lay(site: Path, files: dict[str, bytes], dice: random.Random) -> None:
    """Install files as one distribution, with modes, owners, times and attributes of their own."""
    support.install(site, "bulk", "1.0", files)
    for path in files:
        place = site / path
        place.chmod(dice.choice((0o644, 0o600, 0o755, 0o664)))
        if os.geteuid() == 0:
            os.chown(place, dice.choice((0, 1234)), dice.choice((0, 4321)))
        if dice.random() < 0.3:
            os.setxattr(place, "user.origin", dice.randbytes(5))
        os.utime(place, ns=(1, dice.randrange(10**18, 2 * 10**18)))


def there_and_back(site: Path, files: dict[str, bytes], dice: random.Random) -> Counter[str]:
    """Apply the synthetic edit to all the files, then revert; how many of them ended how."""
    lay(site, files, dice)
    before = {path: everything(site / path) for path in files}
    result = command("apply", site)
    refused = {error.path: error.code for error in result.errors}
    assert set(refused.values()) <= REFUSALS, refused
    ends: Counter[str] = Counter()
    for path, source in files.items():
        now = (site / path).read_bytes()
        lines = [line for line in now.splitlines(keepends=True) if b"SYNTHETIC_EDIT" not in line]
        assert b"".join(lines) == source, f"{path}: lines changed that nothing touches"
        assert everything(site / path)[1:2] == before[path][1:2], path
        assert not (path in refused and now != source), path
        ends[refused.get(path) or ("edited" if now != source else "nothing to edit")] += 1
    command("revert", site)
    for path in files:
        assert everything(site / path) == before[path], f"{path} is not what it was"
    shutil.rmtree(site)
    return ends


def wheels() -> tuple[list[Path], int]:
    """Every different `.py` file of the stacks' real releases, and how many releases those are."""
    found: dict[str, Path] = {}
    releases: set[str] = set()
    for stack in STACKS:
        folder = support.CACHE / "round-trip" / stack
        pins = [pin for pin in environments.pins(stack) if pin.split("==")[0] not in HEAVY]
        done = folder / "complete"
        if not done.exists() or done.read_text() != "\n".join(pins):
            shutil.rmtree(folder, ignore_errors=True)
            where = ("--python", support.target_python(), "--target", folder)
            support.uv("pip", "install", "--quiet", "--no-deps", *where, *pins)
            done.write_text("\n".join(pins))
        releases |= set(pins)
        for path in sorted(folder.rglob("*.py")):
            found.setdefault(sha256(path.read_bytes()), path)
    largest = 10**9 if TORTURE else 40_000
    return [path for path in found.values() if path.stat().st_size <= largest], len(releases)


@pytest.mark.parametrize("part", range(PARTS))
def test_files_of_real_wheels(
    part: int, memory: Path, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    monkeypatch.setattr(work, "compile_errors", compiled_each)
    every, releases = wheels()
    assert releases >= 30
    dice = random.Random(part)
    chosen = sorted(random.Random(0).sample(every, scaled(800, len(every))))[part::PARTS]
    ends: Counter[str] = Counter()
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        files = {f"bulk/m{n}/{path.name}": path.read_bytes() for n, path in enumerate(batch)}
        site = memory / "site"
        site.mkdir()
        ends += there_and_back(site, files, dice)
    assert ends["edited"] > 0.8 * len(chosen), ends
    assert sum(ends[refusal] for refusal in REFUSALS) < 0.01 * len(chosen) + 1, ends
    record_property("files", len(chosen))
    for end, number in ends.items():
        record_property(end, number)


def compiled_each(_environment: object, sources: Sequence[bytes]) -> list[str | None]:
    """As `seam.compiled_here`, and says which do not compile."""
    errors: list[str | None] = []
    for source in sources:
        try:
            compile(source, "<patched>", "exec", dont_inherit=True)
            errors.append(None)
        except SyntaxError as error:
            errors.append(str(error))
    return errors


ODD: dict[str, tuple[bytes, str]] = {
    "BOM": (b"\xef\xbb\xbfx = 1\ny = '\xc3\xa9'\n", "edited"),
    "latin-1": (b"# -*- coding: latin-1 -*-\nx = '\xe9'\ny = 2\n", "edited"),
    "CRLF": (b"x = 1\r\ny = 2\r\n", "edited"),
    "mixed newlines": (b"x = 1\r\ny = 2\nz = 3\r\nw = 4\n", "edited"),
    "form feeds": (b"x = 1\n\x0c\ndef f():\n    return 1\n\x0c\ny = 2\n", "edited"),
    "tabs": (b"def f():\n\tif x:\n\t\treturn 1\n\treturn 2\nf\n", "edited"),
    "tabs and spaces": (b"def f():\n        if x:\n\treturn 1\nf\n", "not-parseable"),
    "no last newline": (b"x = 1\ny = 2", "edited"),
    "spaces at the end": (b"x = 1   \ny = 2\t\n   \n", "edited"),
    "backslashes": (b"x = 1 + \\\n    2\ny = x\n", "edited"),
    "only a comment": (b"# nothing\n", "nothing to edit"),
    "empty lines": (b"\n\n\n", "nothing to edit"),
    "lone CR": (b"x = 1\ry = 2\r", "not-round-trip"),
    "except X :": (b"try:\n    x\nexcept ValueError :\n    y\nz = 1\n", "not-round-trip"),
    "null byte": (b"x = 1\n\0\ny = 2\n", "not-parseable"),
    "not Python": (b"def (:\n", "not-parseable"),
    "wrong coding": (b"# coding: no-such\nx = 1\n", "not-parseable"),
    "not UTF-8": (b"x = '\xe9'\ny = 1\n", "not-parseable"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files(name: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "compile_errors", compiled_each)
    source, end = ODD[name]
    site = memory / "site"
    site.mkdir()
    assert there_and_back(site, {"bulk/odd.py": source}, random.Random(name)) == {end: 1}
