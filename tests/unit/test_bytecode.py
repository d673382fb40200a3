"""Which code a fresh interpreter runs, whatever bytecode lies there.

`replaced` is as long as `original`: a changed size alone would give the stale bytecode away.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from surgeon.errors import EnvironmentUnusable
from surgeon.site import bytecode
from surgeon.site.fs import Root
from tests import support

MODES = ("TIMESTAMP", "CHECKED_HASH", "UNCHECKED_HASH")
TORCH = {"torch/__init__.py": b"original, replaced = 'original', 'replaced'\n"}
SOURCE = b"import torch\n\nVALUE = torch.original\n"


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bytecode") / "venv"
    support.make_venv(folder)
    return folder


def lay(venv: Path) -> Path:
    site = support.site_packages(venv)
    core = support.gadget(site, source=SOURCE)
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.1.0", TORCH)
    for stale in site.rglob("*.pyc"):
        stale.unlink()
    return core


def observed(venv: Path, optimise: int, **extra: str) -> str:
    """What a fresh interpreter finds in the package."""
    flags = ["-O"] * optimise
    program = "import gadget.core; print(gadget.core.VALUE)"
    environ = support.clean_environ(**extra)
    return support.run(venv / "bin" / "python", *flags, "-c", program, cwd="/", env=environ).stdout.strip()


def compile_with(venv: Path, source: Path, mode: str, optimise: int, **extra: str) -> None:
    program = (
        "import py_compile as p, sys\n"
        f"p.compile({str(source)!r}, doraise=True, optimize={optimise},"
        f" invalidation_mode=p.PycInvalidationMode.{mode})"
    )
    support.run(venv / "bin" / "python", "-c", program, cwd="/", env=support.clean_environ(**extra))


@pytest.mark.parametrize("prefixed", [False, True])
@pytest.mark.parametrize(("mode", "optimise"), list(itertools.product(MODES, (0, 1, 2))))
def test_the_patched_code_runs_after_apply_and_the_original_after_revert(
    venv: Path, tmp_path: Path, mode: str, optimise: int, prefixed: bool
) -> None:
    core = lay(venv)
    extra = {"PYTHONPYCACHEPREFIX": str(tmp_path / "pycache")} if prefixed else {}
    options = ("-p", venv, "--patches", support.GADGETS)
    compile_with(venv, core, mode, optimise, **extra)
    assert observed(venv, optimise, **extra) == "original"
    assert support.surgeon("apply", *options, **extra).exit_code == 0
    assert len(core.read_bytes()) == len(SOURCE)
    assert observed(venv, optimise, **extra) == "replaced"
    compile_with(venv, core, mode, optimise, **extra)
    assert support.surgeon("revert", *options, **extra).exit_code == 0
    assert observed(venv, optimise, **extra) == "original"


def test_the_trap_is_real(venv: Path) -> None:
    """Without the purge an unchecked-hash file would win: the tests above can fail."""
    core = lay(venv)
    compile_with(venv, core, "UNCHECKED_HASH", 0)
    core.write_bytes(SOURCE.replace(b"original", b"replaced"))
    assert observed(venv, 0) == "original"


def test_only_the_sources_own_bytecode_is_named(tmp_path: Path) -> None:
    cache = tmp_path / "pkg" / "__pycache__"
    cache.mkdir(parents=True)
    ours = ["mod.cpython-310.pyc", "mod.cpython-311.opt-1.pyc", "mod.pypy310-pp73.pyc"]
    for name in [*ours, "mod_b.cpython-310.pyc", "modx.cpython-310.pyc", "mod.txt", "mod.pyc"]:
        (cache / name).touch()
    found = [name for _, name in bytecode.bytecode_files(Root(tmp_path), "pkg/mod.py", None)]
    assert found == [f"pkg/__pycache__/{name}" for name in ours]


@pytest.mark.parametrize(("flags", "fatal"), [(0, False), (1, True), (3, False)])
def test_bytecode_that_cannot_be_removed_matters_only_where_it_would_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, fatal: bool
) -> None:
    cache = tmp_path / "pkg" / "__pycache__"
    cache.mkdir(parents=True)
    (cache / "mod.cpython-310.pyc").write_bytes(b"\x6f\x0d\x0d\x0a" + flags.to_bytes(4, "little") + bytes(8))

    def refuse(self: Root, path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Root, "remove", refuse)
    monkeypatch.setattr(Root, "may_change", lambda self, path: False)
    root = Root(tmp_path)
    assert (bytecode.undeletable(root, "pkg/mod.py", None) is not None) is fatal
    if fatal:
        with pytest.raises(EnvironmentUnusable, match="cannot be removed"):
            bytecode.purge(root, "pkg/mod.py", None)
    else:
        bytecode.purge(root, "pkg/mod.py", None)
