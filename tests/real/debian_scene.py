"""Run in a mount namespace of its own: the system's Python, its dist-packages, a user site in front.

That is the layout of the pod: no virtual environment, packages under the local prefix. The folder
is covered by a file system in memory, so that the machine's own packages stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests import support

SYSTEM = Path("/usr/bin/python3")
SOURCE = b"import torch\n\nVALUE = torch.original\n"
TORCH = {"torch/__init__.py": b"original, replaced = 'original', 'replaced'\n"}
GADGETS = ("--patches", support.GADGETS)


def main(dist_packages: Path, scratch: Path) -> None:
    support.run("mount", "-t", "tmpfs", "none", dist_packages)
    user = {"PYTHONUSERBASE": str(scratch / "user")}
    pip(make(scratch, "torch", "2.1.0", TORCH), make(scratch, "gadget", "1.0"))
    system = dist_packages / "gadget" / "core.py"
    assert system.exists(), "Debian's pip no longer installs into dist-packages"
    check_life(system, {})

    pip("--user", make(scratch, "gadget", "2.0"), **user)
    (own,) = (scratch / "user").rglob("gadget/core.py")
    check_life(own, user)
    assert system.read_bytes() == SOURCE, "the shadowed copy was touched"
    answer = support.surgeon("status", "-p", SYSTEM, *GADGETS, **user)
    assert any("hides another copy" in warning for warning in answer.json["warnings"]), answer.json  # type: ignore[attr-defined]
    print("the layout of Debian works")


def check_life(target: Path, environ: dict[str, str]) -> None:
    """Apply, see it run, apply again, revert; the store lies beside the packages that were patched."""
    before = target.stat()
    options = ("-p", SYSTEM, *GADGETS)
    assert value(environ) == "original"
    assert support.surgeon("status", *options, **environ).exit_code == 1
    first = support.surgeon("apply", *options, **environ)
    assert (first.exit_code, first.json["changed"]) == (0, ["gadget/core.py"]), first
    assert first.json["environment"]["site_packages"] == str(target.parent.parent)  # type: ignore[index]
    assert value(environ) == "replaced"
    assert (target.parent.parent / ".m3d-surgeon").is_dir()
    assert support.surgeon("apply", *options, **environ).json["changed"] == []
    assert support.surgeon("status", *options, **environ).exit_code == 0
    assert support.surgeon("revert", *options, **environ).exit_code == 0
    assert value(environ) == "original"
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_mtime_ns,
    )
    assert target.read_bytes() == SOURCE


def value(environ: dict[str, str]) -> str:
    """What the system's Python finds in the package."""
    program = "import gadget.core; print(gadget.core.VALUE)"
    done = support.run(SYSTEM, "-c", program, cwd="/", env=support.clean_environ(**environ))
    return done.stdout.strip()


def make(folder: Path, name: str, version: str, files: dict[str, bytes] | None = None) -> Path:
    """A wheel; without files, of the small package."""
    return support.make_wheel(
        folder, name, version, files or {"gadget/__init__.py": b"", "gadget/core.py": SOURCE}
    )


def pip(*arguments: str | Path, **environ: str) -> None:
    """Debian's own pip, told that this is meant (PEP 668)."""
    command = [
        SYSTEM,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--break-system-packages",
    ]
    support.run(*command, "--force-reinstall", *arguments, env=support.clean_environ(**environ))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
