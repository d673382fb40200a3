"""Commands: their order, how they are merged, and how they are spelled."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from surgeon.doctor.finding import Action, Finding, Need
from surgeon.doctor.remedies import Toolbox, plan

PIP = Toolbox("/pod/bin/python", held={"torch": "==2.1.0"}, patched=frozenset({"diffusers"}))
UV = Toolbox("/pod/bin/python", "uv", held={"torch": "==2.1.0"})


def finding(*needs: Need) -> Finding:
    return Finding("code", "what", "why", needs)


def commands(toolbox: Toolbox, *needs: Need) -> list[str]:
    return [remedy.command for remedy in plan([finding(need) for need in needs], toolbox)]


def test_the_order_is_the_one_in_which_they_have_to_run() -> None:
    found = commands(
        PIP,
        Need(Action.APPLY),
        Need(Action.INSTALL, "kornia", "==0.7.3"),
        Need(Action.REINSTALL, "six", "==1.16.0"),
        Need(Action.INSTALL_STEP, "pytorch3d", "==0.7.5", step="pytorch3d"),
        Need(Action.INSTALL_STEP, "torch", "==2.1.0", step="torch"),
        Need(Action.UNINSTALL, "xformers"),
        Need(Action.REMOVE, "/pod/~umpy"),
        Need(Action.CLEAN_CACHE, "numpy"),
        Need(Action.RECOVER),
    )
    assert [" ".join(shlex.split(command)) for command in found] == [
        "m3d-surgeon recover --python /pod/bin/python",
        "uv cache clean numpy",
        "rm -rf -- /pod/~umpy",
        "/pod/bin/python -m pip uninstall -y xformers",
        "/pod/bin/python -m pip install pytorch3d==0.7.5 torch==2.1.0",
        "/pod/bin/python -m pip install torch==2.1.0",
        "/pod/bin/python -m pip install --force-reinstall --no-deps six==1.16.0",
        "/pod/bin/python -m pip install kornia==0.7.3 torch==2.1.0",
        "m3d-surgeon apply --python /pod/bin/python",
    ]


def test_what_has_the_same_remedy_is_one_command() -> None:
    found = plan(
        [
            finding(Need(Action.REINSTALL, "six", "==1.16.0")),
            finding(Need(Action.APPLY)),
            finding(Need(Action.REINSTALL, "idna", "==3.10"), Need(Action.APPLY)),
        ],
        PIP,
    )
    assert [remedy.findings for remedy in found] == [(0, 2), (1, 2)]
    assert found[0].command.endswith("--force-reinstall --no-deps six==1.16.0 idna==3.10")


def test_two_demands_on_one_distribution_are_joined() -> None:
    (command,) = commands(UV, Need(Action.INSTALL, "x", ">=1"), Need(Action.INSTALL, "x", "<2"))
    assert shlex.split(command)[-2:] == ["x<2,>=1", "torch==2.1.0"]


def test_nothing_that_is_installed_may_move_torch() -> None:
    (command,) = commands(PIP, Need(Action.INSTALL, "peft"))
    assert command.endswith("peft torch==2.1.0")


def test_what_is_installed_in_another_version_is_not_put_back_first() -> None:
    (command,) = commands(PIP, Need(Action.REINSTALL, "numpy", "==2.1"), Need(Action.INSTALL, "numpy", "<2"))
    assert "--force-reinstall" not in command


@pytest.mark.parametrize("action", [Action.REINSTALL, Action.INSTALL])
@pytest.mark.parametrize(("name", "again"), [("diffusers", True), ("torch", True), ("six", False)])
def test_after_a_patched_distribution_or_torch_is_installed_the_patches_go_in_again(
    action: Action, name: str, again: bool
) -> None:
    found = commands(PIP, Need(action, name, "==1"))
    assert (found[-1] == "m3d-surgeon apply --python /pod/bin/python") is again


def test_pip_removes_one_copy_at_a_time_and_uv_all() -> None:
    twice = Need(Action.UNINSTALL, "six", times=2)
    once = Need(Action.UNINSTALL, "idna")
    assert commands(PIP, twice, once) == [
        "/pod/bin/python -m pip uninstall -y six idna",
        "/pod/bin/python -m pip uninstall -y six",
    ]
    assert commands(UV, twice, once) == ["uv pip uninstall --python /pod/bin/python six idna"]


def test_paths_are_quoted_and_a_command_stays_readable() -> None:
    found = commands(PIP, *(Need(Action.REMOVE, f"/a b/~{number}") for number in range(41)))
    assert [len(shlex.split(command)) for command in found] == [3 + 40, 3 + 1]
    assert shlex.split(found[1])[-1] == "/a b/~40"


def test_an_option_comes_once_and_keeps_its_value() -> None:
    options = ("--only-binary", "x", "--find-links", "page")
    (command,) = commands(
        PIP,
        Need(Action.INSTALL, "x", options=options),
        Need(Action.INSTALL, "y", options=(*options, "--upgrade")),
    )
    assert command.split(" install ")[1] == "--only-binary x --find-links page --upgrade x y torch==2.1.0"


def test_an_environment_that_a_system_manages_is_told_that_it_is_meant() -> None:
    toolbox = Toolbox("/usr/bin/python3", managed=True)
    assert "--break-system-packages" in commands(toolbox, Need(Action.INSTALL, "x"))[0]


def test_pip_is_brought_in_where_there_is_none() -> None:
    toolbox = Toolbox("/pod/bin/python", without_pip=True)
    assert commands(toolbox, Need(Action.INSTALL, "x"))[0] == "/pod/bin/python -m ensurepip"
    assert commands(toolbox, Need(Action.REMOVE, "/x")) == ["rm -rf -- /x"]


def test_a_path_that_cannot_be_printed_is_still_that_path(tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/~\xe9 '\x1b[31m\\"))
    place.mkdir()
    (command,) = commands(PIP, Need(Action.REMOVE, str(place)))
    assert command.isprintable()
    subprocess.run(["bash", "-ec", command], check=True)
    assert list(tmp_path.iterdir()) == []


def test_extras_and_places_of_their_own_are_asked_for() -> None:
    (command,) = commands(
        PIP,
        Need(Action.INSTALL, "x", ">=1", extras=("b",)),
        Need(Action.INSTALL, "x", "<2", extras=("a",)),
        Need(Action.INSTALL, "y", url="git+https://example.org/y@abc"),
    )
    assert shlex.split(command)[4:] == ["x[a,b]<2,>=1", "y @ git+https://example.org/y@abc", "torch==2.1.0"]


def test_what_needs_options_is_put_back_by_a_command_of_its_own() -> None:
    options = ("--extra-index-url", "https://example.org/cu121")
    found = commands(
        PIP,
        Need(Action.REINSTALL, "six", "==1"),
        Need(Action.REINSTALL, "torch", "==2.1.0+cu121", options=options),
    )
    assert [shlex.split(command)[4:] for command in found[:2]] == [
        ["--force-reinstall", "--no-deps", "six==1"],
        ["--force-reinstall", "--no-deps", *options, "torch==2.1.0+cu121"],
    ]


def test_a_cache_is_passed_by_where_it_has_the_damage() -> None:
    (command,) = commands(PIP, Need(Action.REINSTALL, "six", "==1.16.0", no_cache=True))
    assert "--no-cache-dir" in command


def test_a_folder_without_an_interpreter_is_named_to_apply() -> None:
    toolbox = Toolbox("python3.10", site_packages="/pod/site-packages")
    assert commands(toolbox, Need(Action.APPLY)) == ["m3d-surgeon apply --site-packages /pod/site-packages"]
