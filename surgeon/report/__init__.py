"""Shows results: text, or JSON. The one room that prints; a module for each family of commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from surgeon.errors import SurgeonError


class Answer(Protocol):
    """What every command's result has."""

    @property
    def errors(self) -> Sequence[SurgeonError]:
        """What went wrong."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a user should know and need not act on."""

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


def show(
    result: AnyAnswer, text: Callable[[AnyAnswer], None], *, as_json: bool = False, quiet: bool = False
) -> None:
    """Print a command's answer: what was asked for to stdout, what went wrong to stderr.

    Args:
        text: prints what was asked for, for people.
    """
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
        return
    if not quiet:
        text(result)
        for warning in result.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    for error in result.errors:
        print(f"error: {error.message}", file=sys.stderr)
        if error.path:
            print(f"  where: {error.path}", file=sys.stderr)
        if error.hint:
            print(f"  next:  {error.hint}", file=sys.stderr)
