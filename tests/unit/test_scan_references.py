# ruff: noqa: E501 - one source a line
"""Every way of using a name, and whether importing the module or calling a function does it."""

from __future__ import annotations

import ast

import pytest

from surgeon.scan.gaps import Gap, When, judge, questions
from surgeon.scan.surface import Found, Question
from surgeon.sources.guards import World
from surgeon.sources.references import read

MISSING = ("torch.xpu", "torch.nn.RMSNorm", "torch.distributed.tensor", "torch.float8", "torch.nn.attention")
PARAMETERS = {"torch.nn.functional.attention": frozenset({"query", "key"})}
VERSIONS = {"torch": "2.1.0+cu121", "transformers": "4.57.3", "packaging": "24.0"}
MODULES = frozenset(
    {"torch", "sys", "os", "typing", "functools", "numpy", "packaging", "contextlib", "transformers"}
)


def answer(question: Question) -> Found:
    """A torch that lacks `MISSING` and has everything else."""
    for missing in MISSING:
        if question.name == missing or question.name.startswith(missing + "."):
            return Found(False, missing)
    return Found(True, "", PARAMETERS.get(question.name))


def gaps(source: str, package: str = "pkg", **world: object) -> list[Gap]:
    """The gaps of a small source."""
    there = World("torch", VERSIONS, MODULES, **{"python": (3, 10, 13), **world})  # type: ignore[arg-type]
    found = read(source.encode(), "torch", package)
    return list(judge(found, there, {each: answer(each) for each in questions(found)}).gaps)


def when(source: str, **world: object) -> str:
    """The one gap of a source: when it bites."""
    ast.parse(source)
    found = {gap.when for gap in gaps(source, **world)}
    assert len(found) <= 1, found
    return found.pop().value if found else "none"


