"""Building an environment of the matrix, and running its imports and workloads in fresh processes.

A run's outcome depends on what is installed, on the bytes of the patched files, and on the script: where
all of these are as before, the stored outcome is used.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests import environments, support
from tests.tools.matrix_table import Combination, Import

E2E = support.HERE / "e2e"
WORKLOADS = E2E / "workloads"
GOLDEN = support.CHECKOUT / "fixtures" / "golden"
TIMEOUT = 300
WIDTH = 240
"""How much of an error is kept."""
LAZY = r"^RuntimeError: (Failed to import \S+ because of the following error \([\w ]+\): )+"
"""What diffusers and transformers put before the error of a module that they import when it is asked for."""

MARK = "\x1e"
IMPORTING = """
import json, sys

said = {}
for name, statement in json.loads(sys.argv[1]).items():
    try:
        exec(statement, {})
        said[name] = ""
    except Exception as error:
        while error.__cause__ is not None:  # lazy modules hide what went wrong
            error = error.__cause__
        said[name] = f"{type(error).__name__}: {error}"
print(chr(0x1e) + json.dumps(said))
"""

COMPARE = r"""
import json, sys
import numpy

sys.path.insert(0, sys.argv[1])
import golden

made, wanted = sys.argv[2:]
with numpy.load(made) as arrays:
    about, keys = json.loads(str(arrays["__about__"])), set(arrays.files)
wrong, worst = golden.differences(wanted, made) if wanted else ([], 0.0)
if wanted:
    with numpy.load(wanted) as arrays:
        wrong += [f"{key}: there is no golden number" for key in sorted(keys - set(arrays.files))]
