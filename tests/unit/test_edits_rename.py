"""A name that is read from another module is imported, or the file is refused. Run for real."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from surgeon.edits import RelocateImport, Rename
from surgeon.patch import Edit, at_least
from surgeon.rewriting.rewrite import Rewrite, rewrite
from tests.tools import recorded

RENAME = Rename("pkg.Old", "pkg.sub.New")
MARK = "  # m3d-surgeon: recorded-relocate"
WHOLE = f"import packaging{MARK}\n"


def made(source: str, edit: Edit = RENAME) -> Rewrite:
    one = dataclasses.replace(recorded.OTHERS[0], transforms=(edit,), expect=at_least(0))
    return rewrite(source.encode(), [one])


def runs(folder: Path, program: str) -> str:
    """Run a program in a fresh process where `pkg.sub.New` exists, and `import pkg` brings no `pkg.sub`."""
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "sub.py").write_text("New = 'new'\n")
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize(
    "source",
    [
        "import pkg\nprint(pkg.Old)\n",
        "import pkg as p\nprint(p.Old)\n",
        "import os, pkg\nprint(pkg.Old)\n",
        "from pkg import Old\nprint(Old)\n",
        "from pkg import Old as O\nprint(O)\n",
        "def f():\n    import pkg\n    return pkg.Old\n\n\nprint(f())\n",
        "if 1:\n    import pkg as p\nelse:\n    p = None\nclass A:\n    x = p.Old\n\n\nprint(A.x)\n",
        "try:\n    import nothing_like_it as p\nexcept ImportError:\n    import pkg as p\nprint(p.Old)\n",
        "import pkg\nfrom pkg import Old\n\nprint(Old if Old == pkg.Old else None)\n",
    ],
)
def test_the_result_runs(tmp_path: Path, source: str) -> None:
    done = made(source)
    assert not done.failures
    assert runs(tmp_path, done.result.decode()) == "new"
    assert not any(made(done.result.decode()).matches.values())


def test_the_import_stands_below_the_one_that_is_used() -> None:
    assert made("import os\nimport pkg as p\n\nprint(p.Old)\n").result.decode() == (
        f"import os\nimport pkg as p\nimport pkg.sub{MARK}\n\nprint(p.sub.New)\n"
    )


@pytest.mark.parametrize(
    "source", ["import pkg.sub\nprint(pkg.Old)\n", "import pkg\nimport pkg.sub\nprint(pkg.Old)\n"]
)
def test_an_import_that_is_there_is_enough(source: str) -> None:
    assert made(source).result.decode() == source.replace("pkg.Old", "pkg.sub.New")


def test_a_name_that_means_something_else_refuses_the_file() -> None:
    done = made("import pkg as p\npkg = 1\nprint(p.Old, pkg)\n")
    assert "pkg is something else in this file" in next(iter(done.failures.values()))


def test_what_the_package_imports_itself_is_not_imported() -> None:
    source = "import pkg\nprint(pkg.Old)\n"
    edit = Rename("pkg.Old", "pkg.sub.New", reachable=True)
    assert made(source, edit).result.decode() == "import pkg\nprint(pkg.sub.New)\n"


def test_a_neighbour_of_the_name_needs_no_import() -> None:
    assert made("import pkg\npkg.Old\n", Rename("pkg.Old", "pkg.New")).result == b"import pkg\npkg.New\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from pkg_resources import packaging\n", "import packaging\n"),
        ("from pkg_resources import packaging as p\n", "import packaging as p\n"),
        ("from pkg_resources import (\n    packaging,\n)\n", "import packaging\n"),
        (
            "from pkg_resources import a, packaging\n",
            f"from pkg_resources import a\nimport packaging{MARK}\n",
        ),
    ],
)
def test_an_import_becomes_that_of_a_whole_module(before: str, after: str) -> None:
    assert made(before, RelocateImport("pkg_resources.packaging", "packaging")).result.decode() == after


@pytest.mark.parametrize("before", ["from .sub import Old\n", "from .sub import (\n    Old,\n)\n"])
def test_a_relative_import_becomes_an_absolute_one(before: str) -> None:
    assert made(before, RelocateImport(".sub.Old", "pkg.sub.Old")).result == b"from pkg.sub import Old\n"
