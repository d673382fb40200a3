"""A digest covers what decides the bytes that come out, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from surgeon import registry
from tests import support

PLAIN = (support.GADGETS / "gadget_shiny.py").read_text()
OWN = '''"""The small package `gadget` reads what torch has had since 2.6."""

from dataclasses import dataclass

from surgeon.edits import Rename, Visitor
from surgeon.patch import Case, Patch, exactly


@dataclass(frozen=True)
class Polish:
    """Polish a name."""

    name: str
    after: str = "polish"

    def __call__(self, tree) -> int:
        """Polish it."""
        return Rename(self.name, f"{self.name}.{self.after!r:>{10}}"[:12])(tree)


def transformer():
    import libcst as cst

    return cst.CSTTransformer()


PATCH = Patch(
    id="gadget-shiny",
    symptom="has no attribute",
    why="gadget reads torch.shiny.",
    distribution="gadget",
    versions=">=1.0",
    when={"torch": "<2.6"},
    files=("gadget/*.py",),
    needle=(b"torch.shiny",),
    transforms=(Polish("torch.shiny"), Visitor(transformer), lambda tree: 0),
    expect=exactly(1),
    cases=(Case("import torch\\ntorch.shiny\\n", "import torch\\n"),),
    unchanged=(),
    probe="import gadget.core",
)
'''
SAYS_THE_SAME = {
    "a comment": ("PATCH = ", "# the patch\nPATCH = "),
    "a docstring": ("gadget` reads", "gadget` has read"),
    "layout": ("PATCH = Patch(\n", "PATCH = Patch(\n\n\n"),
    "why": ("gadget reads", "gadget, as everybody knows, reads"),
    "the symptom": ("has no attribute", "has no att"),
    "a case": ("import torch\\n", "import torch, os\\n"),
    "the probe": ('"import gadget.core"', '"import gadget"'),
    "upstream": ("    probe=", "    upstream='3.0',\n    probe="),
    "the releases": (">=1.0", ">=1.0,<9"),
    "the conditions": ("<2.6", "<2.7"),
    "the files": ('"gadget/*.py"', '"gadget/**/*.py"'),
}
SAYS_SOMETHING_ELSE = {
    "the id, which is written into the file": ('id="gadget-shiny"', 'id="gadget-shinier"'),
    "a needle, without which nothing is run": ('(b"torch.shiny",)', '(b"torch.shiny", b"torch.dull")'),
    "an edit's argument": ('("torch.shiny")', '("torch.shine")'),
    "what is expected": ("exactly(1", "exactly(2"),
    "one edit more": ('("torch.shiny"),', '("torch.shiny"), Rename("torch.a", "torch.b"),'),
}
OWN_CODE = {
    "a method": ("{self.after!r", "{self.after!s"),
    "a default": ('after: str = "polish"', 'after: str = "buff"'),
    "a function": ("cst.CSTTransformer()", "cst.CSTTransformer() or None"),
    "a lambda": ("lambda tree: 0", "lambda tree: 1"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("_digested")]:
        del sys.modules[name]


def digest(folder: Path, source: str) -> str:
    """The digest of the one patch that a module describes, and of the same patch as the index knows it."""
    (folder / "a.py").write_text(source)
    loaded = registry.load(folder)
    assert not loaded.problems, loaded.problems
    (patch,) = (each for name, each in loaded.patches.items() if loaded.sources[name].parent == folder)
    for _ in range(2):
        assert registry.load(folder, remembered=True).patches[patch.id].digest == patch.digest
    return patch.digest


@pytest.mark.parametrize("source", [PLAIN, OWN], ids=["plain", "own"])
@pytest.mark.parametrize("name", SAYS_THE_SAME)
def test_what_decides_no_bytes_is_not_in_it(folder: Path, source: str, name: str) -> None:
    old, new = SAYS_THE_SAME[name]
    if old in PLAIN or source is OWN:
        assert digest(folder, source.replace(old, new)) == digest(folder, source)


@pytest.mark.parametrize("source", [PLAIN, OWN], ids=["plain", "own"])
@pytest.mark.parametrize("name", SAYS_SOMETHING_ELSE)
def test_what_decides_bytes_is_in_it(folder: Path, source: str, name: str) -> None:
    old, new = SAYS_SOMETHING_ELSE[name]
    imported = source.replace("import GuardAttribute", "import GuardAttribute, Rename")
    assert old in imported
    assert digest(folder, imported.replace(old, new)) != digest(folder, imported)


@pytest.mark.parametrize("name", OWN_CODE)
def test_the_code_of_an_edit_of_its_own_is_in_it(folder: Path, name: str) -> None:
    old, new = OWN_CODE[name]
    assert digest(folder, OWN.replace(old, new)) != digest(folder, OWN)


def test_a_constant_may_have_another_name_and_move_to_another_module(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    before = digest(folder, PLAIN)
    (folder / "_digested_names.py").write_text('SHINY = "torch.shiny"\n')
    moved = PLAIN.replace('Attribute("torch.shiny")', "Attribute(_digested_names.SHINY)")
    assert digest(folder, f"import _digested_names\n{moved}") == before


def test_edits_that_a_module_computes_are_judged_by_what_comes_out(folder: Path) -> None:
    computed = PLAIN.replace('"torch.shiny"),)', '".".join(["torch", "shiny"])),)')
    assert digest(folder, computed) == digest(folder, PLAIN)


@pytest.mark.parametrize("imported", ["import {0}", "from {0} import SHINY, edit"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_module_that_a_patch_imports_from_beside_it_is_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, imported: str, deep: bool
) -> None:
    monkeypatch.syspath_prepend(folder)
    code = 'SHINY = "torch.shiny"\n\n\ndef edit(tree):\n    return 0\n'
    source = f"import _digested\n{imported.format('_digested')}\n" + PLAIN.replace(
        '("torch.shiny"),', "(_digested.SHINY), _digested.edit,"
    )
    helper = folder / ("_digested_deep.py" if deep else "_digested.py")
    if deep:
        (folder / "_digested.py").write_text("from _digested_deep import *\n")

    def written(text: str) -> str:
        helper.write_text(text)
        os.utime(helper, (len(text), len(text)))  # Python looks at time and size
        for name in [name for name in sys.modules if name.startswith("_digested")]:
            del sys.modules[name]
        return digest(folder, source)

    before = written(code)
    assert written(f'"""Names."""\n{code}') == before
    assert written(code.replace("return 0", "return 1")) != before
    assert written(code.replace('"torch.shiny"', '"torch.shine"')) != before
    assert written(code) == before


def test_an_entry_point_in_site_packages_does_not_own_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    (site / "_digested_neighbour.py").write_text("X = 1\n")
    before = digest(site, "import _digested_neighbour\n" + OWN)
    (site / "_digested_neighbour.py").write_text("X = 2\n")
    assert digest(site, "import _digested_neighbour\n" + OWN) == before


@pytest.mark.parametrize(
    "strange",
    [
        "lambda tree, many={1, 2}: 0",
        "__import__('operator').methodcaller('x')",
        "__import__('functools').partial(print, sep={1.5: b'x', 2: {'a', 'b', 'c'}})",
    ],
)
def test_edits_that_are_no_data_have_a_digest_that_stays(folder: Path, strange: str) -> None:
    source = PLAIN.replace('GuardAttribute("torch.shiny")', f"{strange}, GuardAttribute('a.b')")
    assert digest(folder, source) == digest(folder, source)


def test_every_python_gives_the_same_digest(tmp_path: Path) -> None:
    """A store that one Python wrote is not outdated for the next."""
    (tmp_path / "own.py").write_text(OWN)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from surgeon.rewriting import digest\n"
        "print(digest.normalised(Path(sys.argv[2]).read_bytes()))"
    )
    found = {}
    for python in {Path(sys.executable), *support.pythons()}:
        command = [str(python), "-c", program, str(support.CHECKOUT), str(tmp_path / "own.py")]
        found[python] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(found) > 1
    assert len(set(found.values())) == 1, found
