"""A hand edit becomes edits that make it again, on this text and on one that moved; or a reason why not."""

from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surgeon.author.capture import patch_of
from surgeon.author.capture_text import literal
from surgeon.author.examples import checks
from surgeon.errors import Refused
from surgeon.patch import Patch
from surgeon.rewriting.rewrite import rewrite

BASE = '''\
"""A module."""
import os
import torch


@decorated
class A(Base):
    x = 1

    def f(self, x, *, y=None):
        """Doc."""
        if x:
            y = 1
        elif y:
            y = 2
        else:
            y = 3
        for i in range(x):
            print(i)
            print(i + 1)
        try:
            y = load(x)
        except OSError:
            y = None
        finally:
            close(x)
        return y

    def g(self):
        return 3


def h(a, b):
    return a
'''


def made(before: str, after: str) -> Patch:
    return patch_of("d", "1.0", "d/x.py", "mine", before.encode(), after.encode())


def same(one: str, two: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(two))


def applied(patch: Patch, source: str) -> str:
    result = rewrite(source.encode(), [patch])
    assert result.failures == {}
    return result.result.decode()


EDITS = {
    "an import": ("import os\n", "import os\nimport sys\n"),
    "an import at the top": ("import os\n", "import abc\nimport os\n"),
    "an import less": ("import os\n", ""),
    "the docstring": ('"""A module."""', '"""Another module."""'),
    "a base class": ("class A(Base):", "class A(Base, Mixin):"),
    "a decorator": ("@decorated\n", "@decorated\n@twice\n"),
    "a decorator less": ("@decorated\n", ""),
    "a signature": ("x, *, y=None)", "x, z=0, *, y=None)"),
    "a class attribute": ("    x = 1\n", "    x = 2\n"),
    "an if": ("        if x:\n", "        if x is not None:\n"),
    "an elif": ("        elif y:\n", "        elif y > 1:\n"),
    "an elif less": ("        elif y:\n            y = 2\n", ""),
    "an else less": ("        else:\n            y = 3\n", ""),
    "a loop": ("range(x)", "range(1, x)"),
    "in a loop": ("            print(i)\n", ""),
    "in a branch": ("y = 2\n", "y = 22\n"),
    "an except": ("except OSError:", "except (OSError, ValueError):"),
    "in a handler": ("            y = None\n", "            y = None\n            warn(x)\n"),
    "in a finally": ("close(x)", "close(x, y)"),
    "a handler more": (
        "        finally:\n",
        "        except KeyError:\n            raise\n        finally:\n",
    ),
    "a return": (
        "        return y\n",
        "        if y is None:\n            raise ValueError(x)\n        return y\n",
    ),
    "a method more": ("    def g(self):\n", "    def e(self):\n        return 2\n\n    def g(self):\n"),
    "a method less": ("\n    def g(self):\n        return 3\n", ""),
    "a function's name": ("def h(a, b):", "def hh(a, b):"),
    "a wrapped statement": ("    return a\n", "    if a:\n        return a\n    return b\n"),
    "a statement in a with": (
        "            y = load(x)\n",
        "            with x:\n                y = load(x)\n",
    ),
    "a function made async": ("def h(a, b):", "async def h(a, b):"),
    "a string with everything": ("return a\n", 'return """\\"\\\\\n\'\'\' \\n  {a}\n"""\n'),
    "the last statement": ("    return a\n", "    return a\n\n\nX = h(1, 2)\n"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_captured_and_proves_itself(name: str) -> None:
    old, new = EDITS[name]
    after = BASE.replace(old, new, 1)
    assert not same(BASE, after)
    patch = made(BASE, after)
    assert same(applied(patch, BASE), after)
    assert [check for check in checks(patch) if check.fault] == []
    assert len(patch.cases[0].before.splitlines()) < len(BASE.splitlines())


def moved(source: str) -> str:
    """The same code in another place, formatted otherwise, amid code of its own."""
    text = ast.unparse(ast.parse(source))
    text = text.replace("import torch\n", "import torch\n\ndef before_it():\n    return 0\n")
    text = text.replace("    def f(", "    def e0(self):\n        return 0\n\n    def f(")
    return f"import json\n{text}\n\ndef after_it():\n    return 0\n"


@pytest.mark.parametrize("name", EDITS)
def test_it_survives_reformatting_and_moved_lines(name: str) -> None:
    old, new = EDITS[name]
    after = BASE.replace(old, new, 1)
    patch = made(BASE, after)
    if name in ("the docstring", "a method more", "a method less", "the last statement", "a decorator less"):
        result = rewrite(moved(BASE).encode(), [patch])
        if result.failures:  # its neighbours are others now
            assert result.result == moved(BASE).encode()
            return
    assert same(applied(patch, moved(BASE)), moved(after))


@given(st.sets(st.sampled_from(sorted(EDITS)), min_size=2, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_several_edits_at_once(names: set[str]) -> None:
    after = BASE
    for name in sorted(names):
        after = after.replace(*EDITS[name], 1)
    try:
        compile(after, "<edited>", "exec")
    except SyntaxError:
        return
    patch = made(BASE, after)
    assert same(applied(patch, BASE), after)
    assert applied(patch, applied(patch, BASE)) == applied(patch, BASE)


HEAD = "def f(a):\n    for x in a:\n        g(x)\n"
LINE = "    g(x)\n"


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("x = 1\n", "x = 1  # why\n", "comments-only", "comments or formatting"),
        ("x = [1, 2]\n", "x = [\n    1,\n    2,\n]\n", "comments-only", "comments or formatting"),
        (
            "g()\n" * 9,
            "g()\n" * 4 + "h()\n" + "g()\n" * 4,
            "ambiguous",
            "places at the top level hold `g()`",
        ),
        (
            HEAD + LINE * 7,
            HEAD + LINE * 3 + "    h(x)\n" + LINE * 3,
            "ambiguous",
            "in f hold `g(x)`",
        ),
        ("", "x = 1\n", "ambiguous", "nothing at the top level"),
        ("x = 1\n", "x = 1\n\n\ndef f(): ...\n", "ambiguous", "would stand for any body"),
        ("x = 1\n", "x = (\n", "not-parseable", "cannot be parsed"),
    ],
)
def test_what_cannot_be_captured_is_refused_with_the_reason(
    before: str, after: str, code: str, words: str
) -> None:
    with pytest.raises(Refused) as caught:
        made(before, after)
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message


MOVED = {
    "an import up": (
        "import torch\nfrom a import b\nfrom c import d\nimport math\n\nX = math.pi\n",
        "import math\nimport torch\nfrom a import b\nfrom c import d\n\nX = math.pi\n",
    ),
    "an import down": (
        "import math\nimport torch\nfrom a import b\nfrom c import d\n\nX = math.pi\n",
        "import torch\nfrom a import b\nfrom c import d\nimport math\n\nX = math.pi\n",
    ),
    "a function": (
        "def f():\n    return 1\n\n\nX = 1\nY = 2\n\n\ndef g():\n    return 2\n",
        "X = 1\nY = 2\n\n\ndef f():\n    return 1\n\n\ndef g():\n    return 2\n",
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_was_moved_leaves_its_old_place_first(name: str) -> None:
    """Found in xfuser 0.4.3.post3: the copy that was about to go counted as the import to insert."""
    before, after = MOVED[name]
    patch = made(before, after)
    assert same(applied(patch, before), after)
    assert same(applied(patch, after), after)


def test_one_of_two_equal_statements_is_told_by_its_neighbours() -> None:
    before = "def f():\n    a()\n    g()\n    b()\n    g()\n    c()\n"
    after = before.replace("    b()\n    g()\n", "    b()\n    g(1)\n")
    patch = made(before, after)
    assert same(applied(patch, before), after)
    assert "b()" in patch.transforms[0].before  # type: ignore[attr-defined]


@given(st.text(max_size=60))
def test_a_literal_means_its_text(text: str) -> None:
    text = f"{text}\n"
    assert ast.literal_eval(literal(text)) == text
