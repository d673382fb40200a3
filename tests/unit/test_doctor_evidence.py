"""A neighbour's demand is expected only if it is shown to work; who cannot work gets a release that does.

The environments are made packages with a small torch of their own, really scanned; releases are real wheels
that pip takes from a folder.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.doctor.finding import Diagnosis, Finding
from surgeon.scan.run import Request, scan
from tests import support
from tests.unit.doctor_support import codes, environment, inspect

GONE = b"import torch\nFAKE = torch.register_fake\n"
HERE = b"import torch\nKIND = torch.float32\n"
GUARDED = b"import torch\nFAKE = getattr(torch, 'register_fake', None)\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a torch that has `float32` alone; the index is a folder, and the cache is its own."""
    (tmp_path / "wheels").mkdir()
    for key, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_CONFIG_FILE": "/dev/null",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": "/usr/bin:/bin",
    }.items():
        monkeypatch.setenv(key, value)
    site = tmp_path / "site"
    source = b"__version__ = '2.1.0'\nfloat32 = 1\n"
    support.install(site, "torch", "2.1.0", {"torch/__init__.py": source})
    return site


def add(site: Path, name: str, source: bytes, *requires: str, version: str = "2.0") -> None:
    support.install(site, name, version, {f"{name}/__init__.py": source}, requires)


def release(site: Path, version: str, source: bytes, *requires: str) -> None:
    support.make_wheel(site.parent / "wheels", "dies", version, {"dies/__init__.py": source}, requires)


def imports(site: Path, name: str) -> bool:
    program = f"import sys; sys.path.insert(0, {str(site)!r}); import {name}"
    return not subprocess.run([sys.executable, "-I", "-B", "-c", program], check=False).returncode


def only(diagnosis: Diagnosis) -> Finding:
    (finding,) = diagnosis.findings
    return finding


def test_a_harmless_neighbour_is_expected_and_a_deadly_one_is_not(site: Path) -> None:
    add(site, "modest", HERE, "torch>=2.4")
    add(site, "dies", GONE, "torch>=2.4")
    assert (imports(site, "modest"), imports(site, "dies")) == (True, False)
    diagnosis = inspect(site)
    assert codes(diagnosis) == ["cannot-import dies"]
    assert "torch.register_fake is missing (dies/__init__.py:2)" in only(diagnosis).message
    assert [note.partition(" asks")[0] for note in diagnosis.notes] == ["modest 2.0"]


def test_what_it_takes_down_is_named(site: Path) -> None:
    add(site, "host", b"import torch\ntry:\n    import dies\nexcept ImportError:\n    dies = None\n", "torch")
    add(site, "dies", GONE, "torch")
    assert not imports(site, "host")
    finding = only(inspect(site))
    assert finding.distribution == "dies"
    assert "host 2.0: 1 of 1 modules fail because of it" in finding.details


def test_who_says_nothing_of_torch_is_seen_too(site: Path) -> None:
    """As torchao: `nothing is wrong` would not be so."""
    add(site, "dies", GONE)
    assert not imports(site, "dies")
    diagnosis = inspect(site)
    assert (codes(diagnosis), diagnosis.exit_code) == (["cannot-import dies"], 1)


def test_a_guarded_use_is_nothing(site: Path) -> None:
    add(site, "modest", GUARDED, "torch")
    assert imports(site, "modest")
    assert inspect(site).exit_code == 0


def test_the_newest_release_that_fits(site: Path) -> None:
    """1.9 would import and asks for a newer torch; 1.8 asks for this one and does not import."""
    add(site, "dies", GONE, "torch>=2.4")
    release(site, "1.9", HERE, "torch>=2.4")
    release(site, "1.8", GONE, "torch>=2.0")
    release(site, "1.7", GUARDED, "torch>=2.0")
    release(site, "1.6", HERE)
    before = support.tree(site)
    diagnosis = inspect(site)
    assert support.tree(site) == before
    assert "dies 1.7 is the newest" in only(diagnosis).why
    assert any(detail.startswith("dies 1.8 does not do either") for detail in only(diagnosis).details)
    assert " install dies==1.7 " in diagnosis.remedies[-1].command


