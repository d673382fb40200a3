"""`wheel` as a user runs it, on small wheels."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests import support
from tests.unit.ship_support import INFO, NAME, contents, members, pack

NEW = "gadget-1.0+m3d.1"
TORCH = ("--with", "torch==2.1.0")


@pytest.fixture
def gadget(tmp_path: Path) -> Path:
    return pack(tmp_path / "in", members())


def build(wheel: Path | str, output: Path, *more: str | Path, **extra: str) -> support.Answer:
    return support.surgeon("wheel", wheel, "-o", output, "--patches", support.GADGETS, *more, **extra)


def only(answer: support.Answer) -> dict[str, object]:
    (row,) = answer.json["wheels"]  # type: ignore[misc]
    return row  # type: ignore[return-value]


def test_a_patched_wheel_is_written(gadget: Path, tmp_path: Path) -> None:
    answer = build(gadget, tmp_path / "out", *TORCH)
    assert answer.exit_code == 0, answer.json
    row = only(answer)
    path = tmp_path / "out" / f"{NEW}-py3-none-any.whl"
    assert (row["state"], row["output"], row["output_version"]) == ("written", str(path), "1.0+m3d.1")
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert row["files"] == [{"path": "gadget/core.py", "patches": ["gadget-shiny"]}]
    entries = contents(path)
    assert b'getattr(getattr(torch, "shiny", None)' in entries["gadget/core.py"]
    note = json.loads(entries[f"{NEW}.dist-info/m3d_surgeon.json"])
    assert note["original"] == {
        "file": NAME,
        "version": "1.0",
        "sha256": hashlib.sha256(gadget.read_bytes()).hexdigest(),
    }
    assert note["conditions"] == {"torch": "2.1.0"}
    assert set(note["patches"]) == {"gadget-shiny"}
    digest = hashlib.sha256(entries["gadget/core.py"]).hexdigest()
    assert note["results"] == {"gadget/core.py": digest}


def test_it_holds_what_apply_would_write(gadget: Path, tmp_path: Path, site: Path) -> None:
    support.gadget(site)
    assert support.surgeon("apply", "--site-packages", site, "--patches", support.GADGETS).exit_code == 0
    build(gadget, tmp_path / "out", *TORCH)
    applied = (site / "gadget" / "core.py").read_bytes()
    assert contents(tmp_path / "out" / f"{NEW}-py3-none-any.whl")["gadget/core.py"] == applied


def test_it_is_the_same_byte_for_byte_whoever_builds_it_and_when(gadget: Path, tmp_path: Path) -> None:
    """Another day, another umask, another zone, another folder, another order of hashing."""
    program = (
        "import os, sys, time, datetime\n"
        "os.umask(int(sys.argv.pop(1), 8))\n"
        "real, late = time.time, float(sys.argv.pop(1))\n"
        "time.time = lambda: real() + late\n"
        "from surgeon.cli import main\nmain()"
    )
    made = []
    for number, (mask, late, zone) in enumerate([("022", 0, "UTC"), ("077", 86400 * 40, "Asia/Tokyo")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        copy = Path(shutil.copy(gadget, folder))
        os.utime(copy, (number, number))
        command = ("wheel", copy, "-o", folder / "out", "--patches", support.GADGETS, *TORCH)
        support.run(
            sys.executable, "-c", program, mask, str(late), *command, cwd=folder,
            env=support.clean_environ(TZ=zone, PYTHONHASHSEED=str(number)),
        )  # fmt: skip
        (path,) = (folder / "out").iterdir()
        made.append((path.name, path.read_bytes()))
        assert path.stat().st_mode & 0o777 == 0o666 & ~int(mask, 8)
    assert made[0] == made[1]


def test_source_date_epoch_sets_every_date(gadget: Path, tmp_path: Path) -> None:
    plain = build(gadget, tmp_path / "a", *TORCH)
    dated = build(gadget, tmp_path / "b", *TORCH, SOURCE_DATE_EPOCH="1700000000")
    assert only(plain)["sha256"] != only(dated)["sha256"]
    bad = build(gadget, tmp_path / "c", *TORCH, SOURCE_DATE_EPOCH="yesterday")
    assert (bad.exit_code, bad.error_codes()) == (2, ["usage"])


def test_a_second_run_finds_it_there_and_a_dry_run_writes_nothing(gadget: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert only(build(gadget, out, *TORCH, "--dry-run"))["state"] == "pending"
    assert not out.exists()
    build(gadget, out, *TORCH)
    before = support.tree(out)
    assert only(build(gadget, out, *TORCH))["state"] == "unchanged"
    assert support.tree(out) == before


def test_another_wheel_of_that_name_is_not_replaced(gadget: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(gadget, out, *TORCH)
    (place,) = out.iterdir()
    place.write_bytes(b"other")
    for more in ((), ("--dry-run",)):
        answer = build(gadget, out, *TORCH, *more)
        assert (answer.exit_code, answer.error_codes(), only(answer)["state"]) == (3, ["exists"], "refused")
    assert place.read_bytes() == b"other"
    answer = build(gadget, out, *TORCH, "--build-number", "2")
    assert only(answer)["output_version"] == "1.0+m3d.2"


@pytest.mark.parametrize("beside", ["torch==2.6.0", "torch==2.7.1+cpu"])
def test_where_no_patch_is_needed_nothing_is_written(gadget: Path, tmp_path: Path, beside: str) -> None:
    answer = build(gadget, tmp_path / "out", "--with", beside)
    assert (answer.exit_code, only(answer)["state"]) == (0, "not-needed")
    assert only(answer)["output"] == ""
    assert not (tmp_path / "out").exists()
    done = support.run(
        sys.executable, "-m", "surgeon", "wheel", gadget, "-o", tmp_path / "out", "--with", beside, cwd="/"
    )
    assert "not-needed  it needs no patch here" in done.stdout


def test_the_conditions_come_from_an_environment_too(gadget: Path, tmp_path: Path, site: Path) -> None:
    support.install(site, "torch", "2.1.0+cu121")
    assert only(build(gadget, tmp_path / "a", "--site-packages", site))["state"] == "written"
    beside = ("--site-packages", site, "--with", "torch==2.6.0")
    assert only(build(gadget, tmp_path / "b", *beside))["state"] == "not-needed"
    support.uninstall(site, "torch")
    support.install(site, "unrelated", "1")
    assert only(build(gadget, tmp_path / "c", "--site-packages", site))["state"] == "not-needed"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "no-conditions"),
        (("--with", "numpy==1.26.4"), "no-conditions"),
        (("--with", "torch>=2"), "usage"),
        ((*TORCH, "--with", "gadget==2.0"), "usage"),
        ((*TORCH, "--build-number", "0"), "usage"),
    ],
)
def test_a_mistake_is_one_error(gadget: Path, tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    answer = build(gadget, tmp_path / "out", *arguments)
    assert (answer.exit_code, answer.error_codes()) == (2, [code])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "argument", ["/no/such-1.0-py3-none-any.whl", "gadget", "gadget>=1", "gadget==1.*", "a b"]
)
def test_what_names_no_wheel_is_a_mistake(tmp_path: Path, argument: str) -> None:
    answer = build(argument, tmp_path / "out", *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (2, ["usage"])


def test_two_releases_of_one_distribution_are_a_mistake(gadget: Path, tmp_path: Path) -> None:
    other = pack(tmp_path / "in", members(version="2.0"), "gadget-2.0-py3-none-any.whl")
    answer = build(gadget, tmp_path / "out", other, *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (2, ["usage"])


def test_the_same_release_for_two_platforms_is_two_wheels(gadget: Path, tmp_path: Path) -> None:
    other = pack(tmp_path / "in", members(), "gadget-1.0-2-py2.py3-none-any.whl")
    assert build(gadget, tmp_path / "out", other, *TORCH).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{NEW}-2-py2.py3-none-any.whl",
        f"{NEW}-py3-none-any.whl",
    ]


def test_a_tampered_wheel_is_refused_and_the_others_are_built(gadget: Path, tmp_path: Path) -> None:
    bad = pack(tmp_path / "bad", members() | {"gadget/core.py": support.GADGET + b"evil()\n"})
    answer = build(bad, tmp_path / "out", gadget, *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (3, ["bad-record"])
    assert [row["state"] for row in answer.json["wheels"]] == ["refused", "written"]  # type: ignore[attr-defined]


def test_a_wheel_is_patched_whole_or_not_at_all(tmp_path: Path) -> None:
    """One file of two has the construct twice, which its patch was not written for."""
    twice = support.GADGET + b"DULL = torch.shiny.dull\n"
    wheel = pack(tmp_path / "in", members({"gadget/core.py": support.GADGET, "gadget/extra.py": twice}))
    answer = build(wheel, tmp_path / "out", *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (3, ["expectation-missed"])
    assert only(answer)["state"] == "refused"
    assert not (tmp_path / "out").exists()


def test_a_patch_that_cannot_be_loaded_stops_everything(gadget: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.py").write_text("raise RuntimeError")
    answer = support.surgeon("wheel", gadget, "-o", tmp_path / "out", "--patches", tmp_path / "mine", *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (3, ["bad-patch"])
    assert not (tmp_path / "out").exists()


def test_a_patched_wheel_is_not_patched_again(gadget: Path, tmp_path: Path) -> None:
    build(gadget, tmp_path / "out", *TORCH)
    (place,) = (tmp_path / "out").iterdir()
    answer = build(place, tmp_path / "again", *TORCH)
    assert (answer.exit_code, answer.error_codes()) == (3, ["already-patched"])


def test_a_source_that_lands_in_site_packages_by_way_of_the_data_folder(tmp_path: Path) -> None:
    wheel = pack(tmp_path / "in", members({"gadget-1.0.data/platlib/gadget/core.py": support.GADGET}))
    row = only(build(wheel, tmp_path / "out", *TORCH))
    assert row["files"] == [{"path": "gadget/core.py", "patches": ["gadget-shiny"]}]
    entries = contents(tmp_path / "out" / f"{NEW}-py3-none-any.whl")
    assert b"getattr" in entries[f"{NEW}.data/platlib/gadget/core.py"]


REQUIRING = b"Metadata-Version: 2.1\nName: gadget\nVersion: 1.0\nRequires-Dist: torch>=2.6\n"


def test_a_requirement_that_denies_the_conditions_is_told_or_loosened(tmp_path: Path) -> None:
    entries = members({"gadget/core.py": support.GADGET})
    old, new = entries[f"{INFO}/METADATA"], REQUIRING
    entries[f"{INFO}/RECORD"] = entries[f"{INFO}/RECORD"].replace(
        f"{support.record_hash(old)},{len(old)}".encode(), f"{support.record_hash(new)},{len(new)}".encode()
    )
    wheel = pack(tmp_path / "in", entries | {f"{INFO}/METADATA": new})
    told = build(wheel, tmp_path / "told", *TORCH)
    assert "torch>=2.6" in told.json["warnings"][0]  # type: ignore[index]
    assert "--relax" in told.json["warnings"][0]  # type: ignore[index]
    assert told.exit_code == 0
    build(wheel, tmp_path / "loose", *TORCH, "--relax")
    metadata = [
        contents(next((tmp_path / each).iterdir()))[f"{NEW}.dist-info/METADATA"] for each in ("told", "loose")
    ]
    assert metadata == [
        REQUIRING.replace(b"Version: 1.0", b"Version: 1.0+m3d.1"),
        REQUIRING.replace(b"Version: 1.0", b"Version: 1.0+m3d.1").replace(b">=2.6", b""),
    ]
