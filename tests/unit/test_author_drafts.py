"""A new patch module loads, fails in one place, and is never written over anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.author.drafts import new
from surgeon.author.results import Written
from surgeon.author.template import Sketch, candidates, module
from surgeon.author.trials import test as try_out
from surgeon.errors import Refused, UsageError
from surgeon.site.environment import find_environment
from tests import support


def draft(site: Path, folder: Path, name: str = "mine", file: str = "gadget/core.py") -> Written:
    return new(find_environment(None, site), registry.load(), name, "gadget", file, folder)


def test_what_is_known_is_filled_in(site: Path, tmp_path: Path) -> None:
    support.gadget(site, "1.4")
    written = draft(site, tmp_path / "mine")
    assert written.created == (str(tmp_path / "mine" / "mine.py"),)
    patch = registry.load(tmp_path / "mine").patches["mine"]
    assert (patch.distribution, patch.versions, patch.files) == ("gadget", "==1.4", ("gadget/core.py",))
    assert patch.when == {"torch": "<2.2"}
    assert patch.needle == (b"polish",)
    assert "torch.shiny.polish" in (tmp_path / "mine" / "mine.py").read_text()


def test_its_case_fails_until_the_edit_is_right(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    draft(site, tmp_path / "mine")
    environment = find_environment(None, site)

    def exit_code() -> int:
        return try_out(environment, registry.load(tmp_path / "mine"), frozenset({"mine"})).exit_code

    assert exit_code() == 1
    place = tmp_path / "mine" / "mine.py"
    after = 'VALUE = getattr(getattr(torch, "shiny", None), "polish", None)'
    text = place.read_text().replace('VALUE = "CHANGE ME: what this must become"', after)
    place.write_text(text.replace('torch.shiny.polish"),)', 'torch.shiny"),)'))
    assert exit_code() == 0


@pytest.mark.parametrize("name", ["Not Kebab", "../evil", "", "a_b", "-a"])
def test_a_bad_id_is_refused(site: Path, tmp_path: Path, name: str) -> None:
    support.gadget(site)
    with pytest.raises(UsageError, match="kebab"):
        draft(site, tmp_path / "mine", name)
    assert not (tmp_path / "mine").exists()


def test_an_id_that_is_taken_is_refused(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    with pytest.raises(UsageError, match="taken"):
        draft(site, tmp_path / "mine", "diffusers-xpu")


def test_nothing_is_written_over(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(Refused):
        draft(site, tmp_path)
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("file", "near"),
    [("core.py", "gadget/core.py"), ("gadget/cor.py", "gadget/core.py"), ("gadget/x*.py", "")],
)
def test_an_unknown_file_names_the_nearest(site: Path, tmp_path: Path, file: str, near: str) -> None:
    support.gadget(site)
    with pytest.raises(UsageError, match=f"did you mean '{near}" if near else "has no file like"):
        draft(site, tmp_path, file=file)


@pytest.mark.parametrize("file", ["../x.py", "/etc/passwd", "gadget/data.json", "gadget"])
def test_a_path_that_is_no_source_inside_site_packages_is_refused(
    site: Path, tmp_path: Path, file: str
) -> None:
    support.gadget(site)
    with pytest.raises(UsageError, match="not a Python file"):
        draft(site, tmp_path, file=file)


def test_a_whole_path_and_a_glob_are_understood(site: Path, tmp_path: Path) -> None:
    target = support.gadget(site)
    assert draft(site, tmp_path, "one", str(target)).files == ("gadget/core.py",)
    assert draft(site, tmp_path, "two", "gadget/*.py").files == ("gadget/*.py",)


def test_what_is_not_installed_is_said_and_left_open(site: Path, tmp_path: Path) -> None:
    support.install(site, "torch", "2.1.0")
    written = draft(site, tmp_path)
    assert "not installed" in written.warnings[0]
    assert registry.load(tmp_path).patches["mine"].versions == ""


@pytest.mark.parametrize("quote", ['a"b', "a\\b", "a'b", "a\nb"])
def test_whatever_the_names_the_module_loads(tmp_path: Path, quote: str) -> None:
    known = Sketch("mine", quote, f"{quote}.py", when={"torch": "<2"})
    (tmp_path / "mine.py").write_text(module(replace(known, file="a.py")))
    assert registry.load(tmp_path).patches["mine"].distribution == quote


def test_candidates_are_resolved_and_those_read_at_import_come_first() -> None:
    source = b"""
import torch
import torch.nn as nn
from torch import distributed as dist
def f():
    return torch.late.name
X = dist.device_mesh.DeviceMesh
Y = nn.RMSNorm
"""
    assert candidates(source) == [
        "torch.distributed.device_mesh.DeviceMesh",
        "torch.nn.RMSNorm",
        "torch.late.name",
    ]
    assert candidates(b"not python (") == []
    assert candidates(b"torch = 1\ntorch.x\n") == []


def test_without_torch_the_names_are_those_of_the_package_that_is_read_most() -> None:
    source = (
        b"import os, six, mine\nimport numpy as np\nfrom . import x\nos.a; six.b; mine.c; np.d; np.e; x.f\n"
    )
    assert candidates(source, own="mine") == ["numpy.d", "numpy.e"]


def test_without_any_name_nothing_is_said_of_torch() -> None:
    text = module(Sketch("an-id", "gadget", "gadget/core.py", "1.0+cu121"))
    assert "torch" not in text
    assert "import package\n\nVALUE = package.change_me\n" in text
    assert 'versions="==1.0"' in text
