"""A patch that cannot be used is reported by name and harms no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon import registry
from surgeon.errors import UsageError
from tests import support

GOOD = (support.GADGETS / "gadget_shiny.py").read_text()
BROKEN = {
    "raises.py": "raise RuntimeError('boom')",
    "exits.py": "raise SystemExit(3)",
    "syntax.py": "def (",
    "empty.py": "",
    "nonsense.py": "PATCH = 7",
    "bad_id.py": GOOD.replace('id="gadget-shiny"', 'id="Not Kebab"'),
    "bad_versions.py": GOOD.replace('versions=">=1.0"', 'versions="newer"'),
    "bad_when.py": GOOD.replace('"<2.6"', '"old"'),
    "bad_symptom.py": GOOD.replace('symptom=r"', 'symptom=r"('),
    "bad_files.py": GOOD.replace('files=("gadget/*.py",)', 'files=("../*.py",)'),
    "no_files.py": GOOD.replace('files=("gadget/*.py",)', "files=()"),
    "bad_needle.py": GOOD.replace('(b"torch.shiny",)', '("torch.shiny",)'),
    "bad_transforms.py": GOOD.replace('(GuardAttribute("torch.shiny"),)', "(None,)"),
    "missing_import.py": "import no_such_module_anywhere",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_patch_is_named_and_the_others_load(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(BROKEN[name])
    (tmp_path / "zz_good.py").write_text(GOOD)
    loaded = registry.load(tmp_path)
    assert "gadget-shiny" in loaded.patches
    assert [problem.path for problem in loaded.problems] == [str(tmp_path / name)]
    assert loaded.problems[0].exit_code == 3


def test_two_patches_with_one_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    (tmp_path / "b.py").write_text(GOOD)
    (problem,) = registry.load(tmp_path).problems
    assert str(tmp_path / "a.py") in problem.message
    assert problem.path == str(tmp_path / "b.py")


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'gadget-shiny'"):
        registry.load(support.GADGETS).select(["gadget-shinny"])


def test_a_digest_follows_the_patch(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    before = registry.load(tmp_path).patches["gadget-shiny"].digest
    assert registry.load(tmp_path).patches["gadget-shiny"].digest == before
    (tmp_path / "a.py").write_text(GOOD.replace('("torch.shiny")', '("torch.shine")'))
    assert registry.load(tmp_path).patches["gadget-shiny"].digest != before


def test_nothing_is_loaded_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gadget_shiny.py").write_text(GOOD)
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "gadget_shiny.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    assert "gadget-shiny" not in registry.load().patches


def test_a_missing_folder_of_patches_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        registry.load(tmp_path / "missing")


def package(folder: Path, value: str, files: dict[str, str]) -> None:
    """An installed package that brings patches through the entry point `value`."""
    info = folder / "brings-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[m3d_surgeon.patches]\nmine = {value}\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("brings_one", {"brings_one.py": GOOD}),
        ("brings_two.sub", {"brings_two/__init__.py": "", "brings_two/sub.py": GOOD}),
        (
            "brings_many",
            {"brings_many/__init__.py": "", "brings_many/a.py": GOOD, "brings_many/_no.py": "1/0"},
        ),
    ],
)
def test_an_installed_package_brings_a_module_or_a_folder_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, files: dict[str, str]
) -> None:
    package(tmp_path, value, files)
    monkeypatch.syspath_prepend(tmp_path)
    loaded = registry.load()
    assert "gadget-shiny" in loaded.patches
    assert loaded.sources["gadget-shiny"].is_relative_to(tmp_path)
    assert loaded.problems == ()


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("no_such_package.sub", {}),
        ("no_such_module", {}),
        (
            "brings_raise.sub",
            {"brings_raise/__init__.py": "raise SystemExit(3)", "brings_raise/sub.py": GOOD},
        ),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_named_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, files: dict[str, str]
) -> None:
    package(tmp_path, value, files)
    monkeypatch.syspath_prepend(tmp_path)
    loaded = registry.load()
    (problem,) = loaded.problems
    assert value in str(problem.path)
    assert problem.exit_code == 3
    assert "diffusers-xpu" in loaded.patches


def test_an_id_that_a_package_and_a_folder_both_bring_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", "brings_it", {"brings_it.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.py").write_text(GOOD)
    (problem,) = registry.load(tmp_path / "mine").problems
    assert str(tmp_path / "site" / "brings_it.py") in problem.message
    assert problem.path == str(tmp_path / "mine" / "a.py")


def test_several_folders_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD.replace("gadget-shiny", "gadget-other"))
    assert {"gadget-other", "gadget-shiny"} <= registry.load(tmp_path, support.GADGETS).patches.keys()


@pytest.mark.parametrize("place", ["gadget_mine.py", "other.py"])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('versions=">=1.0"', 'versions="newer"', "Invalid specifier"),
        ('Attribute("torch.shiny")', 'Attribute("torch.")', "GuardAttribute: name must be"),
        ("PATCH = ", "PATCH = 1 / 0 or ", "ZeroDivisionError"),
        ("PATCH = ", "PATCH = (", "SyntaxError"),
    ],
)
def test_who_asks_for_a_patch_that_cannot_be_used_hears_why(
    tmp_path: Path, place: str, old: str, new: str, said: str
) -> None:
    source = GOOD.replace("gadget-shiny", "gadget-mine").replace(old, new)
    (tmp_path / place).write_text(source)
    for command in ("apply", "status", "test", "explain", "diff", "revert"):
        answer = support.surgeon(command, "gadget-mine", "--patches", tmp_path)
        (error,) = answer.json["errors"]  # type: ignore[misc]
        assert (answer.exit_code, error["code"]) == (3, "bad-patch"), command
        assert error["path"] == str(tmp_path / place)
        assert said in error["message"]


def test_who_asks_for_an_id_that_nobody_has_hears_of_the_modules_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(UsageError, match="no patch 'unheard-of'") as caught:
        registry.load(tmp_path).select(["unheard-of"])
    assert str(tmp_path / "broken.py") in caught.value.hint
