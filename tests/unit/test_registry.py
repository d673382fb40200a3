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
    (tmp_path / "a.py").write_text(GOOD + "# changed\n")
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
