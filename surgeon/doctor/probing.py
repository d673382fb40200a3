"""Runs each needed patch's probe without the patch and with it, beside the environment, not in it.

A scratch folder holds, for every package with a file to patch, a tree of links to the installed one
with the patched files in their places. It lies on the path in front of the site directory, in a fresh
interpreter for each run. "With" is every needed patch; "without" is every one but the patch in
question, whose failure then is its own. The environment is only read; bytecode goes to the scratch
folder too.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from surgeon.answer import exit_code
from surgeon.doctor.finding import Diagnosis, Finding, Probe
from surgeon.doctor.integrity import Progress
from surgeon.errors import EnvironmentUnusable
from surgeon.operations.plan import Aim
from surgeon.operations.survey import Survey, Target, survey
from surgeon.operations.verdict import State
from surgeon.operations.work import Work, silent
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site.environment import Environment

TIMEOUT_SECONDS = 300
LONGEST_LINE = 300
LARGEST_END = 64 * 1024
"""So many bytes of the end of what a probe wrote are read."""

PROGRAM = """
import json, sys
overlays, path, probe = json.loads(sys.argv[1])
sys.argv[1:] = []
system = [entry for entry in sys.path if entry not in path]
found = []
for entry in path:
    found += [overlays[entry], entry] if entry in overlays else [entry]
sys.path[:] = system + found
exec(compile(probe, "<probe>", "exec"), {"__name__": "__main__"})
"""
"""Run by the target interpreter with `-I`: puts the overlays in front, and runs the probe."""

Contents = Mapping[tuple[Path, str], bytes]
"""What files are to hold, by site directory and path."""


@dataclass(frozen=True)
class Ending:
    """How one run ended, and the last line that it wrote."""

    how: str
    said: str


def with_probes(
    diagnosis: Diagnosis, environment: Environment, registry: Registry, progress: Progress
) -> Diagnosis:
    """Add the probes of every patch that this environment needs; one that fails with its patch is a finding.

    Raises:
        EnvironmentUnusable: only a folder was named, and no interpreter to run anything in.
    """
    if environment.python is None:
        raise EnvironmentUnusable(
            "a probe needs an interpreter", path=diagnosis.site_packages, hint="name it with --python"
        )
    probes = tuple(_probes(environment, environment.python, registry, progress))
    findings = (*diagnosis.findings, *(_finding(probe, registry) for probe in probes if not probe.fine))
    code = exit_code(diagnosis.errors, otherwise=1 if findings else 0)
    return replace(diagnosis, probes=probes, findings=findings, exit_code=code)


def _finding(probe: Probe, registry: Registry) -> Finding:
    patch = registry.patches[probe.patch]
    return Finding(
        "probe-failed",
        f"{patch.id}: its probe {_VERB[probe.after]} although the patch is in: {probe.after_said}",
        f"What the patch is for does not work here with it: {' '.join(patch.why.split())}",
        distribution=patch.distribution,
        details=tuple(patch.probe.splitlines()),
        advice="if another finding is about the same package, mend that first; then run this command again",
    )


_VERB = {
    "fails": "fails",
    "fails-otherwise": "fails",
    "died": "dies",
    "timeout": "takes too long",
    "not-run": "cannot be run",
}


def _probes(
    environment: Environment, python: Path, registry: Registry, progress: Progress
) -> Iterator[Probe]:
    seen = survey(environment, registry)
    needed = _needed(seen)
    with tempfile.TemporaryDirectory(prefix="m3d-surgeon-") as folder, ThreadPoolExecutor(2) as pool:
        scratch = Path(folder).resolve()
        complete = _contents(seen, registry, None)
        overlays = [_Overlay(scratch / name, complete) for name in ("without", "with")]
        for number, (patch_id, state) in enumerate(needed.items()):
            patch = registry.patches[patch_id]
            progress(f"probing {patch_id}", number, len(needed))
            overlays[0].put({**complete, **_contents(seen, registry, patch_id)})
            runs = [pool.submit(_run, environment, python, overlay, patch, scratch) for overlay in overlays]
            before, after = (run.result() for run in runs)
            yield Probe(patch_id, str(state), before.how, before.said, after.how, after.said)


def _needed(seen: Survey) -> dict[str, State]:
    """The patches that have something to do here, each with its state in the first file that it is in."""
    found: dict[str, State] = {}
    for target in _patchable(seen):
        for patch, state in target.verdict.patches.items():
            if patch in target.facts.wanted and state is not State.NOT_NEEDED:
                found.setdefault(patch, state)
    return dict(sorted(found.items()))


def _patchable(seen: Survey) -> Iterator[Target]:
    for site in seen.sites:
        for target in site.targets:
            if target.verdict.state not in (State.FOREIGN_EDIT, State.UNPATCHABLE):
                yield target


def _contents(seen: Survey, registry: Registry, without: str | None) -> dict[tuple[Path, str], bytes]:
    """The patched bytes of every file that needs patches; `without` one, those of its files only."""

    def aim(target: Target, _chosen: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
        wanted = target.facts.wanted
        if target.verdict.state in (State.FOREIGN_EDIT, State.UNPATCHABLE) or not wanted:
            return None
        if without is not None and without not in wanted:
            return None
        return Aim(tuple(patch for patch in known if patch in wanted and patch != without))

    work = Work(registry, frozenset(registry.patches))
    work.plan(seen, aim, silent)
    return {(folder, outcome.target.path): outcome.after for folder, outcome in work.every()}


class _Overlay:
    """Trees of links to the packages of the site directories, in which some files are others.

    Args:
        root: where to make them.
        files: every file that will ever be another, with its bytes.
    """

    def __init__(self, root: Path, files: Contents) -> None:
        self._sites = {
            site: root / str(number) for number, site in enumerate(dict.fromkeys(s for s, _ in files))
        }
        self._there: dict[tuple[Path, str], bytes] = {}
        self._time = 1_000_000_000
        for site, path in files:
            self._open(site, path.split("/")[:-1])
        self.put(files)

    @property
    def by_site(self) -> dict[str, str]:
        """The folder to put in front of each site directory."""
        return {str(site): str(folder) for site, folder in self._sites.items()}

    def put(self, files: Contents) -> None:
        """Put these bytes in their files' places.

        Each gets a time of its own: bytecode names its source by size and whole seconds.
        """
        for (site, path), data in files.items():
            if self._there.get((site, path)) == data:
                continue
            place = self._sites[site] / path
            place.unlink(missing_ok=True)
            place.write_bytes(data)
            self._time += 2
            os.utime(place, (self._time, self._time))
            self._there[site, path] = data

    def _open(self, site: Path, parts: Sequence[str]) -> None:
        """Make real folders down to a file's, each filled with links to what is in the installed one."""
        here, there = self._sites[site], site
        here.mkdir(parents=True, exist_ok=True)
        for part in parts:
            here, there = here / part, there / part
            if here.is_symlink():
                here.unlink()
            if here.is_dir():
                continue
            here.mkdir()
            for installed in there.iterdir():
                if installed.name != "__pycache__":
                    (here / installed.name).symlink_to(installed)


