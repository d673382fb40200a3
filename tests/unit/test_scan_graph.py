"""Which modules fail because another one does."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from surgeon.scan.files import file_at
from surgeon.scan.gaps import judge, questions
from surgeon.scan.graph import Graph, Module, is_lazy
from surgeon.scan.surface import Found
from surgeon.sources.glance import Statement, glance
from surgeon.sources.guards import ATTRIBUTE_ERRORS, IMPORT_ERRORS, World
from surgeon.sources.references import read

WORLD = World("torch", {"torch": "2.1.0"}, frozenset({"torch", "typing", "p"}))
LAZY = (
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {}\n"
    "else:\n    sys.modules[__name__] = _LazyModule()"
)


def failing(
    sources: dict[str, str],
    *own: str,
    errors: frozenset[str] = ATTRIBUTE_ERRORS,
    drags: str = "",
    parsed: set[str] | None = None,
) -> set[str]:
    """The modules of a small world that fail when `own` do; those that had to be read add to `parsed`."""
    files = {file_at(path).module: (file_at(path), text) for path, text in sources.items()}
    modules = {
        name: Module(
            name, glance(text.encode(), "torch", file.package).statements, is_lazy(text.encode(), file.path)
        )
        for name, (file, text) in files.items()
    }

    def certain(name: str) -> Iterable[tuple[Statement, frozenset[str]]]:
        file, text = files[name]
        source = read(text.encode(), "torch", file.package)
        judged = judge(source, WORLD, dict.fromkeys(questions(source), Found(True)))
        return judged.imports

    def defines(name: str) -> list[str]:
        return re.findall(r"class (\w+)", files[name][1])

    expected: set[str] = set() if parsed is None else parsed

    def asked(name: str) -> Iterable[tuple[Statement, frozenset[str]]]:
        assert name in expected, "it could have been read ahead"
        return certain(name)

    def drawn(name: str) -> list[str]:
        return [drags] if drags and name == "torch._dynamo" else []

    graph = Graph(modules, defines, asked, drawn, expected.update)
    return set(graph.failing(dict.fromkeys(own, (1, errors))))


@pytest.mark.parametrize(
    "text",
    [
        "import p.bad",
        "import p.bad as b",
        "from p.bad import x",
        "from p import bad",
        "from . import bad",
        "from .bad import (\n    x,\n    y,\n)",
        "from .bad import *",
        "if True:\n    import p.bad",
        "if something:\n    import p.bad",
        "try:\n    import p.bad\nexcept ImportError:\n    pass",
        "try:\n    import p.bad\nexcept AttributeError:\n    raise",
        "class A:\n    from p.bad import x",
        "def f():\n    import p.bad\nf()",
        "from p.bad.below import x",
        "x = 1; import p.bad",
        "if True: import p.bad",
        "from p \\\n    import bad",
    ],
)
def test_importing_what_fails_fails(text: str) -> None:
    world = {"p/__init__.py": "", "p/bad.py": "", "p/user.py": text}
    assert failing(world, "p.bad") == {"p.bad", "p.user"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import p.fine",
        "def f():\n    import p.bad",
        "try:\n    import p.bad\nexcept AttributeError:\n    pass",
        "try:\n    import p.bad\nexcept Exception:\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.bad",
        "'''\nimport p.bad\n'''",
        '"""\nimport p.bad\n"""',
        "# import p.bad",
        "if is_flash_attn_available():\n    import p.bad",
        "from .... import bad",
        "from bad import x",
    ],
)
def test_other_modules_do_not_fail(text: str) -> None:
    world = {"p/__init__.py": "", "p/bad.py": "", "p/user.py": text, "p/fine.py": ""}
    assert failing(world, "p.bad") == {"p.bad"}


def test_what_surely_fails_is_not_parsed() -> None:
    world = {
        "p/bad.py": "",
        "p/worse.py": "import p.bad",
        "p/sure.py": "if something:\n    import p.bad\nimport p.worse",
        "p/unsure.py": "if something:\n    import p.sure",
    }
    parsed: set[str] = set()
    assert failing(world, "p.bad", parsed=parsed) == {"p.bad", "p.worse", "p.sure", "p.unsure"}
    assert parsed == {"p.unsure"}


def test_a_missing_module_is_caught_where_a_missing_attribute_is_not() -> None:
    world = {"p/bad.py": "", "p/user.py": "try:\n    import p.bad\nexcept ImportError:\n    pass"}
    assert failing(world, "p.bad", errors=ATTRIBUTE_ERRORS) == {"p.bad", "p.user"}
    assert failing(world, "p.bad", errors=IMPORT_ERRORS) == {"p.bad"}


def test_a_package_takes_all_its_modules_with_it() -> None:
    world = {"p/__init__.py": "from .bad import x", "p/bad.py": "", "p/other.py": ""}
    assert failing(world, "p.bad") == {"p", "p.bad", "p.other"}


def test_it_goes_on_from_one_to_the_next() -> None:
    world = {"a.py": "import b", "b.py": "import c", "c.py": "import d", "d.py": ""}
    assert failing(world, "d") == {"a", "b", "c", "d"}


def test_a_circle_ends() -> None:
    assert failing({"a.py": "import b", "b.py": "import a"}, "a") == {"a", "b"}


def test_a_lazy_package_does_not_fail_and_who_takes_the_name_does() -> None:
    world = {
        "p/__init__.py": LAZY.format("from .bad import A\n    from .fine import B"),
        "p/bad.py": "class A: pass",
        "p/fine.py": "class B: pass",
        "q.py": "from p import A",
        "r.py": "from p import B",
        "s.py": "import p",
    }
    assert failing(world, "p.bad") == {"p.bad", "q"}


def test_a_lazy_package_in_a_lazy_package_with_stars() -> None:
    world = {
        "p/__init__.py": LAZY.format("from .m import *"),
        "p/m/__init__.py": LAZY.format("from .bad import *\n    from .fine import *"),
        "p/m/bad.py": "class A: pass",
        "p/m/fine.py": "class B: pass",
        "q.py": "from p import A",
        "r.py": "from p import B",
    }
    assert failing(world, "p.m.bad") == {"p.m.bad", "q"}


def test_a_part_of_the_module_asked_that_imports_what_is_scanned() -> None:
    """torch 2.1's torch._dynamo imports transformers, and catches only that it is not there."""
    world = {"t.py": "", "user.py": "import torch._dynamo"}
    assert failing(world, "t", drags="t") == {"t", "user"}


