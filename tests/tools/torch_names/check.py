"""The table against a running torch: how far they agree, both ways, and where they do not."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from surgeon.scan import releases
from surgeon.scan.releases_data import Data, load
from surgeon.scan.surface import Question
from tests.support import clean_environ
from tests.tools.torch_names.facts import NOT_COVERED, covered

OBSERVE = Path(__file__).with_name("observe.py")


def observed(python: str | Path, version: str = "") -> dict[str, object]:
    """Ask an interpreter what its torch has; also for every name that the table knows of any release."""
    asked: dict[str, list[str]] = {}
    data = load()
    for module in data.spaces:
        if ":" not in module and covered(module):
            names = {line.partition("|")[0].partition(" ")[0] for line in data.spaces[module].split("\n")}
            asked[module] = sorted(names - {"", "<"})
    done = subprocess.run(
        [str(python), "-I", "-B", str(OBSERVE), *NOT_COVERED],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env=clean_environ(HF_HUB_OFFLINE="1"),
    )
    if done.returncode:
        raise RuntimeError(f"{python} says: {done.stderr[-1000:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@dataclass
class Agreement:
    """How many answers are the same, and those that are not.

    Attributes:
        right: the same.
        missed: torch has it, the table calls it missing: the error that must not happen.
        invented: the table lists it, torch does not have it.
    """

    right: int = 0
    missed: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """The share of what torch has that the table does not call missing."""
        return self.right / max(1, self.right + len(self.missed))

    @property
    def precision(self) -> float:
        """The share of what the table lists that torch has."""
        return self.right / max(1, self.right + len(self.invented))

    def __str__(self) -> str:
        return (
            f"{self.right} right, {len(self.missed)} missed, {len(self.invented)} invented: "
            f"recall {self.recall:.3%}, precision {self.precision:.3%}"
        )


@dataclass
class Comparison:
    """A running torch and the table of its release."""

    build: str
    names: Agreement
    members: Agreement
    loaded: Agreement
    parameters: Agreement


def compared(observation: dict[str, object], data: Data | None = None) -> Comparison:
    """Compare what `observe.py` printed with the table that comes with m3d-surgeon, or another."""
    build = str(observation["version"])
    data = data or load()
    place = data.releases.index(build.partition("+")[0])
    table = releases.Table(data, place)
    names, members, loaded, parameters = Agreement(), Agreement(), Agreement(), Agreement()
    modules: dict[str, dict[str, dict[str, object]]] = observation["modules"]  # type: ignore[assignment]
    real_loaded = set(observation["loaded"])  # type: ignore[call-overload]
    for module in sorted(m for m in modules if covered(m)):
        cells = data.cells(module, place)
        inner = {m.rpartition(".")[2]: {} for m in modules if m.rpartition(".")[0] == module}
        inner |= {m.rpartition(".")[2]: {} for m in real_loaded if m.rpartition(".")[0] == module}
        _names(table, module, cells or {}, {**inner, **modules[module]}, names, parameters)
    for space, real in observation["classes"].items():  # type: ignore[attr-defined]
        inner = table.class_of(*space.split(":"))
        if inner:
            _members(table, inner, data.cells(inner, place) or {}, set(real), members)
    _loaded(table, {m for m in data.spaces if ":" not in m}, real_loaded, loaded)
    return Comparison(build, names, members, loaded, parameters)


def _names(
    table: releases.Table,
    module: str,
    cells: dict[str, str],
    real: dict[str, dict[str, object]],
    names: Agreement,
    parameters: Agreement,
) -> None:
    ours = {name for name, cell in cells.items() if name not in {"", "<"} and cell != "?"}
    for name in sorted(n for n in {*ours, *real} if not _dunder(n)):
        question = Question(f"{module}.{name}", imported=True)
        found = table.ask([question])[question]
        if name in real:
            _count(names, question.name, found.exists, True)
            signature = real[name].get("parameters")
            if isinstance(signature, list) and found.parameters is not None:
                same = set(signature) == found.parameters
                _count(parameters, f"{question.name}{sorted(set(signature) ^ found.parameters)}", same, True)
        elif cells.get(name) != ":":
            _count(names, question.name, found.exists, False)


def _members(
    table: releases.Table, space: str, cells: dict[str, str], real: set[str], members: Agreement
) -> None:
    ours = {n for n, cell in cells.items() if n not in {"", "<"} and cell != "?" and not _dunder(n)}
    for name in sorted(ours | {n for n in real if not _dunder(n)}):
        there = table.member(space, name) is not None
        _count(members, f"{space}.{name}", there, name in real)


def _loaded(table: releases.Table, known: set[str], real: set[str], loaded: Agreement) -> None:
    mine = {module for module in known if table.starts_with(module)}
    for module in sorted(mine | real):
        _count(loaded, module, module in mine, module in real)


def _count(agreement: Agreement, what: str, ours: bool, real: bool) -> None:
    if ours and real:
        agreement.right += 1
    elif real:
        agreement.missed.append(what)
    else:
        agreement.invented.append(what)


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def show(comparison: Comparison, shown: int = 30) -> int:
    """Print how far the table and a running torch agree; 1 if the table calls missing what is there."""
    print(f"torch {comparison.build}")
    for title in ("names", "members", "loaded", "parameters"):
        agreement: Agreement = getattr(comparison, title)
        print(f"  {title:10} {agreement}")
        for kind in ("missed", "invented"):
            for name in getattr(agreement, kind)[:shown]:
                print(f"      {kind} {name}")
    return 1 if comparison.names.missed else 0
