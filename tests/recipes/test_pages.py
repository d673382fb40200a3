"""The pages themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import surgeon
from tests import support
from tests.recipes.pages import FENCE, PAGES, blocks

EVERY = sorted(PAGES.glob("*.md"))
TESTED = " ".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
HOSTS = {"download.pytorch.org", "dl.fbaipublicfiles.com", "127.0.0.1"}
NOT_RUN = {"console"}


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_every_block_is_run_by_a_test_or_is_an_illustration(page: Path) -> None:
    for found in FENCE.finditer(page.read_text()):
        if found["language"] in NOT_RUN:
            assert found["title"] is None
        else:
            assert found["title"], found["body"]
            assert f'"{page.name}"' in TESTED
            assert f'"{found["title"]}"' in TESTED, f"no test takes {found['title']}"
    assert page.read_text().count("```") == 2 * len(FENCE.findall(page.read_text()))


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_no_other_host_is_named(page: Path) -> None:
    assert set(re.findall(r"https?://([^/\s:]+)", page.read_text())) <= HOSTS


def test_the_release_of_the_tool_is_this_one() -> None:
    assert f'm3d-surgeon=={surgeon.__version__}"' in blocks("dockerfile.md")["Dockerfile"]


def test_the_releases_are_those_that_are_tested_together() -> None:
    stack = (support.STACKS / "dec25.txt").read_text().lower()
    pages = blocks("dockerfile.md")
    named = re.findall(r"[\w-]+==[\w.]+", pages["requirements.txt"] + pages["constraints.txt"])
    named += re.findall(r"(?:xfuser|yunchang|distvae)==[\w.]+", pages["Dockerfile"])
    assert len(named) > 10
    assert [pin for pin in named if f"\n{pin}\n" not in stack] == []


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_each_says_what_was_not_run(page: Path) -> None:
    assert page.name == "index.md" or "\n## What was not run\n" in page.read_text()


def test_the_index_names_every_page() -> None:
    index = (PAGES / "index.md").read_text()
    assert [page.name for page in EVERY if page.name != "index.md" and f"({page.name})" not in index] == []
