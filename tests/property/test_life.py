"""A small package's whole life in any order, against a model of what must be true all along.

The model knows which bytes each release ships, what was edited by hand, and what no command may
ever do: lose a hand edit, put an old release's bytes into a new one, or stop `status`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from surgeon.operations import run as operations
from surgeon.operations.verdict import State
from surgeon.site.fs import Root
from surgeon.site.store import Store, sha256
from tests import support
from tests.crash import seam
from tests.crash.scenes import compiled, stale
from tests.tools.scale import scaled

TARGETS = ("gadget/core.py", "gadget/extra.py")
RELEASES = {
    release: support.GADGET + b"DULL = torch.dull.stain\nRELEASE = '" + release.encode() + b"'\n"
    for release in ("1.0", "1.1", "2.0")
}
TORCHES = ("2.1.0+cu121", "2.5.0", "2.6.0")
PATCHES = ("gadget-shiny", "gadget-dull")
USES = {"gadget-shiny": b"torch.shiny.polish", "gadget-dull": b"torch.dull.stain"}
"""What each patch replaces; an edit of a patched file holds it no longer."""
counted: Counter[str] = Counter()


class Life(RuleBasedStateMachine):
    """One environment, and what a person knows about it."""

    def __init__(self) -> None:
        super().__init__()
        shared = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
        self.site = self.folder / "site"
        self.site.mkdir()
        self.release: str | None = "1.0"
        self.torch = TORCHES[0]
        self.edited: dict[str, bytes] = {}
        self._install()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _install(self) -> None:
        assert self.release is not None
        self._forget_bytecode()
        support.uninstall(self.site, "torch")
        support.gadget(self.site, self.release, torch=self.torch, source=RELEASES[self.release])
        self.edited.clear()

    def _forget_bytecode(self) -> None:
        """What whoever else changes a source does about its bytecode: installers remove it."""
        shutil.rmtree(self.site / "gadget" / "__pycache__", ignore_errors=True)

    def _command(self, name: str, *ids: str) -> bool:
        """Run a command; tell whether it came to its end without a refusal."""
        counted[name] += 1
        patches = seam.gadgets()
        arguments = (seam.environment(self.site), patches)
        if name == "recover":
            return operations.recover(*arguments).exit_code == 0
        return getattr(operations, name)(*arguments, patches.select(ids)).exit_code == 0  # type: ignore[no-any-return]

    # What happens

    @rule()
    def apply(self) -> None:
        refusable = self._refusable()
        assert self._command("apply") == (not refusable), "a refusal out of place, or none"
        for target in self._unedited():
            assert (self.site / target).read_bytes() == self._right(target), f"{target} after apply"
        assert not stale(self.site)

    @rule(patch=st.sampled_from(PATCHES))
    def apply_one(self, patch: str) -> None:
        self._command("apply", patch)

    @rule()
    def revert(self) -> None:
        self._command("revert")
        for target in self._unedited():
            assert (self.site / target).read_bytes() == RELEASES[self.release or ""], f"{target} after revert"
        assert not stale(self.site)

    @rule(patch=st.sampled_from(PATCHES))
    def revert_one(self, patch: str) -> None:
        self._command("revert", patch)

    @rule()
    def recover(self) -> None:
        self._command("recover")

    @rule(name=st.sampled_from(("apply", "revert", "recover")), call=st.integers(1, 70))
    def killed(self, name: str, call: int) -> None:
        counted["kills"] += seam.die_before(call, name, self.site)

    @rule(release=st.sampled_from(sorted(RELEASES)))
    def install_release(self, release: str) -> None:
        """An upgrade, a downgrade or a reinstall, by an installer that removes what RECORD lists."""
        counted["installs"] += 1
        support.uninstall(self.site, "gadget")
        self.release = release
        self._install()

    @precondition(lambda self: self.release)
    @rule()
    def uninstall(self) -> None:
        counted["uninstalls"] += 1
        support.uninstall(self.site, "gadget")
        self._forget_bytecode()
        self.release = None
        self.edited.clear()

    @rule(torch=st.sampled_from(TORCHES))
    def install_torch(self, torch: str) -> None:
        self.torch = torch
        support.uninstall(self.site, "torch")
        support.install(self.site, "torch", torch)

    @precondition(lambda self: self.release)
    @rule(file=st.sampled_from(TARGETS), text=st.binary(min_size=1, max_size=4))
    def edit(self, file: str, text: bytes) -> None:
        counted["hand edits"] += 1
        place = self.site / file
        edited = place.read_bytes() + b"# " + text.hex().encode() + b"\n"
        place.unlink()
        place.write_bytes(edited)
        self._forget_bytecode()
        self.edited[file] = edited

    @precondition(lambda self: self.release)
    @rule()
    def imported(self) -> None:
        compiled(self.site)

    # What is true all along

    @invariant()
    def hand_edits_are_kept(self) -> None:
        for target, data in self.edited.items():
            assert (self.site / target).read_bytes() == data, f"the edit of {target} is lost"

    @invariant()
    def files_are_whole_and_of_their_release(self) -> None:
        if self.release is None:
            assert not [target for target in TARGETS if (self.site / target).exists()], "it came back"
            return
        for target in self._unedited():
            assert (self.site / target).read_bytes() in self._forms(target), f"{target} is of no release"

    @invariant()
    def status_answers(self) -> None:
        patches = seam.gadgets()
        result = operations.status(seam.environment(self.site), patches, patches.select(()))
        states = {file.path: file.state for file in result.files}
        for target in self.edited:
            assert states.get(target, State.FOREIGN_EDIT) is State.FOREIGN_EDIT, f"{target} {states}"
        for target in self._unedited():
            if (self.site / target).read_bytes() == RELEASES[self.release or ""]:
                calm = (State.PRISTINE, State.SUPERSEDED, State.NOT_NEEDED, None)
                assert states.get(target) in calm, f"{target} {states}"

    def _unedited(self) -> list[str]:
        return [target for target in TARGETS if self.release and target not in self.edited]

    def _refusable(self) -> bool:
        """Whether a hand edit is in the way: of a patch that is needed, of taking one out, of a recovery."""
        store = Store(Root(self.site))
        remembered, journal = store.manifest().files, store.journal()
        begun = {step.path for step in journal.steps} if journal else set()
        if journal and sha256(store.manifest_bytes() or b"") == journal.manifest:
            begun = set()  # it had come to its end
        return any(
            any(USES[patch] in data for patch in self._needed(target))
            or (target in remembered and remembered[target].patches)
            or target in begun
            for target, data in self.edited.items()
        )

    def _needed(self, target: str) -> set[str]:
        """The patches that today's torch asks for in a file."""
        shiny = {"gadget-shiny"} if self.torch != "2.6.0" else set()
        dull = {"gadget-dull"} if self.torch == TORCHES[0] and target == "gadget/core.py" else set()
        return shiny | dull

    def _right(self, target: str) -> bytes:
        return form(RELEASES[self.release or ""], self._needed(target))

    def _forms(self, target: str) -> set[bytes]:
        choices: tuple[set[str], ...] = (set(), {PATCHES[0]}, {PATCHES[1]}, set(PATCHES))
        return {form(RELEASES[self.release or ""], chosen) for chosen in choices}


def form(source: bytes, patches: set[str]) -> bytes:
    """What the file is with these patches in it, written down by hand."""
    if "gadget-shiny" in patches:
        source = source.replace(
            b"torch.shiny.polish", b'getattr(getattr(torch, "shiny", None), "polish", None)'
        )
    if "gadget-dull" in patches:
        source = source.replace(b"torch.dull.stain", b'getattr(getattr(torch, "dull", None), "stain", None)')
    return source


def test_any_life(record_property: Callable[[str, object], None]) -> None:
    counted.clear()
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=scaled(40, 3_000),
            stateful_step_count=scaled(25, 50),
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, number in sorted(counted.items()):
        record_property(what, number)
