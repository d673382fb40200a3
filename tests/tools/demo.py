"""`make demo`: the commands on the real wheels that the pod breaks on, in a scratch site-packages.

Only torch is a stand-in: its metadata says 2.1.0, its gigabytes are left out, since nothing here
imports it. The end-to-end tests (`make e2e`) use the real one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import support

RELEASES = ("xfuser==0.4.5", "diffusers==0.36.0", "transformers==4.57.3")
COMMANDS = ("status", "apply", "diff", "apply", "revert")
LINES_OF_DIFF = 40


def main() -> int:
    """Show the commands; fail where one of them does not do what it says."""
    site = support.CACHE / "demo" / "site-packages"
    shutil.rmtree(site.parent, ignore_errors=True)
    print(f"$ uv pip install --no-deps --target {short(site)} {' '.join(RELEASES)}", flush=True)
    support.uv("pip", "install", "--quiet", "--no-deps", "--target", site, *RELEASES)
    support.install(site, "torch", "2.1.0")
    shipped = support.hashes(site)
    codes = [show(command, site) for command in COMMANDS]
    if support.hashes(site) != shipped:
        print("demo: revert did not give back what the wheels shipped", file=sys.stderr)
        return 1
    digest = hashlib.sha256(repr(sorted(shipped.items())).encode()).hexdigest()[:12]
    print(f"\nall {len(shipped)} files are as the wheels shipped them (sha256 of the whole tree: {digest})")
    return 0 if codes == [1, 0, 0, 0, 0] else 1


def show(command: str, site: Path) -> int:
    """Run one command as a user would and show what it printed."""
    print(f"\n$ m3d-surgeon {command} --site-packages {short(site)}", flush=True)
    arguments = [sys.executable, "-m", "surgeon", command, "--site-packages", str(site)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=support.clean_environ())
    lines = (done.stdout + done.stderr).replace(str(site), short(site)).splitlines()
    print("\n".join(lines[:LINES_OF_DIFF]))
    if len(lines) > LINES_OF_DIFF:
        print(f"... {len(lines) - LINES_OF_DIFF} more lines")
    print(f"(exit code {done.returncode})", flush=True)
    return done.returncode


def short(path: Path) -> str:
    """A path below the checkout as a reader of the demo sees it."""
    return str(path.relative_to(support.CHECKOUT)) if path.is_relative_to(support.CHECKOUT) else str(path)


if __name__ == "__main__":
    raise SystemExit(main())
