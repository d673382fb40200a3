"""Every command has help, is in the README, and speaks one JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from surgeon import registry
from surgeon.cli import app
from surgeon.operations.verdict import State
from tests import support

README = (support.CHECKOUT / "README.md").read_text()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
EVERYWHERE = {"--python", "--site-packages", "--json", "--quiet"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_and_is_documented(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert f"m3d-surgeon {name}" in README
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_takes_the_common_options(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert options >= EVERYWHERE
    assert ("--dry-run" in options) is (name in ("apply", "revert", "wheel"))


@pytest.mark.parametrize("patch", registry.load().patches)
def test_a_patch_is_in_the_table_of_errors(patch: str) -> None:
    assert f"`{patch}`" in README


def test_the_json_is_frozen(site: Path) -> None:
    """Additions only: whatever is here stays, under its name and with its type."""
    support.gadget(site)
    answer = support.surgeon("status", "--site-packages", site, "--patches", support.GADGETS).json
    shape = json.loads((Path(__file__).parent / "schema-1.json").read_text())
    check_shape(answer, shape)
    assert answer["schema"] == 1
    assert answer["environment"]["site_packages"] == str(site)  # type: ignore[index]
    assert {row["state"] for row in answer["files"]} <= {str(state) for state in State}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["apply", "status", "revert", "diff", "list", "recover", "explain"])
def test_every_command_prints_one_object_whatever_happens(name: str, site: Path) -> None:
    shape = json.loads((Path(__file__).parent / "schema-1.json").read_text())
    support.gadget(site)
    more = ["gadget-shiny"] if name == "explain" else []
    good = support.surgeon(name, *more, "--site-packages", site, "--patches", support.GADGETS)
    bad = support.surgeon(name, *more, "--site-packages", "/no/such/folder", "--patches", support.GADGETS)
    for answer in (good, bad):
        check_shape(answer.json, shape)
        assert answer.json["command"] == name
    assert bad.exit_code == 4
    assert bad.error_codes() == ["environment"]


def check_shape(value: object, shape: object, where: str = "") -> None:
    """A value has at least the keys of a shape, each of the type that stands there."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        if set(shape) == {"*"}:
            for key, each in value.items():
                check_shape(each, shape["*"], f"{where}.{key}")
            return
        for key, inner in shape.items():
            assert key in value, f"{where}.{key} is gone"
            check_shape(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for each in value:
            check_shape(each, shape[0], f"{where}[]")
    else:
        kinds = {"string": str, "integer": int, "boolean": bool, "null": type(None)}
        allowed = tuple(kinds[kind] for kind in str(shape).split("|"))
        assert isinstance(value, allowed), f"{where} is {value!r}, not {shape}"


def test_the_shape_can_be_missed() -> None:
    with pytest.raises(AssertionError):
        check_shape({"a": 1}, {"a": "string"})
    with pytest.raises(AssertionError):
        check_shape({}, {"a": "string"})


def test_the_readme_names_no_patch_that_does_not_exist() -> None:
    section = README.split("## The error you see")[1].split("##")[0]
    rows = [row for row in section.splitlines() if row.startswith("| ") and "`" in row]
    named = {patch for row in rows for patch in re.findall(r"`([a-z0-9-]+)`", row.split("|")[2])}
    assert named == set(registry.load().patches)
