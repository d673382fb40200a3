"""A profile: what a machine is to have, as data (JSON), so that a user can add another machine's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surgeon.errors import UsageError
from surgeon.site.distribution import normalised
from surgeon.site.inventory import is_name, read_regular
from surgeon.site.versions import is_specifier, joined, possible

SCHEMA = 1
BUILT_IN = Path(__file__).parent / "profiles"
ALWAYS = "torch"
PRESENCES = ("required", "optional", "absent")
REQUIREMENT_KEYS = {
    "distribution",
    "versions",
    "builds",
    "presence",
    "install",
    "step",
    "options",
    "hold",
    "when",
    "why",
}


@dataclass(frozen=True)
class Requirement:
    """One distribution that a machine is to have, or not to have.

    Attributes:
        distribution: normalised (PEP 503).
        why: what goes wrong otherwise, for the user.
        versions: PEP 440 specifier; empty for any.
        builds: the local versions (`cu121`) that fit, an empty one among them if it may have none;
            empty for any.
        presence: `required`, `optional` (judged only if installed) or `absent`.
        install: which of `versions` to install, if not any of them.
        step: what is to be installed by one command, together and in the profile's order, before
            the rest.
        options: further options for the installer's command.
        hold: whatever else is installed must not move it.
        when: conditions on other distributions, as in a patch; all must hold.
    """

    distribution: str
    why: str
    versions: str = ""
    builds: tuple[str, ...] = ()
    presence: str = "required"
    install: str = ""
    step: str = ""
    options: tuple[str, ...] = ()
    hold: bool = False
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What a machine is to have.

    Attributes:
        python: PEP 440 specifier for the interpreter; empty for any.
        python_why: what goes wrong otherwise.
    """

    name: str
    description: str
    requirements: tuple[Requirement, ...]
    python: str = ""
    python_why: str = ""


def names() -> list[str]:
    """The profiles that come with the program and may be asked for."""
    files = (path.stem for path in BUILT_IN.glob("*.json"))
    return sorted(name for name in files if name not in (ALWAYS, "pairs"))


def load(name: str) -> Profile:
    """Load a profile: one that comes with the program, by name, or a file.

    Raises:
        UsageError: there is none, or the file is not a profile; it names the file and the key.
    """
    path = BUILT_IN / f"{name}.json" if name in (*names(), ALWAYS) else Path(name).expanduser()
    try:
        content = json.loads(read_regular(path))
    except FileNotFoundError as error:
        raise UsageError(
            f"no profile {name!r}",
            hint=f"name a profile's file, or one of: {', '.join(names())}",
            code="unknown-profile",
        ) from error
    except OSError as error:
        raise _bad(path, "", f"it cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise _bad(path, "", f"it is no JSON: {error}") from error
    return parse(content, path)


def parse(content: Any, path: Path) -> Profile:
    """Make a profile of a file's content.

    Raises:
        UsageError: a key is missing, unknown or of the wrong kind; the message names it.
    """
    return _Parser(path).profile(content)


def pairs() -> Mapping[str, Mapping[str, str]]:
    """Which torch each release of torchvision and torchaudio was built for, as their metadata says.

    By distribution and release. Made by `python -m tests.tools.torch_pairs`.
    """
    found: Mapping[str, Mapping[str, str]] = json.loads((BUILT_IN / "pairs.json").read_bytes())
    return found


class _Parser:
    """Reads one file strictly; every failure says which key, and what was expected."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def profile(self, content: Any) -> Profile:
        self._object(content, "", {"schema", "name", "description", "requirements"}, {"python"})
        if content["schema"] != SCHEMA or isinstance(content["schema"], bool):
            raise _bad(self._path, "schema", f"expected {SCHEMA}, not {content['schema']!r}")
        python = content.get("python")
        if python is not None:
            self._object(python, "python", {"versions", "why"}, set())
        if not isinstance(content["requirements"], list):
            raise _bad(self._path, "requirements", "expected a list")
        found = [
            self._requirement(row, f"requirements[{n}]") for n, row in enumerate(content["requirements"])
        ]
        self._once(found)
        return Profile(
            self._text(content["name"], "name"),
            self._text(content["description"], "description"),
            tuple(found),
            self._specifier(python["versions"], "python.versions") if python else "",
            self._text(python["why"], "python.why") if python else "",
        )

    def _requirement(self, row: Any, where: str) -> Requirement:
        self._object(row, where, {"distribution", "why"}, REQUIREMENT_KEYS)
        presence = row.get("presence", "required")
        if presence not in PRESENCES:
            raise _bad(self._path, f"{where}.presence", f"expected one of {', '.join(PRESENCES)}")
        when = row.get("when", {})
        if not isinstance(when, dict):
            raise _bad(self._path, f"{where}.when", "expected an object of distribution and specifier")
        hold = row.get("hold", False)
        if not isinstance(hold, bool):
            raise _bad(self._path, f"{where}.hold", "expected true or false")
        versions = self._specifier(row.get("versions", ""), f"{where}.versions")
        install = self._specifier(row.get("install", ""), f"{where}.install")
        if not possible(joined(versions, install)):
            raise _bad(self._path, f"{where}.install", f"no version is {install} and {versions}")
        return Requirement(
            self._name(row["distribution"], f"{where}.distribution"),
            self._text(row["why"], f"{where}.why"),
            versions,
            self._texts(row.get("builds", []), f"{where}.builds"),
            presence,
            install,
            self._text(row["step"], f"{where}.step") if "step" in row else "",
            self._texts(row.get("options", []), f"{where}.options"),
            hold,
            {
                self._name(key, f"{where}.when"): self._specifier(value, f"{where}.when.{key}")
                for key, value in when.items()
            },
        )

    def _once(self, found: Sequence[Requirement]) -> None:
        """One distribution may have several requirements only where their conditions tell them apart."""
        rows: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        for number, each in enumerate(found):
            first = rows.setdefault((each.distribution, tuple(sorted(each.when.items()))), number)
            if first != number:
                where = f"requirements[{number}].distribution"
                raise _bad(self._path, where, f"{each.distribution} is in requirements[{first}] already")

    def _object(self, value: Any, where: str, needed: set[str], allowed: set[str]) -> None:
        if not isinstance(value, dict):
            raise _bad(self._path, where, "expected an object")
        for key in sorted(needed - set(value)):
            raise _bad(self._path, where, f"the key {key!r} is missing")
        for key in sorted(set(value) - needed - allowed):
            known = ", ".join(sorted(needed | allowed))
            raise _bad(self._path, where, f"there is no key {key!r}; the keys are {known}")

    def _text(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise _bad(self._path, where, f"expected a text, not {value!r}")
        return value

    def _name(self, value: Any, where: str) -> str:
        text = self._text(value, where)
        if not is_name(text):
            raise _bad(self._path, where, f"expected a distribution's name, not {value!r}")
        return normalised(text)

    def _texts(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _bad(self._path, where, "expected a list of texts")
        return tuple(value)

    def _specifier(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not is_specifier(value):
            raise _bad(self._path, where, f"expected a version specifier such as '>=1.0,<2', not {value!r}")
        return value


def _bad(path: Path, where: str, fault: str) -> UsageError:
    return UsageError(
        f"not a profile: {where + ': ' if where else ''}{fault}",
        path=str(path),
        hint="docs/doctor.md describes a profile's keys",
        code="bad-profile",
    )
