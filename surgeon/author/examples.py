"""A patch's own examples, as checks: what it says it does to them, it does, and nothing else. Pure."""

from __future__ import annotations

import difflib
import io
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from surgeon.author.unbound import fresh
from surgeon.edits import ReplaceHeader, ReplaceStatements
from surgeon.errors import Refused
from surgeon.patch import Case, Patch
from surgeon.rewriting.rewrite import Rewrite, rewrite

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Fault:
    """What an example shows to be wrong.

    Attributes:
        message: one sentence.
        diff: what was expected against what came out, as a unified diff; may be empty.
    """

    message: str
    diff: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that was tried.

    Attributes:
        patch: the patch's id.
        name: which example or which file, and what was tried with it.
        fault: what is wrong, or `None`.
    """

    patch: str
    name: str
    fault: Fault | None = None


def checks(patch: Patch) -> Iterator[Check]:
    """Try every example of a patch in every way."""
    if not patch.cases:
        missing = Fault("it has no case; give it one, so that what it does is written down and tried")
        yield Check(patch.id, "cases", missing)
    for number, case in enumerate(patch.cases, 1):
        for name, check in CASE_CHECKS.items():
            fault = check(patch, case)
            yield Check(patch.id, f"case {number}: {name}", fault)
            if fault is not None and check is becomes:
                break  # what else is wrong then follows from that
    for number, source in enumerate(patch.unchanged, 1):
        yield Check(patch.id, f"unchanged {number}: stays as it is", stays(patch, source))


def becomes(patch: Patch, case: Case) -> Fault | None:
    """`before` becomes exactly `after`."""
    return _gives(patch, case.before.encode(), case.after.encode())


def after_stays(patch: Patch, case: Case) -> Fault | None:
    """`after` is left alone."""
    return _left_alone(patch, case.after)


def compiles(patch: Patch, case: Case) -> Fault | None:
    """`before` is Python, and so is the result."""
    return _not_python("before", case.before) or _not_python("the result", _text(_run(patch, case.before)))


def binds_what_it_reads(patch: Patch, case: Case) -> Fault | None:
    """The result reads no name that nothing binds, unless `before` does so too.

    Edits that state all of what they put in its place show an excerpt of a file, which need not bind
    what the file does: there the dry run on the whole file asks.
    """
    if all(isinstance(edit, (ReplaceHeader, ReplaceStatements)) for edit in patch.transforms):
        return None
    return unbound(case.before, _text(_run(patch, case.before)))


def unbound(before: str, after: str) -> Fault | None:
    """What is wrong where a result reads a name that it neither binds nor imports."""
    names = fresh(before, after)
    return Fault(f"the result reads what nothing in it binds: {', '.join(names)}") if names else None


def keeps_windows_line_ends(patch: Patch, case: Case) -> Fault | None:
    """Lines that end in CRLF still do."""
    before, after = (text.replace("\n", "\r\n").encode() for text in (case.before, case.after))
    return _gives(patch, before, after)


def keeps_a_missing_last_newline(patch: Patch, case: Case) -> Fault | None:
    """A file without a newline at its end still has none."""
    before, after = (text.removesuffix("\n").encode() for text in (case.before, case.after))
    return _gives(patch, before, after)


def keeps_a_byte_order_mark(patch: Patch, case: Case) -> Fault | None:
    """A byte order mark stays at the very top."""
    return _gives(patch, BOM + case.before.encode(), BOM + case.after.encode())


def marks_its_lines(patch: Patch, case: Case) -> Fault | None:
    """Inserted lines name the patch, as far as a comment can stand on them."""
    before, result = case.before.splitlines(), _text(_run(patch, case.before))
    after = result.splitlines()
    takes_a_comment = _lines_that_take_a_comment(result)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        unmarked = [
            after[n]
            for n in range(c, d)
            if n + 1 in takes_a_comment and after.count(after[n]) > before.count(after[n])
            if after[n].strip() and not after[n].endswith(f"  # m3d-surgeon: {patch.id}")
        ]
        if len(unmarked) > {"insert": 0, "replace": b - a}.get(tag, len(unmarked)):
            return Fault(f"an inserted line does not end in `# m3d-surgeon: {patch.id}`: {unmarked[0]}")
    return None


def stays(patch: Patch, source: str) -> Fault | None:
    """A source that the patch must leave alone is left alone."""
    return _not_python("the source", source) or _left_alone(patch, source)


CASE_CHECKS: Mapping[str, Callable[[Patch, Case], Fault | None]] = {
    "before becomes after": becomes,
    "after stays as it is": after_stays,
    "both compile": compiles,
    "what it reads is bound": binds_what_it_reads,
    "Windows line ends survive": keeps_windows_line_ends,
    "a missing last newline stays missing": keeps_a_missing_last_newline,
    "a byte order mark survives": keeps_a_byte_order_mark,
    "inserted lines name the patch": marks_its_lines,
}


def _run(patch: Patch, source: str) -> Rewrite:
    try:
        return rewrite(source.encode(), [patch])
    except Refused as refusal:
        return Rewrite(source.encode(), failures={patch.id: refusal.message})


def _gives(patch: Patch, before: bytes, after: bytes) -> Fault | None:
    try:
        result = rewrite(before, [patch])
    except Refused as refusal:
        return Fault(refusal.message)
    if reason := result.failures.get(patch.id):
        return Fault(reason)
    if result.result == after:
        return None
    if not any(needle in before for needle in patch.needle):
        return Fault(f"none of its needles {patch.needle!r} occurs in the source", _diff(after, before))
    return Fault("the result is another", _diff(after, result.result))


def _left_alone(patch: Patch, source: str) -> Fault | None:
    result = _run(patch, source)
    if reason := result.failures.get(patch.id):
        return Fault(reason)
    if result.result != source.encode():
        return Fault("it is changed", _diff(source.encode(), result.result))
    matches = result.matches.get(patch.id, 0)
    return Fault(f"it matches {matches} times") if matches else None


def _not_python(what: str, source: str) -> Fault | None:
    try:
        compile(source, "<example>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return Fault(f"{what} does not compile: {error}")
    return None


def _text(result: Rewrite) -> str:
    return result.result.decode()


def _diff(expected: bytes, found: bytes) -> str:
    """What was expected against what came out; whitespace that cannot be seen is written out."""
    old, new = (_visible(data.decode("utf-8", "replace")) for data in (expected, found))
    return "".join(difflib.unified_diff(old, new, "expected", "found"))


def _visible(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    shown = [line.replace("\r\n", "\\r\n").replace("\ufeff", "\\ufeff") for line in lines]
    if shown and not shown[-1].endswith("\n"):
        shown[-1] += "\n\\ no newline at the end\n"
    return shown


def _lines_that_take_a_comment(source: str) -> frozenset[int]:
    """The numbers of the lines that end outside strings and without a backslash; all of no Python's."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return frozenset(range(1, source.count("\n") + 2))
    return frozenset(token.start[0] for token in tokens if token.type in (tokenize.NEWLINE, tokenize.NL))
