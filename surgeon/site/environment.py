"""Finds an environment: an interpreter and its site directories, in the order of its `sys.path`.

Nothing of the target is ever imported or run: its interpreter is started without `site`, and
computes its own path with `.pth` lines that import code skipped, so that neither the packages in
it, nor `sitecustomize`, nor a file in the current folder takes part in the answer.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon.errors import EnvironmentUnusable
from surgeon.site.installers import ended
from surgeon.site.interpreter import FACTS, Interpreter, parsed, stand_in

QUESTION = """
import sys
stdlib = list(sys.path)
import json, os, site
told = facts(stdlib)
def path_lines_only(sitedir, name, known_paths):
    file = os.path.join(sitedir, name)
    if not os.path.isfile(file):  # a pipe would hold us for ever
        return known_paths
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as lines:
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
given = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
print(json.dumps({
    "executable": sys.executable,
    "version": sys.version_info[:3],
    "platform": sys.platform,
    "pycache_prefix": os.environ.get("PYTHONPYCACHEPREFIX"),
    "path": [p for p in given + sys.path if p not in stdlib],
    "facts": told,
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
        path: site directories, and zip files among them, in the order of `sys.path`; each can be read.
        pycache_prefix: where that interpreter keeps its bytecode instead, or `None`
            (`PYTHONPYCACHEPREFIX`).
        folder: the one site directory that was named, as the path spells it; the others only decide
            what is installed, and what hides what. `None` where all of them are meant.
        notices: what of the path could not be read, one sentence each.
        told: what that interpreter said of itself, or `None` where none was asked.
    """

    python: Path | None
    version: tuple[int, ...]
    path: tuple[Path, ...]
    pycache_prefix: Path | None = None
    folder: Path | None = None
    notices: tuple[str, ...] = ()
    told: Interpreter | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the path; zip files are left out."""
        return tuple(entry for entry in self.path if entry.is_dir())

    @property
    def interpreter(self) -> Interpreter:
        """What the interpreter is; where there is none, what one of the version would be."""
        return self.told or stand_in(self.version)

    @property
    def site_directories(self) -> tuple[Path, ...]:
        """The folders that are looked at and changed: the one that was named, or all."""
        return self.folders if self.folder is None else (self.folder,)


def find_environment(python: str | None = None, site_packages: Path | None = None) -> Environment:
    """Find the environment that the command line names.

    Args:
        python: an interpreter, a virtual environment's folder, or a name on PATH.
        site_packages: one folder of installed packages; the interpreter that imports from it is found.

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
    answer = answer_of(interpreter, FACTS + QUESTION, b"")
    try:
        facts = json.loads(answer)
        if facts["platform"] == "win32":
            raise EnvironmentUnusable("Windows is not supported", path=str(interpreter))
        path, notices = _readable(facts["path"])
        return Environment(
            python=Path(facts["executable"] or interpreter),
            version=tuple(facts["version"]),
            path=path,
            pycache_prefix=_prefix(facts["pycache_prefix"]),
            notices=notices,
            told=parsed(facts["facts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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
    lines = answer_of(interpreter, COMPILE, b"".join(s.hex().encode() + b"\n" for s in sources)).splitlines()
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


def answer_of(interpreter: Path, program: str, stdin: bytes) -> bytes:
    """What a program writes that an interpreter runs, without `site`.

    Raises:
        EnvironmentUnusable: it cannot be run, takes a minute, or fails.
    """
    command = [str(interpreter), "-I", "-S", "-B", "-c", program]
    try:
        done = ended(command, TIMEOUT_SECONDS, stdin)
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
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise EnvironmentUnusable(
            "no such folder" if missing else f"the folder cannot be read: {error.strerror}",
            path=str(folder),
            hint="check --site-packages",
        ) from error
    if not any(name.endswith((".dist-info", ".egg-info")) for name in names):
        raise EnvironmentUnusable(
            "not a site-packages folder: no distribution is installed in it",
            path=str(folder),
            hint="name the folder that holds the *.dist-info folders, or use --python",
        )
    notices: list[str] = []
    for candidate in _interpreters_of(folder):
        try:
            found = ask(candidate)
        except EnvironmentUnusable as error:
            notices.append(f"{shown(candidate)}: {error.message}")
            continue
        for entry in found.folders:
            if entry.samefile(folder):
                return replace(found, folder=entry)
    said = re.search(r"(?:python|pypy)(\d)\.(\d+)", folder.as_posix())
    return Environment(
        python=None,
        version=(int(said[1]), int(said[2])) if said else sys.version_info[:3],
        path=(folder,),
        pycache_prefix=_prefix(os.environ.get("PYTHONPYCACHEPREFIX")),
        notices=tuple(notices),
    )


def _interpreters_of(folder: Path) -> Iterator[Path]:
    """The interpreters that may import from a folder, the likeliest first, each once.

    Those in `bin` beside the `lib` that it lies in: a virtual environment, conda, `/usr/local` and, of
    Debian's, `/usr`. The active environment's. And those on PATH, where the folder is in `PYTHONPATH`
    (`pip install --target`) or below the user's own base (PEP 370).
    """
    places = list(dict.fromkeys((folder, folder.resolve())))
    above = [each for place in places for each in place.parents]
    prefixes = [each.parent for each in above if each.name in ("lib", "lib64")]
    prefixes += [each.parent for each in prefixes if each.name == "local"]
    prefixes += [Path(os.environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if os.environ.get(name)]
    said = re.search(r"(?:python|pypy)\d[\d.]*t?", folder.as_posix())
    names = ["python", "python3", *([said[0]] if said else [])]
    candidates = [prefix / "bin" / name for prefix in prefixes for name in names]
    given = [Path(each).resolve() for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    base = Path(os.environ.get("PYTHONUSERBASE") or "~/.local").expanduser()
    if folder.resolve() in given or any(
        each in above for each in (base, Path("~/Library/Python").expanduser())
    ):
        candidates += [Path(found) for name in reversed(names) if (found := shutil.which(name))]
        candidates.append(Path(sys.executable))
    real: set[Path] = set()
    for candidate in candidates:
        # A virtual environment's interpreter is a link, and is known by where the link lies.
        key = candidate.parent.resolve() / candidate.resolve().name
        if os.access(candidate, os.X_OK) and key not in real:
            real.add(key)
            yield candidate.absolute()


def shown(path: Path | str) -> str:
    """A path for people: what of it is no UTF-8 is written as an escape."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _prefix(said: str | None) -> Path | None:
    return Path(said).absolute() if said else None


def _readable(path: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """What of a path can be read: existing folders and zip files, each once, whatever it is called.

    Returns:
        They, and a sentence on every other thing that is there.
    """
    entries: list[Path] = []
    notices: list[str] = []
    seen: set[tuple[int, int]] = set()
    for text in path:
        try:
            trouble = _trouble(text)
            about = None if trouble else os.stat(text)  # noqa: PTH116
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            trouble, about = f"it cannot be read: {getattr(error, 'strerror', None) or error}", None
        if about is None:
            notices.append(f"{shown(text)} is on the path and was left out: {trouble}")
        elif (about.st_dev, about.st_ino) not in seen:
            seen.add((about.st_dev, about.st_ino))
            entries.append(Path(text))
    return tuple(entries), tuple(dict.fromkeys(notices))


def _trouble(entry: str) -> str:
    """Why nothing can be read out of an entry of a path, or an empty string.

    Raises:
        OSError: it is not there, or cannot be looked at.
    """
    if not os.path.isabs(entry):  # noqa: PTH117
        return "it is relative, so that it depends on where a program is started"
    if os.path.islink(entry) and not os.path.exists(entry):  # noqa: PTH110, PTH114
        return "it is a link that leads nowhere"
    mode = os.stat(entry).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        os.scandir(entry).close()
        return "" if os.access(entry, os.X_OK) else "it cannot be read: Permission denied"
    return "" if stat.S_ISREG(mode) and _is_zip(entry) else "it is neither a folder nor a zip file"


def _is_zip(file: str) -> bool:
    """Tell whether a regular file is a zip whose directory can be read.

    Raises:
        OSError: it cannot be opened.
    """
    from zipfile import BadZipFile, ZipFile  # here: on most paths there is none

    try:
        ZipFile(file).close()
    except (BadZipFile, ValueError, NotImplementedError, EOFError):
        return False
    return True
