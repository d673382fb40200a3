"""Finds an environment: an interpreter and its site directories, in the order of its `sys.path`.

Nothing of the target is ever imported or run: its interpreter is started without `site`, and
computes its own path with `.pth` lines that import code skipped, so that neither the packages in
it, nor `sitecustomize`, nor a file in the current folder takes part in the answer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgeon.errors import EnvironmentUnusable

QUESTION = """
import sys
stdlib = list(sys.path)
import json, os, site
def path_lines_only(sitedir, name, known_paths):
    try:
        with open(os.path.join(sitedir, name), encoding="utf-8-sig", errors="replace") as lines:
            for line in lines:
                line = line.strip()
                if line and not line.startswith(("#", "import ", "import\\t")):
                    folder, key = site.makepath(sitedir, line)
                    if key not in known_paths and os.path.exists(folder):
                        sys.path.append(folder)
                        known_paths.add(key)
    except OSError:
        pass
    return known_paths
site.addpackage = path_lines_only
site.execsitecustomize = site.execusercustomize = lambda: None
site.check_enableusersite = lambda: not os.environ.get("PYTHONNOUSERSITE")
site.main()
given = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(p)]
print(json.dumps({
    "executable": sys.executable,
    "version": sys.version_info[:3],
    "platform": sys.platform,
    "pycache_prefix": os.environ.get("PYTHONPYCACHEPREFIX"),
    "path": [p for p in given + sys.path if p not in stdlib],
}))
"""
"""Run by the target interpreter with `-I -S`: its path as every process of it has it (site.py)."""

COMPILE = """
import json, sys, warnings
warnings.simplefilter("ignore")
for line in sys.stdin.buffer:
    try:
        compile(bytes.fromhex(line.decode().strip()), "<patched>", "exec", dont_inherit=True)
        print(json.dumps(None))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        print(json.dumps(str(error)))
"""
"""Run by the target interpreter: says for each source whether its own grammar takes it."""

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Environment:
    """An interpreter and the places it imports from.

    Attributes:
        python: the interpreter, or `None` when only a folder was named and none belongs to it.
        version: of that interpreter, or of the folder's `pythonX.Y`, or of the running one.
        path: site directories, and zip files among them, in the order of `sys.path`.
        pycache_prefix: where that interpreter keeps its bytecode instead, or `None`
            (`PYTHONPYCACHEPREFIX`).
    """

    python: Path | None
    version: tuple[int, ...]
    path: tuple[Path, ...]
    pycache_prefix: Path | None = None

    @property
    def site_directories(self) -> tuple[Path, ...]:
        """The folders of the path; zip files are left out."""
        return tuple(entry for entry in self.path if entry.is_dir())


def find_environment(python: str | None = None, site_packages: Path | None = None) -> Environment:
    """Find the environment that the command line names.

    Args:
        python: an interpreter, a virtual environment's folder, or a name on PATH.
        site_packages: one folder of installed packages, taken alone.

    With neither: the active virtual environment (`VIRTUAL_ENV`), else the running interpreter.

    Raises:
        EnvironmentUnusable: there is no such interpreter or folder, or it does not answer.
    """
    if site_packages is not None:
        return _from_folder(site_packages)
    if python is not None:
        return ask(_interpreter(python))
    active = os.environ.get("VIRTUAL_ENV")
    if active and Path(active).resolve() != Path(sys.prefix).resolve():
        return ask(_interpreter(active))
    return ask(Path(sys.executable))


def ask(interpreter: Path) -> Environment:
    """Ask an interpreter for its version and its path.

    Raises:
        EnvironmentUnusable: it cannot be run, fails, or answers with something else.
    """
    answer = _run(interpreter, QUESTION, b"")
    try:
        facts = json.loads(answer)
        if facts["platform"] == "win32":
            raise EnvironmentUnusable("Windows is not supported", path=str(interpreter))
        prefix = facts["pycache_prefix"]
        return Environment(
            python=Path(facts["executable"] or interpreter),
            version=tuple(facts["version"]),
            path=tuple(_distinct(Path(p) for p in facts["path"])),
            pycache_prefix=Path(prefix) if prefix else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EnvironmentUnusable(
            f"not a Python interpreter: it answered {answer[:80]!r}",
            path=str(interpreter),
            hint="name one with --python",
        ) from error


def compile_errors(environment: Environment, sources: Sequence[bytes]) -> list[str | None]:
    """Compile each source under the environment's own grammar.

    Without an interpreter (only a folder was named) the running one stands in for it.

    Returns:
        One entry a source: the error, or `None` where it compiles.

    Raises:
        EnvironmentUnusable: the interpreter died.
    """
    if not sources:
        return []
    interpreter = environment.python or Path(sys.executable)
    lines = _run(interpreter, COMPILE, b"".join(s.hex().encode() + b"\n" for s in sources)).splitlines()
    if len(lines) != len(sources):
        raise EnvironmentUnusable("the interpreter stopped while compiling", path=str(interpreter))
    return [json.loads(line) for line in lines]


def interpreters_at_hand() -> Iterator[Environment]:
    """The environments a user may have meant: `.venv` here, conda's, and the Pythons on PATH."""
    seen: set[Path] = set()
    names = [Path(".venv", "bin", "python"), Path("venv", "bin", "python")]
    if conda := os.environ.get("CONDA_PREFIX"):
        names.append(Path(conda, "bin", "python"))
    names += [Path(found) for n in ("python3", "python") if (found := shutil.which(n))]
    for name in names:
        try:
            environment = ask(name.absolute())
        except EnvironmentUnusable:
            continue
        if environment.python and environment.python not in seen:
            seen.add(environment.python)
            yield environment


