"""The text of a new patch module. Pure."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surgeon.site.versions import this_release

TEMPLATE = '''\
"""CHANGE ME: what the installed package does wrong, in one line.

What happens: the error, and what a user did to meet it.
Why: its cause, and since which release.
The cure: what the edit makes of it, and why that means the same.
"""

from surgeon.edits import GuardAttribute
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id={id},
    # The last line of the traceback, as a regular expression.
    symptom=r"CHANGE ME",
    why="CHANGE ME: what the user saw, and its cause.",
    distribution={distribution},
    # PEP 440; {here} is installed here. Widen it to the releases that you have looked at.
    versions={versions},
    # All of these must hold; where they do not, the files are left alone.
    when={when},
    files=({file},),
    # Bytes of which at least one must be in a file before it is parsed.{candidates}
    needle=({needle},),
    # The edits: see surgeon.edits and docs/authoring.md.
    transforms=(GuardAttribute({name}),),
    expect=at_least(1, zero="CHANGE ME: why none is fine as well, or leave `zero` out"),
    cases=(
        Case(
            before="""\\
import {top}

VALUE = {name_in_code}
""",
            after="""\\
import {top}

VALUE = "CHANGE ME: what this must become"
""",
        ),
    ),
    # Sources that hold the needle and must stay as they are.
    unchanged=(),
    # Statements that fail with the symptom before, and pass after, in a fresh interpreter.
    probe="import {package}",
    # Where the package itself fixed it, if it did.
    upstream="",
)
'''


@dataclass(frozen=True)
class Sketch:
    """What is known of a patch before it is written.

    Attributes:
        version: of the distribution that is installed, or an empty string.
        when: conditions on other distributions.
        candidates: names of other packages that the file reads in full (`torch.xpu`), the most
            likely first.
    """

    id: str
    distribution: str
    file: str
    version: str = ""
    when: Mapping[str, str] | None = None
    candidates: Sequence[str] = ()


def module(known: Sketch) -> str:
    """The text of a patch module that loads, and whose one case fails until its edit is right."""
    name = known.candidates[0] if known.candidates else "package.change_me"
    seen = "".join(f"\n    # The file reads {each}." for each in known.candidates)
    when = known.when or {}
    return TEMPLATE.format(
        id=_quoted(known.id),
        distribution=_quoted(known.distribution),
        here=f"{known.distribution} {known.version}" if known.version else "nothing of it",
        versions=_quoted(this_release(known.version) if known.version else ""),
        when="{" + ", ".join(f"{_quoted(key)}: {_quoted(value)}" for key, value in when.items()) + "}",
        file=_quoted(known.file),
        candidates=seen,
        needle=f"b{_quoted(_last(name))}",
        name=_quoted(name),
        name_in_code=name,
        top=name.partition(".")[0],
        package=known.file.partition("/")[0].removesuffix(".py"),
    )


def candidates(source: bytes, own: str = "", preferred: str = "torch", most: int = 8) -> list[str]:
    """Names of one other package that a module reads, in full: those that it reads while imported come first.

    Only what a plain import binds is followed; this makes suggestions, it decides nothing.

    Args:
        own: the package that the module is in.
        preferred: the package whose names are taken if it reads any; else it is the one that it reads most.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    skipped = {own, *sys.stdlib_module_names}
    bound = {local: name for local, name in _imported(tree).items() if name.partition(".")[0] not in skipped}
    inside = {
        id(each)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for each in ast.walk(function)
    }
    first: dict[str, None] = {}
    later: dict[str, None] = {}
    for node in ast.walk(tree):
        name = _full(node, bound) if isinstance(node, ast.Attribute) else ""
        if name:
            (later if id(node) in inside else first).setdefault(name)
    names = [*first, *(name for name in later if name not in first)]
    tops = [name.partition(".")[0] for name in names]
    top = preferred if preferred in tops else max(tops, key=tops.count, default="")
    names = [name for name in names if name.partition(".")[0] == top]
    return [each for each in names if not any(other.startswith(f"{each}.") for other in names)][:most]


def _imported(tree: ast.Module) -> dict[str, str]:
    """What the module's absolute imports bind, and to what."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return bound


def _full(node: ast.expr, bound: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in bound:
        return ""
    return ".".join([bound[node.id], *reversed(parts)])


def _last(name: str) -> str:
    """The part of a name that a file holds however it imports it."""
    return name.rpartition(".")[2]


def _quoted(text: str) -> str:
    return json.dumps(text)
