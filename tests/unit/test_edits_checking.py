"""An edit with a bad argument says so when it is made; none gives a traceback when it is run."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

import surgeon.edits
from surgeon import registry
from surgeon.errors import UsageError
from surgeon.patch import at_least
from surgeon.rewriting.rewrite import rewrite
from tests import support
from tests.tools import recorded

GOOD: dict[type, Any] = {
    type(edit): edit for one in recorded.patches().values() for edit in one.transforms if callable(edit)
}
KINDS = [each for each in vars(surgeon.edits).values() if dataclasses.is_dataclass(each)]
ODD: tuple[object, ...] = (
    *("", " ", ".", "a", "a.b", "a.b.c", "a..b", "a.b.", ".a", "..a.b", "class", "a.class", "a.1", "1"),
    *("a-b", "a b", "a.b()", "x = 1", "x +", "def f(:", "\u00e9.b", "a.\u00e9", "\0", "2", "2.4", "2.x"),
    *("2.4.0a0", "None", "#", "{name}", "{name} = {other}", "\n", "a\nb", "'", "if x: ...", "f()"),
    *("except E: ...", "import a", "return 1", "return", None, 0, -1, 1.5, True, b"a.b", (), ("a",)),
    *(("a", "b"), ("a", 1), ("a", -1), (1, "a"), ["a"], {"a": 1}, object(), print),
)
SOURCES = (
    *[case.before for one in recorded.patches().values() for case in one.cases][::3],
    "import a\nimport a.b as c\nfrom a import b\nfrom a.b import c, d\n\n\n"
    "def f(x=a.b()):\n    a = 1\n    return c.d + a.b(x, k=1)\n",
    "import a, a.b; a.b.c |= a.b\nif a.b: b(a.b)\n",
    "from . import a\nfrom .a import b as a\na.b.c(a=b)\nclass A(a.b): b: a.b = a.b\n",
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_odd_argument_is_refused_by_name_or_does_no_harm(kind: type) -> None:
    assert kind in GOOD
    fields = [each.name for each in dataclasses.fields(kind)]
    for field, value in itertools.product(fields, ODD):
        try:
            edit = dataclasses.replace(GOOD[kind], **{field: value})
        except UsageError as error:
            assert error.message.startswith(f"{kind.__name__}: {field} must be "), error.message
            continue
        if kind is surgeon.edits.Visitor:
            continue  # whatever a stranger's transformer does
        one = dataclasses.replace(recorded.OTHERS[0], transforms=(edit,), expect=at_least(0))
        for source in SOURCES:
            reason = rewrite(source.encode(), [one]).failures.get(one.id, "")
            assert not re.match(r"\w+(Error|Exception): ", reason), f"{edit}\n{source}\n{reason}"


@pytest.mark.parametrize("name", [".", "a.", "", "a..b", "class.x", "packaging"])
def test_what_is_renamed_and_moved_has_a_module(name: str) -> None:
    for kind in (surgeon.edits.RelocateImport, surgeon.edits.Rename):
        with pytest.raises(UsageError, match=f"{kind.__name__}: name must be the full name"):
            kind(name, "a.b")


def test_a_module_with_a_bad_edit_is_named_with_the_edit_and_the_argument(tmp_path: Path) -> None:
    good = (support.GADGETS / "gadget_shiny.py").read_text()
    (tmp_path / "bad.py").write_text(good.replace('Attribute("torch.shiny")', 'Attribute("torch.")'))
    (problem,) = registry.load(tmp_path).problems
    assert problem.path == str(tmp_path / "bad.py")
    assert "cannot be used: GuardAttribute: name must be a full name" in problem.message
    assert "'torch.'" in problem.message
