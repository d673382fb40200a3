"""The documentation that is generated is what the code says, and every page can be found."""

from __future__ import annotations

import re

import pytest

from tests import reference, support

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
