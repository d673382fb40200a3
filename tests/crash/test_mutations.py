"""The gate: bugs sown into a copy of the package, each of which the suite must notice.

A harness that never fails proves nothing. Every mutation names the text that it changes; where
that text is gone the test fails, so that no mutation quietly stops mutating.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import support

POWER = "tests/crash/test_power.py"
CUT = f"{POWER}::test_every_state_that_a_power_cut_can_leave"
KILL = "tests/crash/test_kill.py"
ERRORS = "tests/crash/test_errors.py"
OPERATIONS = "tests/unit/test_operations.py"
FS = "tests/unit/test_fs.py"
OWNERS = "tests/torture/test_owners.py"
ENVIRONMENT = "tests/unit/test_environment.py"
NAMING = "tests/hostile/test_naming.py"
AT_ONCE = "tests/torture/test_concurrency.py::test_two_at_once"
RUN = """
import sys, pytest, surgeon
assert surgeon.__file__.startswith(sys.argv[1]), surgeon.__file__
sys.exit(pytest.main(["-x", "-q", "-p", "no:xdist", "-p", "no:randomly", "--no-header", *sys.argv[2:]]))
"""


@dataclass(frozen=True)
class Mutation:
    """One bug: in a module, texts and what stands there instead; and the tests that must notice it."""

    module: str
    changes: tuple[tuple[str, str], ...]
    noticed_by: str


FILES = """        with store.root.together():
            for change in changes:
                progress(change.path)
                _install(store, change)
                bytecode.purge(store.root, change.path, pycache_prefix)
"""
COMMIT = "        store.write_manifest(data)\n"
DISSOLVE = """    store.collect(manifest)
    if not manifest.files:
        store.dissolve()
"""
CLEAR_UP = "    store.remove_journal()\n" + DISSOLVE
UTIME = "            os.utime(descriptor, ns=(looks.mtime_ns, looks.mtime_ns))\n"
IN_PLACE = """            target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=parent)
            with os.fdopen(target, "wb") as file:
                file.write(data)
            return
            temporary = temporary_name(name)
"""
RESOLVED = """        if (self.folder / path).is_symlink():
            (self.folder / path).write_bytes(data)
            return
        with self._parent(path) as (parent, name):
            temporary = temporary_name(name)
