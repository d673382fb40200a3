"""Profiles: the ones that come along, strict reading of a user's, and the findings against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from surgeon.doctor import profile, stack
from surgeon.doctor.finding import Action
from surgeon.errors import UsageError
from surgeon.site.inventory import Copy, Inventory

GOOD: dict[str, Any] = {
    "schema": 1,
    "name": "mine",
    "description": "x",
    "requirements": [{"distribution": "Six", "versions": ">=1", "why": "y"}],
}


def inventory(**versions: str) -> Inventory:
    copies = tuple(
        Copy(name, version, Path("/site"), f"{name}.dist-info") for name, version in versions.items()
    )
    return Inventory(copies, {copy.name: copy for copy in copies})


def pod(**instead: str) -> dict[str, str]:
    """A pod on which nothing is wrong, with other versions in places; an empty one leaves it out."""
    versions = {
        "torch": "2.1.0+cu121",
        "torchvision": "0.16.0",
        "pytorch3d": "0.7.5",
        "numpy": "1.26.4",
        "setuptools": "84.2.1",
        "diffusers": "0.39.0",
        "transformers": "4.57.6",
        "kornia": "0.7.3",
        "accelerate": "1.15.0",
        "triton": "2.1.0",
        **instead,
    }
    return {name: version for name, version in versions.items() if version}


def judged(python: str = "3.10", **instead: str) -> dict[str, Any]:
    """Findings against the pod's profile and the one that is always checked, by distribution."""
    profiles = [profile.load("matrix3d"), profile.load("torch")]
    found = stack.findings(profiles, inventory(**pod(**instead)), python)
    return {finding.distribution: finding for finding in found}


def test_the_profiles_that_come_along_can_be_read() -> None:
    assert profile.names() == ["matrix3d"]
    assert profile.load("matrix3d").name == "matrix3d"
    assert profile.load(profile.ALWAYS).requirements


def test_a_sound_pod_has_no_finding() -> None:
    assert judged() == {}


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [
        ("torch", "2.5.1", "wrong-version"),
        ("torch", "2.1.0+cu118", "wrong-version"),
        ("torch", "2.1.2", "wrong-version"),
        ("torch", "", "missing"),
        ("torchvision", "0.20.1", "wrong-version"),
        ("torchvision", "", "missing"),
        ("torchaudio", "2.5.1", "wrong-version"),
        ("pytorch3d", "0.7.8", "wrong-version"),
        ("pytorch3d", "", "missing"),
        ("numpy", "2.2.6", "wrong-version"),
        ("setuptools", "", "missing"),
        ("diffusers", "0.30.0", "wrong-version"),
        ("kornia", "0.6.0", "wrong-version"),
        ("accelerate", "0.21.0", "wrong-version"),
        ("transformers", "5.0.0", "wrong-version"),
        ("xformers", "0.0.22", "unwanted"),
    ],
)
def test_what_the_manifest_says_is_checked(name: str, version: str, code: str) -> None:
    finding = judged(**{name: version})[name]
    assert finding.code == code
    assert finding.why
    assert finding.needs


def test_the_torch_family_is_installed_together_and_a_wrong_build_removed_first() -> None:
    needs = judged(torch="2.1.0+cu118", torchaudio="2.1.0")["torch"].needs
    assert [(need.action, need.name, need.versions) for need in needs] == [
        (Action.UNINSTALL, "torch", ""),
        (Action.INSTALL_STEP, "torch", "==2.1.0"),
        (Action.INSTALL_STEP, "torchvision", "==0.16.0"),
        (Action.INSTALL_STEP, "torchaudio", "==2.1.0"),
    ]


def test_another_python_is_told() -> None:
    (finding,) = judged("3.11").values()
    assert (finding.code, bool(finding.advice)) == ("wrong-python", True)


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ({"torch": "2.1.0", "numpy": "2.2.6"}, {"numpy"}),
        ({"torch": "2.4.1", "numpy": "2.2.6"}, set()),
        ({"numpy": "2.2.6"}, set()),
        ({"torch": "2.2.2", "triton": "2.2.0"}, {"setuptools"}),
        ({"torch": "2.9.0", "triton": "3.5.0"}, set()),
    ],
)
def test_what_any_torch_needs_is_checked_without_a_profile(versions: dict[str, str], found: set[str]) -> None:
    findings = stack.findings([profile.load(profile.ALWAYS)], inventory(**versions), "3.10")
    assert {finding.distribution for finding in findings} == found


