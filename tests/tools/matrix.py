"""`make matrix`: which releases run on which torch, unpatched and patched, found out by running them.

Every combination of `tests/tools/matrix_table.py` is built, asked for its imports and workloads, patched,
asked again, and reverted. What still fails then is tried on a torch that has everything: what fails there as
well has nothing to do with torch's age. `docs/compatibility.json` and `.md`, and `tested.json`, are written
from the results, and nothing in them by hand. One file a combination under `.cache/matrix` is used
again until an input changes.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests import support
from tests.tools import matrix_report
from tests.tools.matrix_runs import Built, Outcome, Runner, build, digest, files_digest, script_digest, write
from tests.tools.matrix_table import MODERN, Combination, combinations

CACHE = support.CACHE / "matrix"
DOCS = support.CHECKOUT / "docs"
TESTED = support.CHECKOUT / "surgeon" / "operations" / "tested.json"
Result = dict[str, Any]
"""What is written about a combination: see `measure`."""


@dataclass(frozen=True)
class Phase:
    """All outcomes of an environment in one state, by import and by workload."""

    outcomes: dict[str, Outcome]

    def failed(self) -> dict[str, str]:
        """The error of each case that failed."""
        return {case: error for one in self.outcomes.values() for case, error in one.failed.items()}

    def about(self) -> Result:
        """How many cases passed, by workload, and the cases that did not, by their error."""
        errors: dict[str, list[str]] = {}
        for case, error in self.failed().items():
            errors.setdefault(error, []).append(case)
        return {
            "passed": {name: len(one.passed) for name, one in self.outcomes.items()},
            "failed": errors,
            "skipped": {name: sorted(one.skipped) for name, one in self.outcomes.items() if one.skipped},
        }


@dataclass(frozen=True)
class Applied:
    """What `apply` did: hashes of the files that it changed, files a patch, and what it refused."""

    changed: dict[str, str]
    patches: dict[str, int]
    refused: tuple[str, ...]


def run(built: Built, combination: Combination, changed: dict[str, str], store: Path) -> Phase:
    """Ask an environment for everything."""
    runner = Runner(built, changed, store)
    outcomes = {"imports": runner.imports(combination.imports())}
    outcomes |= {name: runner.workload(name) for name in combination.workloads}
    return Phase(outcomes)


def apply(built: Built) -> Applied:
    """Patch an environment."""
    answer = support.surgeon("apply", "-p", built.venv)
    rows: list[Any] = answer.json.get("files", [])  # type: ignore[assignment]
    errors: list[Any] = answer.json.get("errors", [])  # type: ignore[assignment]
    if answer.exit_code and not errors:
        raise AssertionError(f"apply: exit code {answer.exit_code}: {answer.stderr}")
    applied = [row for row in rows if row["state"] == "applied"]
    patches = sorted(patch for row in applied for patch in row["patches"])
    return Applied(
        {row["path"]: _sha256(built.site / row["path"]).hex() for row in applied},
        {patch: patches.count(patch) for patch in dict.fromkeys(patches)},
        tuple(f"{row['code']}: {row['message']}".replace(str(built.venv), "ENV") for row in errors),
    )


def revert(built: Built, applied: Applied) -> bool:
    """Take it all back; tell whether every file of each touched distribution is as its RECORD says."""
    if support.surgeon("revert", "-p", built.venv).exit_code:
        return False
    recorded: dict[str, str] = {}
    for file in built.site.glob("*.dist-info/RECORD"):
        rows = {row[0]: row[1] for row in csv.reader(file.read_text().splitlines()) if row and row[1]}
        if rows.keys() & applied.changed.keys():
            recorded |= rows
    hashes = (
        (_sha256(built.site / path), wanted.removeprefix("sha256=")) for path, wanted in recorded.items()
    )
    return applied.changed.keys() <= recorded.keys() and all(
        base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted for found, wanted in hashes
    )


def _sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def control(combination: Combination, phase: Phase, folder: Path, store: Path) -> dict[str, str]:
    """What fails in the workloads that failed, unpatched, on a torch that has everything."""
    built = build(combination.on(MODERN), folder)
    runner = Runner(built, {}, store)
    failed: dict[str, str] = {}
    for name, asked in phase.outcomes.items():
        if asked.failed:
            again = runner.imports(combination.imports()) if name == "imports" else runner.workload(name)
            failed |= again.failed
    shutil.rmtree(folder)
    return failed


def excused(phase: Phase, elsewhere: dict[str, str]) -> dict[str, str]:
    """The cases that fail in the same way on a modern torch: their errors."""
    return {case: error for case, error in phase.failed().items() if elsewhere.get(case) == error}


def verdict(unpatched: Collection[str], patched: Collection[str]) -> str:
    """The word for a combination, from the cases that fail and are not excused."""
    if patched:
        return matrix_report.FAILS
    return matrix_report.PATCHED if unpatched else matrix_report.UNPATCHED


def measure(combination: Combination, folder: Path, store: Path, *, compare: bool = True) -> Result:
    """Build, ask, patch, ask again, revert; with `compare`, ask a modern torch about what still fails."""
    built = build(combination, folder)
    unpatched = run(built, combination, {}, store)
    applied = apply(built)
    patched = run(built, combination, applied.changed, store)
    reverted = revert(built, applied)
    shutil.rmtree(folder)
    left = patched.failed()
    elsewhere: dict[str, str] = {}
    if left and compare:
        elsewhere = control(combination, patched, folder.with_name(f"{folder.name}-control"), store)
    same = excused(patched, elsewhere)
    before = set(unpatched.failed()) - set(excused(unpatched, same))
    compared = {one.golden for one in patched.outcomes.values()} - {""}
    return {
        "torch": combination.torch,
        "releases": combination.versions,
        "verdict": verdict(before, set(left) - set(same)),
        "unpatched": unpatched.about(),
        "patched": patched.about(),
        "as_on_a_modern_torch": same,
        "golden": next(iter(compared), ""),
        "largest_difference": float(f"{max(one.worst for one in patched.outcomes.values()):.1e}"),
        "changed_files": len(applied.changed),
        "patches": applied.patches,
        "refused": list(applied.refused),
        "reverted": reverted,
    }


@cache
def sources() -> str:
    """The code that patches and measures, as it was when the run began."""
    ours = [*support.CHECKOUT.glob("patches/**/*.py"), *support.CHECKOUT.glob("surgeon/**/*.py")]
    return files_digest([*ours, support.HERE / "matrix.py", support.HERE / "matrix_runs.py"])


def inputs(combination: Combination) -> str:
    """What the result of a combination depends on."""
    imports = [asdict(one) for one in combination.imports()]
    return digest(
        asdict(combination),
        combination.constraints(),
        imports,
        sources(),
        [script_digest(name) for name in combination.workloads],
    )


def stored(combination: Combination) -> Result | None:
    """The result of an earlier run, if nothing that it depends on has changed."""
    file = CACHE / f"{combination.name}.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    return found["result"] if found.get("inputs") == inputs(combination) else None


def one(combination: Combination) -> tuple[str, bool]:
    """Measure a combination unless that is done; what to say about it, and whether it could be measured."""
    if known := stored(combination):
        return f"{known['verdict']} (as measured before)", True
    start, key = time.monotonic(), inputs(combination)
    try:
        result = measure(combination, CACHE / "env" / combination.name, CACHE / "runs")
    except (AssertionError, OSError) as error:
        return f"could not be measured: {error}", False
    write(CACHE / f"{combination.name}.json", {"inputs": key, "result": result})
    return f"{result['verdict']} ({time.monotonic() - start:.0f} s)", True


def run_all(chosen: Sequence[Combination], jobs: int) -> bool:
    """Measure many, `jobs` at a time, and say how it goes."""
    good = True
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(one, combination): combination.name for combination in chosen}
        for number, future in enumerate(as_completed(waiting), 1):
            said, measured = future.result()
            good &= measured
            now = time.strftime("%H:%M:%S")
            print(f"{now} [{number}/{len(chosen)}] {waiting[future]}: {said}", flush=True)
    return good


def main() -> int:
    """The command line; the documents have every combination whose result is up to date."""
    parser = argparse.ArgumentParser(description="Measure the compatibility matrix and write docs/.")
    parser.add_argument("--only", default="", metavar="REGEX", help="the combinations to measure")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many at a time")
    options = parser.parse_args()
    every = combinations()
    chosen = [found for name, found in every.items() if re.search(options.only, name)]
    good = run_all(chosen, options.jobs)
    results = {name: found for name, one in every.items() if (found := stored(one)) is not None}
    matrix_report.write_documents(DOCS, results, TESTED)
    left = [name for name in every if name not in results]
    print(f"{len(results)} of {len(every)} combinations are in {DOCS.name}/", flush=True)
    if left:
        print(f"not listed, since not measured with these patches: {', '.join(left)}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
