"""Shows results: text, or JSON. The one room that prints; a module for each family of commands."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from typing import TypeVar

from surgeon.answer import Answer

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tabs and line feeds (C0 and C1, ECMA-48)."""


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


def show(
    result: AnyAnswer, text: Callable[[AnyAnswer], None], *, as_json: bool = False, quiet: bool = False
) -> None:
    """Print a command's answer: what was asked for to stdout, what went wrong to stderr.

    Args:
        text: prints what was asked for, for people.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may be no UTF-8
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
        return
    if not quiet:
        text(result)
        for warning in result.warnings:
            print(f"warning: {harmless(warning)}", file=sys.stderr)
    for error in result.errors:
        print(f"error: {harmless(error.message)}", file=sys.stderr)
        if error.path:
            print(f"  where: {harmless(error.path)}", file=sys.stderr)
        if error.hint:
            print(f"  next:  {harmless(error.hint)}", file=sys.stderr)


def harmless(text: str) -> str:
    """A text whose control characters are spelled out: a strange file's name must not work a terminal."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
