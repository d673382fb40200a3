"""Where `capture` gets the unedited files from: real installers, one after the other taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon.author import pristine
from surgeon.author.pristine import Pristine
from surgeon.errors import Refused
from surgeon.site.distribution import Installed
from surgeon.site.environment import Environment
from tests import environments, support

WHEEL, SDIST = "attrdict==2.0.1", "docopt==0.6.2"
FILES = {WHEEL: "attrdict/merge.py", SDIST: "docopt.py"}


def fetched(site: Path, requirement: str, *, build: bool = False) -> bytes:
    environment = Environment(None, (3, 10), (site,))
    distribution = Installed(environment).find(requirement.partition("==")[0])
    assert distribution is not None
    return Pristine(environment, distribution, None, build).read(FILES[requirement])


@pytest.mark.parametrize("left", ["pip", "uv", "a pip on PATH", "ensurepip"])
def test_any_installer_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    runs = pristine._runs
    site = support.make_venv(tmp_path / "env")
    environments.install(tmp_path / "env", "--no-deps", WHEEL)
    word = {"pip": "pip", "uv": "uv"}.get(left, "nothing")
    monkeypatch.setattr(pristine, "_runs", lambda command: word in command and runs(command))
    if left == "ensurepip":
        monkeypatch.setenv("PATH", "/nowhere")
    if left == "a pip on PATH":
        monkeypatch.setattr(pristine, "_bundled", list)
    assert fetched(site, WHEEL) == (site / FILES[WHEEL]).read_bytes()


def test_without_any_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = support.make_venv(tmp_path / "env")
    environments.install(tmp_path / "env", "--no-deps", WHEEL)
    monkeypatch.setattr(pristine, "_runs", lambda _: False)
    monkeypatch.setattr(pristine, "_bundled", list)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Refused, match="no pip and no uv is at hand") as caught:
        fetched(site, WHEEL)
    assert "python -m ensurepip" in caught.value.hint


def test_a_release_without_a_wheel_is_built_with_consent_alone(tmp_path: Path) -> None:
    site = support.make_venv(tmp_path / "env")
    environments.install(tmp_path / "env", "--no-deps", SDIST)
    with pytest.raises(Refused, match="no download of docopt") as caught:
        fetched(site, SDIST)
    assert "--build" in caught.value.hint
    assert fetched(site, SDIST, build=True) == (site / FILES[SDIST]).read_bytes()
