"""Real bug fixes between two releases, captured as if made by hand, and applied to other releases.

Of each bug-fix release below, every module that it changed is taken (but those that hold the
version): the change is captured on the release before it, then applied to an older release line, in
which the fix is not yet in, and to the next one, in which it mostly is. What is right there is
decided by somebody else: `git merge-file`, on the sources or, where it meets a conflict, on the
sources as `ast.unparse` writes them.

`python -m tests.real.test_capture [DISTRIBUTION]...` measures it all anew and writes the table.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from surgeon.author.capture import patch_of
from surgeon.errors import Refused
from surgeon.patch import Patch
from surgeon.rewriting.rewrite import rewrite
from tests import environments, support
from tests.real.captured_fixes import FIGURES, FIXES, RELEASES, Fix

SOURCES = support.CACHE / "sources"
TABLE = support.CHECKOUT / "tests" / "real" / "captured_fixes.py"
MARK = "# fmt: off, for a program writes the rest\n"


def source(distribution: str, version: str, path: str) -> bytes | None:
    """A file of an exact release, out of the real wheel; `None` where the release has none."""
    folder = SOURCES / f"{distribution}-{version}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as scratch:
            where = Path(scratch, "wheel")
            release = f"{distribution}=={version}"
            support.uv("pip", "install", "--quiet", "--no-deps", "--target", where, release)
            fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
            for file in (where / distribution).rglob("*.py"):
                place = fresh / file.relative_to(where)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
            with contextlib.suppress(OSError):  # another worker was faster
                fresh.rename(folder)
            shutil.rmtree(fresh, ignore_errors=True)
    file = folder / path
    return file.read_bytes() if file.exists() else None


def tree(data: bytes) -> str:
    return ast.dump(ast.parse(data))


def merged(base: bytes, ours: bytes, theirs: bytes) -> str | None:
    """What three-way merging makes of it, as a syntax tree; `None` where it meets a conflict."""
    for form in (bytes, _plain):
        with tempfile.TemporaryDirectory() as scratch:
            names = [Path(scratch, name) for name in ("ours", "base", "theirs")]
            for name, data in zip(names, (ours, base, theirs), strict=True):
                name.write_bytes(form(data))
            done = subprocess.run(["git", "merge-file", "-p", *names], capture_output=True, check=False)
        if done.returncode == 0:
            return tree(done.stdout)
    return None


def _plain(data: bytes) -> bytes:
    return ast.unparse(ast.parse(data)).encode()


@dataclass(frozen=True)
class Measured:
    """What became of a fix.

    Attributes:
        captured: `N edits`, or why it was refused.
        earlier, later: on the older and on the next release: `applied`, `there already`, `no such
            file`, or why it was refused; with ` (unlike git)` where a merge gives something else
            and ` (git cannot tell)` where it meets a conflict.
    """

    captured: str
    earlier: str = ""
    later: str = ""


def without_code(reason: str) -> str:
    """A reason with the anchor's name, but without the package's code that it shows."""
    return re.sub(r"`.*`", "...", reason, flags=re.DOTALL)


@cache
def captured(fix: Fix) -> Patch:
    before, after = (source(fix.distribution, each, fix.path) for each in (fix.before, fix.after))
    assert before is not None
    assert after is not None
    return patch_of(fix.distribution, fix.before, fix.path, "the-fix", before, after)


def measure(fix: Fix) -> Measured:
    try:
        patch = captured(fix)
    except Refused as refusal:
        return Measured(without_code(f"refused: {refusal.message}"))
    release = RELEASES[fix.distribution, fix.after]
    outcomes = [outcome(fix, patch, version) for version in (release.earlier, release.later)]
    return Measured(f"{len(patch.transforms)} edits", *outcomes)


def outcome(fix: Fix, patch: Patch, version: str) -> str:
    """What becomes of a captured fix on another release."""
    other = source(fix.distribution, version, fix.path)
    if other is None:
        return "no such file"
    result = rewrite(other, [patch])
    if result.failures:
        assert result.result == other
        return without_code(f"refused: {result.failures['the-fix']}")
    before, after = (source(fix.distribution, each, fix.path) for each in (fix.before, fix.after))
    assert before is not None
    assert after is not None
    said = "applied" if result.matches["the-fix"] else "there already"
    expected = merged(before, other, after)
    if expected is None:
        return f"{said} (git cannot tell)"
    return said if expected == tree(result.result) else f"{said} (unlike git)"


def figures(fixes: Sequence[Fix]) -> dict[str, int]:
    """What the table comes to."""
    places = [place for fix in fixes for place in (fix.earlier, fix.later) if place]
    return {
        "fixes": len(fixes),
        "captured": sum(not fix.captured.startswith("refused") for fix in fixes),
        "other releases tried": sum(place != "no such file" for place in places),
        "applied as git merges": places.count("applied"),
        "there already": places.count("there already"),
        "refused there": sum(place.startswith("refused") for place in places),
        "unlike git": sum("unlike git" in place for place in places),
        "git cannot tell": sum("git cannot tell" in place for place in places),
    }


@pytest.mark.parametrize("fix", FIXES, ids=str)
def test_a_real_fix(fix: Fix) -> None:
    assert measure(fix) == Measured(fix.captured, fix.earlier, fix.later)


@pytest.mark.parametrize("fix", [fix for fix in FIXES if "edits" in fix.captured], ids=str)
def test_it_survives_reformatting_and_moved_lines(fix: Fix) -> None:
    """The release before, without its comments and formatting, and with lines of its own above."""
    before, after = (source(fix.distribution, each, fix.path) for each in (fix.before, fix.after))
    assert before is not None
    assert after is not None
    result = rewrite(_plain(before), [captured(fix)])
    assert result.failures == {}
    assert tree(result.result) == tree(_plain(after))


def test_every_changed_module_is_in_the_table() -> None:
    """No fix was left out because it does not look good."""
    listed = [(fix.distribution, fix.after, fix.path) for fix in FIXES]
    assert listed == [(fix.distribution, fix.after, fix.path) for fix in changed(())]


def unwanted(distribution: str) -> set[str]:
    """The modules that hold the version."""
    return {f"{distribution}/{name}.py" for name in ("__init__", "__version__", "_version")}


def modules(distribution: str, version: str) -> set[str]:
    folder = SOURCES / f"{distribution}-{version}"
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*.py")}


def test_the_figures() -> None:
    found = figures(FIXES)
    assert found == FIGURES
    assert found["applied as git merges"] >= 20
    assert found["unlike git"] == 0
    page = (support.CHECKOUT / "docs" / "authoring.md").read_text()
    assert f"{found['captured']} of {found['fixes']} were captured" in page
    assert f"{found['applied as git merges']} were applied" in page
    assert f"{found['there already']} were there already" in page
    assert f"{found['refused there']} were refused" in page


def test_from_the_hand_edit_to_the_next_release(tmp_path: Path) -> None:
    """The commands, on a real environment; the pristine file is downloaded from the index."""
    path = "peft/tuners/tuners_utils.py"
    venv = environments.light(tmp_path / "venv", "peft==0.13.1")
    target = support.site_packages(venv) / path
    after = source("peft", "0.13.2", path)
    assert after is not None
    target.unlink()  # uv has hard-linked it
    target.write_bytes(after)
    mine = tmp_path / "mine"
    answer = support.surgeon("capture", "peft", "-o", mine, "-p", venv, "--id", "the-fix")
    assert answer.exit_code == 0, answer.json
    options = ("the-fix", "-p", venv, "--patches", mine)
    environments.install(venv, "--no-deps", "--reinstall", "peft==0.13.1")
    tried = support.surgeon("test", *options)
    assert (tried.exit_code, tried.json["patches"][0]["files"]) == (0, 1)  # type: ignore[index]
    assert support.surgeon("apply", *options).exit_code == 0
    assert tree(target.read_bytes()) == tree(after)
    environments.install(venv, "--no-deps", "peft==0.14.0")
    assert support.surgeon("status", *options).states() == {path: "superseded"}
    # It is for the release that it was made on: of the next one nothing is claimed, or kept in mind.
    assert support.surgeon("apply", *options).states() == {}
    assert target.read_bytes() == source("peft", "0.14.0", path)


def changed(wanted: Collection[str]) -> Iterator[Fix]:
    """Every module that the releases of the wanted distributions changed; of all where none is named."""
    for (distribution, after), release in RELEASES.items():
        if wanted and distribution not in wanted:
            continue
        for version in (release.before, after, release.earlier, release.later):
            source(distribution, version, "nothing")
        for path in sorted(modules(distribution, release.before) & modules(distribution, after)):
            old, new = (source(distribution, each, path) or b"" for each in (release.before, after))
            if path not in unwanted(distribution) and old != new and tree(old) != tree(new):
                yield Fix(distribution, release.before, after, path)


def main(wanted: Collection[str]) -> None:
    """Measure the fixes of the wanted distributions, of all where none is named, and write their rows."""
    fresh: list[Fix] = []
    for fix in changed(wanted):
        fresh.append(replace(fix, **asdict(measure(fix))))
        print(fresh[-1], fresh[-1].captured, flush=True)
    kept = [fix for fix in FIXES if wanted and fix.distribution not in wanted]
    order = [*RELEASES]
    rows = sorted([*kept, *fresh], key=lambda fix: (order.index((fix.distribution, fix.after)), fix.path))
    head = TABLE.read_text().partition(MARK)[0]
    lines = "".join(f"    Fix({', '.join(map(repr, astuple(fix)))}),\n" for fix in rows)
    TABLE.write_text(f"{head}{MARK}FIXES: tuple[Fix, ...] = (\n{lines})\nFIGURES = {figures(rows)!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
