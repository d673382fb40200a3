"""What is installed, read from a disk on which anything may lie: told by name, and the rest goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.doctor import health, leftovers
from surgeon.doctor.examine import examine
from surgeon.doctor.finding import Action
from surgeon.doctor.integrity import Inspection
from surgeon.doctor.remedies import MOST_PATHS
from surgeon.operations.work import silent
from surgeon.site.inventory import Inventory, take
from tests import support
from tests.unit.doctor_support import REGISTRY, codes, environment, inspect


def empty(place: Path) -> None:
    place.write_bytes(b"")


def fifo(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def loop(place: Path) -> None:
    place.unlink()
    place.symlink_to(place.name)


def nonsense(place: Path) -> None:
    place.write_bytes(bytes(range(256)) * 16)


def null(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b'\0,sha256=aa,1\n"')


def outside(place: Path) -> None:
    place.write_bytes(b"../../../etc/passwd,sha256=aa,1\n/etc/passwd,sha256=aa,1\n")


HARMS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (empty, fifo, folder, loop, nonsense, null, outside, Path.unlink)
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(
    "name", ["RECORD", "METADATA", "INSTALLER", "WHEEL", "direct_url.json", "top_level.txt"]
)
def test_whatever_lies_in_a_metadata_folder_the_rest_is_examined(site: Path, name: str, harm: str) -> None:
    support.install(site, "harmed", "1.0", {"harmed.py": b"x = 1\n"})
    support.install(site, "other", "1.0", {"other.py": b"x = 1\n"})
    place = site / "harmed-1.0.dist-info" / name
    if not place.exists():
        place.write_bytes(b"")
    HARMS[harm](place)
    (site / "other.py").unlink()
    diagnosis = inspect(site, full=True)
    assert "missing-files other" in codes(diagnosis)
    if name in ("RECORD", "METADATA") and harm not in ("outside", "null"):
        assert "damaged-metadata harmed" in codes(diagnosis)
        if harm in ("fifo", "folder"):
            assert f"{name} cannot be read: not a regular file" in diagnosis.findings[0].message


def test_a_folder_without_anything_in_it_is_told_by_its_name(site: Path) -> None:
    support.install(site, "fine", "1.0")
    (site / "strange_thing-2.0.dist-info").mkdir()
    (finding,) = inspect(site).findings
    assert (finding.code, finding.distribution, finding.version) == (
        "damaged-metadata",
        "strange-thing",
        "2.0",
    )
    assert "METADATA is missing; RECORD is missing" in finding.message


@pytest.mark.parametrize("harm", ["fifo", "folder", "loop"])
def test_what_is_no_file_any_more_is_told(site: Path, harm: str) -> None:
    support.install(site, "harmed", "1.0", {"harmed.py": b"x = 1\n"})
    HARMS[harm](site / "harmed.py")
    assert codes(inspect(site, full=True)) in (["missing-files harmed"], ["changed-files harmed"])


def test_generated_files_are_no_damage(site: Path) -> None:
    support.install(
        site, "fine", "1.0", {"fine/__init__.py": b"", "fine/__pycache__/x.cpython-310.pyc": b"x"}
    )
    info = site / "fine-1.0.dist-info"
    (site / "fine/__pycache__/x.cpython-310.pyc").write_bytes(b"other")
    rows = (
        info / "RECORD"
    ).read_text() + "../../../bin/fine,sha256=aa,10\nfine-1.0.dist-info/INSTALLER,sha256=aa,3\n"
    (info / "RECORD").write_text(rows + "fine/unhashed.txt,,\n")
    (info / "INSTALLER").write_text("pip\n")
    assert inspect(site, full=True).findings == ()


def test_a_system_package_managers_packages_are_left_in_peace(tmp_path: Path) -> None:
    debian = tmp_path / "usr/lib/python3/dist-packages"
    for name, installer in (("yaml", ""), ("apt", "debian")):
        info = debian / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\nRequires-Dist: elsewhere\n")
        if installer:
            (info / "INSTALLER").write_text(installer)
    (debian / "six-1.16.0.egg-info").write_text("Name: six\nVersion: 1.16.0\n")
    local = tmp_path / "env/lib/python3.10/site-packages"
    support.install(local, "fine", "1.0", {"fine.py": b""})
    support.install(local, "yaml", "2.0", {"yaml.py": b""})
    diagnosis = inspect(local, debian)
    assert (diagnosis.findings, diagnosis.warnings) == ((), ())
    assert take(environment(local, debian)).version("six") == "1.16.0"


def test_a_copy_that_another_hides_is_a_warning(tmp_path: Path) -> None:
    first, second = tmp_path / "a/site-packages", tmp_path / "b/site-packages"
    support.install(first, "thing", "1.0", {"thing.py": b""})
    support.install(second, "thing", "2.0", {"thing.py": b""})
    diagnosis = inspect(first, second)
    assert diagnosis.findings == ()
    assert diagnosis.warnings == (f"thing 1.0 in {first} hides 2.0 in {second}",)


def test_a_file_that_two_distributions_install_is_damage_of_neither(site: Path) -> None:
    support.install(site, "a", "1.0", {"tests/__init__.py": b"a"})
    support.install(site, "b", "1.0", {"tests/__init__.py": b"b, longer"})
    diagnosis = inspect(site, full=True)
    assert diagnosis.findings == ()
    assert diagnosis.notes == ("a and b both install tests/__init__.py: b's is there",)
    (site / "tests/__init__.py").write_bytes(b"neither")
    assert set(codes(inspect(site, full=True))) == {"changed-files a", "changed-files b"}


def test_a_networks_own_certificates_are_only_noted(site: Path) -> None:
    """A reinstall would take them away, and with them the way to the package index."""
    support.install(site, "certifi", "1.0", {"certifi/cacert.pem": b"x", "certifi/core.py": b"x"})
    bundle = site / "certifi/cacert.pem"
    bundle.write_bytes(b"x and ours")
    diagnosis = inspect(site)
    assert diagnosis.findings == ()
    assert str(bundle) in diagnosis.notes[0]
    bundle.write_bytes(b"")
    assert codes(inspect(site)) == ["changed-files certifi"]


def test_a_module_that_a_folder_hides_is_given_way_to(site: Path) -> None:
    """As xfuser's folder `entrypoints` does to the distribution of that name."""
    support.install(site, "entrypoints", "0.4", {"entrypoints.py": b"x = 1\n"})
    support.install(site, "xfuser", "0.1", {"entrypoints/__init__.py": b"", "xfuser/__init__.py": b""})
    diagnosis = inspect(site)
    assert codes(diagnosis) == ["hidden-module entrypoints"]
    assert [remedy.command for remedy in diagnosis.remedies] == [f"rm -rf -- {site / 'entrypoints'}"]
    for path in (site / "entrypoints").iterdir():
        path.unlink()
    (site / "entrypoints").rmdir()
    assert inspect(site).findings == (), "what gave way is not missing"
    (site / "xfuser/__init__.py").unlink()
    assert codes(inspect(site)) == ["missing-files xfuser"]


