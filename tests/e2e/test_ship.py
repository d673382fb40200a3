"""Patched wheels in place of `apply`: real torch 2.1.0, ordinary installs, nothing run afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from surgeon import registry
from tests import environments, support
from tests.e2e.test_pod import IMPORTS

PATCHES = registry.load().patches
WANTED = ("accelerate", "diffusers", "peft", "transformers", "xfuser")


STACKS = [pytest.param("nov26", marks=pytest.mark.e2e), pytest.param("dec25", marks=pytest.mark.more)]
"""The newest runs with `make e2e`; each takes minutes."""


@pytest.fixture(scope="module", params=STACKS)
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, set[str]]]:
    """An environment that takes its packages from a folder of patched wheels, and the patches in those."""
    folder = tmp_path_factory.mktemp("fleet")
    pod = environments.pod(folder / "venv", request.param)
    pins = [pin for pin in environments.pins(request.param) if pin.split("==")[0] in WANTED]
    answer = support.surgeon("wheel", *pins, "-o", folder / "wheels", "--python", pod, "--relax")
    assert answer.exit_code == 0, answer.json
    built = [row for row in answer.json["wheels"] if row["state"] == "written"]  # type: ignore[attr-defined]
    releases = [f"{row['distribution']}=={row['version']}" for row in built]
    where = ("--find-links", folder / "wheels", "--reinstall", "--no-deps")
    environments.install(pod, *where, *releases)
    assert not (support.site_packages(pod) / ".m3d-surgeon").exists()
    yield pod, {patch for row in built for patch in row["patches"]}
    shutil.rmtree(pod)


@pytest.mark.parametrize("statement", IMPORTS)
def test_an_import_works(fleet: tuple[Path, set[str]], statement: str) -> None:
    pod, _ = fleet
    assert environments.python(pod, statement)[0] == 0, environments.python(pod, statement)[1]


def test_every_probe_passes(fleet: tuple[Path, set[str]]) -> None:
    pod, patches = fleet
    assert patches >= {"diffusers-xpu", "transformers-pytree", "xfuser-ring-attention"}
    failed = {patch: said for patch in patches if (said := _fault(pod, PATCHES[patch].probe))}
    assert failed == {}


def test_the_probes_can_fail(fleet: tuple[Path, set[str]]) -> None:
    """The same releases as the index has them."""
    pod, _ = fleet
    site = support.site_packages(pod)
    (info,) = site.glob("diffusers-*.dist-info")
    release = info.name.removeprefix("diffusers-").partition("+")[0]
    wheels = pod.parent / "wheels"
    environments.install(pod, "--reinstall", "--no-deps", f"diffusers=={release}")
    try:
        assert _fault(pod, PATCHES["diffusers-xpu"].probe)
    finally:
        environments.install(
            pod, "--find-links", wheels, "--reinstall", "--no-deps", f"diffusers=={release}+m3d.1"
        )
    assert not _fault(pod, PATCHES["diffusers-xpu"].probe)


def test_the_tool_has_nothing_to_do_there(fleet: tuple[Path, set[str]]) -> None:
    pod, _ = fleet
    before = support.hashes(support.site_packages(pod))
    answer = support.surgeon("apply", "-p", pod)
    assert (answer.exit_code, answer.json["changed"]) == (0, []), answer.json
    assert support.surgeon("status", "-p", pod).exit_code == 0
    assert support.hashes(support.site_packages(pod)) == before


def _fault(pod: Path, program: str) -> str:
    status, said = environments.python(pod, program)
    return said if status else ""
