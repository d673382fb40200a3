"""Reading a torch from its sources: each way in which a name comes to be in a module, on small trees."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from surgeon.scan import releases_data
from surgeon.scan.releases import Table
from surgeon.scan.surface import Found, Question
from tests.tools.torch_names.events import Event
from tests.tools.torch_names.facts import covered, facts_of
from tests.tools.torch_names.table import encoded
from tests.tools.torch_names.wheels import Parser


class World:
    """A fake torch, read, encoded, and asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, *trees: Mapping[str, str], release: int = 0, **corrections: list[Event]) -> Table:
        parser = Parser(covered, pytest.fail)
        facts = []
        for number, tree in enumerate(trees):
            path = self.folder / f"{number}.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for name, text in {"__init__.py": "", **tree}.items():
                    archive.writestr(f"torch/{name}", text)
            events = {name.replace("__", "."): found for name, found in corrections.items()}
            facts.append(facts_of(parser.release(path, events), {}))
        data = encoded([f"2.{n}.0" for n in range(len(trees))], facts, ["sys"], [])
        assert data == encoded([f"2.{n}.0" for n in range(len(trees))], facts, ["sys"], [])
        stored = self.folder / "table.xz"
        stored.write_bytes(data)
        return Table(releases_data.read(stored), release)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path)


def ask(table: Table, name: str, *loaded: str, imported: bool = False) -> Found:
    question = Question(f"torch.{name}", imported, frozenset(loaded))
    return table.ask([question])[question]


def there(table: Table, *names: str) -> list[str]:
    """Those of the names that exist."""
    return [name for name in names if ask(table, name, imported=True).exists]


def test_definitions_assignments_and_imports_bind(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
import math as m, json
a = b = 1
c, (d, *e) = 1, (2, 3)
f: int = 1
g: int
for h in (): i = 1
with open('x') as j: k = 1
try:
    import fast
except ImportError:
    fast = None
    slow = 1
def l(): n = 1
async def o(): pass
class P: q = 1
while a: r = 1
match a:
    case 1: s = 1
from .other import t as u
""",
            "other.py": "t = 1",
        }
    )
    assert there(table, *"abcdefghijklmnoPqrstu") == list("abcdefhijklmoPrsu")
    assert there(table, "fast", "slow", "json") == ["fast", "slow", "json"]


def test_what_is_deleted_is_not_there(world: World) -> None:
    table = world.table({"__init__.py": "a = b = c = 1\ndel a\ndel (b)\nfor x in (): pass\ndel x"})
    assert there(table, "a", "b", "c", "x") == ["c"]


def test_conditions_that_linux_decides(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
from typing import TYPE_CHECKING
import sys
if TYPE_CHECKING: a = 1
else: b = 1
if sys.platform == 'win32': c = 1
elif sys.platform != 'win32': d = 1
if not TYPE_CHECKING and sys.version_info >= (3, 12): e = 1
else: f = 1
if __name__ == '__main__': g = 1
if 'SWITCH' in os.environ: h = 1
elif os.environ.get('OTHER'): i = 1
if TYPE_CHECKING and b: j = 1
"""
        }
    )
    assert there(table, *"abcdefghij") == ["b", "d", "e", "f"]


def test_star_imports_follow_all_and_else_leave_out_private_names(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "from .listed import *\nfrom .free import *",
            "listed.py": """
from .more import __all__ as _m
from . import more
__all__ = ['a'] + ['b']
__all__ += ['_c']
__all__.extend(more.__all__)
__all__.append('d')
a = b = _c = d = e = 1
from .more import *
""",
            "more.py": "__all__ = ('f',)\nf = g = 1",
            "free.py": "h = _i = 1",
        }
    )
    assert there(table, *"abdefgh", "_c", "_i") == ["a", "b", "d", "f", "h", "_c"]


def test_star_import_loads_the_submodules_that_all_names(world: World) -> None:
    table = world.table(
        {"__init__.py": "from .p import *", "p/__init__.py": "__all__ = ['q']", "p/q.py": "x = 1"}
    )
    assert ask(table, "p.q.x").exists
    assert ask(table, "q.x").exists


def test_a_guarded_import_of_what_is_not_there_binds_nothing(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "try:\n  from .other import gone, here\nexcept ImportError: pass",
            "other.py": "here = 1",
        }
    )
    assert there(table, "gone", "here") == ["here"]