print(json.dumps({
    "cases": sorted({key.partition("/")[0] for key in keys - {"__about__"}}),
    "failed": about["failed"], "skipped": about["skipped"], "wrong": wrong, "worst": worst,
}))
"""


@dataclass
class Outcome:
    """What one process did: the cases that passed, failed (and how), were skipped (and why).

    Attributes:
        passed: the names of the cases; an import is one case.
        failed: the error of each case that failed; `*` where the script itself could not run.
        skipped: why a case does not concern these releases.
        golden: the stack whose golden numbers the results were compared with, or "".
        worst: the largest relative difference from them.
        final: false where another run may tell another story (a time-out).
    """

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    golden: str = ""
    worst: float = 0.0
    final: bool = True


@dataclass(frozen=True)
class Built:
    """An environment that stands."""

    venv: Path
    installed: tuple[str, ...]
    """Everything in it, as `name==version`."""

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return support.site_packages(self.venv)

    def versions(self) -> dict[str, str]:
        """The release of each distribution."""
        return dict(pin.split("==", 1) for pin in self.installed if "==" in pin)


def build(combination: Combination, folder: Path) -> Built:
    """Make the environment anew, with nothing patched."""
    shutil.rmtree(folder, ignore_errors=True)
    support.make_venv(folder)
    held = folder / "constraints.txt"
    held.write_text("\n".join(combination.constraints()) + "\n")
    overrides = folder / "overrides.txt"
    overrides.write_text("\n".join(combination.overrides()) + "\n")
    files = ("--constraint", held, "--override", overrides)
    environments.install(folder, *files, *combination.requirements())
    return found(folder)


def found(venv: Path) -> Built:
    """An environment that another one built."""
    frozen = support.uv("pip", "freeze", "--quiet", "--python", venv / "bin" / "python").stdout
    return Built(venv, tuple(sorted(frozen.split())))


def digest(*what: object) -> str:
    """A short name for a value that JSON can hold."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def files_digest(paths: Iterable[Path]) -> str:
    """One hash over many files."""
    return digest([[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in sorted(paths)])


def script_digest(workload: str) -> str:
    """What the outcome of a workload depends on, besides the environment: itself, and what it imports."""
    scripts, waiting = set[Path](), [workload]
    while waiting:
        script = WORKLOADS / f"{waiting.pop()}.py"
        if script.exists() and script not in scripts:
            scripts.add(script)
            waiting += re.findall(r"^(?:from|import) (\w+)", script.read_text(), re.MULTILINE)
    return files_digest([E2E / "golden.py", *scripts, *GOLDEN.glob(f"*/{workload}.npz")])


def compare(venv: Path, made: Path, wanted: Path | None) -> dict[str, Any]:
    """The cases of a workload's results, and how they differ from the golden ones."""
    python = venv / "bin" / "python"
    return json.loads(support.run(python, "-c", COMPARE, E2E, made, wanted or "", cwd="/").stdout)  # type: ignore[no-any-return]


def golden_stack(versions: Mapping[str, str]) -> str:
    """The stack whose golden numbers were made with these very releases, or ""."""
    for file in sorted(GOLDEN.glob("*/versions.json")):
        made = json.loads(file.read_text())["versions"]
        names = ("diffusers", "transformers", "accelerate", "peft")
        if all(made[name] == versions.get(name) for name in names):
            return file.parent.name
    return ""


class Runner:
    """Runs in one environment, in its present state of patching; remembers the outcomes."""

    def __init__(self, built: Built, changed: Mapping[str, str], store: Path) -> None:
        self.built = built
        self.store = store
        interpreter = (built.venv / "pyvenv.cfg").read_text().partition("version_info = ")[2][:4]
        self.about = (built.installed, dict(changed), interpreter)

    def imports(self, every: Sequence[Import]) -> Outcome:
        """Import what there is: a process for each group, and every import of it tried."""
        whole = Outcome()
        for group in dict.fromkeys(one.group for one in every):
            asked = {f"import {one.name}": one.statement for one in every if one.group == group}
            done = self._remembered((group, json.dumps(asked)), lambda asked=asked: self._imports(asked))  # type: ignore[misc]
            whole.passed += done.passed
            whole.failed |= done.failed
        return whole

    def workload(self, name: str) -> Outcome:
        """Run a workload, and compare with golden numbers where these releases have some."""
        return self._remembered((name, script_digest(name)), lambda: self._workload(name))

    def _remembered(self, what: tuple[str, str], run: Callable[[], Outcome]) -> Outcome:
        file = self.store / f"{digest(self.about, what)}.json"
        if file.exists():
            return Outcome(**json.loads(file.read_text()))
        outcome = run()
        if not (self.built.site / "torch" / "__init__.py").is_file():
            raise AssertionError(f"{self.built.venv} was taken away while it was measured")
        if outcome.final:
            write(file, asdict(outcome))
        return outcome

    def _imports(self, asked: Mapping[str, str]) -> Outcome:
        done = self._process("-c", IMPORTING, json.dumps(asked))
        if isinstance(done, Outcome):
            return Outcome(failed=dict.fromkeys(asked, done.failed["*"]), final=done.final)
        said = json.loads(done.stdout.rpartition(MARK)[2])
        failed = {name: self._plain(error) for name, error in said.items() if error}
        return Outcome([name for name in asked if name not in failed], failed)

    def _workload(self, name: str) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="m3d-matrix-") as scratch:
            made = Path(scratch) / f"{name}.npz"
            done = self._process(WORKLOADS / f"{name}.py", "--out", made)
            if isinstance(done, Outcome):
                return Outcome(failed={f"{name}.*": done.failed["*"]}, final=done.final)
            if not made.exists():
                return Outcome(failed={f"{name}.*": self._plain(last_error(done.stderr))})
            return self._compared(name, made)

    def _compared(self, name: str, made: Path) -> Outcome:
        stack = golden_stack(self.built.versions())
        result = compare(self.built.venv, made, GOLDEN / stack / f"{name}.npz" if stack else None)
        failed = {f"{name}.{case}": self._plain(error) for case, error in result["failed"].items()}
        for line in result["wrong"]:
            failed.setdefault(f"{name}.{line.partition('/')[0]}", f"not the golden numbers: {line}")
        cases = [f"{name}.{case}" for case in result["cases"]]
        passed = [case for case in cases if case not in failed]
        skipped = {f"{name}.{case}": why for case, why in result["skipped"].items()}
        return Outcome(passed, failed, skipped, stack, result["worst"])

    def _process(self, *arguments: str | Path) -> subprocess.CompletedProcess[str] | Outcome:
        """A fresh process that came to its end, or why it did not."""
        command = [str(self.built.venv / "bin" / "python"), "-W", "ignore", *map(str, arguments)]
        environ = support.clean_environ(
            HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", PYTHONNOUSERSITE="1", TRANSFORMERS_VERBOSITY="error"
        )
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=TIMEOUT, cwd="/", env=environ
            )
        except subprocess.TimeoutExpired:
            return Outcome(failed={"*": f"no end after {TIMEOUT} s"}, final=False)
        if done.returncode < 0:
            return Outcome(failed={"*": f"killed by signal {-done.returncode}"}, final=False)
        return done

    def _plain(self, error: str) -> str:
        """An error in one line, without what differs from machine to machine."""
        text = re.sub(LAZY, "", " ".join(error.replace(str(self.built.venv), "ENV").split()))
        text = re.sub(r"0x[0-9a-f]+", "0x...", re.sub(r"\S*/m3d-[\w-]+?-\w{8}\b", "SCRATCH", text))
        return text if len(text) <= WIDTH else text[: WIDTH - 4] + " ..."


def last_error(stderr: str) -> str:
    """The exception at the end of a traceback, all its lines."""
    lines = stderr.strip().splitlines() or ["it failed and said nothing"]
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b", lines[number]):
            return " ".join(lines[number:])
    return lines[-1]


def write(file: Path, what: object) -> None:
    """Write JSON whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, suffix=".tmp") as new:
        json.dump(what, new, indent=1, sort_keys=True)
        new.write("\n")
    Path(new.name).replace(file)