def test_a_module_whose_record_is_lost_is_hidden_all_the_same(site: Path) -> None:
    support.install(site, "entrypoints", "0.4", {"entrypoints.py": b"x = 1\n"})
    support.install(site, "xfuser", "0.1", {"entrypoints/__init__.py": b"", "xfuser/__init__.py": b""})
    (site / "entrypoints-0.4.dist-info/RECORD").unlink()
    diagnosis = inspect(site)
    assert codes(diagnosis) == ["damaged-metadata entrypoints", "hidden-module entrypoints"]
    (removal,) = (remedy.command for remedy in diagnosis.remedies if remedy.command.startswith("rm "))
    assert set(removal.split()[3:]) == {
        str(site / name) for name in ("entrypoints", "entrypoints.py", "entrypoints-0.4.dist-info")
    }


def test_ghosts_and_what_is_none(site: Path) -> None:
    support.install(site, "fine", "1.0", {"fine/__init__.py": b""})
    (site / "ghost/sub/__pycache__").mkdir(parents=True)
    (site / "ghost/sub/__pycache__/a.pyc").write_bytes(b"")
    (site / "empty").mkdir()
    (site / "weights").mkdir()
    (site / "weights/model.bin").write_bytes(b"x")
    (site / "bin").mkdir()
    (site / "mine").mkdir()
    (site / "mine/code.py").write_bytes(b"")
    (site / "fine.libs").mkdir()
    (site / "__pycache__").mkdir()
    (site / "module.py").write_bytes(b"")
    (site / "module").mkdir()
    found, notes = leftovers.ghosts(take(environment(site)), (site,))
    assert [finding.path for finding in found] == [str(site / "empty"), str(site / "ghost")]
    assert notes == [f"{site / name} belongs to no installed distribution" for name in ("mine", "weights")]