def test_submodules_are_attributes_only_if_loaded(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "from . import a\nimport torch.b.c\ndef late(): from . import d",
            "a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import torch.d",
            "b/__init__.py": "",
            "b/c.py": "",
            "d/__init__.py": "from .e import x",
            "d/e.py": "x = 1\nimport torch.f",
            "f.py": "",
        }
    )
    assert ask(table, "a").exists
    assert ask(table, "b.c").exists
    assert ask(table, "d") == Found(exists=False, missing="torch.d")
    assert ask(table, "d.e", imported=True).exists
    assert ask(table, "d.e", "torch.d").exists
    assert ask(table, "f", "torch.d").exists, "what a loaded module imports"
    assert ask(table, "f.x", "torch.d.e") == Found(exists=False, missing="torch.f.x")
    assert not ask(table, "f").exists


def test_a_lazy_getattr_offers_what_it_looks_up(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
_modules = {'m'}
_old = {'n': 1}
def __getattr__(name):
    "Docs, with 'words'."
    if name in _modules: return importlib.import_module(f'.{name}', __name__)
    if name == 'o' or name in ('p', 'q'): return 1
    if _old.get(name): return 1
    raise AttributeError('r')
o = s = 1
del o, s
""",
            "m.py": "x = 1",
            "any.py": "def __getattr__(name): return f(name)",
        }
    )
    assert there(table, *"mnopqrs", "words") == ["m", "n", "o", "p", "q"]
    assert ask(table, "m.x").exists
    assert ask(table, "any.whatever", imported=True).exists, "nobody knows: not missing"


def test_names_written_into_globals(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
for name in dir(_C._VariableFunctions):
    if name.startswith('__'): continue
    globals()[name] = getattr(_C._VariableFunctions, name)
for _n in ('sqrt', 'cos'):
    _key = f'_sym_{_n}'
    globals()[_key] = 1
globals()['one'] = 1
""",
            "_C/__init__.pyi": "",
            "_C/_VariableFunctions.pyi": "def add(input: T, other: T, *, out: T = ...) -> T: ...",
            "wild.py": "for n in f(): globals()[n] = 1",
        }
    )
    assert there(table, "add", "_sym_sqrt", "_sym_cos", "one", "_sym_sin") == [
        "add",
        "_sym_sqrt",
        "_sym_cos",
        "one",
    ]
    assert ask(table, "add").parameters == {"input", "other", "out", "x", "a", "x1", "x2"}
    assert ask(table, "wild.x", imported=True).exists


def test_stubs_of_the_extension_only(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "from torch._C import *\nfrom ._tensor import Tensor",
            "_tensor.py": "import torch\nclass Tensor(torch._C.TensorBase): x = 1",
            "_C/__init__.pyi": """
from typing import Any
float32: dtype = ...
class TensorBase(metaclass=Meta):
    def add(self, other, *, keepdim=False): ...
    def to(self, dtype): ...
class B:
    def f(self, x): ...
def g(a): ...
def _h(): ...
""",
            "_C/_VariableFunctions.pyi": """
@overload
def v(a, *, dim=None): ...
@overload
def v(a, b): ...
""",
            "other.py": "",
            "other.pyi": "x: int",
        },
        torch___C=[
            Event("delete", "_h"),
            Event("bind", "seen"),
            Event("unsure", names=("perhaps",)),
        ],
    )
    assert there(table, "float32", "B", "g", "Any", "_h", "seen", "perhaps") == [
        "float32",
        "B",
        "g",
        "seen",
        "perhaps",
    ]
    assert there(table, "_C._h", "_C.perhaps", "_C.nothing", "other.x") == ["_C.perhaps"]
    assert ask(table, "g").parameters is None, "written by hand: who knows"
    assert there(table, "Tensor.add", "Tensor.x", "Tensor.volatile", "Tensor.no", "B.no") == [
        *("Tensor.add", "Tensor.x", "Tensor.volatile", "B.no")
    ]
    assert ask(table, "Tensor.add").parameters == {"other", "x2", "keepdim", "keepdims"}
    assert ask(table, "Tensor.to").parameters is None, "its stub leaves memory_format out"
    assert ask(table, "Tensor").parameters is None
    assert ask(table, "_C._VariableFunctions.v").parameters == {"a", "b", "dim", "axis"}


