"""The table that comes with m3d-surgeon: which releases it has, what it says of them, how fast."""

from __future__ import annotations

import json
import lzma
import time
from pathlib import Path

import pytest

from surgeon.errors import SurgeonError, UsageError
from surgeon.scan import releases, releases_data
from surgeon.scan.surface import Question


def test_versions_ascend_from_2_0() -> None:
    known = releases.versions()
    assert known[0] == "2.0.0"
    assert {"2.1.0", "2.4.1", "2.13.0"} <= set(known)
    assert list(known) == sorted(known, key=lambda v: tuple(map(int, v.split("."))))


@pytest.mark.parametrize("version", ["2.1", "2.1.0", "v2.1.0", "2.1.0+cu121", "2.1.0a0+git", " 2.1.0 "])
def test_a_version_may_be_written_in_several_ways(version: str) -> None:
    table = releases.table(version)
    assert table.version == "2.1.0"
    assert table.description == "torch 2.1.0, from the table"


@pytest.mark.parametrize(
    ("version", "near"),
    [
        ("2.1.9", "2.1.2, 2.2.0"),
        ("1.13.1", "2.0.0"),
        ("0", "2.0.0"),
        ("2.1.0.1", "2.1.0, 2.1.1"),
        ("99", releases.versions()[-1]),
        ("newest", ", ".join(releases.versions()[-2:])),
        ("", ", ".join(releases.versions()[-2:])),
    ],
)
def test_another_version_is_a_usage_error_that_names_the_nearest(version: str, near: str) -> None:
    with pytest.raises(UsageError) as failure:
        releases.table(version)
    assert failure.value.code == "unknown-torch"
    assert near in failure.value.hint


def test_what_is_not_torch_is_not_judged() -> None:
    question = Question("numpy.nothing")
    assert releases.table("2.1.0").ask([question])[question].exists


def test_two_thousand_answers_take_no_time() -> None:
    names = [space.replace(":", ".") for space in list(releases_data.load().spaces)[::2]][:2000]
    questions = [Question(name, imported=bool(n % 2)) for n, name in enumerate(names)]
    start = time.process_time()
    found = releases.Table(releases_data.read(releases_data.PATH), 1).ask(questions)
    assert len(found) == 2000
    assert time.process_time() - start < 1, "measured: see docs/torch-names.md"


@pytest.mark.parametrize(
    "damage", [b"", b"not xz", lzma.compress(b"[]"), lzma.compress(json.dumps({"schema": 99}).encode())]
)
def test_a_damaged_table_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "torch.json.xz"
    path.write_bytes(damage)
    with pytest.raises(SurgeonError) as failure:
        releases_data.read(path)
    assert failure.value.path == str(path)
    assert failure.value.hint == "reinstall m3d-surgeon"


def test_the_table_is_small_and_says_where_it_comes_from() -> None:
    assert releases_data.PATH.stat().st_size < 700_000
    origin = json.loads(releases_data.PATH.with_name("torch.origin.json").read_text())
    assert tuple(row["version"] for row in origin["releases"]) == releases.versions()
    assert all(len(row["sha256"]) == 64 and row["wheel"].startswith("torch-") for row in origin["releases"])
    assert "://" not in json.dumps(origin)
