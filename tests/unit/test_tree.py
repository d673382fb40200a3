"""Names, scopes, annotations and replacements."""

from __future__ import annotations

import libcst as cst
import pytest

from surgeon.edits.tree import EditError, Tree


def tree(source: str) -> Tree:
    return Tree(cst.parse_module(source), "an-id")


def names(source: str, name: str) -> list[str]:
    return [each.name for each in tree(source).references(name)]


@pytest.mark.parametrize(
    ("source", "name", "found"),
    [
        ("import torch\ntorch.xpu.seed", "torch.xpu", ["torch.xpu.seed"]),
        (
            "import torch.distributed as dist\ndist.mesh.M",
            "torch.distributed.mesh",
            ["torch.distributed.mesh.M"],
        ),
        ("import torch.nn\ntorch.nn.RMSNorm", "torch.nn.RMSNorm", ["torch.nn.RMSNorm"]),
        ("from torch import nn\nnn.RMSNorm(1).x", "torch.nn.RMSNorm", ["torch.nn.RMSNorm"]),
        ("from torch.xpu import seed\nseed()", "torch.xpu", ["torch.xpu.seed"]),
        ("from torch.nn import RMSNorm as R\nR.x.y", "torch.nn.RMSNorm", ["torch.nn.RMSNorm.x.y"]),
        ("from . import compat as torch\ntorch.xpu", "torch.xpu", []),
        ("from . import compat\ncompat.x", ".compat", [".compat.x"]),
        ("from ..a import b\nb", "..a.b", ["..a.b"]),
        ("import torchvision\ntorchvision.xpu", "torch", []),
        ("import torch\ntorch.xpux", "torch.xpu", []),
        ("torch.xpu", "torch.xpu", []),
        ("try:\n    from a import X\nexcept ImportError:\n    X = None\nX", "a.X", ["a.X"]),
        ("try:\n    from a import X\nexcept ImportError:\n    from b import X\nX", "b.X", ["b.X"]),
        ("def f():\n    import torch\n    return torch.xpu\ntorch.xpu", "torch.xpu", ["torch.xpu"]),
        (
            "class A:\n    import torch\n    b = torch.xpu\n    def f(self): return torch.xpu",
            "torch.xpu",
            ["torch.xpu"],
        ),
        (
            "import torch\nclass A:\n    torch = 1\n    def f(self): return torch.xpu",
            "torch.xpu",
            ["torch.xpu"],
        ),
        ("import torch\nclass A:\n    m: torch.xpu = None", "torch.xpu", ["torch.xpu"]),
        (
            "def f():\n    global torch\n    import torch\ndef g(): return torch.xpu",
            "torch.xpu",
            ["torch.xpu"],
        ),
        (
            "def f():\n    import torch\n    def g():\n        nonlocal torch\n        torch.xpu",
            "torch.xpu",
            ["torch.xpu"],
        ),
        ("import torch\nf'{torch.xpu}'", "torch.xpu", ["torch.xpu"]),
        ("import torch\ntorch.xpu = 1\ndel torch.xpu", "torch.xpu", []),
        ("import torch\nf(torch=1).torch.xpu", "torch.xpu", []),
        ("import torch\n@torch.xpu\ndef torch2(a=torch.xpu): ...", "torch.xpu", ["torch.xpu", "torch.xpu"]),
    ],
)
def test_references(source: str, name: str, found: list[str]) -> None:
    assert names(source + "\n", name) == found


@pytest.mark.parametrize(
    "shadow",
    [
        "def f(torch): return torch.xpu",
        "def f(*torch): return torch.xpu",
        "def f(*, torch=1): return torch.xpu",
        "lambda torch: torch.xpu",
        "[torch.xpu for torch in x]",
        "{a: torch.xpu for a, torch in x if torch.xpu}",
        "def f():\n    torch = 1\n    return torch.xpu",
        "def f():\n    for torch in x: torch.xpu",
        "def f():\n    with x as (a, *torch): torch.xpu",
        "def f():\n    (torch := 1)\n    torch.xpu",
        "def f():\n    try: ...\n    except E as torch: torch.xpu",
        "def f():\n    def torch(): ...\n    torch.xpu",
        "def f():\n    match x:\n        case {**torch}: torch.xpu",
    ],
)
def test_shadowed_names_are_not_references(shadow: str) -> None:
    assert names(f"import torch\n{shadow}\n", "torch.xpu") == []


