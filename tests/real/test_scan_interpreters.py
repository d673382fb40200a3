"""The target's interpreter decides, never the one that runs us: two real ones each way, and a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from surgeon.site.environment import ask
from surgeon.site.interpreter import stand_in
from tests import support

PAIRS = [("3.11", "3.10"), ("3.12", "3.10"), ("3.10", "3.12"), ("3.10", "3.11")]
"""Who runs, and over whose environment."""

TRIES = "try:\n    import {0}\nexcept ImportError:\n    import torch\n    torch.shiny\n"
ASKS = "import sys, os, platform, torch\nif {0}:\n    torch.shiny\n"
OLD = {
    "tries_tomllib.py": (TRIES.format("tomllib"), "3.10"),
    "tries_distutils.py": (TRIES.format("distutils"), "3.12"),
    "tries_winreg.py": (TRIES.format("winreg"), "3.10 3.11 3.12"),
    "tries_json.py": (TRIES.format("json"), ""),
    "asks_311.py": (ASKS.format("sys.version_info < (3, 11)"), "3.10"),
    "asks_major.py": (ASKS.format("sys.version_info >= (3, 12)"), "3.12"),
    "asks_platform.py": (ASKS.format("sys.platform == 'win32'"), ""),
    "asks_os.py": (ASKS.format("os.name == 'nt'"), ""),
    "asks_system.py": (ASKS.format("platform.system() == 'Windows'"), ""),
    "asks_here.py": (ASKS.format(f"sys.platform == {sys.platform!r}"), "3.10 3.11 3.12"),
    "asks_maxsize.py": (ASKS.format("sys.maxsize == 2147483647"), ""),
    "asks_byteorder.py": (ASKS.format(f"sys.byteorder != {sys.byteorder!r}"), ""),
    "asks_implementation.py": (ASKS.format("sys.implementation.name == 'pypy'"), ""),
}
"""Sources, and the versions of Python on which importing them asks torch for what it has not."""

NEW = {
    "groups.py": ("import torch\ntry:\n    torch.shiny\nexcept* ValueError:\n    pass\n", (3, 11)),
    "groups_guarded.py": (
        "import torch\ntry:\n    torch.shiny\nexcept* AttributeError:\n    pass\n",
        (3, 11),
    ),
    "generic.py": ("import torch\ndef f[T: torch.shiny](x: T) -> T: ...\ntorch.shiny\n", (3, 12)),
    "alias.py": ("import torch\ntype A = torch.shiny\n", (3, 12)),
    "nested.py": ("import torch\nx = f'{torch.shiny['a']}'\n", (3, 12)),
    "wide.py": ('# coding: latin-1\nimport torch\nclass C[T]:\n    x = "\xe9", torch.shiny\n', (3, 12)),
}
"""Sources that need a grammar."""
BITE = {"groups.py", "generic.py", "nested.py", "wide.py"}
"""Those of them that ask when they are imported, where they can be read."""


def world(folder: Path, target: str) -> Path:
    interpreter = support.python(target)
    if interpreter is None:
        pytest.skip(f"no Python {target} here")
    site = support.make_venv(folder / "venv", interpreter)
    support.install(site, "torch", "2.1.0", {"torch/__init__.py": b"x = 1\n"})
    code = {name: text.encode() for name, (text, _) in OLD.items()}
    code |= {name: text.encode("latin-1") for name, (text, _) in NEW.items()}
    support.install(site, "user", "1.0", code)
    return folder / "venv"


def scan(runner: str, folder: Path, *where: str | Path) -> support.Answer:
    by = support.runner(runner)
    if by is None:
        pytest.skip(f"no Python {runner} here")
    answer = support.surgeon("scan", *where, "user", by=by, XDG_CACHE_HOME=str(folder / "cache"))
    assert answer.exit_code == 0, answer
    return answer


def biting(answer: support.Answer) -> set[str]:
    (row,) = answer.json["missing"]  # type: ignore[misc]
    return {place["path"] for place in row["places"] if place["when"] == "import"}


@pytest.mark.parametrize(("runner", "target"), PAIRS)
def test_the_targets_library_version_and_platform_decide(runner: str, target: str, tmp_path: Path) -> None:
    venv = world(tmp_path, target)
    expected = {name for name, (_, versions) in OLD.items() if target in versions.split()}
    found = biting(scan(runner, tmp_path, "-p", venv))
    assert found & OLD.keys() == expected
    site = support.site_packages(venv)
    for name in OLD:  # and what is expected is what is so
        done = support.run(venv / "bin" / "python", "-c", f"import {name.removesuffix('.py')}", check=False)
        assert ("shiny" in done.stderr) is (name in expected), (name, done.stderr)
        assert site.joinpath(name).exists()


@pytest.mark.parametrize(("runner", "target"), PAIRS)
def test_the_targets_grammar_decides(runner: str, target: str, tmp_path: Path) -> None:
    venv = world(tmp_path, target)
    answer = scan(runner, tmp_path, "-p", venv)
    version = tuple(map(int, target.split(".")))
    readable = {name for name, (_, since) in NEW.items() if version >= since}
    skipped = {Path(each["path"]).name: each["reason"] for each in answer.json["skipped"]}  # type: ignore[attr-defined]
    doubtful = (
        {"nested.py"} if runner == "3.12" else set()
    )  # its parser cannot be told to be an older one here
    assert skipped.keys() - doubtful == NEW.keys() - readable - doubtful
    assert all(f"Python {target} cannot read it" in reason for reason in skipped.values()), skipped
    assert biting(answer) & NEW.keys() - doubtful == (BITE & readable) - doubtful


@pytest.mark.parametrize(("runner", "target"), PAIRS)
def test_a_folder_without_an_interpreter_is_of_its_own_version(
    runner: str, target: str, tmp_path: Path
) -> None:
    site = support.site_packages(world(tmp_path, target))
    folder = tmp_path / "copy" / f"python{target}" / "site-packages"
    folder.parent.mkdir(parents=True)
    site.rename(folder)
    answer = scan(runner, tmp_path, "--site-packages", folder, "--torch", "2.1.0")
    expected = {name for name, (_, versions) in OLD.items() if target in versions.split()}
    assert biting(answer) & OLD.keys() == expected
    if runner < target:
        reasons = {each["reason"] for each in answer.json["skipped"]}  # type: ignore[attr-defined]
        assert reasons
        assert all("this Python is older than" in each and "--python" in each for each in reasons), reasons


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_the_stand_in_says_what_the_interpreter_would(version: str) -> None:
    interpreter = support.python(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} here")
    environment = ask(interpreter)
    real, guessed = environment.interpreter, stand_in(environment.version)
    assert dict(guessed.constants) == dict(real.constants)
    assert {k: v for k, v in guessed.markers.items() if k != "platform_version"} == {
        k: v for k, v in real.markers.items() if k != "platform_version"
    }
    public = {each for each in real.modules if not each.startswith("_")}
    assert {each for each in guessed.modules if not each.startswith("_")} <= public | {"tkinter", "curses"}
    assert public - guessed.modules <= {"test", "xxlimited", "xxlimited_35", "xxsubtype"}


def test_the_markers_are_those_of_packaging(tmp_path: Path) -> None:
    """`packaging` in the target is the judge: the two may not say different things."""
    by = support.runner("3.12") or support.runner("3.11")
    if by is None:
        pytest.skip("no other Python here")
    program = "import json; from packaging.markers import default_environment as e; print(json.dumps(e()))"
    expected = json.loads(support.run(by, "-c", program).stdout)
    assert dict(ask(by).interpreter.markers) == expected
