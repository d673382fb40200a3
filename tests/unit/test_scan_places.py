"""A name or an import that libcst read is the one that `ast` read at the same place."""

from __future__ import annotations

import ast
import random
import sysconfig
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from surgeon.edits.tree import Tree
from surgeon.sources.places import in_order, spelling

FILES = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
ODD = """
def f(a, /, b=a if a else c, *d, e: a = c, **g) -> a: ...
a = c if a else c if c else a
match a:
    case a if c: a
    case [a, *c]: c
    case {"a": a, **c}: a
try: a
except (a, c) as a: c
except c: a
else: a
finally: c
with a as c, c as a: a
x = [a for a in c if a for c in a if c], {a: c for c in a}, lambda a, /, c=a, *, d=c: a
y = f"{a}{c!r:{a}} {f'{c}'}" f'''
{a}
{c}'''
@a
class A(c, metaclass=a, **c): a: c = a
a[a:c, c::a] = True, None, False, c
del a, c
print(a, *c, a=c, **a)
if (a := c): global_ = a
"""


@pytest.mark.parametrize("seed", range(3))
def test_both_parsers_give_names_the_same_order(seed: int) -> None:
    chosen = [each for each in FILES if each.stat().st_size < 60_000]
    for path in random.Random(seed).sample(chosen, 12):
        _compare(path.read_bytes())


def test_names_in_every_kind_of_place() -> None:
    _compare(ODD.encode())


def _compare(data: bytes) -> None:
    module = cst.parse_module(data)
    lines = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    ours: dict[str, list[int]] = {
        name: [lines[node].start.line for _, node, _ in rows]
        for name, rows in Tree(module).index.names.items()
    }
    theirs: dict[str, list[ast.AST]] = {}
    for node in in_order(ast.parse(module.code)):
        if spelling(node):
            theirs.setdefault(spelling(node), []).append(node)
    assert {name: len(each) for name, each in theirs.items()} == {n: len(each) for n, each in ours.items()}
    for name, nodes in theirs.items():
        for line, node in zip(ours[name], nodes, strict=True):
            if isinstance(node, (ast.Name, ast.Constant)):
                assert node.lineno == line, name
