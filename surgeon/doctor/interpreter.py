"""What the target's interpreter says of itself, and which installer mends what is beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment

from surgeon.environment import TIMEOUT_SECONDS, Environment
from surgeon.errors import EnvironmentUnusable

QUESTION = """
import json, os, platform, sys, sysconfig
info = sys.implementation.version
final = info[3] == "final"
print(json.dumps({
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": "%d.%d.%d" % info[:3] + ("" if final else info[3][0] + str(info[4])),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "stdlib": sysconfig.get_path("stdlib"),
}))
"""
"""Run by the target interpreter with `-I -S -B`: the facts that PEP 508's markers are made of."""


@dataclass(frozen=True)
class Facts:
    """What requirements and commands depend on.

    Attributes:
        markers: the values of PEP 508's environment markers.
        managed: pip refuses to install beside this interpreter unless told that it is meant
            (PEP 668), and it is no virtual environment's.
    """

    markers: Mapping[str, str]
    managed: bool = False


def facts_of(environment: Environment) -> Facts:
    """Ask the environment's interpreter; where only a folder was named, the running one stands in.

    Raises:
        EnvironmentUnusable: it cannot be run, dies, or answers with something else.
    """
    if environment.python is None:
        version = ".".join(str(part) for part in environment.version[:2])
        markers = {key: str(value) for key, value in default_environment().items()}
        return Facts({**markers, "python_version": version, "python_full_version": f"{version}.0"})
    answer = ask(environment.python, "-I", "-S", "-B", "-c", QUESTION)
    try:
        said = json.loads(answer)
        markers = {str(key): str(value) for key, value in said["markers"].items()}
        managed = Path(said["stdlib"], "EXTERNALLY-MANAGED").exists()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentUnusable(
            f"not a Python interpreter: it answered {answer[:80]!r}",
            path=str(environment.python),
            hint="name another with --python",
        ) from error
    return Facts(markers, managed and not _is_virtual(environment.python))


def ask(interpreter: Path, *arguments: str) -> bytes:
    """Run the interpreter to its end and return what it wrote.

    Raises:
        EnvironmentUnusable: it cannot be run, takes a minute, or fails.
    """
    hint = "name another with --python"
    try:
        done = subprocess.run(
            [str(interpreter), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentUnusable(
            f"the interpreter cannot be run: {error}", path=str(interpreter), hint=hint
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        what = said[-1] if said else f"exit status {done.returncode}"
        raise EnvironmentUnusable(f"the interpreter does not run: {what}", path=str(interpreter), hint=hint)
    return done.stdout


def _is_virtual(interpreter: Path) -> bool:
    return any((folder / "pyvenv.cfg").exists() for folder in interpreter.absolute().parents[:2])
