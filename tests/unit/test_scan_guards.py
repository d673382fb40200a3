"""What keeps a missing name from doing harm, and what only looks as if it did."""

from __future__ import annotations

from itertools import pairwise

import libcst as cst
import pytest

from surgeon.edits import is_guarded
from surgeon.edits.tree import Tree
from tests.unit.guard_forms import GUARDED, GUARDED_HERE, UNGUARDED
from tests.unit.test_scan_references import MISSING, when


@pytest.mark.parametrize("source", [*GUARDED, *GUARDED_HERE])
def test_a_guard_is_seen(source: str) -> None:
    assert when(source) == "guarded"


@pytest.mark.parametrize("source", GUARDED)
def test_edits_see_the_same_guard(source: str) -> None:
    assert all(_as_edits_see_it(source))


@pytest.mark.parametrize("source", [*UNGUARDED, *GUARDED_HERE])
def test_what_is_no_guard_everywhere_is_none_for_an_edit(source: str) -> None:
    assert not all(_as_edits_see_it(source))


def _as_edits_see_it(source: str) -> list[bool]:
    """Whether each use of what is missing is guarded."""
    tree = Tree(cst.parse_module(source))
    found = []
    for name in (each for each in MISSING if each.rpartition(".")[2] in source):
        imports = [each.statement for each in tree.imports(name)]
        places = [*imports, *(each.node for each in tree.references(name) if name in each.name)]
        found += [is_guarded(tree, each, name, since="2.4") for each in places]
    assert found
    return found


@pytest.mark.parametrize("source", UNGUARDED)
def test_what_is_no_guard_is_none(source: str) -> None:
    from tests.unit.test_scan_references import gaps

    assert "import" in {gap.when.value for gap in gaps(source)}


def test_a_version_check_is_computed_for_the_torch_that_is_asked() -> None:
    source = "if is_torch_version('>=', '2.4'):\n    import torch.xpu"
    newer = {"torch": "2.5.1"}
    from surgeon.scan.gaps import judge, questions
    from surgeon.sources.guards import World
    from surgeon.sources.references import read
    from tests.unit.test_scan_references import answer

    found = read(source.encode(), "torch")
    judged = judge(found, World("torch", newer, {"torch"}), {each: answer(each) for each in questions(found)})
    assert [gap.when.value for gap in judged.gaps] == ["import"]


def test_names_that_lead_to_each_other_take_no_time() -> None:
    names = [f"n{number}" for number in range(40)]
    lines = [f"if x: {a}, {b} = {b}.f({a}), g({a}, {b})" for _ in range(4) for a, b in pairwise(names)]
    tests = [f"if {name} >= 3 and {name}: torch.xpu" for name in names]
    assert when("\n".join(["import torch", *lines, *tests])) == "import"