def test_a_first_iterable_is_read_outside_of_its_comprehension() -> None:
    assert names("import torch\n[torch.a for torch in torch.xpu]\n", "torch.xpu") == ["torch.xpu"]


def test_an_exact_part_and_its_whole_chain() -> None:
    (found,) = tree("import torch\ntorch.xpu.seed.x\n").references("torch.xpu")
    assert found.exact is not None
    assert cst.Module([]).code_for_node(found.exact) == "torch.xpu"
    assert cst.Module([]).code_for_node(found.node) == "torch.xpu.seed.x"


def test_annotations_and_import_time() -> None:
    subject = tree(
        "import t\ndef f(a: dict[t.A, int] = t.B) -> t.C:\n    t.D\nclass X:\n    e: t.E | None = t.F\n"
    )
    found = {each.name: each.node for each in subject.references("t")}
    annotated = {name: subject.annotation(node) for name, node in found.items()}
    assert {name for name, each in annotated.items() if each} == {"t.A", "t.C", "t.E"}
    assert annotated["t.A"] is not None
    assert subject.source(annotated["t.A"]) == "dict[t.A, int]"
    late = {name for name, node in found.items() if not subject.runs_at_import(node)}
    assert late == {"t.D"}


def test_postponed_annotations_do_not_run_at_import() -> None:
    subject = tree("from __future__ import annotations\nimport t\ndef f(a: t.A = t.B): ...\n")
    assert [subject.runs_at_import(each.node) for each in subject.references("t")] == [False, True]


def test_only_changed_lines_change() -> None:
    source = "import t  # odd   spacing\nx = [t.a ,t.b]  ;  y=1\n\n\nif  x :\n\tt.a\n"
    subject = tree(source)
    for each in subject.references("t.a"):
        subject.replace(each.node, "t.c")
    assert subject.commit().code == source.replace("t.a", "t.c")
    assert subject.module.code == source


def test_inserted_lines_are_marked_and_follow_the_file() -> None:
    subject = tree("import t\r\nif t:\r\n\tt.a")
    (found,) = subject.references("t.a")
    subject.insert_after(subject.line(found.node), "if 1:\n    pass\n")
    mark = "  # m3d-surgeon: an-id"
    assert subject.commit().code == f"import t\r\nif t:\r\n\tt.a\r\n\tif 1:{mark}\r\n\t\tpass{mark}"


def test_a_cookie_stays_at_the_top() -> None:
    subject = tree("# -*- coding: utf-8 -*-\nx = 1\n")
    subject.insert_before(subject.module.body[0], "y = 1")
    assert subject.commit().code == "# -*- coding: utf-8 -*-\ny = 1  # m3d-surgeon: an-id\nx = 1\n"


def test_overlapping_replacements_are_refused() -> None:
    subject = tree("import t\nf(t.a(t.b))\n")
    outer, inner = subject.references("t")
    subject.replace(subject.parent(outer.node), "x")
    subject.replace(inner.node, "y")
    with pytest.raises(EditError, match="overlap"):
        subject.commit()


@pytest.mark.parametrize("source", ["import t; t.a\n", "import t\nif t: t.a\n"])
def test_statements_that_share_a_line_are_refused(source: str) -> None:
    subject = tree(source)
    with pytest.raises(EditError):
        subject.line(subject.references("t.a")[0].node)


def test_text_that_not_every_encoding_has_is_refused() -> None:
    with pytest.raises(EditError, match="not ASCII"):
        tree("x\n").statements("y = '\u20ac'")


def test_type_parameters_shadow() -> None:
    assert names("import t\ndef f[t](a: t.A) -> t.B: return t.C\nclass X[t](t.D): ...\nt.E\n", "t") == ["t.E"]
