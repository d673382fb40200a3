"""Real wheels, hard-linked by uv out of its cache, without torch's gigabytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from surgeon.site.distribution import Installed
from surgeon.site.environment import find_environment
from tests import environments, support

RELEASES = ("xfuser==0.4.5", "diffusers==0.36.0", "transformers==4.57.3")
USP = "xfuser/model_executor/layers/usp.py"
XPU = "diffusers/utils/torch_utils.py"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return environments.light(tmp_path / "venv", *RELEASES)


def recorded(venv: Path) -> dict[str, str]:
    """Every file's sha256 as the RECORDs have it."""
    installed = Installed(find_environment(str(venv)))
    found: dict[str, str] = {}
    for name in ("xfuser", "diffusers", "transformers"):
        distribution = installed.find(name)
        assert distribution is not None
        recorded = ((path, distribution.recorded(path)) for path in distribution.paths)
        found |= {path: digest for path, digest in recorded if digest}
    return found


def check_recorded(venv: Path) -> None:
    site = support.site_packages(venv)
    for path, digest in recorded(venv).items():
        assert hashlib.sha256((site / path).read_bytes()).hexdigest() == digest, path


def test_apply_twice_then_revert(venv: Path) -> None:
    site = support.site_packages(venv)
    before = support.tree(site)
    assert support.surgeon("status", "-p", venv).exit_code == 1
    first = support.surgeon("apply", "-p", venv)
    assert first.exit_code == 0
    assert {USP, XPU} <= set(first.json["changed"])  # type: ignore[arg-type]
    patched = support.tree(site)
    second = support.surgeon("apply", "-p", venv)
    assert (second.exit_code, second.json["changed"]) == (0, [])
    assert support.tree(site) == patched
    assert support.surgeon("status", "-p", venv).exit_code == 0
    assert support.surgeon("revert", "-p", venv).exit_code == 0
    assert support.tree(site) == before
    check_recorded(venv)


def test_a_neighbour_the_cache_and_a_later_environment_stay_untouched(venv: Path, tmp_path: Path) -> None:
    neighbour = environments.light(tmp_path / "neighbour", *RELEASES)
    assert (support.site_packages(venv) / USP).samefile(support.site_packages(neighbour) / USP), (
        "not hard-linked"
    )
    cache = Path(support.uv("cache", "dir").stdout.strip())
    shipped = {path: (support.site_packages(neighbour) / path).stat() for path in (USP, XPU)}
    assert all(cache.stat().st_dev == row.st_dev for row in shipped.values())
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    later = environments.light(tmp_path / "later", *RELEASES)
    for other in (neighbour, later):
        check_recorded(other)
        assert all(
            (support.site_packages(other) / path).stat().st_ino == row.st_ino for path, row in shipped.items()
        )
    assert support.surgeon("revert", "-p", venv).exit_code == 0
    check_recorded(venv)


def test_an_upgrade_in_between_leaves_the_new_version_alone(venv: Path) -> None:
    site = support.site_packages(venv)
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    environments.install(venv, "--no-deps", "diffusers==0.37.0")
    upgraded = support.hashes(site)
    status = support.surgeon("status", "-p", venv)
    assert status.exit_code == 1
    assert status.states()[XPU] == "superseded"
    assert support.surgeon("revert", "-p", venv, "diffusers-xpu", "diffusers-device-mesh").exit_code == 0
    assert support.hashes(site) == upgraded
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    assert support.surgeon("status", "-p", venv).exit_code == 0
    assert support.surgeon("revert", "-p", venv).exit_code == 0
    check_recorded(venv)


def test_a_line_appended_to_a_patched_file_is_kept(venv: Path) -> None:
    site = support.site_packages(venv)
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    with (site / USP).open("a") as file:
        file.write("# mine\n")
    answer = support.surgeon("revert", "-p", venv)
    assert (answer.exit_code, answer.error_codes()) == (3, ["foreign-edit"])
    assert (site / USP).read_text().endswith("# mine\n")
    assert answer.states()[XPU] == "pristine"


def test_a_newer_torch_puts_every_file_back(venv: Path) -> None:
    site = support.site_packages(venv)
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    support.uninstall(site, "torch")
    support.install(site, "torch", "2.6.0")
    status = support.surgeon("status", "-p", venv)
    assert (status.exit_code, set(status.states().values())) == (1, {"obsolete"})
    assert support.surgeon("apply", "-p", venv).exit_code == 0
    check_recorded(venv)
    assert support.surgeon("status", "-p", venv).exit_code == 0
