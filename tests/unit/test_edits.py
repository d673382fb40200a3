"""Each edit on small sources; the first example of each is the one in its documentation."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import libcst as cst
import pytest

from surgeon.edits import (
    DropKeyword,
    GuardAttribute,
    GuardCondition,
    GuardImport,
    Polyfill,
    QuoteAnnotation,
    RelocateImport,
    Rename,
    Visitor,
    is_guarded,
)
from surgeon.edits.tree import EditError, Tree

if TYPE_CHECKING:
    from surgeon.patch import Edit

MARK = "  # m3d-surgeon: an-id"


def run(edit: Edit, source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = edit(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    again = Tree(cst.parse_module(result), "an-id")
    assert edit(again) == 0
    compile(result, "result", "exec")
    return result


def marked(source: str) -> str:
    return source.replace(" @", MARK)


def test_the_engine_of_patches_does_not_import_libcst() -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        "import surgeon.edits, surgeon.patch, surgeon.patches, surgeon.rewriting.rewrite\n"
        "for each in pkgutil.walk_packages(surgeon.patches.__path__, 'surgeon.patches.'):\n"
        "    importlib.import_module(each.name)\n"
        "assert 'libcst' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("test", "guarded"),
    [
        ("if hasattr(t, 'x'):\n    t.x", True),
        ("if hasattr(t, 'x') and t.x.f(): ...", True),
        ("if not hasattr(t, 'x'): ...\nelse: t.x", True),
        ("if not hasattr(t, 'x'):\n    t.x", False),
        ("if not hasattr(t, 'x') or t.x.f(): ...", True),
        ("if hasattr(t, 'x') or t.x.f(): ...", False),
        ("if hasattr(t, 'other'):\n    t.x", False),
        ("if a and hasattr(t, 'x'):\n    t.x", True),
        ("if a or hasattr(t, 'x'):\n    t.x", False),
        ("a = t.x if hasattr(t, 'x') else None", True),
        ("a = None if hasattr(t, 'x') else t.x", False),
        ("if getattr(t, 'x', None) is not None:\n    t.x", True),
        ("if getattr(t, 'x', None) is None: ...\nelse: t.x", True),
        ("if TYPE_CHECKING:\n    t.x", True),
        ("if t.__version__ >= '2.3':\n    t.x", True),
        ("if t.__version__ >= '2.1':\n    t.x", False),
        ("if t.__version__ < '2.3': ...\nelse: t.x", True),
        ("if '2.3' <= t.__version__:\n    t.x", True),
        ("if version.parse(get_t_version()) >= version.parse('2.3.1'):\n    t.x", True),
        ("if is_t_version('>=', '2.3'):\n    t.x", True),
        ("if is_t_version('<', '2.3'):\n    t.x", False),
        ("if is_other_version('>=', '2.3'):\n    t.x", False),
        ("if is_t_greater_or_equal('2.4'):\n    t.x", True),
        ("if is_t_greater_or_equal_than_2_4:\n    t.x", True),
        ("if is_t_available():\n    t.x", False),
        ("try:\n    t.x\nexcept AttributeError: ...", True),
        ("try:\n    t.x\nexcept (ValueError, Exception): ...", True),
        ("try:\n    t.x\nexcept: ...", True),
        ("try:\n    t.x\nexcept ImportError: ...", False),
        ("try:\n    t.x\nexcept Exception:\n    raise RuntimeError", False),
        ("try: ...\nexcept Exception:\n    t.x", False),
        ("try:\n    def f(): t.x\nexcept Exception: ...", False),
        ("with contextlib.suppress(AttributeError):\n    t.x", True),
    ],
)
def test_guards(test: str, guarded: bool) -> None:
    tree = Tree(cst.parse_module(f"import t\n{test}\n"))
    (found,) = tree.references("t.x")
    assert is_guarded(tree, found.node, "t.x", since="2.3") is guarded


def test_an_availability_check_guards_what_it_speaks_of() -> None:
    tree = Tree(cst.parse_module("import torch\nif is_torch_xpu_available():\n    torch.xpu\n"))
    assert is_guarded(tree, tree.references("torch.xpu")[0].node, "torch.xpu")


GUARD = GuardImport("torch.nn.RMSNorm", fallback="{name} = None")


def test_guard_an_import() -> None:
    after = "try: @\n    from torch.nn import RMSNorm\nexcept ImportError: @\n    RMSNorm = None @\n"
    assert run(GUARD, "from torch.nn import RMSNorm\n") == marked(after)


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        ("from torch.nn import Linear, RMSNorm as R\n", "from torch.nn import Linear\n"),
        ("from torch.nn import RMSNorm as R, Linear\n", "from torch.nn import Linear\n"),
        (
            "# why\nfrom torch.nn import (\n    Linear,  # keep\n    RMSNorm as R,\n)\n",
            "# why\nfrom torch.nn import (\n    Linear,  # keep\n)\n",
        ),
        (
            "from torch.nn import (\n    Linear,  # keep\n    RMSNorm as R\n)\n",
            "from torch.nn import (\n    Linear  # keep\n)\n",
        ),
    ],
)
def test_guard_one_of_several_imports(before: str, rest: str) -> None:
    after = "try: @\n    from torch.nn import RMSNorm as R @\nexcept ImportError: @\n    R = None @\n"
    assert run(GUARD, before) == rest + marked(after)


def test_guard_an_import_in_a_function_of_a_tabbed_file() -> None:
    before = "def f():\n\t# why\n\timport t.x as x\n\treturn x\n"
    guard = "\ttry: @\n\t\timport t.x as x\n\texcept ImportError: @\n\t\tx = None @\n"
    assert run(GuardImport("t.x", "{name} = None"), before) == marked(
        f"def f():\n\t# why\n{guard}\treturn x\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from a.b import X\n", "from c import X\n"),
        ("from a.b import X as Y\n", "from c import X as Y\n"),
        ("from a.b import W, X\n", "from c import X @\n"),
    ],
)
def test_relocate_an_import(before: str, after: str) -> None:
    rest = "from a.b import W\n" if "W" in before else ""
    assert run(RelocateImport("a.b.X", "c.X"), before) == rest + marked(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import a.b as m\nm.old(1)\n", "import a.b as m\nm.new(1)\n"),
        ("import a\na.b.old.x\n", "import a\na.b.new.x\n"),
        ("from a.b import old\nold()\n", "from a.b import new as old\nold()\n"),
        ("from a.b import (old as o, x)\n", "from a.b import (new as o, x)\n"),
        ("from a.b import old as new\n", "from a.b import new\n"),
        ("from a import b\nb.old\n", "from a import b\nb.new\n"),
    ],
)
def test_rename(before: str, after: str) -> None:
    assert run(Rename("a.b.old", "a.b.new"), before) == after


def test_rename_to_what_cannot_be_reached_is_refused() -> None:
    with pytest.raises(EditError, match="cannot be reached"):
        Rename("a.b.old", "z.new")(Tree(cst.parse_module("import a.b as m\nm.old\n")))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("t.M | None", '"t.M | None"'),
        ("Optional[t.M]", '"Optional[t.M]"'),
        ('Union["A", t.M]', "'Union[\"A\", t.M]'"),
        ("Union[\"A\", 'B', t.M]", "\"Union['A', 'B', t.M]\""),
        ("dict[\n        str,  # name\n        t.M,\n    ]", '"dict[str, t.M]"'),
        ("ClassVar[t.M]", '"ClassVar[t.M]"'),
        ("(t.M)", '"t.M"'),
    ],
)
def test_quote_an_annotation(before: str, after: str) -> None:
    source = "import t\nclass A:\n    m: {} = None\n    def f(self, *a: {}) -> {}: ...\n"
    assert run(QuoteAnnotation("t.M"), source.replace("{}", before)) == source.replace("{}", after)


def test_guard_an_attribute() -> None:
    before = 'import t\nA = {"x": t.x.f}\nB = getattr(t.x, "g", None)\nC = t.x.f()\ndef f(): t.x.f\n'
    after = (
        'import t\nA = {"x": getattr(getattr(t, "x", None), "f", None)}\n'
        'B = getattr(getattr(t, "x", None), "g", None)\nC = t.x.f()\ndef f(): t.x.f\n'
    )
    assert run(GuardAttribute("t.x"), before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if t.x.on(): ...", 'if hasattr(t, "x") and t.x.on(): ...'),
        ("while a and t.x.on(): ...", 'while a and hasattr(t, "x") and t.x.on(): ...'),
        ("if not t.x.on(): ...", 'if not (hasattr(t, "x") and t.x.on()): ...'),
        ("a = 1 if t.x.n() > 1 else 0", 'a = 1 if (hasattr(t, "x") and t.x.n() > 1) else 0'),
        ("if t.x.n() == 0: ...", "if t.x.n() == 0: ..."),
        ("a = t.x.on()", "a = t.x.on()"),
    ],
)
def test_guard_a_condition(before: str, after: str) -> None:
    assert run(GuardCondition("t.x"), f"import t\n{before}\n") == f"import t\n{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, k=1)", "f(a)"),
        ("f(k=1, b=2)", "f(b=2)"),
        ("f(k=1)", "f()"),
        ("f(\n    k=1,\n)", "f()"),
        ("f(a, **{'k': 1})", "f(a, **{'k': 1})"),
        ("f(\n    a,  # keep\n    k=1,  # drop\n)", "f(\n    a,  # keep\n)"),
        ("f(\n    a,  # keep\n    k=1  # drop\n)", "f(\n    a  # keep\n)"),
        ("f(\n    k=1,\n    b=2,\n)", "f(\n    b=2,\n)"),
        ("g(a, k=1)", "g(a, k=1)"),
    ],
)
def test_drop_a_keyword(before: str, after: str) -> None:
    assert run(DropKeyword("m.f", "k"), f"from m import f\n{before}\n") == f"from m import f\n{after}\n"


FILL = Polyfill("t.get", "_m3d_get", "def _m3d_get():\n    return 1\n")
DEFINITION = "def _m3d_get(): @\n    return 1 @\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '"""Doc."""\nimport t\n\nx = t.get()\ny = t.get.z\n',
            f'"""Doc."""\nimport t\n{DEFINITION}\nx = _m3d_get()\ny = _m3d_get.z\n',
        ),
        (
            "import os\nfrom t import get, put\nget()\n",
            f"import os\n{DEFINITION}from t import put\nget = _m3d_get @\nget()\n",
        ),
        (
            "import t\nif t:\n    import os\ndef f(): return t.get()\n",
            f"import t\n{DEFINITION}if t:\n    import os\ndef f(): return _m3d_get()\n",
        ),
        (
            "def f():\n    import t\n    t.get()\n",
            f"{DEFINITION}def f():\n    import t\n    _m3d_get()\n",
        ),
    ],
)
def test_polyfill(before: str, after: str) -> None:
    assert run(FILL, before) == marked(after)


def test_polyfill_leaves_a_file_without_the_name_alone() -> None:
    assert run(FILL, "import t\nt.put()\n") == "import t\nt.put()\n"


def test_visitor() -> None:
    class Double(cst.CSTTransformer):
        def leave_Integer(self, original_node: cst.Integer, updated_node: cst.Integer) -> cst.Integer:
            return updated_node.with_changes(value="2") if updated_node.value == "1" else updated_node

    assert run(Visitor(Double), "x = 1\n") == "x = 2\n"
