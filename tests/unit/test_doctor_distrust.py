"""Names, origins and permissions as a hostile or careless disk has them: none gets into a command."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from surgeon.doctor import health
from surgeon.doctor.examine import examine
from surgeon.doctor.finding import Action
from surgeon.doctor.integrity import Damage, Inspected
from surgeon.operations.work import silent
from surgeon.site.environment import Environment
from surgeon.site.inventory import UNREADABLE, Copy, Inventory, Row
from tests import support
from tests.unit.doctor_support import REGISTRY, codes, inspect


@pytest.mark.parametrize("algorithm", ["shake_128", "", "nosuch"])
def test_a_hash_of_no_use_is_that_files_fault_alone(site: Path, algorithm: str) -> None:
    support.install(site, "harmed", "1.0", {"harmed.py": b"x"})
    support.install(site, "other", "1.0", {"other.py": b"x"})
    (site / "other.py").unlink()
    record = site / "harmed-1.0.dist-info/RECORD"
    record.write_text(record.read_text().replace("sha256=", f"{algorithm}="))
    assert codes(inspect(site, full=True)) == ["missing-files harmed", "missing-files other"]


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        ("Name", "--index-url=http://127.0.0.1/"),
        ("Name", "../../elsewhere"),
        ("Name", "har\x1b[31mmed"),
        ("Version", "1.0; rm -rf /"),
    ],
)
def test_what_is_no_name_and_no_version_gets_into_no_command(site: Path, key: str, stated: str) -> None:
    support.install(site, "harmed", "1.0", {"harmed.py": b"x"})
    metadata = site / "harmed-1.0.dist-info/METADATA"
    lines = [line for line in metadata.read_text().splitlines() if not line.startswith(f"{key}:")]
    metadata.write_text("\n".join([*lines, f"{key}: {stated}"]) + "\n")
    diagnosis = inspect(site)
    assert codes(diagnosis) == ["damaged-metadata harmed"], "the folder's name says which it is"
    assert shlex.split(diagnosis.remedies[-1].command)[-1] == "harmed==1.0"
    assert stated not in json.dumps(diagnosis.to_json())


def test_a_folder_without_a_name_is_removed_and_nothing_installed(site: Path) -> None:
    support.install(site, "fine", "1.0")
    (site / "-.dist-info").mkdir()
    assert [remedy.command for remedy in inspect(site).remedies] == [f"rm -rf -- {site / '-.dist-info'}"]


ORIGINS = [
    ({"url": "https://example.org/x.whl", "archive_info": {}}, "harmed @ https://example.org/x.whl"),
    (
        {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "d"},
        "harmed @ git+https://example.org/x@abc#subdirectory=d",
    ),
    ({"url": "file:///nowhere/x.whl", "archive_info": {}}, "harmed==1.0"),
    ({"url": "--index-url http://x", "archive_info": {}}, "harmed==1.0"),
    ({"url": ["x"]}, "harmed==1.0"),
]


@pytest.mark.parametrize(("origin", "requirement"), ORIGINS)
def test_what_came_from_elsewhere_is_put_back_from_there(
    site: Path, origin: dict[str, object], requirement: str
) -> None:
    """The index has another project of that name, or none."""
    support.install(site, "harmed", "1.0", {"harmed.py": b"x"})
    (site / "harmed-1.0.dist-info/direct_url.json").write_text(json.dumps(origin))
    (site / "harmed.py").unlink()
    assert shlex.split(inspect(site).remedies[-1].command)[-1] == requirement


def test_where_only_a_folder_is_known_no_other_environment_is_changed(site: Path) -> None:
    support.install(site, "harmed", "1.0", {"harmed.py": b"x"})
    (site / "harmed.py").unlink()
    (site / "~armed").mkdir()
    diagnosis = examine(Environment(None, (3, 10, 0), (site,)), REGISTRY, silent)
    assert codes(diagnosis) == ["failed-uninstall", "missing-files harmed"]
    assert [shlex.split(remedy.command)[-1] for remedy in diagnosis.remedies] == [str(site / "~armed")]
    assert "--python" in diagnosis.findings[1].advice


def test_what_this_user_may_not_read_is_neither_damaged_nor_removed() -> None:
    copies = [Copy("a", "1", Path("/site"), "a-1.dist-info", faults=(f"RECORD {UNREADABLE}",))]
    copies.append(Copy("b", "1", Path("/site"), "b-1.dist-info", rows={"b/x.py": Row("sha256=x", 1)}))
    damages = {(Path("/site"), "b-1.dist-info"): [Damage("b/x.py", UNREADABLE), Damage("b/y.py", "missing")]}
    inventory = Inventory(tuple(copies), {each.name: each for each in copies})
    found = health.damaged(inventory, Inspected(damages, {}, 2, 0), {})
    assert [finding.code for finding in found] == ["unreadable", "unreadable", "missing-files"]
    needs = [(need.action, need.name) for finding in found[:2] for need in finding.needs]
    assert needs == [(Action.OPEN, "/site/a-1.dist-info"), (Action.OPEN, "/site/b")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_strict_umask_is_told_and_a_closed_folder_is_no_ghost(site: Path) -> None:
    support.install(site, "closed", "1.0", {"closed/__init__.py": b"x"})
    (site / "own").mkdir()
    for place in (site / "closed", site / "own"):
        place.chmod(0)
    try:
        assert codes(inspect(site)) == ["unreadable closed"]
        (site / "closed").chmod(0o755)
        assert codes(inspect(site)) == []
    finally:
        (site / "own").chmod(0o755)


def test_a_damaged_store_is_set_aside_and_a_newer_one_is_left(site: Path) -> None:
    support.install(site, "fine", "1.0")
    store = site / ".m3d-surgeon"
    store.mkdir()
    manifest = store / "manifest.json"
    manifest.write_text("[[[")
    (remedy,) = inspect(site).remedies
    assert remedy.command == f"mv -- {manifest} {manifest}.damaged"
    manifest.write_text('{"schema": 999}')
    assert (codes(inspect(site)), inspect(site).remedies) == (["store-newer"], ())
