"""Holds what `scan` predicts against what importing really does, module by module.

    python -m tests.tools.truth [STACK...] [--sample N]
    python -m tests.tools.truth --environment VENV --packages NAME,NAME [--sample N] [--rows FILE]
    python -m tests.tools.truth --packages-of HALF [--sample N]

Each module is imported in a process of its own (`tests/e2e/importing.py`) on the real torch 2.1.0,
unpatched. Writes each stack's figures into `docs/scan-truth.json` and the table in `docs/scan.md`;
a sample is called one, and never takes the place of a whole measurement.

The second form measures any environment, the third the packages of `fixtures/truth.json`: those that
were looked at while `scan` was built, or those that were not. Of each package so many modules are
taken as `--sample` says, always the same ones, with the packages that they are in. `--rows` keeps
what importing gave, so that it is not done twice.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests import environments, support

STACKS = ("nov26", "dec25", "aug25")
HALVES = ("looked at", "untouched")
OTHERS = ("truth-a", "truth-b", "truth-c, never looked at", "truth-c")
PROGRAM = support.HERE / "e2e" / "importing.py"
PAGE = support.CHECKOUT / "docs" / "scan.md"
PACKAGES = support.CHECKOUT / "fixtures" / "truth.json"
ANSWER = support.CHECKOUT / "docs" / "scan-truth.json"
SECONDS_PER_MODULE = 180
NOT_PACKAGES = ("tests", "test", "examples", "scripts", "setup", "conftest")
"""What wheels leave beside their packages."""
NOT_OURS = ("torchvision",)
"""Distributions that belong to torch itself: built against exactly this one."""


@dataclass(frozen=True)
class Truth:
    """One stack, predicted and measured.

    Attributes:
        modules: how many were imported.
        crashes: how many fail because torch lacks something.
        others: how many fail for another reason, such as an optional package that is missing.
        predicted: how many `scan` calls failing, of those that were not set apart.
        missed: crashes that were not predicted, each with what torch lacks.
        false: predictions that did not come true, each with what was predicted.
        apart: modules that fail for another reason, each with it.
        whole: whether every module was imported, or a sample of them.
    """

    stack: str
    modules: int
    crashes: int
    others: int
    predicted: int
    missed: Mapping[str, str] = field(default_factory=dict)
    false: Mapping[str, str] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True

    @property
    def recall(self) -> float:
        """The part of the crashes that was predicted."""
        return 1 - len(self.missed) / self.crashes if self.crashes else 1.0

    @property
    def precision(self) -> float:
        """The part of the predictions that came true."""
        return 1 - len(self.false) / self.predicted if self.predicted else 1.0

    def __str__(self) -> str:
        return (
            f"{self.stack}: {self.modules} modules, {self.crashes} fail for want of something in torch, "
            f"{self.predicted} predicted; recall {self.recall:.2%}, precision {self.precision:.2%}; "
            f"{self.others} fail for other reasons"
        )


def measure(venv: Path, stack: str, sample: int = 0, seed: int = 0) -> Truth:
    """Scan an environment, import its modules, and compare.

    Args:
        sample: how many modules to import of those that are said to fail because of another one,
            and of those that are said to be fine; 0 for all. What has a gap of its own always is.
    """
    environments.compile_all(venv)  # or importing everything takes an hour
    scanned = support.surgeon("scan", "-p", venv).json
    broken = {
        each["module"]: each
        for row in scanned["distributions"]  # type: ignore[attr-defined]
        for each in row["broken"]
        if row["name"] not in NOT_OURS
    }
    modules = modules_of(venv)
    chosen = modules
    if sample:
        rng = random.Random(seed)
        own = [name for name in modules if name in broken and broken[name]["root"] == name]
        rest = [name for name in modules if name in broken and broken[name]["root"] != name]
        fine = [name for name in modules if name not in broken]
        chosen = [*own, *rng.sample(rest, min(sample, len(rest))), *rng.sample(fine, min(sample, len(fine)))]
    return replace(compare(stack, broken, imported(venv, chosen)), whole=not sample)


def modules_of(venv: Path) -> list[str]:
    """Every module that `scan` looks at by default, without torch's own family."""
    from surgeon.scan.files import headers, origins
    from surgeon.site.distribution import Installed
    from surgeon.site.environment import find_environment

    environment = find_environment(str(venv))
    every = origins(Installed(environment), headers(environment), (), "torch", {"torch"})
    return sorted({file.module for each in every if each.name not in NOT_OURS for file in each.files})


def measure_packages(venv: Path, name: str, packages: Sequence[str], sample: int, rows: Path | None) -> Truth:
    """Scan an environment, import some modules of some packages, and compare."""
    scanned = support.surgeon("scan", "-p", venv).json
    broken = {e["module"]: e for row in scanned["distributions"] for e in row["broken"]}  # type: ignore[attr-defined]
    chosen = sampled(venv, packages, sample)
    known: dict[str, list[list[str]]] = {}
    if rows and rows.exists():
        known = {row["module"]: row["chain"] for row in map(json.loads, rows.read_text().splitlines())}
    fresh = [each for each in chosen if each not in known]
    found = imported(venv, fresh) if fresh else {}
    if rows and found:
        with rows.open("a") as file:
            file.writelines(json.dumps({"module": m, "chain": c}) + "\n" for m, c in found.items())
    known |= found
    return replace(compare(name, broken, {m: known[m] for m in chosen}), whole=False)


