"""The commands as functions, for other programs.

```python
from surgeon import api

result = api.apply(python="/opt/pod/bin/python")
if result.exit_code:
    for error in result.errors:
        print(error.message, error.path, error.hint)
```

Each takes an environment by its interpreter or by its folder of packages, as `--python` and
`--site-packages` do, and returns what the command found, as frozen dataclasses with `to_json()`.
Nothing is printed. What keeps a command from even beginning is raised; what went wrong with single
files or patches is in `result.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon import registry
from surgeon.errors import SurgeonError, UsageError
from surgeon.operations import run as operations
from surgeon.operations.results import FileResult, PatchResult, Result
from surgeon.operations.work import Progress, silent
from surgeon.site.environment import Environment, find_environment
from surgeon.site.transaction import Waiting, unheard

if TYPE_CHECKING:
    from surgeon.scan.results import ScanResult

__all__ = ["FileResult", "PatchResult", "Result", "SurgeonError", "apply", "revert", "scan", "status"]


def apply(
    python: str | PathLike[str] | None = None,
    site_packages: str | PathLike[str] | None = None,
    *,
    patches: Iterable[str] = (),
    patch_folders: Iterable[str | PathLike[str]] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
    wait: Waiting | None = None,
) -> Result:
    """Make every file what today's environment needs: patched, rebuilt, or put back.

    Args:
        python: an interpreter, a virtual environment's folder, or a name on PATH.
        site_packages: one folder of installed packages instead.
        patches: ids; all patches where none is named.
        patch_folders: folders of further patches, whose modules are run.
        dry_run: say what would be done, and change nothing.
        progress: called with what is worked on, how many files are done, and how many there are.
        wait: called with one line of text that says for whom this run waits, once that lasts.

    Raises:
        UsageError: there is no such patch or folder, or both ways of naming an environment are used.
        EnvironmentUnusable: it cannot be read or written; nothing was changed.
        RecoveryFailed: an interrupted run could not be settled.
    """
    known = registry.load(*map(Path, patch_folders))
    environment = _environment(python, site_packages)
    return operations.apply(
        environment,
        known,
        known.select(patches),
        dry_run=dry_run,
        progress=progress or silent,
        wait=wait or unheard,
    )


def status(
    python: str | PathLike[str] | None = None,
    site_packages: str | PathLike[str] | None = None,
    *,
    patches: Iterable[str] = (),
    patch_folders: Iterable[str | PathLike[str]] = (),
) -> Result:
    """Say what each patch and each file is. Reads only.

    `exit_code` is 0 where everything needed is in place, and 1 where something is pending or has
    drifted. The arguments are those of `apply`.

    Raises:
        UsageError: there is no such patch or folder, or both ways of naming an environment are used.
        EnvironmentUnusable: the environment cannot be read.
    """
    known = registry.load(*map(Path, patch_folders))
    return operations.status(_environment(python, site_packages), known, known.select(patches))


def revert(
    python: str | PathLike[str] | None = None,
    site_packages: str | PathLike[str] | None = None,
    *,
    patches: Iterable[str] = (),
    patch_folders: Iterable[str | PathLike[str]] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
    wait: Waiting | None = None,
) -> Result:
    """Put the original files back: bytes, mode, owner, attributes and time.

    The arguments are those of `apply`; a file that was edited since is refused and kept.

    Raises:
        UsageError: there is no such patch or folder, or both ways of naming an environment are used.
        EnvironmentUnusable: it cannot be read or written; nothing was changed.
        RecoveryFailed: an interrupted run could not be settled.
    """
    known = registry.load(*map(Path, patch_folders))
    environment = _environment(python, site_packages)
    return operations.revert(
        environment,
        known,
        known.select(patches),
        dry_run=dry_run,
        progress=progress or silent,
        wait=wait or unheard,
    )


def scan(
    python: str | PathLike[str] | None = None,
    site_packages: str | PathLike[str] | None = None,
    *,
    wanted: Iterable[str] = (),
    module: str = "torch",
    release: str = "",
    patch_folders: Iterable[str | PathLike[str]] = (),
) -> ScanResult:
    """Say which names of a module the installed sources use and the module does not have.

    Args:
        python: an interpreter, a virtual environment's folder, or a name on PATH.
        site_packages: one folder of installed packages instead.
        wanted: distributions, folders or files; every distribution that depends on the module
            where none is named.
        module: the module that is asked, by its import name.
        release: a release of torch that need not be installed ("2.1.0"); the installed one otherwise.
        patch_folders: folders of further patches, whose modules are run.

    Raises:
        UsageError: there is nothing of a name that was given, or no such release.
        EnvironmentUnusable: the environment or the module cannot be asked.
    """
    from surgeon.scan import run

    request = run.Request(wanted=tuple(wanted), module=module, release=release)
    known = registry.load(*map(Path, patch_folders))
    return run.scan(_environment(python, site_packages), known, request)


def _environment(
    python: str | PathLike[str] | None, site_packages: str | PathLike[str] | None
) -> Environment:
    if python is not None and site_packages is not None:
        raise UsageError("python and site_packages exclude each other", hint="name one of them")
    return find_environment(
        None if python is None else str(python), None if site_packages is None else Path(site_packages)
    )
