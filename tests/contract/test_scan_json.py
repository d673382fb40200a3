"""What `scan --json` says is frozen, and `scan` speaks as every command does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import support
from tests.contract.test_commands import check_shape

SHAPE = json.loads((Path(__file__).parent / "scan-1.json").read_text())
LIBRARY = b"def polish(surface): pass\nclass Dull: pass\n"
USER = b"""import library
from library import shiny


def work():
    library.polish(surface=1, gloss=2)
    try:
        library.matt
    except AttributeError:
        pass
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    folder = tmp_path / "venv"
    site = support.make_venv(folder)
    support.install(site, "library", "1.0", {"library.py": LIBRARY})
    support.install(site, "user", "2.0", {"user.py": USER, "other.py": b"import user\n", "fine.py": b""})
    return folder


def scan(venv: Path, *arguments: str | Path) -> support.Answer:
    """`scan` with a cache of its own."""
    return support.surgeon(
        "scan", "-p", venv, "--module", "library", *arguments, XDG_CACHE_HOME=str(venv / "cache")
    )


def test_the_json_is_frozen(venv: Path) -> None:
    answer = scan(venv, "user")
    check_shape(answer.json, SHAPE)
    assert answer.json["command"] == "scan"
    assert answer.exit_code == 0


def test_it_says_what_is_missing_when_it_bites_and_where(venv: Path) -> None:
    rows = {(row["name"], row["keyword"]): row for row in scan(venv, "user").json["missing"]}  # type: ignore[attr-defined]
    assert set(rows) == {("library.shiny", ""), ("library.polish", "gloss"), ("library.matt", "")}
    assert rows["library.shiny", ""]["when"] == "import"
    assert rows["library.shiny", ""]["first"] == "user.py:2"
    assert rows["library.polish", "gloss"]["when"] == "call"
    assert rows["library.matt", ""]["when"] == "guarded"


def test_it_says_which_modules_fail_and_why(venv: Path) -> None:
    (user,) = scan(venv, "user").json["distributions"]  # type: ignore[misc]
    assert user["verdict"] == "will not import"
    assert {each["module"]: each["root"] for each in user["broken"]} == {"user": "user", "other": "user"}
    assert user["reason"] == "library.shiny is missing (user.py:2)"
    assert (user["modules"], user["failing"], user["failing_after_apply"]) == (3, 2, 2)


def test_a_second_scan_says_the_same_and_a_change_is_seen(venv: Path) -> None:
    first = scan(venv, "user").json
    assert list((venv / "cache" / "m3d-surgeon" / "scan").glob("*.json"))
    assert scan(venv, "user").json == first
    (support.site_packages(venv) / "user.py").write_bytes(b"import library\n")
    assert scan(venv, "user").json["missing"] == []


def test_a_damaged_cache_is_no_cache(venv: Path) -> None:
    first = scan(venv, "user").json
    for kept in (venv / "cache" / "m3d-surgeon" / "scan").glob("*.json"):
        kept.write_bytes(kept.read_bytes().replace(b"shiny", b"glossy"))
    assert scan(venv, "user").json == first


def test_only_what_bites_at_import(venv: Path) -> None:
    rows = scan(venv, "user", "--import-time-only").json["missing"]
    assert [row["name"] for row in rows] == ["library.shiny"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("option", "status"), [("import", 1), ("call", 1), ("nonsense", 2)])
def test_fail_on(venv: Path, option: str, status: int) -> None:
    assert scan(venv, "user", "--fail-on", option).exit_code == status


def test_fail_on_import_lets_calls_pass(venv: Path) -> None:
    (support.site_packages(venv) / "user.py").write_bytes(b"import library\ndef f(): library.shiny")
    assert scan(venv, "user", "--fail-on", "import").exit_code == 0
    assert scan(venv, "user", "--fail-on", "call").exit_code == 1


def test_a_folder_of_ones_own(venv: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "mine.py").write_text("import library\nlibrary.shiny")
    answer = scan(venv, code)
    assert answer.json["missing"][0]["first"] == "mine.py:2"  # type: ignore[index]
    assert scan(venv, code / "mine.py").json["missing"][0]["first"] == "mine.py:2"  # type: ignore[index]


@pytest.mark.parametrize("call", ["importlib.import_module('library.shiny')", "__import__('library.shiny')"])
def test_a_module_that_is_asked_for_as_a_text(venv: Path, tmp_path: Path, call: str) -> None:
    (tmp_path / "mine.py").write_text(f"import importlib\n# library\n{call}")
    (row,) = scan(venv, tmp_path / "mine.py").json["missing"]  # type: ignore[misc]
    assert (row["name"], row["when"], row["first"]) == ("library.shiny", "import", "mine.py:3")


BAD = {
    "old.py": b"import library\nlibrary.shiny\nprint 'python 2'\n",
    "nulls.py": b"import library\nlibrary.shiny\0\n",
    "bytes.py": b"import library\nlibrary.shiny = '\xff'\nlibrary.shiny\n",
    "deep.py": b"import library\nlibrary.shiny\nx = " + b"(" * 5000 + b")" * 5000,
    "large.py": b"import library\nlibrary.shiny\n" + b"#" * 9_000_000,
}


def test_bad_input_is_named_and_does_not_stop_the_rest(venv: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    for name, data in BAD.items():
        (code / name).write_bytes(data)
    (code / "gone.py").symlink_to("nowhere")
    (code / "good.py").write_text("import library\nlibrary.shiny")
    answer = scan(venv, code)
    assert [row["first"] for row in answer.json["missing"]] == ["good.py:2"]  # type: ignore[attr-defined]
    named = {Path(each["path"]).name for each in answer.json["skipped"]}  # type: ignore[attr-defined]
    assert named == {*BAD, "gone.py"}
    assert answer.exit_code == 0


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise ImportError('no such driver')", "no such driver"),
        ("import os; os.kill(os.getpid(), 11)", "died"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import os; os._exit(3)", "status 3"),
    ],
)
def test_a_module_that_cannot_be_asked_is_one_clear_error(venv: Path, program: str, said: str) -> None:
    (support.site_packages(venv) / "library.py").write_text(program)
    answer = scan(venv, "user")
    assert answer.exit_code == 4
    assert answer.error_codes() == ["module-unusable"]
    assert said in answer.json["errors"][0]["message"]  # type: ignore[index]


def test_a_name_that_does_not_exist_is_one_clear_error(venv: Path) -> None:
    answer = scan(venv, "no-such-thing")
    assert (answer.exit_code, answer.error_codes()) == (2, ["unknown-distribution"])
    check_shape(answer.json, SHAPE)


def test_a_scan_changes_nothing_in_the_environment(venv: Path) -> None:
    before = support.tree(support.site_packages(venv))
    scan(venv, "user")
    assert support.tree(support.site_packages(venv)) == before