IMPORT_TIME = [
    "import torch.xpu",
    "import torch\ntorch.xpu",
    "import torch\nx = torch.xpu.device_count()",
    "import torch as t\nt.xpu.device_count()",
    "from torch import xpu",
    "from torch import nn\nclass A(nn.RMSNorm): pass",
    "import torch.nn as nn\nclass A:\n    norm = nn.RMSNorm",
    "from torch import nn\n@nn.RMSNorm\ndef f(): pass",
    "import torch\n@torch.xpu.disable\nclass A: pass",
    "import torch\nclass A:\n    @torch.xpu.disable\n    def f(self): pass",
    "import torch\ndef f(x=torch.xpu): pass",
    "import torch\ndef f(*, x=torch.xpu): pass",
    "import torch\ndef f(x: torch.xpu.Stream): pass",
    "import torch\ndef f() -> torch.xpu.Stream: pass",
    "import torch\nx: torch.xpu.Stream",
    "import torch\nclass A:\n    x: torch.xpu.Stream = None",
    "import torch\nx = [torch.xpu for _ in range(3)]",
    "import torch\nx = {k: torch.xpu for k in range(3)}",
    "import torch\nf = lambda x=torch.xpu: x",
    "import torch\nfor _ in range(3):\n    torch.xpu",
    "import torch\nwith torch.xpu.stream(): pass",
    "import torch\nx = f'{torch.xpu}'",
    "import torch\ndef f():\n    return torch.xpu\nf()",
    "import torch\ndef g():\n    return torch.xpu\ndef f():\n    return g()\nX = f()",
    "import torch\nclass A:\n    def __init__(self):\n        torch.xpu\nA()",
    "import torch\ndef deco(f):\n    torch.xpu\n    return f\n@deco\ndef g(): pass",
    "import torch\nclass A:\n    @staticmethod\n    def f():\n        torch.xpu\nA.f()",
    "import torch\nclass A:\n    @classmethod\n    def f(cls):\n        torch.xpu\nclass B:\n    x = A.f()",
    "import torch\nclass A:\n    def __init__(self):\n        self.g()\n    def g(self):\n        torch.xpu\nX = A()",
    "import torch\nclass A:\n    def g(self):\n        torch.xpu\na = A()\na.g()",
    "import torch\nclass A:\n    def g(self):\n        torch.xpu\nA().g()",
    "import torch\nclass A:\n    def __init__(self):\n        torch.xpu\nclass B(A):\n    pass\nB()",
    "import torch\nclass A:\n    def __init__(self):\n        torch.xpu\nclass B(A):\n    def __init__(self):\n        super().__init__()\nB()",
    "import torch\nclass A:\n    def __init_subclass__(cls):\n        torch.xpu\nclass B(A):\n    pass",
    "import torch\nclass M(type):\n    def __new__(cls, *a):\n        torch.xpu\nclass B(metaclass=M):\n    pass",
    "import torch\nclass D:\n    def __set_name__(self, owner, name):\n        torch.xpu\nclass B:\n    x = D()",
    "import torch\ndef named(n):\n    def deco(f):\n        torch.xpu\n        return f\n    return deco\n@named('x')\ndef g(): pass",
    "import torch\nclass R:\n    @classmethod\n    def register(cls, n):\n        def deco(f):\n            torch.xpu\n            return f\n        return deco\n@R.register('x')\nclass C: pass",
    "import torch\nx = getattr(torch, 'xpu')",
    "from importlib import import_module\nimport_module('torch.xpu')",
    "import torch; torch.xpu",
    "if True: import torch.xpu",
    "import torch\nlib = torch.nn\nlib.RMSNorm",
    "import torch\nx = (torch\n     .xpu)",
    "import torch\ntype(torch.xpu).__name__",
    "import torch\nassert torch.xpu",
    "import torch\nx = y[torch.xpu]",
    "import torch\nx = torch.xpu.a if torch.xpu else 1",
    "from torch.distributed.tensor import *",
    "import torch\nmatch 1:\n    case torch.xpu: pass",
    "import torch\n(x := torch.xpu)",
]
CALL_TIME = [
    "import torch\nclass A:\n    @staticmethod\n    def f():\n        torch.xpu\n    @staticmethod\n    def g():\n        pass\nA.g()",
    "import torch\nclass A:\n    def g(self):\n        torch.xpu\na = A()",
    "import torch\nclass A:\n    def g(self):\n        torch.xpu\nclass B(A):\n    def g(self):\n        pass\nB().g()",
    "import torch\ndef named(n):\n    def deco(f):\n        def w():\n            torch.xpu\n        return w\n    return deco\n@named('x')\ndef g(): pass",
    "import torch\ndef f():\n    return torch.xpu",
    "import torch\nasync def f():\n    return torch.xpu",
    "import torch\nf = lambda: torch.xpu",
    "import torch\nclass A:\n    def f(self):\n        return torch.xpu",
    "def f():\n    import torch\n    torch.xpu",
    "def f():\n    from torch import xpu",
    "import torch\ndef f():\n    def g(x=torch.xpu): pass",
    "import torch\ndef f():\n    @torch.xpu.disable\n    def g(): pass",
    "import torch\ndef f():\n    class A(torch.nn.RMSNorm): pass",
    "import torch\nclass A:\n    def __init__(self):\n        torch.xpu",
    "import torch\ntry:\n    def f():\n        torch.xpu\nexcept AttributeError:\n    pass",
    "import torch\ndef f():\n    f()\n    return torch.xpu",
    "def f():\n    import torch\n    def g():\n        torch.xpu",
]
NOTHING = [
    "import torch\ntorch.cuda",
    "from __future__ import annotations\nimport torch\ndef f(x: torch.xpu.Stream) -> torch.xpu.Stream: pass",
    "from __future__ import annotations\nimport torch\nx: torch.xpu.Stream",
    "import torch\ndef f():\n    x: torch.xpu.Stream = 1",
    "import torch\ndef f(x: 'torch.xpu.Stream'): pass",
    "def f(torch):\n    torch.xpu",
    "import torch\ndef f(torch):\n    return torch.xpu",
    "import torch\ndef f():\n    torch = 1\n    torch.xpu",
    "import torch\nx = [torch.xpu for torch in y]",
    "import torch\nf = lambda torch: torch.xpu",
    "import torch\ntorch = object()\ntorch.xpu",
    "from .torch import xpu",
    "from . import torch\ntorch.xpu",
    "import torchvision\ntorchvision.xpu",
    "import torch\n# torch.xpu\n'torch.xpu'",
    "x.torch.xpu",
    "import torch\nx = getattr(torch, 'xpu', None)",
    "import torch\nhasattr(torch, 'xpu')",
    "import torch\ntorch.xpu = 1\ntorch.xpu",
    "import os as torch\ntorch.xpu",
    "import torch\nclass A:\n    torch = 1\n    x = torch.xpu",
    "import torch\nfor torch in x:\n    torch.xpu",
    "import torch\ntry:\n    pass\nexcept ValueError as torch:\n    torch.xpu",
]


