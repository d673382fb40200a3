"""`doctor` on real environments that these tests damage: what it finds, and its commands, really run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests import support
from tests.real.patient import Patient


@pytest.fixture(scope="module", params=["pip", "uv"])
def healthy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """A real environment with real wheels, made by pip or by uv, with a cache of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    made = Patient(folder / "env", request.param, UV_CACHE_DIR=str(folder / "cache"))
    made.install("six==1.16.0", "entrypoints==0.4", "idna==3.10")
    return made


@pytest.fixture
def patient(healthy: Patient, tmp_path: Path) -> Patient:
    """A copy of it, to be damaged."""
    shutil.copytree(healthy.folder, tmp_path / "env", symlinks=True)
    return Patient(tmp_path / "env", healthy.installer, UV_CACHE_DIR=healthy.environ["UV_CACHE_DIR"])


def test_a_fresh_environment_is_well(patient: Patient) -> None:
    for options in ([], ["--full"]):
        answer = patient.doctor(*options)
        assert (answer.exit_code, answer.json["findings"]) == (0, []), answer.json


@pytest.mark.parametrize("harm", ["truncate", "delete", "append", "same size"])
def test_a_damaged_file_is_found_and_put_back(patient: Patient, harm: str) -> None:
    target = patient.site / "six.py"
    shipped = target.read_bytes()
    target.unlink()  # a file of its own: the cache stays as it is
    if harm != "delete":
        target.write_bytes(
            {"truncate": shipped[:100], "append": shipped + b"#\n", "same size": shipped[:-2] + b"#\n"}[harm]
        )
    code = "missing-files" if harm == "delete" else "changed-files"
    finding = patient.findings()[f"{code} six"]
    assert finding["details"] == [f"six.py: {'missing' if harm == 'delete' else 'changed'}"]
    commands = patient.follow()
    assert len(commands) == 1
    assert str(patient.python) in commands[0]
    assert "six==1.16.0" in commands[0]
    assert target.read_bytes() == shipped


def test_an_edit_that_hides_its_time_needs_the_full_check(patient: Patient) -> None:
    target = patient.site / "six.py"
    data, seen = target.read_bytes(), target.stat()
    target.unlink()
    target.write_bytes(data[:-2] + b"#\n")
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert patient.findings() == {}
    (finding,) = patient.findings("--full").values()
    assert finding["distribution"] == "six"
    patient.follow("--full")


def test_two_damaged_distributions_are_put_back_by_one_command(patient: Patient) -> None:
    (patient.site / "six.py").unlink()
    (patient.site / "idna" / "core.py").unlink()
    (command,) = patient.follow()
    assert "six==1.16.0" in command
    assert "idna==3.10" in command


@pytest.mark.parametrize(
    "harm",
    ["record-gone", "record-empty", "record-nonsense", "metadata-gone", "metadata-empty", "record-fifo"],
)
def test_entrypoints_damaged_as_in_the_image(patient: Patient, harm: str) -> None:
    """No installer can replace it then: its files are removed, and 0.4 is installed anew."""
    info = patient.site / "entrypoints-0.4.dist-info"
    what, how = harm.split("-")
    place = info / what.upper()
    place.unlink()
    if how == "empty":
        place.write_bytes(b"")
    elif how == "nonsense":
        place.write_bytes(b"\xff\xfe\x00\x01" * 50)
    elif how == "fifo":
        os.mkfifo(place)
    module = patient.site / "entrypoints.py"
    module.unlink()
    module.write_bytes(b"")
    assert not patient.runs("import entrypoints; entrypoints.get_group_all('x')")
    finding = patient.findings()["damaged-metadata entrypoints"]
    assert what.upper() in finding["message"]
    removal, installation = patient.follow()
    assert removal.startswith("rm -rf -- ")
    assert str(module) in removal
    assert "entrypoints==0.4" in installation
    assert patient.runs("import entrypoints; entrypoints.get_group_all('x')")


