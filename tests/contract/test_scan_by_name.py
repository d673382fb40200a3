"""A module that is imported by a name that is handed to another module's function."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import support

HELPERS = """
import importlib
from importlib import import_module
BAD = "pkg.bad"
BROAD: str = 'pkg.bad'  # why
def load(module, name=None): return getattr(importlib.import_module(module), name or "x")
def given(name, *, module): return import_module(module)
def optional(module):
    try:
        return __import__(module)
    except ImportError:
        return None
def careful(module):
    try:
        return import_module(module)
    except Exception:
        return None
def perhaps(module, sure=False):
    if sure:
        return import_module(module)
def later(module): return lambda: import_module(module)
async def soon(module): return import_module(module)
def each(module): yield import_module(module)
def below(module):
    module = f"fine.{module}"
    return import_module(module)
def other(module):
    name = "fine"
    return import_module(name)
"""
FAIL = [
    "from pkg.helpers import load\nload('pkg.bad')",
    "from pkg.helpers import load as get\nx = get(name='a', module='pkg.bad')",
    "from .helpers import load, BAD\nx = load(BAD, 'a')",
    "from .helpers import load, BROAD\nx = load(BROAD)",
    "from .helpers import load\nHERE = 'pkg.bad'\nx = load(HERE)",
    "from .helpers import given\nx = given('a', module='pkg.bad')",
    "from .helpers import optional\nx = optional('pkg.bad')",  # an AttributeError is no ImportError
    "from .helpers import load\nclass A:\n    x = load('pkg.bad')",
    "from .helpers import load\ntry:\n    load('pkg.bad')\nexcept ImportError:\n    pass",
]
WORK = [
    "from .helpers import load\nx = load('pkg.fine')",
    "from .helpers import load\nx = load('nowhere')",
    "from .helpers import load\nx = load('pkg.helpers.NOTHING')",
    "from .helpers import load\ndef f(): return load('pkg.bad')",
    "from .helpers import load\nload = print\nload('pkg.bad')",
    "from .helpers import careful\nx = careful('pkg.bad')",
    "from .helpers import perhaps\nx = perhaps('pkg.bad')",
    "from .helpers import later\nx = later('pkg.bad')",
    "from .helpers import soon\nx = soon('pkg.bad')",
    "from .helpers import each\nx = each('pkg.bad')",
    "from .helpers import below\nx = below('pkg.bad')",
    "from .helpers import other\nx = other('pkg.bad')",
    "from .helpers import load\ntry:\n    load('pkg.bad')\nexcept AttributeError:\n    pass",
    "from typing import TYPE_CHECKING\nfrom .helpers import load\nif TYPE_CHECKING:\n    load('pkg.bad')",
    "from .helpers import load\nload()",
    "from .helpers import load\nload('pkg.helpers.(')",
    "from .helpers import load\nload('pkg.helpers.\\udcff')",
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that fail, of a package with a module for each source above."""
    folder = tmp_path_factory.mktemp("by-name")
    support.install(support.make_venv(folder / "venv"), "library", "1.0", {"library.py": b"\n"})
    package = folder / "pkg"
    package.mkdir()
    sources = {"__init__": "", "fine": "", "bad": "import library\nlibrary.shiny", "helpers": HELPERS}
    sources |= {f"fail{number}": text for number, text in enumerate(FAIL)}
    sources |= {f"work{number}": text for number, text in enumerate(WORK)}
    for name, text in sources.items():
        (package / f"{name}.py").write_text(text)
    answer = support.surgeon(
        "scan", "-p", folder / "venv", "--module", "library", package, XDG_CACHE_HOME=str(folder / "cache")
    )
    (scanned,) = answer.json["distributions"]  # type: ignore[misc]
    return {Path(each["module"].replace(".", "/")).name for each in scanned["broken"]}


@pytest.mark.parametrize("number", range(len(FAIL)))
def test_it_fails_with_what_it_imports(broken: set[str], number: int) -> None:
    assert f"fail{number}" in broken, FAIL[number]


@pytest.mark.parametrize("number", range(len(WORK)))
def test_nothing_is_taken_to_fail_that_may_not(broken: set[str], number: int) -> None:
    assert f"work{number}" not in broken, WORK[number]