def test_what_is_held_and_torch_as_it_is() -> None:
    always = [profile.load(profile.ALWAYS)]
    both = [profile.load("matrix3d"), *always]
    assert stack.held(always, inventory(torch="2.4.1")) == {"torch": "==2.4.1"}
    assert stack.held(always, inventory(torch="2.1.0")) == {"torch": "==2.1.0"}, "numpy is not there to hold"
    assert stack.held(always, inventory(torch="2.1.0", numpy="1.26.4")) == {"torch": "==2.1.0", "numpy": "<2"}
    held = stack.held(both, inventory(torch="2.5.1", torchaudio="2.5.1"))
    assert held == {"torch": "==2.1.0", "torchvision": "==0.16.0", "torchaudio": "==2.1.0", "numpy": "<2"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema: expected 1"),
        ({"name": ""}, "name: expected a text"),
        ({"extra": 1}, "there is no key 'extra'"),
        ({"python": {"versions": "3.10", "why": "x"}}, "python.versions: expected a version specifier"),
        ({"python": {"versions": ">=3.10"}}, "python: the key 'why' is missing"),
        ({"requirements": {}}, "requirements: expected a list"),
        ({"requirements": ["six"]}, "requirements[0]: expected an object"),
        ({"requirements": [{"distribution": "six"}]}, "requirements[0]: the key 'why' is missing"),
        ({"requirements": [{"distribution": "six", "why": "x", "version": "1"}]}, "no key 'version'"),
        (
            {"requirements": [{"distribution": "six", "why": "x", "versions": "1.0"}]},
            "requirements[0].versions",
        ),
        (
            {"requirements": [{"distribution": "six", "why": "x", "presence": "maybe"}]},
            "required, optional, absent",
        ),
        (
            {"requirements": [{"distribution": "six", "why": "x", "hold": "yes"}]},
            "hold: expected true or false",
        ),
        ({"requirements": [{"distribution": "six", "why": "x", "when": {"a": 1}}]}, "requirements[0].when.a"),
        (
            {"requirements": [{"distribution": "six", "why": "x", "options": "-U"}]},
            "expected a list of texts",
        ),
        ({"requirements": [{"distribution": "-rx.txt", "why": "x"}]}, "expected a distribution's name"),
        (
            {"requirements": [{"distribution": "six", "why": "x", "when": {"a b": "<2"}}]},
            "requirements[0].when: expected a distribution's name",
        ),
        (
            {"requirements": [{"distribution": "six", "why": "x", "versions": "<2", "install": "==2.0"}]},
            "requirements[0].install: no version is ==2.0 and <2",
        ),
        (
            {"requirements": [{"distribution": "a-b", "why": "x"}, {"distribution": "A_b", "why": "y"}]},
            "requirements[1].distribution: a-b is in requirements[0] already",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_told_by_file_key_and_what_is_expected(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(UsageError) as caught:
        profile.load(str(path))
    assert words in caught.value.message
    assert caught.value.path == str(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_profile_at_all_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        profile.load(str(path))
    assert caught.value.code == "bad-profile"


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        profile.load("matrix4d")
    assert "matrix3d" in caught.value.hint


def test_one_distribution_may_have_several_requirements_under_conditions(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    rows = [
        {"distribution": "kornia", "versions": what, "why": "x", "when": {"torch": when}}
        for what, when in (("<0.8", "<2.2"), (">=0.8", ">=2.2"))
    ]
    path.write_text(json.dumps({**GOOD, "requirements": rows}))
    assert len(profile.load(str(path)).requirements) == 2


def test_a_users_profile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GOOD))
    (requirement,) = profile.load(str(path)).requirements
    assert (requirement.distribution, requirement.versions, requirement.presence) == (
        "six",
        ">=1",
        "required",
    )
