"""Whatever sends a reader somewhere leads there: pages, sections, commands, options, modules, files."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from surgeon import errors
from tests import support
from tests.contract.test_commands import COMMANDS

TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (support.CHECKOUT / "Makefile").read_text(), re.MULTILINE))
PAGES = [support.CHECKOUT / "README.md", *sorted((support.CHECKOUT / "docs").rglob("*.md"))]
SOURCES = sorted(each for top in ("surgeon", "patches") for each in (support.CHECKOUT / top).rglob("*.py"))
OTHERS = [support.CHECKOUT / "Makefile"]
COMMAND = re.compile(r"(?:`|\$ (?:[^\n#]*\s)?)m3d-surgeon ([a-z]+)\b([^`\n#|&;>]*)")
EXIT_CODE_PAGE = "docs/reference/exit-codes.md"


def shown(place: Path) -> str:
    return str(place.relative_to(support.CHECKOUT))


def wrong(text: str, folder: Path) -> Iterator[str]:
    """Every pointer of a text that leads nowhere."""
    for page, _, anchor in re.findall(r"\b(docs/[\w./-]+\.(md|json|svg))(#[\w-]+)?", text):
        place = support.CHECKOUT / page
        if not place.exists():
            yield page
        elif anchor and anchor[1:] not in anchors(place):
            yield page + anchor
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([\w-]+)\)", text):
        target = folder / link if link else None
        if target and target.suffix == ".md" and (not target.exists() or anchor not in anchors(target)):
            yield f"{link}#{anchor}"
    for page, section in re.findall(r"(docs/[\w./-]+\.md),? (?:section|under) [\"'`]([^\"'`]+)", text):
        if section not in headings(support.CHECKOUT / page):
            yield f"{page}, {section}"
    for name, rest in COMMAND.findall(text):
        if name not in COMMANDS:
            yield f"m3d-surgeon {name}"
            continue
        known = {option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
        yield from (
            f"m3d-surgeon {name} {option}"
            for option in re.findall(r"(?<=\s)--?[a-z][\w-]*", rest)
            if option not in known and option != "--help"
        )
    yield from (f"make {each}" for each in re.findall(r"`make ([a-z][\w-]*)", text) if each not in TARGETS)
    yield from (each for each in re.findall(r"python -m (tests[\w.]*\w)", text) if not has_module(each))
    yield from (each for each in re.findall(r"`(surgeon(?:\.\w+)+)`", text) if not has_module(each))
    for path in re.findall(r"`((?:surgeon|tests|patches|fixtures)/[\w./-]+)`", text):
        if not (support.CHECKOUT / path).exists():
            yield path


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ +(.+?)\s*$", page.read_text(), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As the site and GitHub make them of headings."""
    return {re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in headings(page)}


def has_module(name: str) -> bool:
    """Tell whether a dotted name is a module, or something in one."""
    if name == "surgeon.patches":  # the folder patches/, as it is installed
        return True
    place = support.CHECKOUT.joinpath(*name.split("."))
    if place.with_suffix(".py").exists() or (place / "__init__.py").exists():
        return True
    owner, _, attribute = name.rpartition(".")
    return "." in owner and has_module(owner) and hasattr(importlib.import_module(owner), attribute)


@pytest.mark.parametrize("place", [*PAGES, *SOURCES, *OTHERS], ids=shown)
def test_a_pointer_leads_somewhere(place: Path) -> None:
    assert sorted(set(wrong(place.read_text(), place.parent))) == []


@pytest.mark.parametrize(
    "text",
    [
        "docs/nothing.md",
        "docs/scan.md#nowhere",
        "[x](scan.md#nowhere)",
        "docs/limits.md, section 'Proven'",
        "`m3d-surgeon heal`",
        "`m3d-surgeon apply --force`",
        "$ m3d-surgeon scan --torch 2.4 --least",
        "`make everything`",
        "`python -m tests.nothing`",
        "`surgeon.nothing`",
        "`surgeon.errors.Nothing`",
        "`surgeon/nothing.py`",
    ],
)
def test_a_pointer_that_leads_nowhere_is_seen(text: str) -> None:
    assert list(wrong(text, support.CHECKOUT / "docs"))


@pytest.mark.parametrize(
    "place", [*PAGES, *SOURCES], ids=lambda each: str(each.relative_to(support.CHECKOUT))
)
def test_who_is_sent_to_a_page_for_exit_codes_finds_them(place: Path) -> None:
    for page in re.findall(r"exit.codes?\b[^\n]*?\b(docs/[\w/-]+\.md)", place.read_text(), re.IGNORECASE):
        assert page == EXIT_CODE_PAGE
    for link in re.findall(r"\[[^\]]*exit codes?[^\]]*\]\(([^)#]+)", place.read_text(), re.IGNORECASE):
        assert (place.parent / link).resolve() == support.CHECKOUT / EXIT_CODE_PAGE


def test_the_exit_codes_are_listed_on_one_page() -> None:
    """Two lists drift apart. README's is held by test_docs."""
    rows = [page for page in PAGES if "| 5 | " + errors.EXIT_CODES[5] in page.read_text()]
    lists = [page for page in PAGES if re.search(r"[Ee]xit codes: ?\d", page.read_text())]
    assert rows == [support.CHECKOUT / EXIT_CODE_PAGE]
    assert lists == [support.CHECKOUT / "README.md"]


def test_every_exit_code_of_the_code_is_on_the_page() -> None:
    found: dict[int, str] = {}
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            for value in _exits(node):
                found.setdefault(value, f"{source.name}:{getattr(node, 'lineno', 0)}")
    assert set(found) == set(errors.EXIT_CODES), found


def _exits(node: ast.AST) -> Iterator[int]:
    """The integers that a node gives to something called `exit_code`, or exits with."""
    values: list[ast.expr | None] = []
    if isinstance(node, ast.keyword) and node.arg in ("exit_code", "otherwise"):
        values = [node.value]
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        values = [node.value] if any(getattr(each, "id", "") == "exit_code" for each in targets) else []
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "Exit":
        values = list(node.args)
    for value in values:
        for each in ast.walk(value) if value else ():
            if isinstance(each, ast.Constant) and type(each.value) is int:
                yield each.value