@pytest.mark.parametrize("source", IMPORT_TIME)
def test_importing_the_module_does_it(source: str) -> None:
    assert when(source) == "import"


@pytest.mark.parametrize("source", CALL_TIME)
def test_calling_a_function_does_it(source: str) -> None:
    assert when(source) == "call"


@pytest.mark.parametrize("source", NOTHING)
def test_it_asks_for_nothing_that_is_missing(source: str) -> None:
    assert when(source) == "none"


def test_an_annotation_is_left_alone_from_python_3_14_on() -> None:
    source = b"import torch\ndef f(x: torch.xpu.Stream): pass"
    assert not [use for use in read(source, "torch", lazy_annotations=True).uses if "xpu" in use.name]


def test_a_class_does_not_hide_a_name_from_its_methods() -> None:
    source = "import torch\nclass A:\n    torch = 1\n    def f(self):\n        return torch.xpu"
    assert when(source) == "call"


def test_what_is_missing_is_named_and_not_what_was_wanted_of_it() -> None:
    assert [gap.name for gap in gaps("import torch\ntorch.xpu.memory.stats()")] == ["torch.xpu"]


def test_an_import_that_fails_is_one_gap_however_often_its_name_is_used() -> None:
    assert len(gaps("from torch import xpu\nxpu.a\nxpu.b\nxpu.c()")) == 1


def test_each_line_is_a_gap_of_its_own() -> None:
    assert [gap.line for gap in gaps("import torch\ntorch.xpu\n\ntorch.xpu")] == [2, 4]


@pytest.mark.parametrize(
    "call", ["F.attention(q, k, gqa=True)", "F.attention(q, key=k, gqa=True)", "F.attention(gqa=f(x)(y))"]
)
def test_a_keyword_that_the_function_does_not_take(call: str) -> None:
    found = gaps(f"import torch.nn.functional as F\ndef f():\n    {call}")
    assert [(gap.name, gap.keyword, gap.when) for gap in found] == [
        ("torch.nn.functional.attention", "gqa", When.CALL)
    ]


@pytest.mark.parametrize(
    "call", ["F.attention(q, key=k)", "F.attention(q, **more)", "F.other(gqa=1)", "F.attention"]
)
def test_a_call_that_is_fine(call: str) -> None:
    assert not gaps(f"import torch.nn.functional as F\n{call}")


def test_a_module_that_others_load_is_there_when_a_function_is_called() -> None:
    source = b"import torch\ntorch.xpu.a\ndef f():\n    torch.xpu.b"
    found = read(source, "torch", "pkg")
    there = World("torch", VERSIONS, MODULES)
    judged = judge(found, there, {each: answer(each) for each in questions(found)}, {"torch.xpu"})
    assert [gap.line for gap in judged.gaps] == [2]


def test_relative_imports_are_resolved() -> None:
    found = read(b"from . import a\nfrom .b import c\nfrom ..d import e\nfrom .... import f", "torch", "p.q")
    assert [each.module for each in found.imports] == ["p.q", "p.q.b", "p.d", ""]


def test_a_function_for_another_release_is_not_called() -> None:
    old = "import torch\n@implement_for('torch', None, '2.3')\ndef f(): pass\n"
    assert when(f"{old}@implement_for('torch', '2.3')\ndef f():\n    torch.xpu\nf()") == "guarded"
    assert when(f"{old}@implement_for('torch', '2.0')\ndef f():\n    torch.xpu\nf()") == "import"