def test_a_release_is_held_against_the_torch_that_condemned_the_installed_one(site: Path) -> None:
    """Where torch is metadata alone the table answers, of the releases that are tried too."""
    support.uninstall(site, "torch")
    (site / "torch").rmdir()
    support.install(site, "torch", "2.1.0")
    add(site, "dies", b"import torch\nFAKE = torch.library.register_fake\n", "torch")
    release(site, "1.8", b"import torch\nKIND = torch.float32\n", "torch")
    assert "dies 1.8 is the newest" in only(inspect(site)).why


def test_what_its_users_ask_of_it_limits_the_choice(site: Path) -> None:
    add(site, "dies", GONE, "torch")
    add(site, "host", b"", "dies>=1.7")
    release(site, "1.6", HERE)
    diagnosis = inspect(site)
    assert diagnosis.remedies == ()
    assert "host" in only(diagnosis).advice


def test_where_no_release_fits_it_is_removed_before_anything_is_installed(site: Path) -> None:
    add(site, "dies", GONE, "torch", "lacking")
    release(site, "1.8", GONE, "torch")
    diagnosis = inspect(site)
    finding = next(each for each in diagnosis.findings if each.code == "cannot-import")
    assert "none imports" in finding.why
    removal, installation = diagnosis.remedies[-2:]
    assert removal.command.endswith(" uninstall -y dies")
    assert " install lacking" in installation.command


def test_a_file_that_its_removal_takes_along_is_put_back(site: Path) -> None:
    """torchao and yunchang both install test/test_utils.py."""
    files = {"dies/__init__.py": GONE, "test/both.py": b""}
    support.install(site, "other", "1.0", {"other/__init__.py": b"", "test/both.py": b""})
    support.install(site, "dies", "2.0", files, ["torch"])
    removal, back = (remedy.command for remedy in inspect(site).remedies[-2:])
    assert removal.endswith(" uninstall -y dies")
    assert " --no-deps" in back
    assert back.endswith(" other==1.0")


def test_without_an_index_that_is_said(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(site, "dies", GONE, "torch")
    diagnosis = inspect(site)
    assert "could not be looked up" in only(diagnosis).why
    assert diagnosis.remedies[-1].command.endswith(" uninstall -y dies")


def test_nothing_is_looked_up_for_what_works(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surgeon.site.installers.answer", lambda *_: pytest.fail("an installer was started"))
    add(site, "modest", HERE, "torch>=2.4")
    assert inspect(site).exit_code == 0


def test_a_torch_that_does_not_import_is_a_finding(site: Path) -> None:
    place = site / "torch" / "__init__.py"
    support.install(site, "torch", "2.1.0", {"torch/__init__.py": b"import no_such_thing\n"})
    add(site, "modest", HERE, "torch")
    finding = only(inspect(site))
    assert (finding.code, place.exists()) == ("torch-unusable", True)
    assert "no_such_thing" in finding.message


def test_part_of_a_package_is_a_note(site: Path) -> None:
    support.install(
        site, "partly", "1.0", {"partly/__init__.py": HERE, "partly/later.py": GONE}, requires=["torch"]
    )
    diagnosis = inspect(site)
    assert diagnosis.exit_code == 0
    (note,) = diagnosis.notes
    assert note.startswith("1 of 2 modules of partly 1.0 will not import: torch.register_fake is missing")


def test_the_reason_is_the_one_that_no_patch_mends(site: Path) -> None:
    """`apply` closes gadget's own gap; what is left is its neighbour's."""
    core = support.GADGET + b"import dies\n"
    files = {"gadget/__init__.py": b"", "gadget/core.py": core}
    support.install(site, "gadget", "1.0", files, requires=["torch"])
    add(site, "dies", GONE, "torch")
    seen = scan(environment(site), registry.load(support.GADGETS), Request())
    rows = {broken.module: broken for each in seen.distributions for broken in each.broken}
    assert {each.root for each in rows.values()} == {"dies"}
    assert rows["gadget.core"].reason == "torch.register_fake is missing (dies/__init__.py:2)"
