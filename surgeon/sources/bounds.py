"""What is too much to compute: a source that is read must not be able to hold up its reader. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any

LARGEST = 10_000
"""Elements or characters of a value."""
LONGEST_TEXT = 256
"""Characters that a regular expression is held against; three repeats then take half a second at most."""
LONGEST_TEXT_IF_RISKY = 24
"""Likewise where it has more repeats, or repeats of groups, which may take time exponential in it."""
_REPEAT = re.compile(r"(?<!\\)(?:[*+]|\{\d*,\d*\})")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)")
_WIDTH = re.compile(r"\d{4}|\*|\{[^{}]*\{")
"""Of a format: fields thousands of characters wide, or as wide as a value says."""


def is_too_much(operation: Callable[..., Any], values: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Tell whether to do something with plain values could take long, or make something huge."""
    owner = getattr(operation, "__self__", None)
    every = [*values, *keywords.values(), *([] if isinstance(owner, type) else [owner])]
    if any(map(is_too_large, every)):
        return True
    name = getattr(operation, "__name__", "")
    if isinstance(owner, re.Pattern) or getattr(operation, "__module__", "") == "re":
        pattern = owner if isinstance(owner, re.Pattern) else next(iter(values), "")
        return _is_slow(pattern, [each for each in every if each is not pattern])
    if name in ("format", "mod") and any(isinstance(each, (str, bytes)) for each in every):
        return any(_WIDTH.search(str(each)) for each in every if isinstance(each, (str, bytes))) or any(
            isinstance(each, int) and abs(each) > LARGEST and name == "format" and "{" in str(owner)
            for each in every
        )
    return name == "zfill" and any(isinstance(each, int) and each > LARGEST for each in values)


def is_too_large(value: object) -> bool:
    """Tell whether a value has more in it than anything that code asks about a version."""
    try:
        return isinstance(value, Sized) and len(value) > LARGEST
    except OverflowError:  # a range longer than any container
        return True


def _is_slow(pattern: object, others: Sequence[object]) -> bool:
    """Tell whether holding a regular expression against texts could take long."""
    text = str(pattern.pattern if isinstance(pattern, re.Pattern) else pattern)
    risky = _REPEATED_GROUP.search(text) is not None or len(_REPEAT.findall(text)) > 3
    longest = LONGEST_TEXT_IF_RISKY if risky else LONGEST_TEXT
    return any(isinstance(each, (str, bytes)) and len(each) > longest for each in others)
