"""Writes `docs/compatibility.json` and `.md`, and `surgeon/operations/tested.json`, from the results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.version import Version

from tests import support
from tests.tools.matrix_table import MODERN, NAMED

UNPATCHED, PATCHED, FAILS = "works unpatched", "works patched", "does not work"
SHOWN = 4
"""How many errors of a combination the page shows; the JSON file has all."""
COLUMNS = NAMED[:5]

HEAD = f"""\
# Which releases run on which torch

Written by `make matrix` (`tests/tools/matrix.py`), which builds every environment below, asks it for its
imports and workloads (`tests/e2e/workloads`) in fresh processes, runs `m3d-surgeon apply`, asks again, and
reverts.
Measured with Python {{python}} on a machine without a GPU. `compatibility.json` has it all, and more.

- **result**: *{UNPATCHED}*: nothing fails before `apply`; *{PATCHED}*: nothing fails after it;
  *{FAILS}*: something still does, perhaps one case of many. What fails with the same words on torch {MODERN},
  unpatched, has nothing to do with torch's age: it does not count, and is listed below the table.
- **imports**, **cases**: how many pass before → after `apply`, of those that these releases have.
- **numbers**: the largest difference of any fp32 result from that of the unpatched packages on torch 2.13,
  relative to the largest golden value of that tensor where that is above 1; tokens are equal. *finite*: there
  are no golden numbers for these releases; the cases ran, their own checks passed, every number is finite.
- **files**: how many installed files `apply` changed. **revert**: every file of the packages that were
  changed is as its RECORD says after `revert`.

{{summary}}
"""


def write_documents(folder: Path, results: Mapping[str, Mapping[str, Any]], tested: Path) -> None:
    """Write both files, and what the tool itself has to know of them."""
    version = support.target_python().resolve().name.removeprefix("python")
    about = {"schema": 1, "python": version, "modern_torch": MODERN, "combinations": results}
    (folder / "compatibility.json").write_text(json.dumps(about, indent=1) + "\n")
    (folder / "compatibility.md").write_text(page(about))
    tested.write_text(json.dumps(newest(results), indent=1) + "\n")


def newest(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The newest release of each distribution in an environment that works, for `tested.json`."""
    found: dict[str, str] = {}
    for one in results.values():
        if one["verdict"] != FAILS:
            for name, version in one["releases"].items():
                found[name] = max(found.get(name, "0"), version, key=Version)
    return dict(sorted(found.items()))


def page(about: Mapping[str, Any]) -> str:
    """The page that says what the JSON file says."""
    return "\n".join(_lines(about["python"], about["combinations"])) + "\n"


def _lines(version: str, results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    counts = [
        f"{word}: {sum(one['verdict'] == word for one in results.values())}"
        for word in (UNPATCHED, PATCHED, FAILS)
    ]
    summary = f"{len(results)} environments; {', '.join(counts)}."
    yield HEAD.format(python=version, summary=summary)
    yield _row("environment", "torch", *COLUMNS, "result", "imports", "cases", "numbers", "files", "revert")
    yield _row(*["---"] * (len(COLUMNS) + 8))
    for name, one in results.items():
        yield _row(
            f"[{name}](#{name.replace('.', '')})",
            one["torch"],
            *(one["releases"].get(column, "") for column in COLUMNS),
            one["verdict"],
            _score(one, lambda workload: workload == "imports"),
            _score(one, lambda workload: workload != "imports"),
            f"{one['largest_difference']:.1e}" if one["golden"] else "finite",
            str(one["changed_files"]),
            "exact" if one["reverted"] else "**differs**",
        )
    yield "\n## Why"
    for name, one in results.items():
        yield from _details(name, one)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _score(one: Mapping[str, Any], wanted: Any) -> str:
    """How many cases passed before → after / of how many."""
    before, after = (
        sum(count for workload, count in one[phase]["passed"].items() if wanted(workload))
        for phase in ("unpatched", "patched")
    )
    failed = sum(
        1
        for cases in one["patched"]["failed"].values()
        for case in cases
        if wanted("imports" if case.startswith("import ") else case)
    )
    return f"{before} → {after} / {after + failed}"


def _details(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### {name}\n"
    others = {key: value for key, value in one["releases"].items() if key not in COLUMNS}
    if others:
        yield f"- with {', '.join(f'{key} {value}' for key, value in others.items())}"
    if one["unpatched"]["failed"]:
        yield from _errors("unpatched", one["unpatched"]["failed"])
    else:
        yield "- unpatched: nothing fails"
    excused = one["as_on_a_modern_torch"]
    remaining = {
        error: left
        for error, cases in one["patched"]["failed"].items()
        if (left := [case for case in cases if case not in excused])
    }
    yield from _errors("patched, still", remaining)
    same = {
        error: left
        for error, cases in one["patched"]["failed"].items()
        if (left := [case for case in cases if case in excused])
    }
    yield from _errors(f"on torch {MODERN} as well", same)
    yield from (f"- refused: {_code(error)}" for error in one["refused"])
    if one["patches"]:
        yield f"- files: {', '.join(f'`{patch}` {files}' for patch, files in one['patches'].items())}"
    else:
        yield "- files: none is changed"


def _errors(when: str, errors: Mapping[str, list[str]]) -> Iterator[str]:
    most = sorted(errors, key=lambda error: -len(errors[error]))
    for error in most[:SHOWN]:
        yield f"- {when}: {_code(error)} ({_cases(errors[error])})"
    if len(most) > SHOWN:
        yield f"- {when}: {len(most) - SHOWN} more errors"


def _cases(cases: Iterable[str]) -> str:
    """Cases by workload: their names if they are few, else their number."""
    groups: dict[str, list[str]] = {}
    for case in cases:
        workload, _, name = case.partition(".") if not case.startswith("import ") else ("imports", "", case)
        groups.setdefault(workload, []).append(name.removeprefix("import "))
    said = []
    for workload, names in groups.items():
        if names == ["*"]:
            said.append(f"{workload}: the whole script")
        else:
            said.append(f"{workload}: {', '.join(names) if len(names) <= 3 else len(names)}")
    return "; ".join(said)


def _code(error: str) -> str:
    """An error as code, in one line."""
    return "`" + error.replace("`", "'").replace("|", "\\|") + "`"
