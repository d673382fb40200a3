"""A look at a source without parsing it: everything that it may import, and all names that it may use.

Parsing the sources of a stack costs ten times what looking costs, and few of them ask for anything
that is missing. The look finds too much (comments, texts, names that mean something else in
another function) and must never find too little: what `surgeon.scan.references` finds in a source is
in here. A test holds the two against each other over real wheels.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from surgeon.scan.names import absolute, below

_IMPORT = re.compile(rb"import(?<!\wimport)(?!\w)")
_BEFORE = re.compile(rb"(?:^|[;:])[ \t\f]*(?:from[ \t]*([\w.]*(?:[ \t]*\.)*[\w.]*)[ \t]*)?$")
_AFTER = re.compile(rb"[ \t]*(\((?:[^)#]|#[^\n]*)*\)|(?:[^\n;#\\]|\\\r?\n)*)")
_COMMENT = re.compile(rb"#[^\n]*")
_GAP = rb"(?:\s|\\\r?\n|#[^\n]*\n)*"
_KEYWORD = re.compile(rb"(\w+)\s*=(?!=)")
_TOKEN = re.compile(rb"[()]|(\w+)\s*=(?!=)|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|([\"'])")
_LOOK_UP = re.compile(rb"attr\(\s*([\w.]+)\s*,\s*[rbuRBU]?[\"'](\w+)[\"']")
_LEXEME = re.compile(
    rb"#[^\n]*|(?:(?<!\w)(?:(?P<f>[fFtT][rR]?|[rR][fFtT])|[bBuU]?[rR]?|[rR][bB]))?"
    rb'(?:"""(?:[^"\\]|\\.|"(?!""))*"""|' + rb"'''(?:[^'\\]|\\.|'(?!''))*'''"
    rb'|"(?:[^"\\\n]|\\.)*"|' + rb"'(?:[^'\\\n]|\\.)*')",
    re.DOTALL,
)
_LONGEST_CALL = 5_000
_END = rb"[ \t)\\]*(?:[\r\n;#]|$)"
_ROUNDS = 3
"""How often an alias of an alias is followed; see `references`."""


@dataclass(frozen=True)
class Statement:
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


@dataclass(frozen=True)
class Glance:
    """What a source may ask.

    Attributes:
        names: dotted names of the module asked, read as attributes.
        imported: those that an import statement reaches.
        keywords: names and the keywords that calls of them may pass; the empty keyword where that
            could not be seen.
        statements: its imports, of any module.
        looked_up: names that it asks `getattr` or `hasattr` for.
    """

    names: frozenset[str]
    imported: frozenset[str]
    looked_up: frozenset[str]
    keywords: frozenset[tuple[str, str]]
    statements: tuple[Statement, ...]


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
    looked_up = _looked_up(data, aliases) if aliases else set()
    return Glance(
        frozenset(names), frozenset(imported), frozenset(looked_up), frozenset(keywords), tuple(statements)
    )


def code_of(data: bytes) -> bytes:
    """A source without its comments and texts; texts that may hold code (f-strings) stay.

    Where texts nest in a way that this cannot follow (PEP 701), the source is returned as it is.
    """
    for match in _LEXEME.finditer(data):
        text = match.group()
        if match.group("f") and text.count(b"{") != text.count(b"}"):
            return data
    return _LEXEME.sub(_kept, data)


def _kept(match: re.Match[bytes]) -> bytes:
    if match.group("f"):
        return match.group()
    return b"" if match.group().startswith(b"#") else b'""'


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
    return data.count(b'"""', 0, position) % 2 == 0 and b"'''" not in data[:position]


def _named(text: str) -> tuple[str, str]:
    words = text.split()
    if not words or not words[0].replace(".", "_").replace("*", "_").isidentifier():
        return "", ""
    return words[0], words[2] if len(words) > 2 and words[1] == "as" else ""


def _uses(data: bytes, aliases: dict[str, set[str]]) -> tuple[set[str], set[tuple[str, str]]]:
    """The dotted names that follow an alias, and the keywords of the calls among them."""
    names: set[str] = set()
    keywords: set[tuple[str, str]] = set()
    seen: set[tuple[str, str]] = set()
    for _ in range(_ROUNDS):
        fresh = {(alias, target) for alias, targets in aliases.items() for target in targets} - seen
        seen |= fresh
        for alias, target in fresh:
            word = re.escape(alias.encode())
            here = word + rb"(?<![\w.]" + word + rb")(?!\w)"
            chains = re.compile(here + rb"((?:" + _GAP + rb"\." + _GAP + rb"\w+)*)(" + _GAP + rb"\()?")
            calls: set[tuple[bytes, int]] = set()
            for match in chains.finditer(data):
                chain, called = match.groups()
                if (chain or called) and not chain.endswith(b".html"):  # links to documentation
                    calls.add((chain, match.end() if called else -1))
            for chain, end in calls:
                name = _joined(target, chain)
                names.add(name)
                if end >= 0:
                    keywords |= {(name, each) for each in _keywords(data, end)}
            for match in re.finditer(
                rb"=[\s(\\]*" + here + rb"((?:" + _GAP + rb"\." + _GAP + rb"\w+)*)" + _END, data
            ):
                if bound := _bound(data, match.start()):
                    aliases.setdefault(bound, set()).add(_joined(target, match.group(1)))
    return names, keywords


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
