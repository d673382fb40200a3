"""Draws `docs/pictures/apply.svg`: an import that fails, `apply`, the import again, `status`, `revert`.

`python -m tests.tools.pictures_apply`. Everything in it is what the programs wrote to a terminal, in a real
environment with torch 2.1.0; the folder in which that is made is shown as `/opt/pod`, and long answers
are cut where the dots are.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests import environments, support
from tests.tools.terminal import on_a_terminal

PICTURE = support.CHECKOUT / "docs" / "pictures" / "apply.svg"
SHOWN_AS = "/opt/pod"
WIDTH = 78
ROWS = 14
PROGRAM = "import diffusers, xfuser; print('both are imported')"


def main() -> None:
    """Build the environment, run the commands, draw what they wrote."""
    folder = environments.pod(support.CACHE / "pictures" / "apply", "dec25")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    python = (folder / "bin" / "python", "-W", "ignore", "-c")
    surgeon = (sys.executable, "-m", "surgeon")
    last = slice(-1, None)
    scenes = [
        (f'python -c "{PROGRAM}"', (*python, PROGRAM), last, 1),
        ("m3d-surgeon apply", (*surgeon, "apply", "-p", folder), slice(ROWS), 0),
        (f'python -c "{PROGRAM}"', (*python, PROGRAM), last, 0),
        ("m3d-surgeon status", (*surgeon, "status", "-p", folder), last, 0),
        ("m3d-surgeon revert", (*surgeon, "revert", "-p", folder), last, 0),
    ]
    for said, words, part, expected in scenes:
        code, written = on_a_terminal(words, WIDTH, HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
        assert code == expected, written
        written = written.rpartition("\x1b[2K")[2]  # what is left once the progress bar was erased
        console.print(Text(f"$ {said}", "bold"))
        for line in shown(written.replace(str(folder.resolve()), SHOWN_AS).rstrip().splitlines(), part):
            console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
        console.print()
    save(console, PICTURE)
    shutil.rmtree(folder)


def shown(lines: list[str], part: slice) -> list[str]:
    """A part of an answer, and its last line."""
    kept = lines[part]
    return kept if kept[-1] == lines[-1] else [*kept, "...", lines[-1]]


def save(console: Console, place: Path) -> None:
    """Write a picture without the fonts that it would load from the net."""
    drawn = console.export_svg(title="m3d-surgeon", unique_id=place.stem)
    place.write_text(re.sub(r"@font-face \{.*?\n    \}", "", drawn, flags=re.DOTALL))


if __name__ == "__main__":
    main()
