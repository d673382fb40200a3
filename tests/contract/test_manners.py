"""Terminals as they are: without colour, forty columns wide, without Unicode; `--verbose`; completion."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests import support
from tests.tools.terminal import on_a_terminal, plain

LONG = "gadget/a_rather_long_folder_name/a_module_with_a_rather_long_name_of_its_own.py"
STRANGE = "gadget/\u00fcber.py"
COMMANDS = {
    "apply": ("apply", "--dry-run"),
    "status": ("status",),
    "revert": ("revert", "--dry-run"),
    "list": ("list",),
    "scan": ("scan", "--torch", "2.1", "gadget"),
    "doctor": ("doctor",),
}
COLOUR = re.compile(r"\x1b\[[0-9;]*[34][0-9][;m]")


@pytest.fixture
def gadgets(site: Path) -> Path:
    """A package with a patched file, one that is pending, a long path, and one beyond ASCII."""
    names = ("gadget/__init__.py", "gadget/core.py", "gadget/extra.py", LONG, STRANGE)
    support.install(site, "torch", "2.1.0+cu121")
    support.install(site, "gadget", "1.0", dict.fromkeys(names, support.GADGET))
    return site


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """The patch for the package, on all of its files."""
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (support.GADGETS / "gadget_shiny.py").read_text()
    files = re.sub(r"files=\([^)]*\)", 'files=("gadget/**/*.py", "gadget/*.py")', text)
    assert files != text
    (folder / "gadget_shiny.py").write_text(files)
    return folder


def command(name: str, site: Path, patches: Path) -> list[str]:
    words = (sys.executable, "-m", "surgeon", *COMMANDS[name], "--site-packages", site, "--patches", patches)
    return [*map(str, words)]


def test_a_terminal_has_colours(gadgets: Path, patches: Path) -> None:
    """What the next tests look for can be found."""
    for name in ("apply", "status", "list", "doctor"):
        assert COLOUR.search(on_a_terminal(command(name, gadgets, patches))[1]), name


@pytest.mark.parametrize("name", COMMANDS)
def test_no_color_is_heeded(name: str, gadgets: Path, patches: Path) -> None:
    """https://no-color.org: set and not empty, there is no colour; bold is none."""
    code, text = on_a_terminal(command(name, gadgets, patches), NO_COLOR="1")
    assert code in (0, 1)
    assert "gadget" in text
    assert not COLOUR.search(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_dumb_terminal_gets_plain_text(name: str, gadgets: Path, patches: Path) -> None:
    code, text = on_a_terminal(command(name, gadgets, patches), TERM="dumb")
    assert code in (0, 1)
    assert "gadget" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["apply", "status", "list"])
def test_forty_columns_break_no_id_and_no_path(name: str, gadgets: Path, patches: Path) -> None:
    """What a user copies stays in one piece: the terminal breaks the line, not we."""
    code, text = on_a_terminal(command(name, gadgets, patches), columns=40, NO_COLOR="1")
    assert code in (0, 1)
    wanted = {"apply": ("gadget-shiny", LONG), "status": ("gadget-shiny", LONG), "list": ("gadget-shiny",)}
    for each in wanted[name]:
        assert each in text
    if name == "list":
        assert "diffusers-flex-attention" in text
        assert "torch <2.5" in text
    assert "…" not in text


def test_a_reason_is_broken_between_words(gadgets: Path, patches: Path) -> None:
    support.surgeon("apply", "--site-packages", gadgets, "--patches", patches)
    (gadgets / "gadget" / "core.py").write_text("mine = True\n")
    words = [*command("status", gadgets, patches), "gadget-shiny"]
    code, text = on_a_terminal(words, columns=40, NO_COLOR="1", TERM="dumb")
    assert code == 1
    assert "it is neither what RECORD lists nor what was written here" in text


ENCODINGS = [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]


@pytest.mark.parametrize(
    ("name", "environ"),
    # Without PEP 540's UTF-8 mode the file system's names are ASCII too, which scan cannot do yet.
    [(name, each) for name in COMMANDS for each in ENCODINGS if name != "scan" or "PYTHONUTF8" not in each],
)
def test_what_an_encoding_cannot_say_is_spelled_out(
    name: str, environ: dict[str, str], gadgets: Path, patches: Path
) -> None:
    code, text = on_a_terminal(command(name, gadgets, patches), **environ)
    piped = support.run(*command(name, gadgets, patches), check=False, cwd="/", env=plain(**environ))
    assert (code, piped.returncode) == ((1, 1) if name in ("status", "doctor") else (0, 0)), text
    for said in (text, piped.stdout + piped.stderr):
        assert "Traceback" not in said, said[-3000:]
        assert "Error" not in said
    if name in ("apply", "status") and "PYTHONIOENCODING" in environ:
        assert "gadget/\\xfcber.py" in piped.stdout