"""
MUTATIONS: dict[str, Mutation] = {
    "no journal": Mutation(
        "site/store.py",
        (("self.root.write(JOURNAL, journal.to_bytes())", "pass"),),
        f"{CUT}[first apply]",
    ),
    "the manifest before the files": Mutation(
        "site/transaction.py", ((FILES + COMMIT, COMMIT + FILES),), f"{CUT}[first apply]"
    ),
    "a file written in place": Mutation(
        "site/fs.py", (("            temporary = temporary_name(name)\n", IN_PLACE),), FS
    ),
    "no sync of a file": Mutation(
        "site/fs.py",
        ((UTIME + "        os.fsync(descriptor)\n", UTIME),),
        f"{CUT}[first apply]",
    ),
    "no sync of a folder after a rename": Mutation(
        "site/fs.py",
        (("                raise\n            self._sync_names(path, parent)\n", "                raise\n"),),
        CUT,
    ),
    "no sync of a folder after a removal": Mutation(
        "site/fs.py",
        (
            (
                "os.unlink(name, dir_fd=parent)\n                self._sync_names(path, parent)",
                "os.unlink(name, dir_fd=parent)",
            ),
        ),
        CUT,
    ),
    "no sync of the folders changed together": Mutation(
        "site/fs.py", (("                self.sync(folder)\n", "                pass\n"),), CUT
    ),
    "no sync of what a killed run left": Mutation(
        "site/transaction.py",
        (("        store.sync()\n", ""),),
        f"{POWER}::test_a_kill_and_later_a_power_cut",
    ),
    "no sync of what a killed recovery put back": Mutation(
        "site/transaction.py",
        (('            store.root.sync(step.path.rpartition("/")[0])\n', ""),),
        f"{POWER}::test_a_kill_and_later_a_power_cut",
    ),
    "no sync of bytecode that a killed run removed": Mutation(
        "site/transaction.py",
        (("            bytecode.sync(store.root, step.path, pycache_prefix)\n", ""),),
        f"{POWER}::test_what_is_reported_after_a_kill_outlives_a_power_cut",
    ),
    "no lock": Mutation(
        "site/fs.py",
        (
            ("fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass"),
            ("fcntl.flock(descriptor, fcntl.LOCK_EX)\n", "pass\n"),
        ),
        AT_ONCE,
    ),
    "locks in the order of sys.path": Mutation(
        "site/transaction.py",
        (("for identity in sorted(each):", "for identity in each:"),),
        "tests/torture/test_lock_orders.py::test_opposite_orders",
    ),
    "nobody is told of a wait": Mutation(
        "site/fs.py",
        (("    wait(_holder(os.fstat(descriptor)))\n", ""),),
        "tests/torture/test_lock_orders.py::test_somebody_whom_the_system_does_not_name",
    ),
    "the lock belongs to root": Mutation(
        "site/fs.py",
        (("st_size == 0:\n            _give(", "st_size == 1:\n            _give("),),
        f"{OWNERS}::test_what_root_makes_belongs_to_the_owner_who_goes_on",
    ),
    "no time before 1970": Mutation(
        "site/store.py",
        (("not -FARTHEST_NS <= value", "not 0 <= value"),),
        "tests/torture/test_times.py::test_every_time_comes_back",
    ),
    "0 is now": Mutation(
        "site/fs.py",
        (("if looks.mtime_ns is not None:", "if looks.mtime_ns:"),),
        "tests/torture/test_times.py::test_every_time_comes_back",
    ),
    "no purge of bytecode": Mutation(
        "site/bytecode.py",
        (("            place.remove(name)\n", "            pass\n"),),
        f"{CUT}[first apply]",
    ),
    "no purge in recovery": Mutation(
        "site/transaction.py",
        (("            bytecode.purge(store.root, step.path, pycache_prefix)\n", ""),),
        f"{KILL}::test_killed_at_every_point[first apply-recover]",
    ),
    "the last component resolved": Mutation(
        "site/fs.py",
        (
            (
                "        with self._parent(path) as (parent, name):\n"
                "            temporary = temporary_name(name)\n",
                RESOLVED,
            ),
        ),
        f"{OPERATIONS}::test_the_last_component_is_never_resolved",
    ),
    "links followed on the way": Mutation(
        "site/fs.py",
        (("os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW |", "os.O_RDONLY | os.O_DIRECTORY |"),),
        FS,
    ),
    "paths that lead out": Mutation(
        "site/fs.py", (('frozenset({"", ".", ".."})', 'frozenset({"", "."})'),), FS
    ),
    "the journal goes before the commit": Mutation(
        "site/transaction.py", ((COMMIT, "        store.remove_journal()\n" + COMMIT),), f"{CUT}[first apply]"
    ),
    "the store goes before the journal": Mutation(
        "site/transaction.py",
        ((CLEAR_UP, DISSOLVE + "    store.remove_journal()\n"),),
        CUT,
    ),
    "originals are not kept": Mutation(
        "site/transaction.py",
        (("            store.put_object(change.before)\n", ""),),
        f"{CUT}[first apply]",
    ),
    "objects are trusted": Mutation(
        "site/store.py",
        (("if sha256(data) == digest:", "if data:"),),
        f"{OPERATIONS}::test_a_damaged_original_is_never_restored",
    ),
    "nothing is put back after an error": Mutation(
        "site/transaction.py",
        (("        _back_out(store, journal, previous, pycache_prefix, error)\n", ""),),
        f"{ERRORS}::test_one_failure_anywhere_leaves_everything_as_it_was[EIO-first apply]",
    ),
    "the manifest stays after an error": Mutation(
        "site/transaction.py",
        (("                store.write_manifest(previous)\n", "                pass\n"),),
        f"{ERRORS}::test_one_failure_anywhere_leaves_everything_as_it_was",
    ),
    "a file changed meanwhile is overwritten": Mutation(
        "site/transaction.py",
        (("if store.root.read(change.path) != change.before:", "if False:"),),
        "tests/torture/test_concurrency.py::test_an_edit_after_the_plan_is_kept",
    ),
    "recovery overwrites what came later": Mutation(
        "site/transaction.py",
        (("or sha256(store.root.read(step.path)) != step.after:", "or False:"),),
        "tests/torture/test_concurrency.py::test_an_edit_after_a_kill_is_kept",
    ),
    "recovery believes the journal": Mutation(
        "site/transaction.py", (("if not attested(step):", "if False:"),), "tests/hostile/test_damage.py"
    ),
    "the time is not put back": Mutation(
        "site/fs.py",
        (("os.utime(descriptor, ns=(looks.mtime_ns, looks.mtime_ns))", "pass"),),
        f"{OPERATIONS}::test_a_patched_file_keeps_mode_and_owner_and_gets_another_second",
    ),
    "a folder's interpreter without its prefix": Mutation(
        "site/environment.py",
        (('pycache_prefix=_prefix(facts["pycache_prefix"]),', "pycache_prefix=None,"),),
        f"{NAMING}::test_a_folder_is_what_its_interpreter_has[venv]",
    ),
    "nobody's folder without a prefix": Mutation(
        "site/environment.py",
        (('pycache_prefix=_prefix(os.environ.get("PYTHONPYCACHEPREFIX")),', ""),),
        f"{NAMING}::test_a_folder_of_nobodys_has_the_prefix_of_the_running_process",
    ),
    "a zip file is a site directory": Mutation(
        "operations/survey.py",
        (("for folder in environment.site_directories)", "for folder in environment.path)"),),
        f"{ENVIRONMENT}::test_a_zipped_egg_on_the_path_stops_nothing",
    ),
    "what cannot be read is not said": Mutation(
        "site/environment.py",
        (('            notices.append(f"{shown(text)}', '            _ = (f"{shown(text)}'),),
        f"{ENVIRONMENT}::test_what_cannot_be_read_is_left_out_and_said",
    ),
    "the mode is not kept": Mutation("site/fs.py", (("os.fchmod(descriptor, looks.mode)", "pass"),), FS),
    "a digest of the patch's text": Mutation(
        "rewriting/digest.py",
        (("        values = _Values()\n", "        raise ValueError\n"),),
        "tests/unit/test_digest.py::test_what_decides_no_bytes_is_not_in_it",
    ),
    "other bytes under the same edition": Mutation(
        "edits/attributes.py",
        ((", {self.default})", ",{self.default})"),),
        "tests/unit/test_recorded.py::test_what_a_patch_makes_of_its_examples",
    ),
}


@pytest.fixture
def package(memory: Path) -> Path:
    """A copy of the package and of the tests; the sources themselves stay as they are."""
    memory.chmod(0o755)  # some of the tests read it as another user
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(support.CHECKOUT / "surgeon", memory / "surgeon", ignore=skip)
    shutil.copytree(support.CHECKOUT / "patches", memory / "surgeon" / "patches", ignore=skip)
    shutil.copytree(support.CHECKOUT / "tests", memory / "tests", ignore=skip)
    shutil.copytree(support.CHECKOUT / "fixtures", memory / "fixtures", ignore=skip)
    shutil.copy(support.CHECKOUT / "pyproject.toml", memory)
    return memory


def suite(package: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run some tests against the copy."""
    temporary = f"--basetemp={package / 'temporary'}"
    command = [sys.executable, "-c", RUN, str(package), temporary, *tests]
    environ = support.clean_environ(TMPDIR=str(package))
    return subprocess.run(
        command, cwd=package, env=environ, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_sown_bug_turns_the_suite_red(
    name: str, package: Path, record_property: Callable[[str, object], None]
) -> None:
    mutation = MUTATIONS[name]
    if OWNERS in mutation.noticed_by and os.geteuid() != 0:
        pytest.skip("needs to be root, and to give that up")
    module = package / "surgeon" / mutation.module
    source = module.read_text()
    for old, new in mutation.changes:
        assert old in source, f"{mutation.module} holds no longer:\n{old}"
        source = source.replace(old, new)
    compile(source, str(module), "exec")
    module.write_text(source)
    done = suite(package, mutation.noticed_by)
    assert done.returncode == 1, (
        f"nobody noticed ({done.returncode}):\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    )


def test_the_copy_without_a_bug_is_green(package: Path) -> None:
    """The rest of these tests is run over the sources themselves by the suite that this is part of."""
    done = suite(package, FS, OPERATIONS, f"{CUT}[first apply]")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
