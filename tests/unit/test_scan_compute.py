"""What a test comes to is computed: version tests in every idiom, helpers here and in other modules."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

from surgeon.sources.guards import Judge, World
from surgeon.sources.library import Library
from surgeon.sources.references import read

VERSIONS = {
    "torch": "2.1.0+cu121",
    "transformers": "4.57.3",
    "numpy": "1.26.4",
    "lightning_utilities": "0.15",
}
MODULES = {"torch", "numpy", "packaging", "importlib", "re", "operator", "helper", "pkg", "sys"}

NEWER = [
    "Version(torch.__version__.split('+')[0]) >= Version('2.4')",
    "Version(Version(torch.__version__).base_version) >= Version('2.4.0')",
    "tuple(int(x) for x in torch.__version__.split('+')[0].split('.')[:2]) >= (2, 4)",
    "tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 4)",
    "[int(x) for x in torch.__version__.split('.')[:2]] >= [2, 4]",
    "int(torch.__version__.split('.')[1]) >= 4",
    "int(torch.__version__.split('.')[0]) + 0 >= 3 or int(torch.__version__[2]) > 3",
    "torch.__version__.startswith('2.4')",
    "torch.__version__[:3] in ('2.4', '2.5')",
    "float('.'.join(torch.__version__.split('.')[:2])) >= 2.4",
    "torch.__version__ >= (2, 4)",
    "torch.__version__ >= '2.4'",
    "torch.torch_version.TorchVersion(torch.__version__) >= '2.4'",
    "torch.version.__version__.startswith('2.4')",
    "re.match(r'(\\d+)\\.(\\d+)', torch.__version__).group(2) == '4'",
    "int(re.search(r'\\.(\\d+)', torch.__version__).group(1)) >= 4",
    "parse(f'{torch.__version__}') >= parse(f'{2}.{4}')",
    "'%d.%d' % (2, 4) <= torch.__version__",
    "importlib.metadata.version('torch') >= '2.4'",
    "Version(importlib.metadata.version('torch')) in SpecifierSet('>=2.4')",
    "pkg_resources.get_distribution('torch').version >= '2.4'",
    "pkg_resources.parse_version(torch.__version__) >= pkg_resources.parse_version('2.4')",
    "LooseVersion(torch.__version__) >= LooseVersion('2.4')",
    "LooseVersion(torch.__version__) >= '2.4'",
    "at_least(2, 4)",
    "at_least(major=2, minor=4)",
    "Needs('torch>=2.4')",
    "NEEDS_24",
    "compare('torch', operator.ge, '2.4')",
    "Flags.HAS_24",
    "not is_old()",
    "elsewhere(2, 4)",
    "helper.elsewhere(2, 4)",
    "through(2, 4)",
    "cached('2.4')",
    "VERSION[0] > 2 or VERSION[1] >= 4",
    "MINOR >= 4",
    "available('tritonx')",
    "has_spec('tritonx')",
]
HEAD = """
import importlib.metadata, operator, re, torch, helper, pkg_resources
import torch.torch_version
from distutils.version import LooseVersion
from functools import lru_cache
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version, parse
from helper import elsewhere
from pkg import through

def at_least(major, minor=0):
    version = torch.__version__.partition("+")[0]
    return parse(version) >= parse(f"{major}.{minor}")

class Needs:
    def __init__(self, text):
        self.text = text
    def _look(self):
        try:
            wanted = Requirement(self.text)
            self.there = wanted.specifier.contains(Version(importlib.metadata.version(wanted.name)))
        except importlib.metadata.PackageNotFoundError:
            self.there = False
    def __bool__(self):
        self._look()
        return self.there

NEEDS_24 = Needs("torch>=2.4")

def compare(package, op, version):
    try:
        found = parse(importlib.metadata.version(package))
    except Exception:
        return False
    return op(found, parse(version))

class Flags:
    HAS_24 = at_least(2, 4)

@lru_cache
def is_old():
    for each in ("2.0", "2.1"):
        if torch.__version__.startswith(each):
            return True
    return False

@lru_cache(maxsize=None)
def cached(version):
    logger.info("asked")
    if version == "1.0":
        return True
    return Version(torch.__version__) >= Version(version)

VERSION = tuple(int(each) for each in torch.__version__.split("+")[0].split("."))
_, MINOR, *_rest = 2, 1, 0
MAJOR, MINOR = [int(each) for each in torch.__version__.split(".")[:2]]

def available(name):
    try:
        importlib.import_module(name)
        return True
    except ImportError:
        return False

def has_spec(name):
    there = importlib.util.find_spec(name) is not None
    if there:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            there = False
    return there
"""
HELPER = """
import torch
def elsewhere(*numbers):
    return tuple(int(x) for x in torch.__version__.split("+")[0].split(".")[: len(numbers)]) >= numbers
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "helper.py").write_text(HELPER)
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("from .inner import *\n")
    (folder / "pkg" / "inner.py").write_text(
        "from helper import elsewhere as _e\ndef through(*n): return _e(*n)\n"
    )
    return folder


def _outcome(test: str, torch: str, folder: Path) -> bool | None:
    source = read(HEAD.encode(), "torch")
    world = World("torch", {**VERSIONS, "torch": torch}, MODULES, library=Library((folder,), "torch"))
    return Judge(world, source).outcome(ast.parse(test, mode="eval").body, source.scope)


@pytest.mark.parametrize("test", NEWER)
def test_an_old_torch(test: str, folder: Path) -> None:
    assert _outcome(test, "2.1.0+cu121", folder) is False


@pytest.mark.parametrize("test", NEWER[:-2])
def test_a_new_torch(test: str, folder: Path) -> None:
    assert _outcome(test, "2.4.1", folder) is True


@pytest.mark.parametrize(
    "test",
    [
        "open('x').read()",
        "unknown(2)",
        "(unknown(2) or 1) <= 1",
        "(unknown(2) and 0) == 0",
        "torch.cuda.is_available()",
        "at_least(unknown)",
        "[x for x in iter(int, 1)]",
    ],
)
def test_what_is_not_known_is_not_guessed(test: str, folder: Path) -> None:
    assert _outcome(test, "2.1.0", folder) is None


def test_nothing_that_is_read_is_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert _outcome(f"__import__('pathlib').Path({str(mark)!r}).touch() and True", "2.1.0", folder) is None
    assert _outcome("(9 ** 9 ** 9) > 1", "2.1.0", folder) is None
    assert not mark.exists()


@pytest.mark.parametrize(
    "test",
    [
        "len(list(range(10**9)))",
        "sum(range(1000000000000))",
        "max(range(1000000000000))",
        "sorted(range(10000000000))",
        "'%999999999d' % 1",
        "'%*d' % (999999999, 1)",
        "'{:>999999999}'.format(1)",
        "'{:>{}}'.format(1, 999999999)",
        "f'{1:>999999999}'",
        "'1'.zfill(999999999)",
        "''.join(['x' for a in range(9999) for b in range(9999)])",
        "re.match('(a+)+$', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
        "re.compile('(a|a)*$').match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
        "re.match('a*a*a*a*a*a*b', '" + "a" * 200 + "')",
        "re.match('.*.*x', '" + "a" * 9000 + "')",
    ],
)
def test_a_source_cannot_hold_up_its_reader(test: str, folder: Path) -> None:
    """It would take minutes, or gigabytes: nothing is told instead, at once."""
    began = time.process_time()
    assert _outcome(test, "2.1.0", folder) is None
    assert time.process_time() - began < 1
