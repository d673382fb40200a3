# ruff: noqa: E501 - one source a line
"""What importing a module runs although it stands elsewhere, and names that are skipped and used all the same.

Each module is imported for real as well: the prediction is held against what Python does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import support

HELPERS = """
import library
def bad(): return library.shiny
def fine(): return library.old
def at_least(*numbers): return tuple(int(x) for x in library.__version__.split(".")) >= numbers
def maybe(sure=False):
    if sure:
        return library.shiny
    return None
class Made:
    def __init__(self):
        self._look()
    def _look(self):
        library.shiny
class Lazy:
    def look(self):
        library.shiny
    @staticmethod
    def find():
        return library.shiny
def named(text):
    def decorate(f):
        library.shiny
        return f
    return decorate
"""
GATE = """
import importlib.metadata, importlib.util
from packaging import version
def is_library_available():
    there = importlib.util.find_spec("library") is not None
    return there and version.parse(importlib.metadata.version("library")) >= version.parse("2.0")
"""
LAZY = """
from .utils import is_library_available
from typing import TYPE_CHECKING
PARTS = {"Behind": "behind", "Free": "free"}
if TYPE_CHECKING:
    from .behind import Behind
    from .free import Free
def __getattr__(name):
    if name in ("Behind", "Free"):
        import importlib
        if name == "Behind" and not is_library_available():
            return type(name, (), {})
        return getattr(importlib.import_module("." + PARTS[name], __name__), name)
    raise AttributeError(name)
"""
SOURCES = {
    "pkg/__init__.py": "",
    "pkg/helpers.py": HELPERS,
    "pkg/again.py": "from .helpers import bad\n",
    "gated/__init__.py": LAZY,
    "gated/utils.py": GATE,
    "gated/behind.py": "import library\nlibrary.shiny\nclass Behind: pass\n",
    "gated/free.py": "from .utils import is_library_available\nif is_library_available():\n    import library\n"
    "class Free:\n    x = library.old\n",
}
FAIL = [
    "from .helpers import bad\nX = bad()",
    "from .helpers import bad as b\nclass A:\n    pass\nX = [b()]",
    "from .again import bad\nX = bad()",
    "from pkg import helpers\nX = helpers.bad()",
    "import pkg.helpers as h\nX = h.bad()",
    "from .helpers import Made\nX = Made()",
    "from .helpers import Lazy\nX = Lazy.find()",
    "from .helpers import maybe\nX = maybe(sure=True)",
    "from .helpers import at_least\nif at_least(2):\n    from library import shiny\nX = {'a': shiny}",
    "import library\nif hasattr(library, 'shiny'):\n    from library import shiny\ndef f(x: shiny): pass",
    "from gated import Free",
    "import gated.free",
    "import gated.behind",
]
WORK = [
    "from .helpers import fine\nX = fine()",
    "from .helpers import bad\ndef f(): return bad()",
    "from .helpers import bad\nX = lambda: bad()",
    "from .helpers import bad\ntry:\n    X = bad()\nexcept AttributeError:\n    X = None",
    "from .helpers import maybe\nX = maybe()",
    "from .helpers import maybe\nX = maybe(False)",
    "from .helpers import Lazy\nX = Lazy()",
    "from .helpers import at_least\nif at_least(2):\n    from library import shiny\nX = shiny if at_least(2) else 1",
    "from .helpers import at_least\nif at_least(2):\n    from library import shiny\nelse:\n    shiny = 1\nX = shiny",
    "from .helpers import at_least\nif at_least(2):\n    from library import shiny\ndef f(): return shiny",
    "from __future__ import annotations\nfrom .helpers import at_least\nif at_least(2):\n"
    "    from library import shiny\ndef f(x: shiny): pass",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from library import shiny\ndef f(x: 'shiny'): pass",
    "from gated import Behind\nclass A(Behind): pass",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("at-import")
    site = support.make_venv(folder / "venv")
    files = {**SOURCES, **{f"pkg/fail{n}.py": text for n, text in enumerate(FAIL)}}
    files |= {f"pkg/work{n}.py": text for n, text in enumerate(WORK)}
    support.install(site, "library", "1.0", {"library.py": b"__version__ = '1.0'\nold = 1\n"})
    support.install(site, "users", "1.0", {path: text.encode() for path, text in files.items()})
    support.uv("pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python", "packaging")
    return folder


@pytest.fixture(scope="module")
def broken(folder: Path) -> set[str]:
    """The modules that are said to fail. That the distribution needs the library, it does not say."""
    cache = str(folder / "cache")
    answer = support.surgeon("scan", "-p", folder / "venv", "--module", "library", XDG_CACHE_HOME=cache)
    (scanned,) = answer.json["distributions"]  # type: ignore[misc]
    return {each["module"] for each in scanned["broken"]}


def _imports(folder: Path, module: str) -> bool:
    python = folder / "venv" / "bin" / "python"
    return support.run(python, "-c", f"import {module}", check=False, cwd="/").returncode == 0


@pytest.mark.parametrize("number", range(len(FAIL)))
def test_what_fails_is_said_to(folder: Path, broken: set[str], number: int) -> None:
    assert not _imports(folder, f"pkg.fail{number}")
    assert f"pkg.fail{number}" in broken, FAIL[number]


@pytest.mark.parametrize("number", range(len(WORK)))
def test_what_works_is_said_to(folder: Path, broken: set[str], number: int) -> None:
    assert _imports(folder, f"pkg.work{number}")
    assert f"pkg.work{number}" not in broken, WORK[number]