def sampled(venv: Path, packages: Sequence[str], sample: int) -> list[str]:
    """Of each package so many modules, the same ones each time, with the packages that they are in."""
    from surgeon.scan.files import of_distribution
    from surgeon.site.distribution import Installed
    from surgeon.site.environment import find_environment

    installed = Installed(find_environment(str(venv)))
    chosen: set[str] = set()
    for name in packages:
        found = installed.find(name)
        assert found, f"{name} is not installed in {venv}"
        every = sorted({file.module for file in of_distribution(found).files})
        every = [each for each in every if all(part.isidentifier() for part in each.split("."))]
        tops = [each for each in every if "." not in each and each not in NOT_PACKAGES]
        for module in [*tops, *random.Random(name).sample(every, min(sample, len(every)))]:
            parts = module.split(".")
            above = {".".join(parts[: number + 1]) for number in range(len(parts))}
            chosen |= above & set(every)
    return sorted(chosen)


def imported(venv: Path, modules: Sequence[str]) -> dict[str, list[list[str]]]:
    """Import each module in a process of its own; the errors of each, from the last to its first cause."""
    done = subprocess.run(
        [venv / "bin" / "python", "-W", "ignore", PROGRAM, "2", str(SECONDS_PER_MODULE)],
        input=json.dumps(list(modules)),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env=support.clean_environ(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", CC="false", CXX="false"),
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = {row["module"]: row["chain"] for row in rows}
    assert set(found) >= set(modules), sorted(set(modules) - set(found))[:5]
    return {module: found[module] for module in modules}


def compare(stack: str, broken: Mapping[str, Any], came: Mapping[str, list[list[str]]]) -> Truth:
    """What was predicted against what came of it."""
    lacks = {module: next((e[2] for e in reversed(chain) if e[2]), "") for module, chain in came.items()}
    crashed = {module for module, name in lacks.items() if name}
    others = {
        m: f"{chain[-1][0]}: {chain[-1][1]}".replace(f"{support.CHECKOUT}/", "")[:160]
        for m, chain in came.items()
        if chain and m not in crashed
    }
    # A module that fails for another reason first never gets as far as what was predicted.
    predicted = {module for module in broken if module in came and module not in others}
    return Truth(
        stack=stack,
        modules=len(came),
        crashes=len(crashed),
        others=len(others),
        predicted=len(predicted),
        missed={module: lacks[module] for module in sorted(crashed - predicted)},
        false={module: broken[module]["reason"] for module in sorted(predicted - crashed)},
        apart=dict(sorted(others.items())),
    )


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stacks", nargs="*", default=STACKS)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--packages", default="")
    parser.add_argument("--packages-of", choices=HALVES, default="")
    parser.add_argument("--rows", type=Path)
    given = parser.parse_args()
    if given.environment:
        chosen = given.packages.split(",")
        show(measure_packages(given.environment, given.environment.name, chosen, given.sample, given.rows))
        return
    if given.packages_of:
        found = []
        for stack, packages in json.loads(PACKAGES.read_text())[given.packages_of].items():
            venv = environments.pod(support.CACHE / "scan" / stack, stack)
            environments.compile_all(venv)
            found.append(measure_packages(venv, stack, packages, given.sample, given.rows))
            show(found[-1])
            write_down(found[-1])
        return
    for stack in given.stacks:
        venv = environments.pod(support.CACHE / "scan" / stack, stack)
        truth = measure(venv, stack, given.sample)
        show(truth)
        write_down(truth)


def show(truth: Truth) -> None:
    """Print what was found, every miss and every false alarm with it."""
    print(truth, flush=True)
    for title, which in (("missed", truth.missed), ("false", truth.false)):
        for module, what in which.items():
            print(f"  {title}: {module}: {what}")


def write_down(truth: Truth) -> None:
    """Put one stack's figures into the file and the page."""
    rows = [Truth(**row) for row in json.loads(ANSWER.read_text())] if ANSWER.exists() else []
    known = {row.stack: row for row in rows}
    if truth.whole or not (truth.stack in known and known[truth.stack].whole):
        known[truth.stack] = truth
    every = [known[stack] for stack in (*STACKS, *OTHERS) if stack in known]
    ANSWER.write_text(json.dumps([asdict(each) for each in every], indent=1) + "\n")
    PAGE.write_text(_with_table(PAGE.read_text(), every))


def _with_table(page: str, found: Sequence[Truth]) -> str:
    """The page with the figures between its marks."""
    rows = [
        f"| {t.stack}{'' if t.whole else ' (a sample)'} | {t.modules} | {t.crashes} | {t.predicted} "
        f"| {t.recall:.2%} | {t.precision:.2%} | {t.others} |"
        for t in found
    ]
    head = (
        "| stack | modules imported | fail for want of something in torch | predicted | recall | precision "
        "| fail for other reasons |\n|---|---|---|---|---|---|---|"
    )
    before, after = page.split("<!-- truth -->", maxsplit=1)[0], page.split("<!-- /truth -->")[1]
    return "\n".join([f"{before}<!-- truth -->", head, *rows, f"<!-- /truth -->{after}"])


if __name__ == "__main__":
    main()