def _run(environment: Environment, python: Path, overlay: _Overlay, patch: Patch, scratch: Path) -> Ending:
    given = json.dumps([overlay.by_site, [str(entry) for entry in environment.path], patch.probe])
    command = [str(python), "-I", "-W", "ignore", "-X", f"pycache_prefix={scratch / 'bytecode'}"]
    # Nothing is downloaded and no accelerator taken: a probe is about importing and calling.
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    try:
        status, said = _ended([*command, "-c", PROGRAM, given], scratch, environ)
    except subprocess.TimeoutExpired:
        return Ending("timeout", f"no answer in {TIMEOUT_SECONDS} s")
    except OSError as error:
        return Ending("not-run", error.strerror or str(error))
    if status == 0:
        return Ending("passes", "")
    if status < 0:
        return Ending("died", f"signal {-status}" + (f": {said}" if said else ""))
    return Ending("fails" if re.search(patch.symptom, said) else "fails-otherwise", said)


def _ended(command: Sequence[str], scratch: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a program to its end: its status, and the last line that it wrote.

    What it started and left behind ends with it. It writes to a file: a pipe would stay open as long
    as any of those has it.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=scratch,
            env=environ,
            start_new_session=True,
        )
        try:
            status = process.wait(TIMEOUT_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - LARGEST_END))
        lines = errors.read().decode(errors="replace").strip().splitlines()
    return status, lines[-1][:LONGEST_LINE] if lines else ""
