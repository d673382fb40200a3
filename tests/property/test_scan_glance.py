"""Looking finds all that parsing finds: over real wheels, and over sources written to escape it."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon.scan.files import file_at
from surgeon.sources.glance import code_of, glance
from surgeon.sources.references import read
from tests import environments, support

PACKAGES = ("accelerate==1.12.0", "peft==0.17.0", "xfuser==0.4.5", "kornia==0.7.3", "yunchang==0.6.4")
AWKWARD = [
    "import torch\nx = (torch\n  # why\n  .xpu)",
    "import torch\nx = torch . xpu . y",
    "import torch\nx = torch.\\\n  xpu",
    "from torch import (  # a (b)\n  nn as n,  # c\n  xpu,\n)\nn.x",
    "from torch.nn import \\\n    functional as F, Module\nF.a(b=1)",
    "if x: import torch; torch.a",
    "import os, torch as t, torch.nn.functional as F\nt.a; F.b",
    "import torch\nlib = torch.library\nlib.x",
    "import torch\nf(torch.a(')', enable_gqa=True))",
    'import torch\ntorch.a("(", \'"\', key={"a": (1, 2)}, other=[x for x in y if x == 1])',
    "import torch\ntorch.a(\n  b,  # it's (odd\n  c=1,\n)",
    "import torch\ngetattr(torch, 'xpu').x",
    "def f():\n    from torch import xpu as y\n    return y.z",
    "import importlib\nimportlib.import_module('torch.a')\n__import__(\n    \"torch.b\")",
    "from torch import*",
    "from.import a\nfrom .b import(c)\nfrom..d import e",
    "import torch\nx = f'{torch.xpu}'",
    "import torch\nx = f'a {{ {torch.a} {x:{torch.b}} }} {torch.c}'",
    "import torch\nx = '''\n''' + torch.a\n'''\n'''",
    "import torch\r\nx = (torch\r\n  .a)\r\nfrom torch import (\r\n  b,\r\n)\r\n",
    "\ufeffimport torch\ntorch.a",
    "import torch\nx = torch.a.b(c)(d=1)",
    "import torch\nx: T = torch.nn\nx.y",
]


def lost(data: bytes, package: str) -> list[str]:
    """What parsing finds and looking does not; with and without the comments and texts."""
    found, seen = read(data, "torch", package), glance(data, "torch", package)
    bare = glance(code_of(data), "torch", package)
    missing = []
    for use in found.uses:
        for each, names in ((seen, seen.names | seen.looked_up), (bare, bare.names | seen.looked_up)):
            if use.imported:
                there = use.name in each.imported | seen.imported | seen.loaded
            else:
                there = use.name in names or use.name == "torch" or use.name in each.imported
            words = {word for name, word in each.keywords if name == use.name}
            if not there or not (set(use.keywords) <= words or "" in words):
                missing.append(f"{use.line}: {use.name} {use.keywords}")
    statements = {(each.module, each.names, each.line) for each in seen.statements}
    missing += [
        f"{i.line}: import {i.module}" for i in found.imports if (i.module, i.names, i.line) not in statements
    ]
    return missing


@pytest.mark.parametrize("source", AWKWARD)
def test_nothing_is_lost_in_an_awkward_source(source: str) -> None:
    assert not lost(source.encode(), "p.q")


def test_comments_and_texts_are_no_code() -> None:
    source = b"import torch\n# torch.a\nx = 'torch.b', f'a torch.c {torch.d} torch.e'\n"
    assert glance(source, "torch", "p").names == {f"torch.{each}" for each in "abcde"}
    assert glance(code_of(source), "torch", "p").names == {"torch.d"}


@pytest.fixture(scope="module")
def wheels() -> Path:
    return support.site_packages(environments.light(support.CACHE / "scan" / "wheels", *PACKAGES))


def test_nothing_is_lost_in_real_wheels(wheels: Path) -> None:
    files = 0
    for path in sorted(wheels.rglob("*.py")):
        data = path.read_bytes()
        if b"torch" not in data:
            continue
        try:
            missing = lost(data, file_at(path.relative_to(wheels).as_posix()).package)
        except SyntaxError:
            continue
        assert not missing, (path, missing)
        files += 1
    assert files > 300
