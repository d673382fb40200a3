"""A look at a source without parsing it: everything that it may import, and all names that it may use.

Parsing the sources of a stack costs ten times what looking costs, and few of them ask for anything
that is missing. The look finds too much (comments, texts, names that mean something else in
another function) and must never find too little: what `surgeon.sources.references` finds in a source is
in here. A test holds the two against each other over real wheels.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from surgeon.sources.names import absolute, below

_IMPORT = re.compile(rb"import(?<!\wimport)(?!\w)")
_BEFORE = re.compile(rb"(?:^|[;:])[ \t\f]*(?:from[ \t]*([\w.]*(?:[ \t]*\.)*[\w.]*)[ \t]*)?$")
_AFTER = re.compile(rb"[ \t]*(\((?:[^)#]|#[^\n]*)*\)|(?:[^\n;#\\]|\\\r?\n)*)")
_COMMENT = re.compile(rb"#[^\n]*")
_GAP = rb"(?:\s|\\\r?\n|#[^\n]*\n)*"
_KEYWORD = re.compile(rb"(\w+)\s*=(?!=)")
_TOKEN = re.compile(rb"[()]|(\w+)\s*=(?!=)|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|([\"'])")
_LOOK_UP = re.compile(rb"attr\(\s*([\w.]+)\s*,\s*[rbuRBU]?[\"'](\w+)[\"']")
_BY_NAME = re.compile(rb"(?:import_module|__import__)\(\s*(?:[\"']([\w.]+)[\"']|(?=[A-Za-z_]))")
_LEXEME = re.compile(
    rb"#[^\n]*"
    rb'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    rb"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    rb'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    rb"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'",
    re.DOTALL,
)
_FORMATTED = re.compile(rb"(?<!\w)(?:[fFtT][rR]?|[rR][fFtT])$")
_LONGEST_CALL = 5_000
_CHAIN = re.compile(rb"(?!\w)((?:" + _GAP + rb"\." + _GAP + rb"\w+)*)(" + _GAP + rb"\()?")
"""What follows a name: attributes, and the parenthesis of a call."""
_END = re.compile(rb"[ \t)\\]*(?:[\r\n;#]|$)")
_BLANK = b" \t\r\n\f\v(\\"
_PART_OF_A_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")
_LONGEST_GAP = 500
LOADING = dict.fromkeys(
    ("torch.compile", *(f"torch.compiler.{each}" for each in ("allow_in_graph", "disable", "reset"))),
    "torch._dynamo",
)
"""Functions that import a part of their module when they are called, which imports other packages."""
_ROUNDS = 3
"""How often an alias of an alias is followed; see `references`."""


class Statement(NamedTuple):
    """An import statement, or what looks like one.

    Attributes:
        module: absolute; empty where it leads out of the package.
        names: what a `from` takes out of it.
        line: 1-based.
        sure: whether it stands at the left margin, outside any text: importing the module runs it.
    """

    module: str
    names: tuple[str, ...]
    line: int
    sure: bool


class Glance(NamedTuple):
    """What a source may ask.

    Attributes:
        names: dotted names of the module asked, read as attributes.
        imported: those that an import statement reaches.
        keywords: names and the keywords that calls of them may pass; the empty keyword where that
            could not be seen.
        statements: its imports, of any module.
        looked_up: names that it asks `getattr` or `hasattr` for.
        loaded: those that it asks `import_module` for.
        by_name: whether it imports modules whose names it computes or is given.
    """

    names: frozenset[str]
    imported: frozenset[str]
    looked_up: frozenset[str]
    keywords: frozenset[tuple[str, str]]
    statements: tuple[Statement, ...]
    loaded: frozenset[str]
    by_name: bool


def glance(data: bytes, top: str, package: str) -> Glance:
    """Look at a source.

    Args:
        data: its bytes.
        top: the module that is asked.
        package: the package that it is in.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    statements: list[Statement] = []
    aliases: dict[str, set[str]] = {}
    imported: set[str] = set()
    for statement, bound in _statements(data, package):
        statements.append(statement)
        if not below(statement.module, top):
            continue
        for name, alias in bound:
            reached = f"{statement.module}.{name}" if name and name != "*" else statement.module
            imported.add(reached)
            if not name and not alias:
                aliases.setdefault(top, set()).add(top)
            elif name != "*":
                aliases.setdefault(alias or name, set()).add(reached)
    names, keywords = _uses(data, aliases) if aliases else (set(), set())
    if names & LOADING.keys():
        for part in {LOADING[each] for each in names & LOADING.keys()}:
            imported.add(part)
            statements.append(Statement(part, (), 0, False))
    looked_up = _looked_up(data, aliases) if aliases else set()
    texts = _imported_by_name(data)
    return Glance(
        frozenset(names),
        frozenset(imported),
        frozenset(looked_up),
        frozenset(keywords),
        tuple(statements),
        frozenset(each for each in texts if below(each, top)),
        "" in texts,
    )


def code_of(data: bytes) -> bytes:
    """A source without its comments and texts; what may be code in a text (an f-string) stays.

    Where texts nest in a way that this cannot follow (PEP 701), the source is returned as it is.
    """
    parts: list[bytes] = []
    position = 0
    for match in _LEXEME.finditer(data):
        start, end = match.span()
        parts.append(data[position:start])
        position = end
        if data[start] == 0x23:  # "#"
            continue
        if _FORMATTED.search(data[max(start - 3, 0) : start]):
            text = match.group()
            if text.count(b"{") != text.count(b"}"):
                return data
            parts.append(b'"%s"' % text[text.find(b"{") : text.rfind(b"}") + 1])
        else:
            parts.append(b'""')
    return b"".join([*parts, data[position:]])