def test_parameters_of_functions(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
from .f import plain as renamed, open
def posonly(a, /, b, *c, d): pass
@lru_cache(None)
def kept(a): pass
@strange
def wrapped(a): pass
documented = _add_docstr(renamed, 'docs')
short = lambda x: x
@overload
def many(a): ...
def many(a, b): ...
"""
            + "same = many",
            "f.py": "def plain(a, b=1): pass\ndef open(a, **rest): pass",
        }
    )
    names = ["renamed", "open", "posonly", "kept", "wrapped", "short", "many"]
    assert {name: ask(table, name).parameters for name in names} == {
        "renamed": {"a", "b"},
        "open": None,
        "posonly": {"b", "d"},
        "kept": {"a"},
        "wrapped": None,
        "short": {"x"},
        "many": {"a", "b"},
    }
    assert ask(table, "documented").parameters == {"a", "b"}
    assert ask(table, "same").parameters == {"a", "b"}


def test_classes_their_members_and_constructors(world: World) -> None:
    table = world.table(
        {
            "__init__.py": """
from enum import Enum
from .base import Base
class Plain(Base):
    field: int
    value = 1
    def method(self, a, *, b): pass
    @staticmethod
    def static(a): pass
    @property
    def prop(self): pass
    if value:
        def sometimes(self): pass
    class Inner:
        x = 1
class Kind(Enum): A = 1
@dataclass
class Data: x: int
class New:
    __slots__ = ("slot",)
    def __new__(cls, n): pass
    def __hidden(self): pass
class Open: pass
def fill(): setattr(Open, name, 1)
""",
            "base.py": """
class Root:
    def __init__(self, a): pass
class Base(Root, Generic[T]):
    def inherited(self): pass
""",
        }
    )
    names = ["field", "value", "method", "static", "prop", "sometimes", "Inner", "inherited", "other"]
    assert there(table, *(f"Plain.{n}" for n in names)) == [f"Plain.{n}" for n in names[1:-1]]
    assert ask(table, "Plain.other") == Found(exists=False, missing="torch.Plain.other")
    assert not ask(table, "Plain.Inner.y").exists
    assert ask(table, "Plain.method").parameters == {"a", "b"}
    assert ask(table, "Plain.static").parameters == {"a"}
    assert ask(table, "Plain").parameters == {"a"}
    assert ask(table, "New").parameters == {"n"}
    assert ask(table, "Kind.B").exists, "a base outside torch may have anything"
    assert ask(table, "Data").parameters is None
    assert ask(table, "Plain.__eq__").exists
    assert there(table, "New.slot", "New._New__hidden", "New.no") == ["New.slot", "New._New__hidden"]
    assert ask(table, "Open.whatever").exists


def test_modules_that_are_something_else(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "import torch.backend\nimport torch.old",
            "backend.py": "import sys\nclass B:\n  flag = 1\nsys.modules[__name__] = B()",
            "old.py": "import sys\nfrom torch import new\nsys.modules['torch.old'] = new",
            "new.py": "x = 1",
            "unknown.py": "import sys\nsys.modules[__name__] = make()",
        }
    )
    assert there(table, "backend.flag", "backend.B", "backend.no", "old.x", "unknown.x") == [
        "backend.flag",
        "backend.B",
        "old.x",
        "unknown.x",
    ]


def test_an_attribute_set_from_another_module(world: World) -> None:
    table = world.table(
        {"__init__.py": "import torch.a, torch.b", "a.py": "", "b.py": "import torch\ntorch.a.x = 1"}
    )
    assert there(table, "a.x", "a.y") == ["a.x"]


def test_a_cycle_of_star_imports_ends(world: World) -> None:
    table = world.table(
        {
            "__init__.py": "from .a import *",
            "a.py": "x = 1\nfrom .b import *",
            "b.py": "from .a import *\ny = 1",
        }
    )
    assert there(table, "x", "y", "z") == ["x", "y"]


def test_each_release_has_its_own_names(world: World) -> None:
    trees = [
        {"__init__.py": "def f(a): pass\nold = 1", "m.py": "x = 1"},
        {"__init__.py": "def f(a, b): pass\nold = new = 1"},
        {"__init__.py": "import torch.m\ndef f(a, b): pass\nnew = 1", "m.py": "x = y = 1"},
    ]
    tables = [world.table(*trees, release=n) for n in range(3)]
    assert [there(t, "old", "new", "m.x", "m.y") for t in tables] == [
        ["old", "m.x"],
        ["old", "new"],
        ["new", "m.x", "m.y"],
    ]
    assert [ask(t, "f").parameters for t in tables] == [{"a"}, {"a", "b"}, {"a", "b"}]
    assert [ask(t, "m").exists for t in tables] == [False, False, True]


def test_what_is_not_covered_is_never_missing(world: World) -> None:
    table = world.table({"__init__.py": "", "_inductor/__init__.py": "x = 1", "_inductor/ir.py": "y = 1"})
    assert ask(table, "_inductor.ir.nothing", imported=True).exists
    assert ask(table, "_inductor.nothing", imported=True).exists
    assert ask(table, "sys").exists, "so common that it is not listed"
    assert ask(table, "__version__").exists


def test_a_file_that_cannot_be_read_is_named_and_may_hold_anything(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("torch/__init__.py", "import torch.bad")
        archive.writestr("torch/bad.py", "def (")
    facts = facts_of(Parser(covered, said.append).release(path, {}), {})
    assert facts["torch.bad"][""] == "M*"
    assert "torch/bad.py" in said[0]
