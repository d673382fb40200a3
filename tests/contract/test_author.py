"""`new`, `test` and `capture` as a user runs them: their JSON, their exit codes, what they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests import support
from tests.contract.test_commands import check_shape

SHAPES = json.loads((Path(__file__).parent / "author-1.json").read_text())
COMMON = {key: value for key, value in SHAPES.items() if key not in ("test", "written")}
GOOD = (support.GADGETS / "gadget_shiny.py").read_text()


def text(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a command; its exit code, and what it printed."""
    done = support.run(sys.executable, "-m", "surgeon", *arguments, check=False, cwd="/")
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "gadget_shiny.py").write_text(GOOD)
    return tmp_path / "mine"


def new(site: Path, folder: Path, *more: str) -> support.Answer:
    arguments = more or ("mine", "-d", "gadget", "-f", "gadget/core.py")
    return support.surgeon("new", *arguments, "--dir", folder, "--site-packages", site)


def test_the_json_of_new_and_capture_is_frozen(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    good = new(site, tmp_path / "new")
    bad = new(site, tmp_path / "new")
    for answer in (good, bad):
        check_shape(answer.json, COMMON | SHAPES["written"])
        assert answer.json["command"] == "new"
    assert (good.exit_code, bad.exit_code, bad.error_codes()) == (0, 3, ["exists"])


def test_the_json_of_test_is_frozen(site: Path, folder: Path) -> None:
    support.gadget(site)
    good = support.surgeon("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    bad = support.surgeon("test", "--site-packages", "/no/such/folder", "--patches", folder)
    for answer in (good, bad):
        check_shape(answer.json, COMMON | SHAPES["test"])
        assert answer.json["command"] == "test"
    assert (good.exit_code, bad.exit_code) == (0, 4)
    (row,) = good.json["patches"]  # type: ignore[misc]
    assert (row["passed"], row["files"]) == (True, 2)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("Bad Id", "-d", "gadget", "-f", "gadget/core.py"), 2, "kebab"),
        (("mine", "-d", "gadget", "-f", "core.py"), 2, "did you mean 'gadget/core.py'"),
        (("diffusers-xpu", "-d", "gadget", "-f", "gadget/core.py"), 2, "taken"),
        (("mine", "-d", "gadget", "-f", "../core.py"), 2, "site-packages"),
    ],
)
def test_a_mistake_is_one_error(
    site: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    support.gadget(site)
    answer = new(site, tmp_path / "mine", *arguments)
    assert answer.exit_code == code
    assert word in answer.json["errors"][0]["message"]  # type: ignore[index]
    assert not (tmp_path / "mine").exists()


def test_a_failing_case_is_shown_as_a_difference_and_exits_with_1(site: Path, folder: Path) -> None:
    support.gadget(site)
    (folder / "gadget_shiny.py").write_text(GOOD.replace('"polish", None', '"polish", 0'))
    code, out, err = text("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    assert code == 1
    assert '-X = getattr(getattr(torch, "shiny", None), "polish", 0)' in out
    assert '+X = getattr(getattr(torch, "shiny", None), "polish", None)' in out
    assert "1 of" in err
    assert str(folder / "gadget_shiny.py") in err
    quiet = text("test", "gadget-shiny", "--quiet", "--site-packages", site, "--patches", folder)
    assert quiet[:2] == (1, "")


def test_the_installed_file_takes_part(site: Path, folder: Path) -> None:
    """The example is right, and the file that is installed holds the construct twice."""
    support.gadget(site, source=support.GADGET + b"DULL = torch.shiny.dull\n")
    answer = support.surgeon("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    assert answer.exit_code == 1
    failed = [row for row in answer.json["checks"] if not row["passed"]]  # type: ignore[attr-defined]
    assert [row["name"] for row in failed] == ["gadget/core.py: dry run", "gadget/extra.py: dry run"]
    assert failed[0]["message"] == "expected exactly 1, found 2"


def test_it_is_the_same_whether_the_patch_is_applied_or_not_and_changes_nothing(
    site: Path, folder: Path
) -> None:
    support.gadget(site)
    arguments = ("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    before = support.surgeon(*arguments)
    assert support.surgeon("apply", "--site-packages", site, "--patches", folder).exit_code == 0
    files = support.tree(site)
    after = support.surgeon(*arguments)
    assert before.json["checks"] == after.json["checks"]
    assert support.tree(site) == files


@pytest.mark.parametrize("torch", ["2.6.0", None])
def test_where_it_is_not_for_the_reason_is_said(site: Path, folder: Path, torch: str | None) -> None:
    support.gadget(site)
    support.uninstall(site, "torch")
    if torch:
        support.install(site, "torch", torch)
    answer = support.surgeon("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    assert answer.exit_code == 0
    assert "torch" in answer.json["patches"][0]["reason"]  # type: ignore[index]


def test_two_patches_that_edit_the_same_lines_are_found(site: Path, folder: Path) -> None:
    support.gadget(site)
    other = GOOD.replace("gadget-shiny", "gadget-zzz").replace(
        'GuardAttribute("torch.shiny")', 'Rename("torch.shiny", "torch.dull")'
    )
    (folder / "zzz.py").write_text(other.replace("import GuardAttribute", "import Rename"))
    answer = support.surgeon(
        "test", "gadget-shiny", "gadget-zzz", "--site-packages", site, "--patches", folder
    )
    assert answer.exit_code == 3
    messages = [row["message"] for row in answer.json["errors"] if row["code"] == "conflict"]  # type: ignore[attr-defined]
    assert len(messages) == 2
    assert "gadget-zzz" in messages[0]
    assert "gadget-shiny" in messages[0]


def test_two_patches_with_one_id_are_an_error_that_names_both(site: Path, folder: Path) -> None:
    support.gadget(site)
    (folder / "second.py").write_text(GOOD)
    for command in ("status", "apply", "test"):
        answer = support.surgeon(command, "gadget-shiny", "--site-packages", site, "--patches", folder)
        (error,) = answer.json["errors"]  # type: ignore[misc]
        assert answer.exit_code == 3
        assert f"'gadget-shiny' is taken by {folder / 'gadget_shiny.py'}" in error["message"]
        assert error["path"] == str(folder / "second.py")


def test_a_module_that_does_not_load_exits_with_3(site: Path, folder: Path) -> None:
    support.gadget(site)
    (folder / "broken.py").write_text("raise RuntimeError('boom')")
    answer = support.surgeon("test", "gadget-shiny", "--site-packages", site, "--patches", folder)
    assert (answer.exit_code, answer.error_codes()) == (3, ["bad-patch"])


def edit(target: Path, old: str, new: str) -> None:
    """Edit an installed file by hand."""
    text = target.read_text()
    assert old in text
    target.unlink()
    target.write_text(text.replace(old, new))


def capture(site: Path, folder: Path, *more: str | Path) -> support.Answer:
    return support.surgeon("capture", "gadget", "-o", folder, "--site-packages", site, *more)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    files = {"gadget/__init__.py": b"", "gadget/core.py": support.GADGET, "gadget/extra.py": support.GADGET}
    return support.make_wheel(tmp_path, "gadget", "1.0", files)


def test_a_hand_edit_becomes_a_patch_that_passes_its_trial_and_applies(
    site: Path, tmp_path: Path, wheel: Path
) -> None:
    target = support.gadget(site)
    edit(target, '    return "original"', '    if SHINY:\n        return "shiny"\n    return "original"')
    edited = target.read_text()
    answer = capture(site, tmp_path / "mine", "--pristine", wheel, "--id", "my-own")
    check_shape(answer.json, COMMON | SHAPES["written"])
    assert (answer.exit_code, answer.json["files"]) == (0, [{"path": "gadget/core.py"}])
    assert answer.json["created"] == [str(tmp_path / "mine" / "my_own.py")]
    assert target.read_text() == edited
    support.gadget(site)
    arguments = ("my-own", "--site-packages", site, "--patches", tmp_path / "mine")
    assert support.surgeon("test", *arguments).json["patches"][0]["files"] == 1  # type: ignore[index]
    assert support.surgeon("test", *arguments).exit_code == 0
    assert support.surgeon("apply", *arguments).exit_code == 0
    assert [
        line.partition("  # m3d-surgeon")[0] for line in target.read_text().splitlines()
    ] == edited.splitlines()
    assert capture(site, tmp_path / "again", "--patches", tmp_path / "mine").error_codes() == [
        "nothing-to-capture"
    ]
    assert support.surgeon("revert", *arguments).exit_code == 0
    assert target.read_bytes() == support.GADGET


def test_an_edit_on_top_of_a_patch_is_captured_without_the_patch(
    site: Path, tmp_path: Path, folder: Path
) -> None:
    """The pristine file comes from the store: no wheel and no network are needed."""
    target = support.gadget(site)
    assert support.surgeon("apply", "--site-packages", site, "--patches", folder).exit_code == 0
    edit(target, '"original"', '"mine"')
    answer = capture(site, folder, "--patches", folder, "--id", "on-top")
    assert answer.exit_code == 0, answer.json
    text = (folder / "on_top.py").read_text()
    assert "getattr" not in text
    support.gadget(site)
    assert support.surgeon("apply", "--site-packages", site, "--patches", folder).exit_code == 0
    assert 'return "mine"  # m3d-surgeon: on-top' in target.read_text()
    assert "getattr" in target.read_text()


def test_several_files_become_several_patches(site: Path, tmp_path: Path, wheel: Path) -> None:
    target = support.gadget(site)
    edit(target, '"original"', '"mine"')
    edit(target.with_name("extra.py"), '"original"', '"mine"')
    answer = capture(site, tmp_path / "mine", "--pristine", wheel)
    assert [row["id"] for row in answer.json["patches"]] == ["gadget-core", "gadget-extra"]  # type: ignore[attr-defined]


def test_what_cannot_be_captured_is_refused_and_the_rest_is_done(
    site: Path, tmp_path: Path, wheel: Path
) -> None:
    target = support.gadget(site)
    edit(target, '"original"', '"mine"')
    edit(target.with_name("extra.py"), '    return "original"', '    # mine\n    return "original"')
    (site / "gadget" / "__init__.py").unlink()
    answer = capture(site, tmp_path / "mine", "--pristine", wheel)
    assert answer.exit_code == 3
    assert sorted(answer.error_codes()) == ["comments-only", "not-a-source"]
    assert [row["id"] for row in answer.json["patches"]] == ["gadget-core"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("new", "code"),
    [("    return (", "does-not-compile"), ("    pass", ""), ("    return 'original'", "comments-only")],
)
def test_an_edit_is_captured_or_refused_with_a_reason(
    site: Path, tmp_path: Path, wheel: Path, new: str, code: str
) -> None:
    edit(support.gadget(site), '    return "original"', new)
    answer = capture(site, tmp_path / "mine", "--pristine", wheel)
    assert answer.error_codes() == ([code] if code else [])
    assert answer.exit_code == (3 if code else 0)
    assert (tmp_path / "mine").exists() is not bool(code)


def test_a_wheel_that_is_not_the_installed_one_is_refused(site: Path, tmp_path: Path) -> None:
    edit(support.gadget(site), '"original"', '"mine"')
    other = support.make_wheel(tmp_path, "gadget", "1.0", {"gadget/core.py": b"other = 1\n"})
    assert capture(site, tmp_path / "mine", "--pristine", other).error_codes() == ["no-pristine"]
    bad = tmp_path / "bad.whl"
    bad.write_text("no wheel")
    answer = capture(site, tmp_path / "mine", "--pristine", bad)
    assert (answer.exit_code, answer.error_codes()) == (2, ["bad-wheel"])


def test_without_an_index_the_way_out_is_named(site: Path, tmp_path: Path) -> None:
    edit(support.gadget(site), '"original"', '"mine"')
    offline = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}
    answer = support.surgeon("capture", "gadget", "-o", tmp_path / "mine", "--site-packages", site, **offline)
    assert (answer.exit_code, answer.error_codes()) == (3, ["no-pristine"])
    assert "--pristine WHEEL" in answer.json["errors"][0]["hint"]  # type: ignore[index]


def test_the_pristine_file_is_downloaded_and_proved(site: Path, tmp_path: Path, wheel: Path) -> None:
    edit(support.gadget(site), '"original"', '"mine"')
    found = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent), "UV_OFFLINE": "1"}
    answer = support.surgeon("capture", "gadget", "-o", tmp_path / "mine", "--site-packages", site, **found)
    assert answer.exit_code == 0, answer.json


@pytest.mark.parametrize("name", ["no-such-package", "gadget"])
def test_nothing_to_capture_is_said(site: Path, tmp_path: Path, name: str) -> None:
    support.gadget(site)
    answer = support.surgeon("capture", name, "-o", tmp_path / "mine", "--site-packages", site)
    expected = (3, ["nothing-to-capture"]) if name == "gadget" else (2, ["not-installed"])
    assert (answer.exit_code, answer.error_codes()) == expected
