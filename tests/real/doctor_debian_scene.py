"""Run in a mount namespace of its own, as `debian_scene`: `doctor` on the system's Python.

Its own packages (dist-packages without RECORD) are never judged; those that pip put under the local
prefix are, and the commands tell pip that they are meant (PEP 668).
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests import support
from tests.real.debian_scene import SYSTEM, pip

TOOLS = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}


def main(dist_packages: Path, scratch: Path) -> None:
    support.run("mount", "-t", "tmpfs", "none", dist_packages)
    wheels = scratch / "wheels"
    wheels.mkdir()
    # Two of them: pip would otherwise move the whole folder, which is a mount here, out of its way.
    for name in ("studio", "bystander"):
        pip(support.make_wheel(wheels, name, "1.0", {f"{name}.py": b"x = 1\n"}))
    assert findings() == [], "Debian's own packages were judged"
    (dist_packages / "studio.py").write_bytes(b"x = 2, and longer\n")
    (dist_packages / "~tudio").mkdir()
    assert findings() == ["failed-uninstall", "changed-files"]
    rows = support.surgeon("doctor", "-p", SYSTEM).json["remedies"]
    environ = support.clean_environ(**TOOLS, PIP_FIND_LINKS=str(wheels), PIP_NO_INDEX="1")
    for row in rows:  # type: ignore[attr-defined]
        support.run("bash", "-ec", row["command"], env=environ, cwd="/")
    assert findings() == []
    assert (dist_packages / "studio.py").read_bytes() == b"x = 1\n"
    print("the layout of Debian is examined")


def findings() -> list[str]:
    """The codes of what is wrong with the system's Python."""
    answer = support.surgeon("doctor", "-p", SYSTEM)
    return [row["code"] for row in answer.json["findings"]]  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
