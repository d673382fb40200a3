"""Patches that a pyproject.toml names: used once the user has named it, shown and left out before."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from surgeon.author import project
from surgeon.errors import UsageError
from tests import support

GOOD = (support.GADGETS / "gadget_shiny.py").read_text()

needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="no TOML parser before Python 3.11")


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "m3d-surgeon" / "patch-folders.json"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "gadget_shiny.py").write_text(GOOD)
    (folder / "pyproject.toml").write_text('[tool.m3d-surgeon]\npatches = ["mine"]\n')
    return folder


@needs_toml
def test_a_checkout_that_the_user_stands_in_runs_nothing_until_it_was_named(
    checkout: Path, memory: Path
) -> None:
    first = project.folders(None, checkout)
    assert first.folders == ()
    (notice,) = first.notices
    assert str(checkout / "mine") in notice
    assert "gadget_shiny.py" in notice
    assert "--patches pyproject.toml" in notice
    assert not memory.exists()
    named = project.folders(checkout / "pyproject.toml", checkout)
    assert named.folders == (checkout / "mine",)
    assert len(named.notices) == 1
    assert json.loads(memory.read_text())["folders"] == [str(checkout / "mine")]
    later = project.folders(None, checkout)
    assert (later.folders, later.notices) == ((checkout / "mine",), ())


@needs_toml
def test_another_folder_of_a_known_project_is_shown_again(checkout: Path) -> None:
    project.folders(checkout / "pyproject.toml")
    (checkout / "evil").mkdir()
    (checkout / "pyproject.toml").write_text('[tool.m3d-surgeon]\npatches = ["mine", "evil"]\n')
    chosen = project.folders(None, checkout)
    assert chosen.folders == (checkout / "mine",)
    assert "evil" in chosen.notices[0]


@needs_toml
@pytest.mark.parametrize(
    "text",
    [
        '[tool.m3d-surgeon]\npatches = "mine"\n',
        "[tool.m3d-surgeon]\npatches = [1]\n",
        "[tool]\nm3d-surgeon = 3\n# [tool.m3d-surgeon\n",
        "[tool.m3d-surgeon\n",
        '[tool.m3d-surgeon]\npatches = ["missing"]\n',
        '[tool.m3d-surgeon]\npatches = ["\\u0000"]\n',
        f"[tool.m3d-surgeon]\npatches = {'[' * 100_000}{']' * 100_000}\n",
    ],
    ids=["no list", "no text", "no table", "no TOML", "missing", "a null byte", "nested"],
)
def test_a_bad_file_is_an_error_where_it_was_named_and_a_notice_where_it_lies_there(
    checkout: Path, text: str
) -> None:
    (checkout / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError):
        project.folders(checkout / "pyproject.toml")
    chosen = project.folders(None, checkout)
    assert chosen.folders == ()
    assert len(chosen.notices) == 1


@pytest.mark.parametrize("text", ["", "[project]\ndependencies = ['m3d-surgeon']\n", "not toml ["])
def test_a_file_that_does_not_mention_us_is_not_even_parsed(checkout: Path, text: str) -> None:
    (checkout / "pyproject.toml").write_text(text)
    assert project.folders(None, checkout) == project.Chosen()


@pytest.mark.parametrize("kind", ["pipe", "device", "long"])
def test_a_file_that_is_no_projects_is_not_read(checkout: Path, kind: str) -> None:
    """A checkout may hold a link to anything, and every command looks there."""
    file = checkout / "pyproject.toml"
    text = file.read_text()
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.write_text(text + "#" * project.MOST_BYTES)
    assert project.folders(None, checkout) == project.Chosen()
    assert project.folder_for_new(None, project.Chosen(), checkout) == checkout / "m3d_patches"


@needs_toml
def test_a_new_module_is_not_written_where_a_stranger_says(checkout: Path, tmp_path: Path) -> None:
    for elsewhere in (str(tmp_path / "startup"), "../startup", "link"):
        (checkout / "link").unlink(missing_ok=True)
        (checkout / "link").symlink_to(tmp_path)
        (checkout / "pyproject.toml").write_text(f"[tool.m3d-surgeon]\npatches = ['{elsewhere}']\n")
        assert project.folder_for_new(None, project.Chosen(), checkout) == checkout / "m3d_patches"
    (checkout / "pyproject.toml").write_text("[tool.m3d-surgeon]\npatches = ['fresh']\n")
    assert project.folder_for_new(None, project.Chosen(), checkout) == checkout / "fresh"


def test_what_lies_beside_a_new_module_is_named_before_it_runs(checkout: Path, site: Path) -> None:
    """The next command that `new` shows would run it all."""
    support.gadget(site)
    (checkout / "mine").rename(checkout / "m3d_patches")
    (checkout / "pyproject.toml").unlink()
    command = (sys.executable, "-m", "surgeon", "new", "-d", "gadget", "-f", "gadget/core.py")
    options = ("--json", "--site-packages", site)
    first = json.loads(support.run(*command, "my-first", *options, cwd=checkout).stdout)
    assert first["warnings"] == [
        f"--patches {checkout / 'm3d_patches'} would run what else is in it, too: "
        "look at gadget_shiny.py first"
    ]
    named = support.run(*command, "my-second", "--patches", "m3d_patches", *options, cwd=checkout)
    assert json.loads(named.stdout)["warnings"] == []


def test_a_strange_folder_works_no_terminal(checkout: Path, site: Path) -> None:
    support.gadget(site)
    strange = checkout / "mine\x1b[2J"
    (checkout / "mine").rename(strange)
    (strange / "gadget_shiny.py").write_text("raise RuntimeError('\x1b[31m')")
    command = (sys.executable, "-m", "surgeon", "status", "--site-packages", site, "--patches", strange)
    done = support.run(*command, check=False)
    assert "mine\\x1b[2J" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_without_a_toml_parser_the_way_out_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="tomli") as caught:
        project.folders(checkout / "pyproject.toml")
    assert "--patches DIR" in caught.value.hint
    (notice,) = project.folders(None, checkout).notices
    assert "--patches DIR" in notice


def test_a_folder_is_taken_as_it_is_and_not_remembered(checkout: Path, memory: Path) -> None:
    assert project.folders(checkout / "mine").folders == (checkout / "mine",)
    assert not memory.exists()


@needs_toml
def test_a_memory_that_is_damaged_or_cannot_be_written_forgets(checkout: Path, memory: Path) -> None:
    memory.parent.mkdir(parents=True)
    for text in ("", "[]", '{"folders": 3}', '{"folders": [{}]}'):
        memory.write_text(text)
        assert project.folders(None, checkout).folders == ()
    memory.unlink()
    memory.mkdir()
    assert project.folders(checkout / "pyproject.toml").folders == (checkout / "mine",)
    assert project.folders(None, checkout).folders == ()


@needs_toml
def test_new_modules_go_where_the_project_keeps_them(checkout: Path, tmp_path: Path) -> None:
    standing = project.folders(None, checkout)
    assert project.folder_for_new(None, standing, checkout) == checkout / "mine"
    assert project.folder_for_new(None, project.Chosen(), tmp_path) == tmp_path / "m3d_patches"
    named = project.folders(checkout / "mine")
    assert project.folder_for_new(checkout / "mine", named, tmp_path) == checkout / "mine"


@needs_toml
def test_a_command_says_what_it_left_out(checkout: Path, site: Path, tmp_path: Path) -> None:
    support.gadget(site)

    def status(*more: str | Path) -> dict[str, object]:
        command = (sys.executable, "-m", "surgeon", "status", "--json", "--site-packages", site, *more)
        environ = support.clean_environ(XDG_STATE_HOME=str(tmp_path / "state"))
        return json.loads(support.run(*command, check=False, cwd=checkout, env=environ).stdout)  # type: ignore[no-any-return]

    def known(answer: dict[str, object]) -> bool:
        return "gadget-shiny" in {row["id"] for row in answer["patches"]}  # type: ignore[attr-defined]

    first = status()
    assert not known(first)
    assert "left out" in first["warnings"][0]  # type: ignore[index]
    assert known(status("--patches", "pyproject.toml"))
    last = status()
    assert known(last)
    assert last["warnings"] == []
