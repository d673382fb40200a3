"""The text of a patch module that was captured from a hand edit. Pure."""

from __future__ import annotations

import ast
import json
import re
from typing import cast

from surgeon.author.changes import Captured
from surgeon.edits.anchored import ReplaceHeader
from surgeon.patch import Patch

COMMON = ("import", "def", "class", "=")

TEMPLATE = '''\
"""{what}

Captured from an edit by hand of {file} in {distribution} {version}.
What happens: write here the error, and what a user did to meet it.
"""

from surgeon.edits import {edits}
from surgeon.patch import Case, Patch, at_least

PATCH = Patch(
    id={id},
    # The last line of the traceback that this is for, as a regular expression.
    symptom={symptom},
    why={why},
    distribution={distribution_},
    # The release that was edited. Others may have it mended, or otherwise: widen this to those that
    # you look at, such as ">={version},<NEXT", and try each with `m3d-surgeon test {plain_id}`.
    versions={versions},
    # Conditions on other distributions, such as "torch": "<2.2", if it is for an older one only.
    when={{}},
    files=({file_},),
    # Found in any version of the file: where its code is another one, that is said.
    needle=({needle},),
    transforms=(
{transforms}    ),
    expect=at_least(1, zero="the change is there already"),
    cases=(
        Case(
            before={before},
            after={after},
        ),
    ),
    unchanged=(),
    probe={probe},
)
'''


def module(patch: Patch, version: str) -> str:
    """A module that describes a patch made of captured edits."""
    edits = cast("tuple[Captured, ...]", patch.transforms)
    (case,) = patch.cases
    (file,) = patch.files
    return TEMPLATE.format(
        what=f"Captured: {patch.distribution}, {', '.join(dict.fromkeys(_where(each) for each in edits))}.",
        file=file,
        distribution=patch.distribution,
        version=version,
        edits=", ".join(sorted({type(each).__name__ for each in edits})),
        id=json.dumps(patch.id),
        plain_id=patch.id,
        symptom=json.dumps(patch.symptom),
        why=json.dumps(patch.why),
        distribution_=json.dumps(patch.distribution),
        versions=json.dumps(patch.versions),
        file_=json.dumps(file),
        needle=", ".join(f"b{json.dumps(each.decode())}" for each in patch.needle),
        transforms="".join(_edit(each) for each in edits),
        before=literal(case.before),
        after=literal(case.after),
        probe=json.dumps(patch.probe),
    )


def needles(source: bytes, example: str) -> tuple[bytes, ...]:
    """Bytes that hardly any version of the file will be without, so that it is always looked at.

    A patch of one file needs no needle; where the code in it has become another, that is to be said.
    """
    words = [*COMMON, *sorted(re.findall(r"\w+", example), key=len, reverse=True)[:1]]
    known = [word for word in words if word.encode() in source]
    return tuple(word.encode() for word in known) if any(word in example for word in known) else ()


def literal(text: str) -> str:
    """A string literal over several lines that means `text`, which ends in a newline."""
    body = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    written = f'"""\\\n{body}"""'
    return written if _means(written, text) else repr(text)


def _means(written: str, text: str) -> bool:
    try:
        return bool(ast.literal_eval(written) == text)
    except (SyntaxError, ValueError):
        return False


def _edit(edit: Captured) -> str:
    lines = [json.dumps(edit.anchor), f"before={literal(edit.before)}", f"after={literal(edit.after)}"]
    lines += [f"{name}=True" for name in ("first", "last") if getattr(edit, name, False)]
    inside = "".join(f"            {line},\n" for line in lines)
    return f"        {type(edit).__name__}(\n{inside}        ),\n"


def _where(edit: Captured) -> str:
    if isinstance(edit, ReplaceHeader):
        head = edit.before.strip().splitlines()[0]
        return f"{edit.anchor}: {head}" if edit.anchor else head
    return edit.anchor or "the top level"
