"""Which releases decide: what was said, what is installed, and what is shipped together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.errors import UsageError
from surgeon.site.environment import Environment
from surgeon.wheels.conditions import conditions, together, undecided
from tests import support

PATCH = registry.load(support.GADGETS).patches["gadget-shiny"]
TWO = replace(PATCH, when={"torch": "<2.6", "Hub.Client": ">=1"})


@pytest.mark.parametrize(
    "given", ["torch", "torch>=2", "torch==2.*", "torch==x", "torch==2,<3", "t@file:///x", ""]
)
def test_only_an_exact_release_is_a_condition(given: str) -> None:
    with pytest.raises(UsageError, match="no exact release"):
        conditions([given], None, [PATCH])


def test_nothing_said_is_an_error() -> None:
    with pytest.raises(UsageError) as error:
        conditions([], None, [PATCH])
    assert error.value.code == "no-conditions"
    with pytest.raises(UsageError, match="two releases of torch"):
        conditions(["torch==2.1.0", "Torch==2.2"], None, [PATCH])


def test_what_was_said_goes_before_what_is_installed(site: Path) -> None:
    support.install(site, "torch", "2.1.0+cu121")
    support.install(site, "hub_client", "0.5")
    support.install(site, "unasked", "1")
    environment = Environment(None, (3, 10), (site,))
    assert conditions([], environment, [TWO]).versions == {"hub-client": "0.5", "torch": "2.1.0+cu121"}
    known = conditions(["torch==2.4.1"], environment, [TWO])
    assert known.versions["torch"] == "2.4.1"
    assert known.complete


@pytest.mark.parametrize("stated", ["../../../elsewhere", "1.0; x", ""])
def test_a_release_that_cannot_be_read_is_asked_for(site: Path, stated: str) -> None:
    """It must not become the name of a folder, and not count as absent."""
    support.install(site, "torch", "2.1.0")
    metadata = site / "torch-2.1.0.dist-info" / "METADATA"
    metadata.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {stated}\n")
    environment = Environment(None, (3, 10), (site,))
    if stated == "":
        metadata.unlink()
    with pytest.raises(UsageError, match="does not say which release") as error:
        conditions([], environment, [TWO])
    assert "--with torch==VERSION" in error.value.hint
    assert conditions(["torch==2.1.0"], environment, [TWO]).versions["torch"] == "2.1.0"


def test_wheels_of_one_command_count_for_each_other() -> None:
    known = together(conditions(["torch==2.1.0"], None, [TWO]), {"hub-client": "1.0"})
    assert undecided(known, [TWO], "gadget", "1.0") == {}
    with pytest.raises(UsageError, match="--with names hub-client 2"):
        together(conditions(["hub-client==2"], None, [TWO]), {"hub-client": "1.0"})


def test_what_nobody_said_is_asked_for_only_where_it_decides() -> None:
    torch = conditions(["torch==2.1.0"], None, [TWO])
    assert undecided(torch, [TWO, PATCH], "gadget", "1.0") == {"hub-client": ["gadget-shiny"]}
    assert undecided(torch, [TWO], "gadget", "0.9") == {}, "not among its versions"
    assert undecided(torch, [TWO], "widget", "1.0") == {}
    newer = conditions(["torch==2.6.0"], None, [TWO])
    assert undecided(newer, [TWO], "gadget", "1.0") == {}, "another condition fails already"


def test_what_is_not_installed_is_known_not_to_be(site: Path) -> None:
    known = conditions([], Environment(None, (3, 10), (site,)), [TWO])
    assert undecided(known, [TWO], "gadget", "1.0") == {}
