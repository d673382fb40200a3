"""What changes in a patched wheel, and what does not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from surgeon.site.interpreter import stand_in
from surgeon.wheels.rebuild import NOTE, rebuild, renamed_file, with_version
from surgeon.wheels.requirements import contradicted, relaxed
from surgeon.wheels.wheel import open_wheel, record_digest
from tests.unit.ship_support import INFO, contents, members, pack, recorded

NEW = "gadget-1.0+m3d.1"
FILES = {
    "gadget/core.py": b"old\n",
    "gadget/__pycache__/core.cpython-310.pyc": b"stale",
    "gadget/__pycache__/other.cpython-310.pyc": b"kept",
    "gadget-1.0.data/purelib/more.py": b"more\n",
    "gadget-1.0.data/scripts/run": b"#!python\n",
    'gadget/a "quoted", name.txt': b"",
    f"{INFO}/licenses/LICENSE": b"free",
    f"{INFO}/RECORD.jws": b"signed",
}
DATA = ("gadget-1.0.data/purelib/more.py", "gadget-1.0.data/scripts/run")


def rebuilt(folder: Path, changed: dict[str, bytes]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    entries = members({**FILES, 'gadget/a "quoted", name.txt': b""})
    rows = entries.pop(f"{INFO}/RECORD").decode()
    rows = rows.replace('gadget/a "quoted", name.txt', '"gadget/a ""quoted"", name.txt"')
    rows = "\n".join(row for row in rows.splitlines() if "jws" not in row) + "\n"
    wheel = open_wheel(pack(folder, entries | {f"{INFO}/RECORD": rows.encode()}, mode=0o755))
    done = rebuild(wheel, "1.0+m3d.1", changed, {"why": "test"})
    path = folder / done.filename
    path.write_bytes(done.data)
    open_wheel(path)  # proves every entry against the new RECORD
    return contents(path), done.dropped


def test_the_release_has_a_new_name_everywhere(tmp_path: Path) -> None:
    entries, dropped = rebuilt(tmp_path, {"gadget/core.py": b"new\n"})
    assert list(entries) == [
        "gadget/core.py",
        "gadget/__pycache__/other.cpython-310.pyc",
        f"{NEW}.data/purelib/more.py",
        f"{NEW}.data/scripts/run",
        'gadget/a "quoted", name.txt',
        f"{NEW}.dist-info/licenses/LICENSE",
        f"{NEW}.dist-info/METADATA",
        f"{NEW}.dist-info/WHEEL",
        f"{NEW}.dist-info/{NOTE}",
        f"{NEW}.dist-info/RECORD",
    ]
    assert dropped == ("gadget/__pycache__/core.cpython-310.pyc", f"{INFO}/RECORD.jws")
    assert entries["gadget/core.py"] == b"new\n"
    assert b"\nVersion: 1.0+m3d.1\n" in entries[f"{NEW}.dist-info/METADATA"]
    assert entries[f"{NEW}.dist-info/WHEEL"] == members()[f"{INFO}/WHEEL"]
    assert entries[f"{NEW}.dist-info/{NOTE}"] == b'{\n "why": "test"\n}\n'


def test_record_lists_everything_in_the_old_order(tmp_path: Path) -> None:
    entries, _ = rebuilt(tmp_path, {"gadget/core.py": b"new\n"})
    rows = entries[f"{NEW}.dist-info/RECORD"].decode().splitlines()
    assert rows[0] == f"gadget/core.py,{record_digest(b'new' + bytes([10]))},4"
    assert rows[-1] == f"{NEW}.dist-info/RECORD,,"
    assert rows[-2].startswith(f"{NEW}.dist-info/{NOTE},sha256=")
    assert len(rows) == len(entries)
    assert '"gadget/a ""quoted"", name.txt"' in rows[4]


def test_a_signature_that_record_lists_and_nobody_made_is_listed_no_more(tmp_path: Path) -> None:
    entries = members()
    entries[f"{INFO}/RECORD"] += f"{INFO}/RECORD.jws,,\n".encode()
    done = rebuild(open_wheel(pack(tmp_path, entries)), "1.0+m3d.1", {"gadget/core.py": b"new\n"}, {})
    with zipfile.ZipFile(io.BytesIO(done.data)) as archive:
        rows = archive.read(f"{NEW}.dist-info/RECORD").decode().splitlines()
        assert [row.split(",")[0] for row in rows] == archive.namelist()


def test_a_source_in_the_data_folder_can_be_patched(tmp_path: Path) -> None:
    wheel = open_wheel(pack(tmp_path / "in", members({path: FILES[path] for path in DATA})))
    places = {wheel.installed_as(member.name) for member in wheel.members}
    assert "more.py" in places
    assert "run" not in places
    entries, _ = rebuilt(tmp_path, {"gadget-1.0.data/purelib/more.py": b"patched\n"})
    assert entries[f"{NEW}.data/purelib/more.py"] == b"patched\n"


def test_modes_and_dates_are_kept_or_all_set_to_one(tmp_path: Path) -> None:
    wheel = open_wheel(pack(tmp_path, members(), mode=0o755))
    for given, expected in (
        (None, (2024, 2, 29, 12, 30, 58)),
        ((2001, 2, 3, 4, 5, 6), (2001, 2, 3, 4, 5, 6)),
    ):
        done = rebuild(wheel, "1.0+m3d.1", {"gadget/core.py": b"new\n"}, {}, given)
        with zipfile.ZipFile(io.BytesIO(done.data)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
        assert {info.date_time for info in infos.values()} == {expected}
        assert infos["gadget/core.py"].external_attr >> 16 == 0o100755
        assert infos[f"{NEW}.dist-info/{NOTE}"].external_attr >> 16 == 0o100644


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("gadget-1.0-py3-none-any.whl", "gadget-1.0+m3d.1-py3-none-any.whl"),
        (
            "gadget-1.0-2build-cp310-cp310-linux_x86_64.whl",
            "gadget-1.0+m3d.1-2build-cp310-cp310-linux_x86_64.whl",
        ),
    ],
)
def test_the_file_name(before: str, after: str) -> None:
    assert renamed_file(before, "1.0+m3d.1") == after


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_only_the_version_header_changes(end: bytes) -> None:
    before = end.join(
        [b"Name: x", b"version:  1.0", b"Summary: Version: 1.0", b"", b"Version: 1.0 is out", b""]
    )
    after = with_version(before, "1.0+m3d.1")
    assert after == before.replace(b"version:  1.0", b"version:  1.0+m3d.1")


REQUIRES = (
    b"Version: 1\nRequires-Dist: torch>=2.4.1\n"
    b"Requires-Dist: Hub_Client[cli] (<1,>=0.34) ; python_version > '3'\n"
    b"Requires-Dist: torch>=9; extra == 'new'\nRequires-Dist: torch<3\nRequires-Dist: ???\n\n"
    b"Requires-Dist: torch>=7\n"
)


def test_what_the_conditions_deny_is_found_and_loosened() -> None:
    versions = {"torch": "2.1.0+cu121", "hub-client": "0.24.7"}
    assert contradicted(REQUIRES, versions) == [
        "torch>=2.4.1",
        "Hub_Client[cli] (<1,>=0.34) ; python_version > '3'",
    ]
    loosened = relaxed(REQUIRES, versions)
    assert loosened.splitlines()[1:4] == [
        b"Requires-Dist: torch",
        b'Requires-Dist: Hub_Client[cli]; python_version > "3"',
        b"Requires-Dist: torch>=9; extra == 'new'",
    ]
    assert loosened.splitlines()[4:] == REQUIRES.splitlines()[4:]
    assert contradicted(loosened, versions) == []
    assert contradicted(REQUIRES, {"torch": "2.5.0"}) == []


def test_the_helper_spoils_nothing(tmp_path: Path) -> None:
    entries = recorded(members())
    assert contents(pack(tmp_path, entries)) == entries


MARKED = b"""Version: 1
Requires-Dist: torch>=2.4; python_version < "3.11"
Requires-Dist: torch>=2.5; python_version >= "3.11"
Requires-Dist: torch>=2.6; sys_platform == "emscripten"
Requires-Dist: torch>=2.7; extra == "new" or python_version == "3.10"
Requires-Dist: torch>=2.8; extra == "new" and python_version == "3.10"
Requires-Dist: torch>=2.9; platform_machine > "~" and python_version == "nonsense"
Requires-Dist: torch>=3
"""


@pytest.mark.parametrize(("version", "denied"), [("3.10", "4 7 3"), ("3.12", "5 3"), (None, "4 5 6 9 3")])
def test_a_requirement_counts_where_its_marker_holds_in_the_target(version: str | None, denied: str) -> None:
    markers = dict(stand_in(tuple(map(int, version.split(".")))).markers) if version else None
    found = contradicted(MARKED, {"torch": "2.1.0"}, markers)
    assert [each.partition(";")[0][-1] for each in found] == denied.split()
    loosened = relaxed(MARKED, {"torch": "2.1.0"}, markers)
    assert contradicted(loosened, {"torch": "2.1.0"}, markers) == []
    untouched = set(loosened.splitlines()) & set(MARKED.splitlines())
    assert len(untouched) == 8 - len(found)
