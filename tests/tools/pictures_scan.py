"""Draws `docs/pictures/scan.svg`: `scan` on a real environment. `python -m tests.tools.pictures_scan`.

The folder in which the environment is made is shown as `/opt/pod`.
"""

from __future__ import annotations

import io
import re
import shutil

from rich.console import Console
from rich.text import Text

from surgeon import registry
from surgeon.report.scan import lines
from surgeon.scan.run import Request, scan
from surgeon.site.environment import find_environment
from tests import environments, support

PICTURE = support.CHECKOUT / "docs" / "pictures" / "scan.svg"
SHOWN_AS = "/opt/pod"
WIDTH = 196
ROWS = 26
SCANNED = ("accelerate", "diffusers", "peft", "transformers", "xfuser")


def main() -> None:
    """Build the environment, scan it, draw the answer; a long one is cut."""
    folder = environments.pod(support.CACHE / "pictures" / "scan", "dec25")
    result = scan(find_environment(str(folder)), registry.load(), Request(SCANNED))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ m3d-surgeon scan {' '.join(SCANNED)}", "bold"))
    text = lines(result)
    for line, style in [*text[:ROWS], ("…", ""), text[-1]] if len(text) > ROWS else text:
        console.print(Text(line.replace(str(folder), SHOWN_AS), style), overflow="ellipsis", no_wrap=True)
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = console.export_svg(title="m3d-surgeon scan", unique_id="scan")
    PICTURE.write_text(
        re.sub(r"@font-face \{.*?\n    \}", "", drawn, flags=re.DOTALL)
    )  # no fonts off the net
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
