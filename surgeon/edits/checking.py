"""What an edit is made of, looked at when it is made: a mistake is named where it stands."""

from __future__ import annotations

import ast
import dataclasses
import keyword
import re
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

from surgeon.errors import UsageError

Needed: TypeAlias = "tuple[str, Callable[[object], bool]]"
"""What an argument must be, in words, and a test of it, which may raise what `ast.parse` does."""
RELEASE = re.compile(r"\d+(\.\d+)*", re.ASCII)


class Checked:
    """The base of every edit: its arguments are what they are called, or `UsageError` says which is not."""

    needed: ClassVar[Mapping[str, Needed]] = {}
    """What arguments of this kind of edit must be, where that is not what their names say."""

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            needed = self.needed.get(each.name, KINDS.get(each.name))
            if needed is None or (each.default is not dataclasses.MISSING and value == each.default):
                continue
            what, is_right = needed
            if not _holds(is_right, value):
                raise UsageError(
                    f"{type(self).__name__}: {each.name} must be {what}, not {value!r:.80}",
                    hint="see its description in surgeon.edits",
                    code="bad-edit",
                )


def is_identifier(value: object) -> bool:
    """Tell whether a value can be the name of a variable."""
    if not isinstance(value, str) or keyword.iskeyword(value):
        return False
    return value.isascii() and value.isidentifier()


def is_dotted(value: object) -> bool:
    """Tell whether a value is a name in full: `torch.nn.RMSNorm`."""
    return isinstance(value, str) and all(map(is_identifier, value.split(".")))


def is_member(value: object) -> bool:
    """Tell whether a value is the full name of something in a module; `.` leads where that is relative."""
    return isinstance(value, str) and is_dotted(value.lstrip(".")) and "." in value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and is_dotted(value.lstrip("."))


def _is_anchor(value: object) -> bool:
    return value == "" or is_dotted(value)


def _is_release(value: object) -> bool:
    return isinstance(value, str) and RELEASE.fullmatch(value) is not None


def _are_statements(value: object) -> bool:
    if not isinstance(value, str) or not value.isascii():
        return False
    return bool(ast.parse(value).body)


def _are_for_a_name(value: object) -> bool:
    return isinstance(value, str) and _are_statements(value.replace("{name}", "name"))


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and bool(ast.parse(value, mode="eval"))


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_parameters(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(map(is_identifier, value))


def _is_place(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and is_identifier(value[0])
        and isinstance(value[1], int)
        and value[1] >= 0
    )


def _holds(is_right: Callable[[object], bool], value: object) -> bool:
    try:
        return is_right(value)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


IDENTIFIER = ("a name without dots", is_identifier)
MEMBER = ("the full name of something in a module, such as 'torch.nn.RMSNorm'", is_member)
FALLBACK = ("statements, in ASCII, with {name} for the name that the file uses", _are_for_a_name)
ABSOLUTE = (MEMBER[0], lambda value: is_dotted(value) and is_member(value))
KINDS: Mapping[str, Needed] = {
    **dict.fromkeys(("name", "wrapper"), ("a full name, such as 'torch.nn.RMSNorm'", _is_name)),
    "to": ("a full name, such as 'torch.nn.RMSNorm'", is_dotted),
    "anchor": ("the name of a function or class, such as 'Model.forward', or empty", _is_anchor),
    **dict.fromkeys(("since", "bound"), ("a release, such as '2.4'", _is_release)),
    **dict.fromkeys(("keyword", "private", "unless", "variable"), IDENTIFIER),
    "definition": ("statements, in ASCII", _are_statements),
    "fallback": FALLBACK,
    **dict.fromkeys(("default", "value"), ("an expression, in ASCII", _is_expression)),
    **dict.fromkeys(("first", "last", "public", "reachable"), ("True or False", _is_truth)),
    "before": ("statements", _is_text),
    "after": ("statements", lambda value: isinstance(value, str)),
    "arguments": ("a tuple of names of parameters", _are_parameters),
    "if_given": ("the name and the place of a parameter, such as ('mask', 3)", _is_place),
    "factory": ("a function without arguments that gives a transformer", callable),
}
"""What each argument must be, by its name."""
