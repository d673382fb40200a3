"""The life of a small package: patched, edited, upgraded, reinstalled, removed."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.errors import EnvironmentUnusable, SurgeonError
from surgeon.operations import run as operations
from surgeon.operations.results import Result
from surgeon.operations.verdict import State
from surgeon.site.environment import Environment
from tests import support

CORE, EXTRA = "gadget/core.py", "gadget/extra.py"
BOTH = support.GADGET + b"DULL = torch.dull.stain\n"


def run(command: str, site: Path, *ids: str, patches: Path = support.GADGETS, **options: bool) -> Result:
    known = registry.load(patches)
    environment = Environment(None, (3, 10), (site,))
    return getattr(operations, command)(environment, known, known.select(ids), **options)  # type: ignore[no-any-return]


def states(result: Result) -> dict[str, str]:
    return {file.path: str(file.state) for file in result.files}


def codes(result: Result) -> set[str]:
    return {error.code for error in result.errors}


def test_apply_changes_what_is_needed_and_a_second_one_changes_nothing(site: Path) -> None:
    support.gadget(site)
    shipped = support.tree(site)
    first = run("apply", site)
    assert (first.exit_code, first.changed) == (0, (CORE, EXTRA))
    assert b"getattr(getattr(torch" in (site / CORE).read_bytes()
    everything = support.tree(site), site.stat().st_mtime_ns, (site / "gadget").stat().st_mtime_ns
    second = run("apply", site)
    assert (second.exit_code, second.changed) == (0, ())
    assert (support.tree(site), site.stat().st_mtime_ns, (site / "gadget").stat().st_mtime_ns) == everything
    assert run("status", site).exit_code == 0
    assert run("revert", site).exit_code == 0
    assert support.tree(site) == shipped


def test_a_patched_file_keeps_mode_and_owner_and_gets_another_second(site: Path) -> None:
    core = support.gadget(site)
    core.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(core, 1234, 4321)
    before = core.stat()
    run("apply", site)
    after = core.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mtime_ns // 10**9 != before.st_mtime_ns // 10**9
    run("revert", site)
    assert core.stat().st_mtime_ns == before.st_mtime_ns


def test_a_dry_run_says_what_would_be_and_changes_nothing(site: Path) -> None:
    support.gadget(site)
    before = support.tree(site)
    result = run("apply", site, dry_run=True)
    assert (result.exit_code, result.changed, result.dry_run) == (0, (CORE, EXTRA), True)
    assert support.tree(site) == before
    assert not (site / ".m3d-surgeon").exists()
    run("apply", site)
    before = support.tree(site)
    assert run("revert", site, dry_run=True).changed == (CORE, EXTRA)
    assert support.tree(site) == before


def test_a_hand_edit_is_refused_and_kept_and_the_rest_is_done(site: Path) -> None:
    support.gadget(site)
    run("apply", site)
    with (site / CORE).open("ab") as file:
        file.write(b"# mine\n")
    edited = (site / CORE).read_bytes()
    assert states(run("status", site)) == {CORE: "foreign-edit", EXTRA: "applied"}
    result = run("revert", site)
    assert (result.exit_code, codes(result)) == (3, {"foreign-edit"})
    assert (site / CORE).read_bytes() == edited
    assert states(run("status", site))[EXTRA] == "pristine"
    assert "pip install --force-reinstall" in result.errors[0].hint


def test_a_hand_edit_before_the_first_apply_is_refused_too(site: Path) -> None:
    core = support.gadget(site)
    core.write_bytes(support.GADGET + b"# mine\n")
    result = run("apply", site)
    assert (result.exit_code, states(result)) == (3, {CORE: "foreign-edit", EXTRA: "applied"})
    assert core.read_bytes().endswith(b"# mine\n")


def test_an_upgrade_supersedes_and_revert_leaves_the_new_release_alone(site: Path) -> None:
    support.gadget(site)
    run("apply", site)
    support.uninstall(site, "gadget")
    support.gadget(site, "2.0", source=support.GADGET + b"NEW = 1\n")
    upgraded = support.hashes(site)
    result = run("status", site)
    assert (result.exit_code, set(states(result).values())) == (1, {"superseded"})
    assert run("revert", site).exit_code == 0
    assert support.hashes(site) == upgraded
    assert not (site / ".m3d-surgeon").exists()
    run("apply", site)
    assert set(states(run("status", site)).values()) == {"applied"}
    assert b"NEW = 1" in (site / CORE).read_bytes()


def test_an_upgrade_then_apply_patches_the_new_release(site: Path) -> None:
    support.gadget(site)
    run("apply", site)
    support.uninstall(site, "gadget")
    support.gadget(site, "2.0", source=support.GADGET + b"NEW = 1\n")
    upgraded = support.hashes(site)
    assert run("apply", site).exit_code == 0
    assert b"NEW = 1" in (site / CORE).read_bytes()
    run("revert", site)
    assert support.hashes(site) == upgraded


def test_a_reinstall_of_the_same_release_is_patched_again(site: Path) -> None:
    support.gadget(site)
    run("apply", site)
    support.gadget(site)
    assert set(states(run("status", site)).values()) == {"superseded"}
    assert run("apply", site).changed == (CORE, EXTRA)
    assert run("status", site).exit_code == 0


def test_a_newer_torch_makes_it_obsolete_and_apply_puts_everything_back(site: Path) -> None:
    support.gadget(site)
    shipped = support.tree(site)
    run("apply", site)
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.6.0")
    result = run("status", site)
    assert (result.exit_code, set(states(result).values())) == (1, {"obsolete"})
    assert "torch 2.6.0" in result.files[0].reason
    assert run("apply", site).exit_code == 0
    assert {p: r for p, r in support.tree(site).items() if p in (CORE, EXTRA)} == {
        p: r for p, r in shipped.items() if p in (CORE, EXTRA)
    }
    assert run("status", site).exit_code == 0
    assert not (site / ".m3d-surgeon").exists()


def test_an_older_form_of_a_patch_is_rebuilt_from_the_stored_original(site: Path, tmp_path: Path) -> None:
    patches = shutil.copytree(support.GADGETS, tmp_path / "patches")
    support.gadget(site)
    shipped = support.hashes(site)
    run("apply", site, patches=patches)
    source = (patches / "gadget_shiny.py").read_text()
    (patches / "gadget_shiny.py").write_text(
        source.replace('GuardAttribute("torch.shiny")', 'GuardAttribute("torch.shiny", "False")')
    )
    result = run("status", site, patches=patches)
    assert (result.exit_code, set(states(result).values())) == (1, {"outdated"})
    assert run("apply", site, patches=patches).changed == (CORE, EXTRA)
    assert b'"shiny", False' in (site / CORE).read_bytes()
    assert run("status", site, patches=patches).exit_code == 0
    run("revert", site, patches=patches)
    assert support.hashes(site) == shipped


@pytest.mark.parametrize("upgrade", ["the digest of today's release", "a raised edition"])
def test_an_upgrade_that_makes_the_same_bytes_rewrites_no_file(
    site: Path, monkeypatch: pytest.MonkeyPatch, upgrade: str
) -> None:
    support.gadget(site, source=BOTH)
    run("apply", site)
    if upgrade == "a raised edition":
        monkeypatch.setattr("surgeon.rewriting.digest.EDITION", 2)
    else:  # it was made of the patch's text and of the engine's
        manifest = site / ".m3d-surgeon" / "manifest.json"
        text = manifest.read_text()
        for number, digest in enumerate(registry.load(support.GADGETS).patches.values()):
            text = text.replace(digest.digest, f"{number:064}")
        manifest.write_text(text)

    def looks() -> list[tuple[int, int, int]]:
        every = [(site / path).stat() for path in (CORE, EXTRA)]
        return [(each.st_ino, each.st_mtime_ns, each.st_ctime_ns) for each in every]

    before = looks()
    result = run("status", site)
    assert (result.exit_code, set(states(result).values())) == (1, {"outdated"})
    assert "another edition of gadget-" in result.files[0].reason
    result = run("apply", site)
    assert (result.exit_code, result.changed) == (0, ())
    assert looks() == before
    assert run("status", site).exit_code == 0
    assert run("apply", site).decisions == run("apply", site, dry_run=True).decisions
    run("revert", site)
    assert (site / CORE).read_bytes() == BOTH


def test_a_patch_that_is_gone_is_taken_out(site: Path, tmp_path: Path) -> None:
    patches = shutil.copytree(support.GADGETS, tmp_path / "patches")
    support.gadget(site)
    shipped = support.hashes(site)
    run("apply", site, patches=patches)
    (patches / "gadget_shiny.py").unlink()
    assert set(states(run("status", site, patches=patches)).values()) == {"obsolete"}
    assert run("apply", site, patches=patches).exit_code == 0
    assert support.hashes(site) == shipped


def test_patches_in_one_file_come_and_go_one_by_one(site: Path) -> None:
    support.gadget(site, source=BOTH)
    run("apply", site, "gadget-dull")
    assert b"torch.shiny.polish" in (site / CORE).read_bytes()
    assert b'"dull"' in (site / CORE).read_bytes()
    result = run("status", site)
    assert result.exit_code == 1
    assert result.files[0].patches == {"gadget-dull": State.APPLIED, "gadget-shiny": State.PRISTINE}
    run("apply", site, "gadget-shiny")
    both = (site / CORE).read_bytes()
    assert b'"dull"' in both
    assert b'"shiny"' in both
    run("revert", site, "gadget-dull")
    assert b"torch.dull.stain" in (site / CORE).read_bytes()
    assert b'"shiny"' in (site / CORE).read_bytes()
    run("apply", site)
    assert (site / CORE).read_bytes() == both
    run("revert", site, "gadget-shiny", "gadget-dull")
    assert (site / CORE).read_bytes() == BOTH


def test_one_condition_that_no_longer_holds_takes_one_patch_out(site: Path) -> None:
    support.gadget(site, source=BOTH)
    run("apply", site)
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.5.0")
    assert states(run("status", site))[CORE] == "obsolete"
    run("apply", site)
    assert b"torch.dull.stain" in (site / CORE).read_bytes()
    assert b'"shiny"' in (site / CORE).read_bytes()
    assert run("status", site).exit_code == 0


def test_a_removed_package_leaves_nothing_behind(site: Path) -> None:
    support.gadget(site)
    run("apply", site)
    support.uninstall(site, "gadget")
    assert [p for p in (site / "gadget").rglob("*") if p.is_file()] == []
    assert run("apply", site).exit_code == 0
    assert not (site / ".m3d-surgeon").exists()


def test_what_is_not_needed_says_why_and_touches_nothing(site: Path) -> None:
    support.gadget(site, torch="2.6.0")
    before = support.tree(site)
    result = run("apply", site)
    assert (result.exit_code, result.changed) == (0, ())
    reasons = {patch.id: patch.reason for patch in result.patches}
    assert reasons["gadget-shiny"] == "torch 2.6.0 has what it needs"
    assert reasons["transformers-pytree"] == "transformers is not installed"
    assert support.tree(site) == before


def test_code_that_is_guarded_already_is_looked_at_once(site: Path) -> None:
    guarded = b'import torch\nSHINY = torch.shiny.polish if hasattr(torch, "shiny") else None\n'
    support.gadget(site, source=guarded)
    before = support.hashes(site)
    result = run("apply", site)
    assert (result.exit_code, set(states(result).values())) == (0, {"not-needed"})
    assert support.hashes(site) == before
    assert run("status", site).exit_code == 0
    run("revert", site)
    assert not (site / ".m3d-surgeon").exists()


def test_an_expectation_that_is_missed_is_refused_and_the_rest_is_done(site: Path) -> None:
    support.gadget(site, source=support.GADGET + b"AGAIN = torch.shiny.polish\nDULL = torch.dull.stain\n")
    result = run("apply", site)
    assert (result.exit_code, codes(result)) == (3, {"expectation-missed"})
    assert "expected exactly 1, found 2" in result.errors[0].message
    assert b'"dull"' in (site / CORE).read_bytes()
    assert b"AGAIN = torch.shiny.polish" in (site / CORE).read_bytes()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"import torch\nX = torch.shiny.polish\ndef (:\n", "not-parseable"),
        (
            b"import torch\nX = torch.shiny.polish\ntry:\n    pass\nexcept ValueError :\n    pass\n",
            "not-round-trip",
        ),
    ],
)
def test_a_file_that_cannot_be_rewritten_is_refused(site: Path, source: bytes, code: str) -> None:
    support.gadget(site, source=source)
    before = support.hashes(site)
    result = run("apply", site)
    assert (result.exit_code, codes(result)) == (3, {code})
    assert set(states(result).values()) == {"unpatchable"}
    assert support.hashes(site) == before


def test_an_editable_install_is_refused(site: Path) -> None:
    support.gadget(site)
    (site / "gadget-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///s", "dir_info": {"editable": true}}'
    )
    before = support.tree(site)
    result = run("apply", site)
    assert (result.exit_code, codes(result)) == (3, {"unpatchable"})
    assert support.tree(site) == before


def test_without_record_nothing_is_edited(site: Path) -> None:
    support.gadget(site)
    (site / "gadget-1.0.dist-info" / "RECORD").unlink()
    before = support.tree(site)
    result = run("apply", site)
    assert (result.exit_code, codes(result)) == (3, {"unpatchable"})
    assert "no RECORD" in result.errors[0].message
    assert support.tree(site) == before


@pytest.mark.parametrize("harm", ["missing", "tampered"])
def test_a_damaged_original_is_never_restored(site: Path, harm: str) -> None:
    support.gadget(site)
    run("apply", site)
    patched = support.hashes(site)
    for thing in (site / ".m3d-surgeon" / "objects").iterdir():
        thing.unlink()
        if harm == "tampered":
            thing.write_bytes(b"evil")
    result = run("revert", site)
    assert (result.exit_code, codes(result)) == (3, {"object-damaged"})
    assert "pip install --force-reinstall" in result.errors[0].hint
    assert support.hashes(site) == patched


def test_a_damaged_manifest_stops_no_status(site: Path) -> None:
    support.gadget(site)
    run("apply", site, "gadget-shiny")
    (site / ".m3d-surgeon" / "manifest.json").write_text("{")
    result = run("status", site)
    assert result.exit_code == 4
    assert codes(result) == {"store-damaged"}
    assert set(states(result).values()) == {"foreign-edit"}
    with pytest.raises(EnvironmentUnusable):
        run("apply", site)


def test_the_last_component_is_never_resolved(site: Path, tmp_path: Path) -> None:
    core = support.gadget(site)
    cached = tmp_path / "cache.py"
    core.rename(cached)
    core.symlink_to(cached)
    run("apply", site)
    assert cached.read_bytes() == support.GADGET
    assert not core.is_symlink()
    assert b'"shiny"' in core.read_bytes()
    run("revert", site)
    assert core.readlink() == cached
    assert cached.read_bytes() == support.GADGET


def test_a_shadowed_second_copy_is_reported_and_left_alone(site: Path, tmp_path: Path) -> None:
    user = tmp_path / "user"
    support.gadget(site)
    support.gadget(user, "2.0")
    known = registry.load(support.GADGETS)
    environment = Environment(None, (3, 10), (user, site))
    before = support.tree(site)
    result = operations.apply(environment, known, known.select(()))
    assert result.exit_code == 0
    assert support.tree(site) == before
    assert (user / ".m3d-surgeon").exists()
    assert any(str(site) in warning for warning in result.warnings)


def test_each_site_directory_has_a_store_of_its_own(site: Path, tmp_path: Path) -> None:
    user = tmp_path / "user"
    support.gadget(site)
    support.uninstall(site, "torch")
    support.install(user, "torch", "2.1.0")
    known = registry.load(support.GADGETS)
    environment = Environment(None, (3, 10), (user, site))
    assert operations.apply(environment, known, known.select(())).changed == (CORE, EXTRA)
    assert (site / ".m3d-surgeon").exists()
    assert not (user / ".m3d-surgeon").exists()


def test_a_copied_environment_reverts_where_it_is(site: Path, tmp_path: Path) -> None:
    support.gadget(site)
    shipped = support.hashes(site)
    run("apply", site)
    elsewhere = shutil.copytree(site, tmp_path / "elsewhere")
    shutil.rmtree(site)
    assert run("revert", elsewhere).exit_code == 0
    assert support.hashes(elsewhere) == shipped


def as_nobody(work: object) -> int:
    """Run in a child without privileges; its exit status."""
    import libcst  # noqa: F401 - an unprivileged child may not be able to read the interpreter's folder

    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            work()  # type: ignore[operator]
        except SurgeonError as error:
            os._exit(error.exit_code)
        except BaseException:
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give up privileges")
def test_another_user_can_ask_for_the_status_and_change_nothing(tmp_path: Path) -> None:
    site = Path("/tmp") / f"m3d-{os.getpid()}"
    site.mkdir(mode=0o755)
    try:
        support.gadget(site)
        assert as_nobody(lambda: run("apply", site)) == 4
        assert not (site / ".m3d-surgeon").exists()
        run("apply", site)
        everything = support.tree(site)
        assert as_nobody(lambda: os._exit(run("status", site).exit_code)) == 0
        assert as_nobody(lambda: os._exit(run("apply", site).exit_code)) == 0
        assert as_nobody(lambda: run("revert", site)) == 4
        assert support.tree(site) == everything
    finally:
        shutil.rmtree(site)


def test_diff_shows_the_change_before_and_after(site: Path) -> None:
    support.gadget(site)
    before = run("diff", site)
    run("apply", site)
    after = run("diff", site)
    assert before.exit_code == after.exit_code == 0
    assert [file.diff for file in before.files] == [file.diff for file in after.files]
    assert "-SHINY = torch.shiny.polish" in before.files[0].diff
    assert replace(before.files[0], diff="", state=State.APPLIED) == replace(
        after.files[0], diff="", patches=before.files[0].patches
    )


@pytest.mark.parametrize("name", ["torch-2.1.0+cu121", "gadget-1.0"])
def test_metadata_that_cannot_be_read_is_no_reason_to_change_anything(site: Path, name: str) -> None:
    """Neither "nothing is needed" nor "torch has what it needs": what is patched stays, and it is said."""
    core = support.gadget(site)
    metadata = site / f"{name}.dist-info" / "METADATA"
    whole = metadata.read_bytes()
    metadata.write_bytes(b"\xff\n")
    assert (run("status", site).exit_code, run("apply", site).exit_code) == (1, 3)
    assert core.read_bytes() == support.GADGET
    metadata.write_bytes(whole)
    assert run("apply", site).exit_code == 0
    patched = core.read_bytes()
    metadata.write_bytes(b"\xff\n")
    result = run("apply", site)
    assert (core.read_bytes(), result.changed) == (patched, ())
    assert any("does not say which release" in warning for warning in result.warnings)
    assert run("revert", site).exit_code == 0
    assert core.read_bytes() == support.GADGET


def test_one_refusal_names_all_the_patches_that_an_editable_install_keeps_out(site: Path) -> None:
    support.install(site, "torch", "2.1.0")
    support.install(site, "gadget", "1.0", {"__editable__.gadget.pth": b"/nowhere\n"})
    said = '{"url": "file:///nowhere", "dir_info": {"editable": true}}'
    (site / "gadget-1.0.dist-info" / "direct_url.json").write_text(said)
    known = registry.load(support.GADGETS)
    result = operations.apply(Environment(None, (3, 10), (site,)), known, known.select(()))
    (error,) = result.errors
    wanted = [patch.id for patch in result.patches if patch.state is State.UNPATCHABLE]
    assert len(wanted) > 1
    assert all(each in error.message for each in wanted)
    assert "editable" in error.message
    assert result.exit_code == 3
