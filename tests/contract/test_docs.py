"""The documentation that is generated is what the code says, and every page can be found."""

from __future__ import annotations

import re

import pytest

from surgeon.errors import EXIT_CODES
from tests import support
from tests.contract.test_commands import COMMANDS
from tests.tools import reference

DOCS = support.CHECKOUT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
NAVIGATION = (support.CHECKOUT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]


@pytest.mark.parametrize("page", reference.pages())
def test_the_reference_is_what_the_code_says(page: str) -> None:
    assert (reference.FOLDER / page).read_text() == reference.pages()[page], "run `make reference`"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_the_navigation(page: str) -> None:
    assert re.search(rf": {re.escape(page)}$", NAVIGATION, re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page}" for page in PAGES)])
def test_a_link_leads_somewhere(page: str) -> None:
    place = support.CHECKOUT / page
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", place.read_text()):
        assert (place.parent / link).exists(), link


def test_the_readme_stays_under_two_screens() -> None:
    assert len((support.CHECKOUT / "README.md").read_text().splitlines()) <= 110


def test_the_numbers_in_the_readme_are_the_measured_ones() -> None:
    page = (DOCS / "compatibility.md").read_text()
    counts = r"^(\d+) environments; works unpatched: (\d+), works patched: (\d+), does not work: (\d+)\.$"
    every, _, patched, failing = next(iter(re.findall(counts, page, re.MULTILINE)))
    readme = (support.CHECKOUT / "README.md").read_text()
    assert f"{every} environments work, {patched} of them only with the patches" in readme
    assert failing == "0", "say so in the README"


@pytest.mark.parametrize("code", EXIT_CODES)
def test_an_exit_code_is_in_the_readme_and_in_the_reference(code: int) -> None:
    readme = (support.CHECKOUT / "README.md").read_text()
    (sentence,) = re.findall(r"^Exit codes: .*$", readme, re.MULTILINE)
    assert re.search(rf"[ ;] ?{code} [a-z]", sentence)
    assert f"| {code} | {EXIT_CODES[code]} |" in (DOCS / "reference" / "exit-codes.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_reference(name: str) -> None:
    page = (DOCS / "reference" / "commands.md").read_text()
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for parameter in COMMANDS[name].params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert f"`{option}" in section, option
        assert parameter.help in section.replace("\\|", "|")


@pytest.mark.parametrize("picture", sorted(path.name for path in (DOCS / "pictures").iterdir()))
def test_a_picture_loads_nothing(picture: str) -> None:
    text = (DOCS / "pictures" / picture).read_text()
    assert "@font-face" not in text
    assert "url(http" not in text
    assert not re.search(r"(?:href|src)=.http", text)
