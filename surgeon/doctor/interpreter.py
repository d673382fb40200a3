"""What requirements and commands depend on: the target's markers, and whether its installer is held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from surgeon.site.environment import Environment


@dataclass(frozen=True)
class Markers:
    """What requirements and commands depend on.

    Attributes:
        markers: the values of PEP 508's environment markers.
        managed: pip refuses to install beside this interpreter unless told that it is meant
            (PEP 668), and it is no virtual environment's.
    """

    markers: Mapping[str, str]
    managed: bool = False


def facts_of(environment: Environment) -> Markers:
    """What the environment's interpreter has said; where only a folder was named, what its own would say."""
    python, said = environment.python, environment.interpreter
    return Markers(said.markers, python is not None and said.managed and not _is_virtual(python))


def _is_virtual(interpreter: Path) -> bool:
    return any((folder / "pyvenv.cfg").exists() for folder in interpreter.absolute().parents[:2])