def _statements(data: bytes, package: str) -> Iterator[tuple[Statement, list[tuple[str, str]]]]:
    """Every import statement, with the names that it takes and what it calls them."""
    line, counted = 1, 0
    for match in _IMPORT.finditer(data):
        start = data.rfind(b"\n", 0, match.start()) + 1
        while start > 1 and data[max(start - 3, 0) : start].rstrip(b"\r\n").endswith(b"\\"):
            start = data.rfind(b"\n", 0, start - 1) + 1
        before = _BEFORE.search(data[start : match.start()].replace(b"\\\r\n", b" ").replace(b"\\\n", b" "))
        if not before:
            continue
        line, counted = line + data.count(b"\n", counted, start), start
        after = _AFTER.match(data, match.end())
        text = after.group(1) if after else b""
        if b"#" in text:
            text = _COMMENT.sub(b"", text)
        bound = [
            _named(each)
            for each in text.strip(b"()").replace(b"\\", b" ").decode(errors="replace").split(",")
        ]
        bound = [each for each in bound if each[0]]
        sure = before.start() == 0 and data[start : start + 1] in (b"f", b"i") and _is_code(data, start)
        if before.group(1) is None:
            for module, alias in bound:
                yield Statement(module, (), line, sure), [("", alias)]
            continue
        source = before.group(1).replace(b" ", b"").decode(errors="replace")
        level = len(source) - len(source.lstrip("."))
        module = absolute(source.lstrip("."), level, package)
        yield Statement(module, tuple(name for name, _ in bound), line, sure), bound


def _is_code(data: bytes, position: int) -> bool:
    """Tell whether a position is certainly not inside a text of several lines."""
    return data.count(b'"""', 0, position) % 2 == 0 and data.find(b"'''", 0, position) < 0


def _named(text: str) -> tuple[str, str]:
    words = text.split()
    if not words or not words[0].replace(".", "_").replace("*", "_").isidentifier():
        return "", ""
    return words[0], words[2] if len(words) > 2 and words[1] == "as" else ""


def _uses(data: bytes, aliases: dict[str, set[str]]) -> tuple[set[str], set[tuple[str, str]]]:
    """The dotted names that follow an alias, and the keywords of the calls among them."""
    names: set[str] = set()
    calls: set[tuple[str, bytes, int]] = set()
    seen: set[tuple[str, str]] = set()
    for _ in range(_ROUNDS):
        fresh = {(alias, target) for alias, targets in aliases.items() for target in targets} - seen
        seen |= fresh
        for alias, target in fresh:
            for chain, called, bound in _places(data, alias.encode()):
                if (chain or called) and not chain.endswith(b".html"):  # links to documentation
                    calls.add((target, chain, called))
                if bound:
                    aliases.setdefault(bound, set()).add(_joined(target, chain))
    keywords: set[tuple[str, str]] = set()
    for target, chain, end in calls:
        name = _joined(target, chain)
        names.add(name)
        if end:
            keywords |= {(name, each) for each in _keywords(data, end)}
    return names, keywords


def _places(data: bytes, word: bytes) -> Iterator[tuple[bytes, int, str]]:
    """Where a name stands: its attributes, where its call's arguments begin or 0, what it is assigned to."""
    position = data.find(word)
    while position >= 0:
        before = data[position - 1] if position else 0
        if before not in _PART_OF_A_NAME and (match := _CHAIN.match(data, position + len(word))):
            chain = match.group(1)
            bound = ""
            if before in _BLANK or before == 0x3D:
                left = data[max(position - _LONGEST_GAP, 0) : position].rstrip(_BLANK)
                if left.endswith(b"=") and _END.match(data, match.end(1)):
                    start = max(position - _LONGEST_GAP, 0)
                    bound = _bound(data, start + len(left) - 1)
            yield chain, match.end() if match.group(2) else 0, bound
        position = data.find(word, position + len(word))


def _imported_by_name(data: bytes) -> set[str]:
    """What `import_module` and `__import__` are given: texts, and an empty one for anything else."""
    if b"import_module(" not in data and b"__import__(" not in data:
        return set()
    return {each.decode() for each in _BY_NAME.findall(data)}


def _looked_up(data: bytes, aliases: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for match in _LOOK_UP.finditer(data):
        first, _, rest = match.group(1).decode(errors="replace").partition(".")
        for target in aliases.get(first, ()):
            found.add(".".join(filter(None, (target, rest, match.group(2).decode(errors="replace")))))
    return found


def _joined(target: str, chain: bytes) -> str:
    if b"#" in chain:
        chain = _COMMENT.sub(b"", chain)
    return target + b"".join(chain.split()).replace(b"\\", b"").decode(errors="replace")


def _bound(data: bytes, position: int) -> str:
    """The name that an assignment at the left of `position` gives, if it is a plain one."""
    start = data.rfind(b"\n", 0, position) + 1
    match = re.match(rb"[ \t]*(\w+)[ \t]*(?::[^=]*)?$", data[start:position])
    return match.group(1).decode() if match else ""


def _keywords(data: bytes, start: int) -> set[str]:
    """The keywords that a call may pass whose parenthesis ends before `start`; "" where that is unclear."""
    inside = data[start : data.find(b")", start)]
    if b"(" not in inside and b'"' not in inside and b"'" not in inside and b"#" not in inside:
        if b"=" not in inside:
            return set()
        return {each.decode(errors="replace") for each in _KEYWORD.findall(inside)}
    found: set[str] = set()
    depth = 1
    for match in _TOKEN.finditer(data, start, start + _LONGEST_CALL):
        if match.lastindex == 1:
            if depth == 1:
                found.add(match.group(1).decode(errors="replace"))
        elif match.lastindex == 2:
            break
        else:
            token = match.group()
            depth += (token == b"(") - (token == b")")
            if not depth:
                return found
    return {""}
