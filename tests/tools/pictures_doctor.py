"""Draws `docs/pictures/doctor.svg`: `doctor --profile matrix3d` on a real pod that this script damages.

`python -m tests.tools.pictures_doctor`. The folder in which the pod is made is shown as `/opt/pod`.
"""

from __future__ import annotations

import io
import re
import shutil

from rich.console import Console
from rich.text import Text

from surgeon import registry
from surgeon.doctor.examine import examine
from surgeon.operations.work import silent
from surgeon.report.doctor import lines
from surgeon.site.environment import find_environment
from tests import environments, support

PICTURE = support.CHECKOUT / "docs" / "pictures" / "doctor.svg"
SHOWN_AS = "/opt/pod"
WIDTH = 132


def main() -> None:
    """Build the pod, damage it as its owner found it, examine it, draw the answer."""
    folder = environments.pod(support.CACHE / "pictures" / "doctor", "nov26")
    environments.install(folder, "--no-deps", "entrypoints==0.4", "torchvision==0.20.1", "pip")
    site = support.site_packages(folder)
    (site / "entrypoints-0.4.dist-info" / "RECORD").unlink()
    (site / "~umpy").mkdir()
    target = site / "transformers" / "modeling_utils.py"
    data = target.read_bytes()
    target.unlink()
    target.write_bytes(data[: len(data) // 2])
    diagnosis = examine(find_environment(str(folder)), registry.load(), silent, profile_name="matrix3d")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ m3d-surgeon doctor --profile matrix3d", "bold"))
    for line, style in lines(diagnosis):
        shown = line.replace(str(folder), SHOWN_AS)
        console.print(Text(shown, style), overflow="fold")
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = console.export_svg(title="m3d-surgeon doctor", unique_id="doctor")
    PICTURE.write_text(
        re.sub(r"@font-face \{.*?\n    \}", "", drawn, flags=re.DOTALL)
    )  # no fonts off the net
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