@pytest.mark.parametrize("path", [".", "..", "/", "./x", "a/../../x", "numpy/core.py", "~"])
def test_what_is_removed_is_nobody_elses_and_lies_inside(site: Path, path: str) -> None:
    """A RECORD that names what it should not does not get it removed."""
    support.install(site, "numpy", "1.26.4", {"numpy/core.py": b""})
    (site / "numpy-1.26.4.dist-info/RECORD").unlink()
    support.install(site, "harmed", "1.0", {"harmed.py": b""})
    info = site / "harmed-1.0.dist-info"
    (info / "METADATA").unlink()
    (info / "RECORD").write_text(f"{path},sha256=aa,1\nharmed.py,sha256=aa,1\n")
    (finding,) = (each for each in inspect(site).findings if each.distribution == "harmed")
    removed = [need.name for need in finding.needs if need.action is Action.REMOVE]
    assert removed == [str(info), str(site / "harmed.py")]


def test_thousands_of_findings_are_reported_and_mended_by_few_commands(site: Path) -> None:
    for number in range(2_000):
        info = site / f"d{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: d{number}\nVersion: 1.0\n")
    diagnosis = inspect(site)
    assert len(diagnosis.findings) == 2_000
    removals = [remedy.command for remedy in diagnosis.remedies if remedy.command.startswith("rm ")]
    assert len(removals) == 2_000 / MOST_PATHS


def test_an_editable_install_is_not_judged(site: Path) -> None:
    support.install(site, "mine", "1.0", {"mine.py": b"x"})
    (site / "mine-1.0.dist-info/direct_url.json").write_text(
        '{"url": "file:///x", "dir_info": {"editable": true}}'
    )
    (site / "mine.py").write_bytes(b"edited")
    assert inspect(site, full=True).findings == ()


def test_only_what_has_to_be_is_hashed(site: Path) -> None:
    support.install(site, "a", "1.0", {"a.py": b"x"})
    support.install(site, "b", "1.0", {"b.py": b"x"})
    for info in site.glob("*.dist-info"):
        later = (info / "RECORD").stat().st_mtime_ns + 10**9
        os.utime(info / "RECORD", ns=(later, later))
    copies = take(environment(site)).copies
    files = 2 * 3  # a module, METADATA and WHEEL each
    for named, full, hashed in (((), False, 0), ({"a"}, False, 3), ((), True, files)):
        checked = Inspection(copies, named, {}, full=full).check(silent)
        assert (checked.files, checked.hashed) == (files, hashed)


def test_what_a_profile_has_judged_is_not_said_twice(site: Path) -> None:
    support.install(site, "torch", "2.1.0")
    support.install(site, "torchvision", "0.20.1")
    metadata = site / "torchvision-0.20.1.dist-info/METADATA"
    metadata.write_text(metadata.read_text() + "Requires-Dist: torch==2.5.1\n")
    alone = codes(inspect(site))
    against = codes(examine(environment(site), REGISTRY, silent, profile_name="matrix3d"))
    assert ("torch-mismatch torchvision" in alone, "wrong-version torchvision" in alone) == (True, False)
    assert ("torch-mismatch torchvision" in against, "wrong-version torchvision" in against) == (False, True)


def test_an_edit_of_the_same_size_is_seen_by_its_time(site: Path) -> None:
    support.install(site, "a", "1.0", {"a.py": b"x = 1\n"})
    (site / "a.py").write_bytes(b"x = 2\n")
    recorded = (site / "a-1.0.dist-info/RECORD").stat().st_mtime_ns
    for later, found in ((1, ["changed-files a"]), (-1, [])):
        os.utime(site / "a.py", ns=(recorded + later, recorded + later))
        assert codes(inspect(site)) == found
    assert codes(inspect(site, full=True)) == ["polluted-cache a"], "the installer itself wrote it like that"


def test_of_two_versions_the_one_whose_files_are_there_is_kept(site: Path) -> None:
    support.install(site, "thing", "2.0", {"thing.py": b"two"})
    support.install(site, "thing", "1.0", {"thing.py": b"one, longer"})
    (finding,) = inspect(site).findings
    assert (finding.code, finding.version) == ("two-versions", "1.0")
    inventory: Inventory = take(environment(site))
    assert len(health.duplicates(inventory)) == 1
