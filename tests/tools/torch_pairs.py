"""Writes `surgeon/doctor/profiles/pairs.json`: which torch each torchvision and torchaudio was built for.

`python -m tests.tools.torch_pairs` asks for the metadata of every release on the package index, through uv;
with `--check` it writes nothing and fails where the file says something else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from packaging.version import Version

from surgeon.doctor.profile import BUILT_IN

FILE = BUILT_IN / "pairs.json"
NAMES = ("torchvision", "torchaudio")
OLDEST = Version("2.0.0")
"""Of torch."""


def main() -> int:
    """Write the file, or check it."""
    found = {name: pairs(name) for name in NAMES}
    text = json.dumps(found, indent=1) + "\n"
    if "--check" in sys.argv:
        return int(text != FILE.read_text())
    FILE.write_text(text)
    return 0


def pairs(name: str) -> dict[str, str]:
    """The torch that each release names in its metadata; releases that name none are left out."""
    said = run("pip", "index", "versions", name)
    listed = re.search(r"Available versions: (.*)", said)
    versions = sorted(re.findall(r"[^,\s]+", listed[1] if listed else ""), key=Version)
    found = {version: torch for version in versions if (torch := built_for(name, version))}
    return {version: torch for version, torch in found.items() if Version(torch) >= OLDEST}


def built_for(name: str, version: str) -> str:
    """The torch of one release, or an empty string."""
    requirement = f"{name}=={version}"
    options = ("--quiet", "--no-header", "--no-annotate", "--python-version", "3.11")
    resolved = run("uv", "pip", "compile", *options, "-", given=requirement)
    pinned = re.search(r"^torch==(\S+)$", resolved, re.MULTILINE)
    exact = (
        run("uv", "pip", "compile", *options, "-", given=f"{requirement}\ntorch!={pinned[1]}")
        if pinned
        else ""
    )
    return pinned[1] if pinned and "torch==" not in exact else ""


def run(module: str, *arguments: str, given: str = "") -> str:
    """What a module of this interpreter prints; nothing where it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    raise SystemExit(main())