def test_a_folder_that_hides_a_module(patient: Patient) -> None:
    """xfuser ships a folder `entrypoints` at the top level: the module of that name is not seen any more."""
    patient.install("--no-deps", "xfuser==0.4.5")
    assert not patient.runs("import entrypoints; entrypoints.get_group_all('x')")
    assert "hidden-module entrypoints" in patient.findings()


def test_two_versions_in_one_place(patient: Patient) -> None:
    old = patient.site / "six-1.16.0.dist-info"
    kept = patient.site.parent / "kept"
    shutil.copytree(old, kept)
    patient.install("six==1.17.0")
    kept.rename(old)
    finding = patient.findings()["two-versions six"]
    assert "1.16.0" in finding["message"]
    assert finding["version"] == "1.17.0", "the copy whose files are there is kept"
    patient.follow()
    assert not old.exists()
    assert (patient.site / "six-1.17.0.dist-info").exists()


def test_leftovers_of_a_failed_uninstall(patient: Patient) -> None:
    for name in ("~umpy", "~umpy-1.26.4.dist-info", "~ip"):
        (patient.site / name).mkdir()
        (patient.site / name / "__init__.py").write_bytes(b"")
    finding = patient.findings()["failed-uninstall"]
    assert "~umpy" in finding["message"]
    (command,) = patient.follow()
    assert command.startswith("rm -rf -- ")
    assert not list(patient.site.glob("~*"))


def test_a_ghost(patient: Patient) -> None:
    """What an uninstall leaves of a package whose bytecode it did not know: `import` takes it."""
    ghost = patient.site / "xformers" / "ops" / "__pycache__"
    ghost.mkdir(parents=True)
    (ghost / "fmha.cpython-310.pyc").write_bytes(b"x")
    assert patient.runs("import xformers")
    assert "xformers" in patient.findings()["ghost"]["message"]
    patient.follow()
    assert not patient.runs("import xformers")


def test_somebodys_own_code_is_no_ghost(patient: Patient) -> None:
    own = patient.site / "mine"
    own.mkdir()
    (own / "code.py").write_bytes(b"x = 1\n")
    answer = patient.doctor()
    assert answer.exit_code == 0
    assert any(str(own) in note for note in answer.json["notes"])  # type: ignore[attr-defined]


def test_a_polluted_cache_is_cleaned_before_the_reinstall(tmp_path: Path) -> None:
    """An edit through uv's hard link is in the cache too, and so in every environment made from it."""
    cache = {"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_LINK_MODE": "hardlink"}
    first = Patient(tmp_path / "first", "uv", **cache)
    first.install("six==1.16.0")
    with (first.site / "six.py").open("ab") as file:
        file.write(b"# edited through the link\n")
    second = Patient(tmp_path / "second", "uv", **cache)
    second.install("six==1.16.0")
    edited = (second.site / "six.py").read_bytes()
    assert edited.endswith(b"through the link\n"), "uv no longer shares its cache: this proves nothing"
    for patient in (first, second):
        assert list(patient.findings()) == ["polluted-cache six"]
    clean, reinstall = second.follow()
    assert clean == "uv cache clean six"
    assert "--reinstall" in reinstall
    first.follow()


def test_a_copied_pollution_is_told_by_its_time(tmp_path: Path) -> None:
    cache = {"UV_CACHE_DIR": str(tmp_path / "cache")}
    first = Patient(tmp_path / "first", "uv", **cache, UV_LINK_MODE="hardlink")
    first.install("six==1.16.0")
    with (first.site / "six.py").open("ab") as file:
        file.write(b"# edited through the link\n")
    second = Patient(tmp_path / "second", "uv", **cache, UV_LINK_MODE="copy")
    second.install("six==1.16.0")
    assert list(second.findings()) == ["polluted-cache six"]
    second.follow()


def test_what_came_from_a_file_is_put_back_from_there(patient: Patient, tmp_path: Path) -> None:
    wheel = support.make_wheel(tmp_path, "studio-own", "1.0", {"studio_own.py": b"x = 1\n"})
    patient.install(wheel)
    (patient.site / "studio_own.py").unlink()
    (command,) = patient.follow()
    assert f"studio-own @ file://{wheel}" in command
    assert patient.runs("import studio_own")


