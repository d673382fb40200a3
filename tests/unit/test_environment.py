"""Another interpreter's path is found without running anything of its packages."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.errors import EnvironmentUnusable
from surgeon.operations import run as operations
from surgeon.site.environment import Environment, compile_errors, find_environment
from tests import support


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv") / "v"
    support.make_venv(folder)
    return folder


def real_path(python: Path, **extra: str) -> list[str]:
    """The site directories that an ordinary process of this interpreter has."""
    program = "import sys; print('\\n'.join(p for p in sys.path[1:] if 'packages' in p))"
    return support.run(python, "-c", program, env=support.clean_environ(**extra), cwd="/").stdout.split()


def test_a_venv_is_named_by_folder_by_interpreter_or_as_the_active_one(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = venv / "bin" / "python"
    by_folder, by_file = find_environment(str(venv)), find_environment(str(python))
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))
    assert by_folder == by_file == find_environment()
    assert by_folder.python == python
    assert [str(p) for p in by_folder.path] == real_path(python)
    assert by_folder.version[:2] in ((3, 10), (3, 11))


def test_a_name_on_path_is_found(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (venv / "bin" / "python-of-the-pod").unlink(missing_ok=True)
    (venv / "bin" / "python-of-the-pod").symlink_to("python")
    monkeypatch.setenv("PATH", f"{venv / 'bin'}:{os.environ['PATH']}")
    assert find_environment("python-of-the-pod").path == find_environment(str(venv)).path


def test_without_a_venv_it_is_the_running_interpreter() -> None:
    assert find_environment().python == Path(sys.executable)


def test_the_user_site_and_pythonpath_stand_where_the_interpreter_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = support.target_python()
    version = ".".join(support.run(python, "-V").stdout.split()[1].split(".")[:2])
    user = tmp_path / "user" / "lib" / f"python{version}" / "site-packages"
    given = tmp_path / "given-packages"
    user.mkdir(parents=True)
    given.mkdir()
    names = {"PYTHONUSERBASE": str(tmp_path / "user"), "PYTHONPATH": str(given)}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert [str(p) for p in find_environment(str(python)).path] == real_path(python, **names)
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    assert user not in find_environment(str(python)).path


def test_folders_of_pth_files_count_and_their_code_does_not_run(venv: Path, tmp_path: Path) -> None:
    site = support.site_packages(venv)
    added = tmp_path / "added-packages"
    added.mkdir()
    witness = tmp_path / "ran"
    (site / "added.pth").write_text(f"{added}\nimport pathlib; pathlib.Path({str(witness)!r}).touch()\n")
    (site / "sitecustomize.py").write_text(f"import pathlib; pathlib.Path({str(witness)!r}).touch()\n")
    try:
        found = find_environment(str(venv))
        assert added in found.path
        assert not witness.exists()
        support.run(venv / "bin" / "python", "-c", "pass")
        assert witness.exists(), "the trap itself does not work"
    finally:
        (site / "added.pth").unlink()
        (site / "sitecustomize.py").unlink()


def test_nothing_is_imported_from_the_current_folder(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "os", "site", "warnings"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the current folder')\n")
    monkeypatch.chdir(tmp_path)
    assert compile_errors(find_environment(str(venv)), [b"x = 1\n"]) == [None]


def test_one_folder_can_be_named_alone(venv: Path, site: Path) -> None:
    support.install(site, "gadget", "1.0")
    alone = find_environment(site_packages=site)
    assert (alone.path, alone.python) == ((site,), None)
    support.install(support.site_packages(venv), "gadget", "1.0")
    assert find_environment(site_packages=support.site_packages(venv)).python == venv / "bin" / "python"


def test_what_cannot_be_read_is_left_out_and_said(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/hostile/test_path_entries.py has every kind, and the commands."""
    (tmp_path / "file").write_text("no zip")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nothing")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a.py", "")
    names = ["file", "pipe", "link", "zip", "missing"]
    entries = [str(tmp_path / name) for name in names]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*entries, "relative", "", str(tmp_path)]))
    found = find_environment(str(venv))
    assert found.path[:-1] == (tmp_path / "zip", tmp_path)
    assert found.folders == (tmp_path, support.site_packages(venv))
    left_out = [*entries[:3], "relative"]
    assert [each.split(" is on the path")[0] for each in found.notices] == left_out


def test_a_zipped_egg_on_the_path_stops_nothing(site: Path) -> None:
    egg = site / "widget-1.0-py3.10.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: widget\nVersion: 1.0\n")
    core = support.gadget(site)
    known = registry.load(support.GADGETS)
    environment = Environment(None, (3, 10), (egg, site))
    result = operations.apply(environment, known, known.select(["gadget-shiny"]))
    assert (result.exit_code, core.read_bytes() == support.GADGET) == (0, False)


@pytest.mark.parametrize(
    "name", ["no-such-python", "/no/such/python", "/etc/passwd", "/bin/true", "/bin/false", "/tmp"]
)
def test_what_is_no_interpreter_is_one_clear_error(name: str) -> None:
    with pytest.raises(EnvironmentUnusable) as error:
        find_environment(name)
    assert error.value.exit_code == 4
    assert error.value.hint


def test_a_shim_that_does_not_run_is_told_in_its_own_words(tmp_path: Path) -> None:
    shim = tmp_path / "python3.10"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.10: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    with pytest.raises(EnvironmentUnusable, match=r"pyenv: python3\.10: command not found"):
        find_environment(str(shim))


def test_a_folder_without_distributions_is_no_site_packages(tmp_path: Path) -> None:
    for folder, message in ((tmp_path, "not a site-packages"), (tmp_path / "missing", "no such folder")):
        with pytest.raises(EnvironmentUnusable, match=message):
            find_environment(site_packages=folder)


def test_sources_are_compiled_under_the_targets_own_grammar(venv: Path) -> None:
    environment = find_environment(str(venv))
    sources = [
        b"x = 1\n",
        b"def f[T](): pass\n",
        b"x = (\n",
        "# -*- coding: latin-1 -*-\nx = '\xe9'\n".encode("latin-1"),
    ]
    errors = compile_errors(environment, sources)
    assert [error is None for error in errors] == [True, False, False, True]