def _interpreter(name: str) -> Path:
    """The executable behind `--python`: a file, a venv's folder, or a name on PATH."""
    given = Path(name).expanduser()
    if given.is_dir():
        for candidate in (given / "bin" / "python", given / "bin" / "python3"):
            if candidate.exists():
                return candidate.absolute()
        raise EnvironmentUnusable(
            "no interpreter in this folder",
            path=str(given),
            hint="name a virtual environment (a folder with bin/python) or use --site-packages",
        )
    if given.is_file():
        return given.absolute()
    if found := shutil.which(name):
        return Path(found)
    raise EnvironmentUnusable(
        f"no interpreter {name!r}",
        path=name,
        hint="name an interpreter, a virtual environment's folder or a command on PATH with --python",
    )


def _run(interpreter: Path, program: str, stdin: bytes) -> bytes:
    command = [str(interpreter), "-I", "-S", "-B", "-c", program]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentUnusable(
            f"the interpreter cannot be run: {error}",
            path=str(interpreter),
            hint="name another with --python",
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EnvironmentUnusable(
            f"the interpreter does not run: {said[0] if said else f'exit status {done.returncode}'}",
            path=str(interpreter),
            hint="name another with --python",
        )
    return done.stdout


def _from_folder(folder: Path) -> Environment:
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise EnvironmentUnusable("no such folder", path=str(folder), hint="check --site-packages")
    if not any(True for pattern in ("*.dist-info", "*.egg-info") for _ in folder.glob(pattern)):
        raise EnvironmentUnusable(
            "not a site-packages folder: no distribution is installed in it",
            path=str(folder),
            hint="name the folder that holds the *.dist-info folders, or use --python",
        )
    for candidate in (folder.parents[2] / "bin" / "python",) if len(folder.parents) > 2 else ():
        if candidate.exists():
            return Environment(candidate, ask(candidate).version, (folder,))
    return Environment(None, sys.version_info[:3], (folder,))


def _distinct(paths: Iterator[Path]) -> Iterator[Path]:
    """Existing folders and zip files, each once, whatever it is called."""
    seen: set[Path] = set()
    for path in paths:
        real = path.resolve()
        if real not in seen and path.exists():
            seen.add(real)
            yield path