@pytest.mark.parametrize("quiet", [(), ("--json",), ("--quiet",)])
def test_verbose_says_what_was_decided_and_why(gadgets: Path, patches: Path, quiet: tuple[str, ...]) -> None:
    where = ("--site-packages", gadgets, "--patches", patches)

    def said(*words: str) -> list[str]:
        done = support.run(sys.executable, "-m", "surgeon", *words, *where, *quiet, check=False, cwd="/")
        assert "file gadget" not in done.stdout
        return done.stderr.splitlines()

    shipped = "its bytes are the ones that RECORD lists, and a patch is needed"
    ours = "it holds what was written here, by the patches as they are today"
    assert f"file {LONG}: pristine: {shipped}; gadget-shiny pristine" in said("status", "-v")
    lines = said("apply", "--verbose")
    assert f"file {LONG}: pristine: {shipped}; to hold gadget-shiny" in lines
    assert "patch diffusers-xpu: not-needed: diffusers is not installed" in lines
    assert f"file {LONG}: applied: {ours}; left as it is" in said("apply", "-v")
    (gadgets / LONG).write_text("mine = True\n")
    foreign = "it is neither what RECORD lists nor what was written here"
    lines = said("revert", "-v")
    assert f"file {LONG}: foreign-edit: {foreign}; refused" in lines
    assert f"file gadget/core.py: applied: {ours}; to be as it was shipped" in lines
    assert not [line for line in said("status") if line.startswith(("file", "patch"))]


def test_patches_that_nothing_here_needs_are_counted_unless_they_were_named(
    gadgets: Path, patches: Path
) -> None:
    words = command("status", gadgets, patches)
    everything = support.run(*words, check=False, cwd="/").stdout
    assert "diffusers-xpu" not in everything
    assert re.search(r"^\d+ more patches are not needed here: see `m3d-surgeon list`$", everything, re.M)
    assert "diffusers is not installed" in support.run(*words, "diffusers-xpu", check=False, cwd="/").stdout


def completed(shell: str, line: str, **extra: str) -> list[str]:
    """What a shell offers at the end of a line, asked as its own script asks."""
    words = line.split(" ")
    environ = {"_M3D_SURGEON_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    if shell == "bash":
        environ |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        environ["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    program = "from surgeon.cli import main; main()"
    call = f"import sys; sys.argv = ['m3d-surgeon']; {program}"
    done = support.run(sys.executable, "-c", call, check=False, cwd="/", env=plain(**environ, **extra))
    assert done.stderr == ""
    found = re.findall(r'"([^":]+)"(?=[:)\s])', done.stdout) if shell == "zsh" else done.stdout.splitlines()
    return [each.split("\t")[0] for each in found if each]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_options_and_patches(shell: str) -> None:
    assert "apply" in completed(shell, "m3d-surgeon app")
    assert "--dry-run" in completed(shell, "m3d-surgeon apply --dr")
    for command in ("apply", "status", "revert", "diff", "explain", "test"):
        assert "xfuser-ring-attention" in completed(shell, f"m3d-surgeon {command} xfuser-ri"), command
    assert completed(shell, "m3d-surgeon apply no-such-") == []


def test_the_tab_key_consents_to_nothing(tmp_path: Path, patches: Path) -> None:
    """A folder that was named is completed from; what a pyproject.toml names is not."""
    assert completed("bash", f"m3d-surgeon apply --patches {patches} gadget-") == ["gadget-shiny"]
    (tmp_path / "pyproject.toml").write_text('[tool.m3d-surgeon]\npatches = ["mine"]\n')
    state = tmp_path / "state"
    line = f"m3d-surgeon apply --patches {tmp_path / 'pyproject.toml'} gadget-"
    assert completed("bash", line, XDG_STATE_HOME=str(state)) == []
    assert not state.exists()
    assert completed("bash", "m3d-surgeon apply --patches /no/such/folder diffusers-xp") == ["diffusers-xpu"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shells_script_is_printed(shell: str) -> None:
    environ = plain(_M3D_SURGEON_COMPLETE=f"source_{shell}")
    call = "import sys; sys.argv = ['m3d-surgeon']; from surgeon.cli import main; main()"
    done = support.run(sys.executable, "-c", call, check=False, cwd="/", env=environ)
    assert f"complete_{shell}" in done.stdout
