"""Who changes the disk: a few modules, each with a place of its own, as docs/architecture.md says."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests import support

WRITERS = {
    "site/fs.py": "an environment's site directories",
    "userfiles.py": "the user's own folders",
    "author/drafts.py": "the module that `new` and `capture` were asked for",
    "wheels/output.py": "the wheel that `wheel` was asked for",
}
SCRATCH = {
    "author/capture.py",
    "author/pristine.py",
    "doctor/fitting.py",
    "doctor/probing.py",
    "wheels/build.py",
    "wheels/scratch.py",
}
"""These write only below a temporary folder of their own, which goes with the run."""

OF_OS = frozenset(
    {"chmod", "chown", "fchmod", "fchown", "ftruncate", "lchown", "link", "makedirs", "mkdir", "mkfifo"}
    | {"mknod", "remove", "removedirs", "removexattr", "rename", "renames", "replace", "rmdir", "setxattr"}
    | {"symlink", "truncate", "unlink", "utime", "write"}
)
OF_PATHS = frozenset(
    {"chmod", "hardlink_to", "lchmod", "mkdir", "rename", "rmdir", "symlink_to", "touch", "unlink"}
    | {"write_bytes", "write_text"}
)
OF_SHUTIL = frozenset(
    {
        "chown",
        "copy",
        "copy2",
        "copyfile",
        "copymode",
        "copystat",
        "copytree",
        "make_archive",
        "move",
        "rmtree",
    }
)
WRITING = frozenset("wax+")


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The calls in a module that change the disk, each with its line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            if node.func.id == "open" and _mode(node, 1) & WRITING:
                yield node.lineno, "open"
            continue
        if not isinstance(node.func, ast.Attribute):
            continue
        name, owner = node.func.attr, node.func.value
        module = owner.id if isinstance(owner, ast.Name) else ""
        if module == "os":
            flags = ast.unparse(node.args[1]) if name == "open" and len(node.args) > 1 else ""
            if name in OF_OS or any(flag in flags for flag in ("O_CREAT", "O_WRONLY", "O_RDWR", "flags")):
                yield node.lineno, f"os.{name}"
        elif module == "shutil":
            if name in OF_SHUTIL:
                yield node.lineno, f"shutil.{name}"
        elif (
            name in OF_PATHS
            or (name == "open" and _mode(node, 0) & WRITING)
            or (name == "replace" and len(node.args) == 1 and not node.keywords)
        ):
            yield node.lineno, name


def _mode(call: ast.Call, position: int) -> frozenset[str]:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    for mode in [*call.args[position : position + 1], *given]:
        if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
            return frozenset(mode.value)
    return frozenset()


def found() -> dict[str, list[tuple[int, str]]]:
    """What every module of the package writes with."""
    package = support.CHECKOUT / "surgeon"
    every = {
        str(path.relative_to(package)): list(writes(ast.parse(path.read_bytes())))
        for path in sorted(package.rglob("*.py"))
    }
    return {module: calls for module, calls in every.items() if calls}


def test_only_the_named_modules_write() -> None:
    strangers = {module: calls for module, calls in found().items() if module not in {*WRITERS, *SCRATCH}}
    assert strangers == {}


def test_every_named_module_does_write() -> None:
    """A name that stays here by mistake would let a later write through."""
    assert set(found()) == {*WRITERS, *SCRATCH}


def test_what_writes_only_for_itself_makes_a_temporary_folder_or_is_given_one() -> None:
    for module in SCRATCH - {"wheels/scratch.py"}:
        assert "tempfile.TemporaryDirectory(" in (support.CHECKOUT / "surgeon" / module).read_text(), module
    callers = [
        path.relative_to(support.CHECKOUT / "surgeon").as_posix()
        for path in (support.CHECKOUT / "surgeon").rglob("*.py")
        if "surgeon.wheels.scratch import" in path.read_text()
    ]
    assert set(callers) <= {"wheels/build.py", "wheels/rebuild.py"}, "who lays one out has a folder for it"


def test_the_docs_name_them() -> None:
    text = (support.CHECKOUT / "docs" / "architecture.md").read_text()
    section = text.partition("## Who writes what")[2].partition("\n## ")[0]
    assert section
    for module in (*WRITERS, *SCRATCH):
        assert f"`{module}`" in section, module


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("os.open(p, os.O_RDONLY)", False),
        ("os.open(p, os.O_WRONLY | os.O_CREAT)", True),
        ("os.mkdir(p)", True),
        ("os.listdir(p)", False),
        ("open(p)", False),
        ("open(p, 'rb')", False),
        ("open(p, 'wb')", True),
        ("open(p, mode='a')", True),
        ("p.open()", False),
        ("p.open('xb')", True),
        ("p.write_text(t)", True),
        ("p.read_text()", False),
        ("p.replace(q)", True),
        ("text.replace('a', 'b')", False),
        ("p.mkdir(parents=True)", True),
        ("shutil.rmtree(p)", True),
        ("shutil.which(p)", False),
    ],
)
def test_a_write_is_seen(source: str, seen: bool) -> None:
    assert bool(list(writes(ast.parse(source)))) is seen


def test_nobody_writes_by_another_name() -> None:
    """The walk sees `os.mkdir`, not `from os import mkdir`: nobody imports that way."""
    for path in (support.CHECKOUT / "surgeon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
                taken = {alias.name for alias in node.names}
                assert not taken & (OF_OS | OF_SHUTIL | {"open"}), path
