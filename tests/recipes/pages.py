"""What the recipes' pages hold: fenced blocks by their titles, and a Dockerfile's instructions."""

from __future__ import annotations

import re
from pathlib import Path

from tests import support

PAGES = support.CHECKOUT / "docs" / "recipes"
FENCE = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```$', re.M | re.S)


def blocks(page: str) -> dict[str, str]:
    """The titled blocks of a page."""
    found = FENCE.finditer((PAGES / page).read_text())
    return {each["title"]: each["body"] for each in found if each["title"]}


def block(page: str, title: str, scratch: Path | None = None) -> str:
    """One block; with `/opt` inside a scratch folder, if one is given."""
    text = blocks(page)[title]
    return text.replace("/opt/", f"{scratch}/opt/") if scratch else text


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions in their order: the word, and what follows it on one line."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]
