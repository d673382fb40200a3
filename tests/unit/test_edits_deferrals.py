"""The edits that defer or leave out what is done at import; first the examples of their documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import pytest

from surgeon.edits import DeferDefault, ReturnEarly, Unwrap
from surgeon.edits.tree import EditError, Tree

if TYPE_CHECKING:
    from surgeon.patch import Edit

MARK = "  # m3d-surgeon: an-id"


def run(edit: Edit, source: str, matches: int = 1) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source.replace(" @", MARK)), "an-id")
    assert edit(tree) == matches
    result = tree.commit().code
    again = Tree(cst.parse_module(result), "an-id")
    assert edit(again) == 0
    compile(result, "result", "exec")
    return result.replace(MARK, " @")


DEFER = DeferDefault("host.cpu_count")


def test_defer_a_default() -> None:
    before = "import host\ndef start(workers: int = host.cpu_count()):\n    return workers\n"
    assert run(DEFER, before) == (
        "import host\ndef start(workers: int = None):\n"
        "    if workers is None: @\n        workers = host.cpu_count() @\n    return workers\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'def f(a, *, n=count()):\n    """Doc."""\n    # why\n    return n\n',
            'def f(a, *, n=None):\n    """Doc."""\n'
            "    if n is None: @\n        n = count() @\n    # why\n    return n\n",
        ),
        (
            'class A:\n\tdef f(self, n=count()):\n\t\t"""Doc."""\n',
            'class A:\n\tdef f(self, n=None):\n\t\t"""Doc."""\n\t\tif n is None: @\n\t\t\tn = count() @\n',
        ),
        (
            "def f(\n    n=count(),  # all\n    /,\n):\n    # why\n    with n: ...\n",
            "def f(\n    n=None,  # all\n    /,\n):\n"
            "    if n is None: @\n        n = count() @\n    # why\n    with n: ...\n",
        ),
        (
            "def f(a=count(), b=count(2)):\n    return a\n",
            "def f(a=None, b=None):\n    if a is None: @\n        a = count() @\n"
            "    if b is None: @\n        b = count(2) @\n    return a\n",
        ),
    ],
)
def test_defer_defaults_of_all_sorts(before: str, after: str) -> None:
    imported = "from host import cpu_count as count\n"
    assert run(DEFER, imported + before, before.count("=count(")) == imported + after


@pytest.mark.parametrize(
    "source",
    [
        "import host\nf = lambda n=host.cpu_count(): n\n",
        "import host\ndef f(n=host.cpu_count() - 1): ...\n",
        "import host\ndef f(n=host.cpu_count): ...\n",
        "import host\ndef f(n=1):\n    n = host.cpu_count()\n",
        "import host\ndef f():\n    def g(n=host.cpu_count()):\n        return n\n",
        "def f(host, n=1):\n    return host.cpu_count()\n",
    ],
)
def test_other_defaults_stay(source: str) -> None:
    assert run(DEFER, source, 0) == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import host\ndef f(n=host.cpu_count()): return n\n", "a one-line function: f"),
        ("import host\ndef f(n=host.cpu_count(\n)):\n    return n\n", "a default over several lines"),
    ],
)
def test_a_default_that_cannot_move(source: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        DEFER(Tree(cst.parse_module(source), "an-id"))


EARLY = ReturnEarly("host.gpu.name", unless="is_available", value='"none"')


def test_return_early() -> None:
    before = "import host.gpu\ndef describe():\n    label = host.gpu.name(0)\n    return label.lower()\n"
    assert run(EARLY, before) == (
        "import host.gpu\ndef describe():\n"
        '    if not host.gpu.is_available(): @\n        return "none" @\n'
        "    label = host.gpu.name(0)\n    return label.lower()\n"
    )


def test_return_early_asks_the_module_by_the_name_that_the_file_uses() -> None:
    before = "from host import gpu as g\ndef f():\n    try:\n        # why\n        return g.name()\n"
    before += "    finally: ...\n"
    assert run(EARLY, before) == (
        "from host import gpu as g\ndef f():\n    try:\n"
        '        if not g.is_available(): @\n            return "none" @\n'
        "        # why\n        return g.name()\n    finally: ...\n"
    )


def test_one_question_covers_the_lines_below_it() -> None:
    question = '    if not gpu.is_available(): @\n        return "none" @\n'
    head, rest = (
        "from host import gpu\ndef f():\n",
        "    a = gpu.name(0)\n    if a:\n        return gpu.name(1)\n",
    )
    assert run(EARLY, head + rest) == head + question + rest


def test_each_branch_asks_for_itself() -> None:
    before = "from host import gpu\ndef f(a):\n    if a:\n        b = gpu.name(0)\n"
    before += "    else:\n        b = gpu.name(1)\n"
    result = run(EARLY, before, 2)
    assert result.count("        if not gpu.is_available(): @\n") == 2


@pytest.mark.parametrize(
    "body",
    [
        "if not gpu.is_available():\n        return None\n    return gpu.name(0)",
        "if late or not gpu.is_available():\n        print()\n        raise OSError\n    return gpu.name(0)",
        "if gpu.is_available():\n        return gpu.name(0)",
        "if late and gpu.is_available():\n        return gpu.name(0)",
        "if not gpu.is_available(): ...\n    else:\n        return gpu.name(0)",
        "return gpu.name(0) if gpu.is_available() else None",
        "return None if not gpu.is_available() else gpu.name(0)",
        "try:\n        return gpu.name(0)\n    except Exception: ...",
        "return lambda: gpu.name(0)",
        "return gpu.name",
    ],
)
def test_a_question_that_is_asked_already(body: str) -> None:
    source = f"from host import gpu\nlate = True\ndef f():\n    {body}\n"
    assert run(EARLY, source, 0) == source


@pytest.mark.parametrize(
    "body",
    [
        "if not gpu.is_available():\n        print()\n    return gpu.name(0)",
        "if late and not gpu.is_available():\n        return None\n    return gpu.name(0)",
        "if late or gpu.is_available():\n        return gpu.name(0)",
        "if not other.is_available():\n        return None\n    return gpu.name(0)",
    ],
)
def test_a_question_that_is_not_enough(body: str) -> None:
    assert " @" in run(EARLY, f"from host import gpu, other\nlate = True\ndef f():\n    {body}\n")


@pytest.mark.parametrize("outside", ["NAME = gpu.name(0)\n", "class A:\n    name = gpu.name(0)\n"])
def test_there_is_nothing_to_return_from_outside_functions(outside: str) -> None:
    source = "from host import gpu\n" + outside
    assert run(EARLY, source, 0) == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("from host.gpu import name\ndef f():\n    return name(0)\n", "cannot be reached through name"),
        (
            "from host import gpu\ndef f(a):\n    if a: ...\n    elif gpu.name(0): ...\n",
            "a condition or a loop",
        ),
    ],
)
def test_a_call_that_nothing_can_precede(source: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        EARLY(Tree(cst.parse_module(source), "an-id"))


UNWRAP = Unwrap("torch.compile", "torch.nn.functional.gelu")


def test_unwrap() -> None:
    before = "import torch\nfrom torch.nn.functional import gelu\nfast_gelu = torch.compile(gelu)\n"
    assert run(UNWRAP, before) == before.replace("torch.compile(gelu)", "gelu")


def test_unwrap_drops_the_other_arguments() -> None:
    before = "import torch\nimport torch.nn.functional as F\nTABLE = [torch.compile(F.gelu, dynamic=False)]\n"
    assert run(UNWRAP, before) == before.replace("torch.compile(F.gelu, dynamic=False)", "F.gelu")


@pytest.mark.parametrize(
    "use",
    [
        "torch.compile(F.relu)",
        "torch.compile(model=F.gelu)",
        "torch.compile(*F.gelu)",
        "torch.compile()",
        "torch.compile",
        "other.compile(F.gelu)",
        "lambda: torch.compile(F.gelu)",
        "torch.compile(F.gelu) if hasattr(F, 'gelu') else None",
    ],
)
def test_other_wrappings_stay(use: str) -> None:
    source = f"import other, torch\nimport torch.nn.functional as F\nfast = {use}\n"
    assert run(UNWRAP, source, 0) == source