def test_a_store_that_cannot_be_read_is_set_aside_and_what_it_knew_made_anew(
    patient: Patient, tmp_path: Path
) -> None:
    patient.install(support.make_wheel(tmp_path, "gadget", "1.0", {"gadget/core.py": support.GADGET}))
    support.install(patient.site, "torch", "2.1.0", {"torch/__init__.py": b""})
    gadgets = ("--patches", support.GADGETS)
    assert patient.findings(*gadgets).keys() == {"pending"}
    apply = patient.follow(*gadgets)
    (patient.site / ".m3d-surgeon" / "manifest.json").write_bytes(b"{")
    assert set(patient.findings(*gadgets)) == {"store-damaged", "changed-files gadget"}
    aside, reinstall, again = patient.follow(*gadgets)
    assert aside.startswith("mv -- ")
    assert "gadget @ file://" in reinstall
    assert [again] == apply


def test_a_missing_and_a_wrong_requirement(patient: Patient) -> None:
    patient.install("--no-deps", "requests==2.32.3", "urllib3==1.20")
    found = patient.findings()
    assert set(found) == {
        "missing-requirement certifi",
        "missing-requirement charset-normalizer",
        "unmet-requirement urllib3",
    }
    (command,) = patient.follow()
    assert "urllib3" in command
    assert patient.runs("import requests")


def test_a_profile_of_the_users_own(patient: Patient, tmp_path: Path) -> None:
    profile = tmp_path / "studio.json"
    profile.write_text(
        '{"schema": 1, "name": "studio", "description": "x", "requirements": ['
        '{"distribution": "six", "versions": ">=1.17", "install": "==1.17.0", "why": "a"},'
        '{"distribution": "idna", "presence": "absent", "why": "b"},'
        '{"distribution": "sniffio", "why": "c"}]}'
    )
    found = patient.findings("--profile", profile)
    assert set(found) == {"wrong-version six", "unwanted idna", "missing sniffio"}
    uninstall, install = patient.follow("--profile", profile)
    assert " uninstall " in uninstall
    assert "six==1.17.0" in install.replace("'", "").replace(",>=1.17", "")


def test_a_step_with_wheels_from_a_place_of_its_own(patient: Patient, tmp_path: Path) -> None:
    """As PyTorch3D's official wheel: another page, no compiler, and before the rest."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    support.make_wheel(wheels, "studio-native", "0.7.5", {"studio_native.py": b""})
    profile = tmp_path / "studio.json"
    profile.write_text(
        '{"schema": 1, "name": "studio", "description": "x", "requirements": ['
        '{"distribution": "sniffio", "why": "c"},'
        '{"distribution": "studio-native", "versions": "==0.7.5", "step": "native", "why": "b",'
        f' "options": ["--only-binary", "studio-native", "--find-links", "{wheels}"]}}]}}'
    )
    native, rest = patient.follow("--profile", profile)
    assert "studio-native==0.7.5" in native
    assert "sniffio" in rest
    assert patient.runs("import studio_native, sniffio")


def test_what_apply_wrote_is_no_damage(patient: Patient) -> None:
    support.gadget(patient.site)
    gadgets = ("--patches", support.GADGETS)
    assert list(patient.findings(*gadgets)) == ["pending"]
    (command,) = (row["command"] for row in patient.doctor(*gadgets).json["remedies"])  # type: ignore[attr-defined]
    assert command == f"m3d-surgeon apply --python {patient.python} --patches {support.GADGETS}"
    assert support.surgeon("apply", "-p", patient.folder, *gadgets).exit_code == 0
    assert patient.doctor(*gadgets, "--full").exit_code == 0
    target = patient.site / "gadget" / "core.py"
    target.write_bytes(target.read_bytes() + b"# by hand\n")
    found = patient.doctor(*gadgets).json
    assert [row["code"] for row in found["findings"]] == ["changed-files"]  # type: ignore[attr-defined]
    commands = [row["command"].split()[0] for row in found["remedies"]]  # type: ignore[attr-defined]
    assert commands[-1] == "m3d-surgeon", (
        "after a patched distribution is put back, it has to be patched again"
    )