def test_a_graph_with_other_imports_in_one_module() -> None:
    def module(name: str, *imports: str) -> Module:
        return Module(name, tuple(Statement(each, (), 1, True) for each in imports), False)

    modules = {name: module(name, *imports) for name, *imports in (("a", "b"), ("b", "c"), ("c",), ("d",))}
    graph = Graph(modules, lambda _: (), lambda _: (), lambda _: (), lambda _: None)
    own = {"c": (1, ATTRIBUTE_ERRORS)}
    assert set(graph.failing(own)) == {"a", "b", "c"}
    changed = graph.changed([module("b", "d")], lambda _: (), lambda _: None)
    assert set(changed.failing(own)) == {"c"}
    assert set(changed.failing({"d": (1, ATTRIBUTE_ERRORS)})) == {"a", "b", "d"}
    assert set(graph.failing(own)) == {"a", "b", "c"}, "the first graph is as it was"


def test_a_module_in_a_folder_without_init_fails_with_the_package_above() -> None:
    assert failing({"p/__init__.py": "", "p/inner/deep.py": ""}, "p") == {"p", "p.inner.deep"}


def test_a_call_that_loads_a_part_imports_what_that_part_asks_for() -> None:
    world = {"t.py": "", "user.py": "import torch\n@torch.compiler.disable\ndef f(): pass"}
    assert failing(world, "t", drags="t") == {"t", "user"}
    world = {"t.py": "", "user.py": "import torch\ndef f(): return torch.compile(f)"}
    assert failing(world, "t", drags="t") == {"t"}
