"""What installed distributions ask of each other: what is wrong, what is expected, what mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.markers import default_environment

from surgeon import registry
from surgeon.doctor import profile
from surgeon.doctor.evidence import Evidence
from surgeon.doctor.finding import Action, Finding
from surgeon.doctor.requirements import Rules, builds_of_torch, findings, partner
from surgeon.scan.results import Outcome, Scanned
from surgeon.site.inventory import Copy, Inventory
from surgeon.site.versions import joined, possible

MARKERS = {key: str(value) for key, value in default_environment().items()}
PATCHES = tuple(registry.load().patches.values())


def copy(name: str, version: str, *requires: str) -> Copy:
    return Copy(name, version, Path("/site"), f"{name}.dist-info", requires=requires)


def look(*copies: Copy, seen: Evidence | None = None, **held: str) -> tuple[list[Finding], list[str]]:
    inventory = Inventory(copies, {each.name: each for each in copies})
    return findings(inventory, MARKERS, Rules(held, PATCHES, profile.pairs(), seen or Evidence()))


def imports(*names: str) -> Evidence:
    """What a scan says where every module of some distributions imports."""
    rows = {name: Scanned(name, "1", Outcome.IMPORTS, 3, 3) for name in names}
    return Evidence("2.1.0", scanned=rows)


def needs(finding: Finding) -> list[str]:
    return [f"{need.name}{need.versions}" for need in finding.needs]


def test_what_is_met_is_not_mentioned() -> None:
    assert look(copy("a", "1", "b>=1", "C_x"), copy("b", "1.0"), copy("c-x", "0")) == ([], [])


def test_extras_and_urls_of_a_requirement_are_kept() -> None:
    """Without its URL, another project of that name would be installed from the index."""
    found, _ = look(copy("a", "1", "b[full]>=1", "c @ git+https://example.org/c"))
    needed = [need for finding in found for need in finding.needs]
    assert [(need.name, need.versions, need.extras, need.url) for need in needed] == [
        ("b", ">=1", ("full",), ""),
        ("c", "", (), "git+https://example.org/c"),
    ]
    assert "c @ git+https://example.org/c" in found[1].message


@pytest.mark.parametrize(
    ("name", "version", "index"),
    [
        ("torch", "2.1.0+cu121", "cu121"),
        ("torchvision", "0.16.0+cpu", "cpu"),
        ("torchaudio", "2.4.1+rocm6.1", "rocm6.1"),
        ("torch", "2.1.0", ""),
        ("torch", "2.1.0+ours.1", ""),
        ("pytorch3d", "0.7.5+cu121", ""),
    ],
)
def test_builds_of_torch_are_on_an_index_of_their_own(name: str, version: str, index: str) -> None:
    options = ("--extra-index-url", f"https://download.pytorch.org/whl/{index}") if index else ()
    assert builds_of_torch(name, version) == options


@pytest.mark.parametrize(
    "line",
    [
        "b; extra == 'full'",
        "b; python_version < '3'",
        "b; sys_platform == 'nothing'",
        "not a requirement!",
        "b; nonsense == 'x'",
    ],
)
def test_what_is_not_asked_for_here_is_not_missed(line: str) -> None:
    assert look(copy("a", "1", line)) == ([], [])


def test_all_users_of_a_distribution_are_one_finding_with_one_remedy() -> None:
    (finding,), _ = look(
        copy("transformers", "4.57.6", "huggingface-hub<1.0,>=0.34.0"),
        copy("peft", "0.17", "huggingface_hub>=0.25"),
        copy("huggingface-hub", "0.24.7"),
    )
    assert (finding.code, finding.distribution) == ("unmet-requirement", "huggingface-hub")
    assert needs(finding) == [f"huggingface-hub{joined('<1.0', '>=0.34.0', '>=0.25')}"]


def test_users_that_exclude_each_other_are_upgraded() -> None:
    """huggingface_hub 0.24.7 is pinned by the one and too old for the other: no release of it fits both."""
    (finding,), _ = look(
        copy("old", "1", "huggingface-hub<0.26"),
        copy("transformers", "4.57.6", "huggingface-hub<1.0,>=0.34.0"),
        copy("huggingface-hub", "0.24.7"),
    )
    assert needs(finding) == ["transformers", "huggingface-hub"]


def test_torch_is_never_upgraded_for_a_user_of_it() -> None:
    (finding,), _ = look(copy("torchao", "0.9", "torch>=2.5"), copy("torch", "2.1.0"), torch="==2.1.0")
    assert needs(finding) == ["torchao"]
    assert finding.needs[0].options == ("--upgrade",)


def test_a_release_that_patches_adapt_may_ask_for_a_newer_torch() -> None:
    found, notes = look(
        copy("xfuser", "0.4.5", "torch>=2.4.1", "yunchang>=0.6.0"),
        copy("yunchang", "0.6.4", "torch>=2.3.0"),
        copy("torch", "2.1.0"),
        seen=imports("xfuser", "yunchang"),
        torch="==2.1.0",
    )
    assert found == []
    assert len(notes) == 2
    assert all("its 3 modules import" in note for note in notes)


def test_what_patches_adapt_is_expected_only_if_it_was_seen_to_import() -> None:
    found, notes = look(copy("xfuser", "0.4.5", "torch>=2.4.1"), copy("torch", "2.1.0"), torch="==2.1.0")
    assert ([finding.code for finding in found], notes) == (["unmet-requirement"], [])
    assert "xfuser was not scanned" in found[0].why


def test_whoever_uses_nothing_that_is_missing_may_ask_for_more() -> None:
    asks = copy("modest", "1", "torch>=2.4"), copy("torch", "2.1.0")
    found, notes = look(*asks, seen=imports("modest"), torch="==2.1.0")
    assert found == []
    assert "nothing that it uses is missing" in notes[0]


def test_a_release_that_no_patch_is_for_may_not() -> None:
    found, notes = look(copy("xfuser", "0.1", "torch>=2.4.1"), copy("torch", "2.1.0"), torch="==2.1.0")
    assert ([finding.distribution for finding in found], notes) == (["torch"], [])


@pytest.mark.parametrize(
    ("name", "version", "built_for", "fitting"),
    [
        ("torchvision", "0.20.1", "2.5.1", "torchvision==0.16.0"),
        ("torchaudio", "2.5.1", "2.5.1", "torchaudio==2.1.0"),
    ],
)
def test_a_pair_that_does_not_fit_is_the_nms_error(
    name: str, version: str, built_for: str, fitting: str
) -> None:
    (finding,), _ = look(
        copy(name, version, f"torch=={built_for}"), copy("torch", "2.1.0+cu121"), torch="==2.1.0+cu121"
    )
    assert finding.code == "torch-mismatch"
    assert "nms" in finding.why
    assert needs(finding) == ["torch==2.1.0+cu121", fitting]
    assert {need.action for need in finding.needs} == {Action.INSTALL_STEP}


def test_a_torch_for_which_no_pair_is_known_is_told() -> None:
    (finding,), _ = look(copy("torchvision", "0.16.0", "torch==2.1.0"), copy("torch", "99.0"))
    assert (finding.needs, bool(finding.advice)) == ((), True)


def test_other_users_of_torch_are_not_lost_beside_a_pair() -> None:
    found, _ = look(
        copy("torchvision", "0.20.1", "torch==2.5.1"),
        copy("torchao", "0.9", "torch>=2.5"),
        copy("torch", "2.1.0"),
        torch="==2.1.0",
    )
    assert [finding.code for finding in found] == ["torch-mismatch", "unmet-requirement"]


def test_without_torch_its_users_ask_for_the_one_that_they_were_built_for() -> None:
    (finding,), _ = look(copy("torchvision", "0.16.0", "torch==2.1.0"), copy("x", "1", "torch>=2"))
    assert (finding.code, len(needs(finding))) == ("missing-requirement", 1)
    assert "==2.1.0" in needs(finding)[0]


def test_the_pairs_are_those_of_the_releases() -> None:
    pairs = profile.pairs()
    assert partner("torchvision", "2.1.0+cu121", pairs) == "0.16.0"
    assert partner("torchvision", "2.4.1", pairs) == "0.19.1"
    assert partner("torchaudio", "2.1.0", pairs) == "2.1.0"
    assert partner("torchvision", "1.13", pairs) == ""


@pytest.mark.parametrize(
    ("specifier", "can"),
    [
        ("", True),
        ("<2", True),
        (">1,<1.0.5", True),
        (">=0.34,<1.0", True),
        ("<0.26,>=0.34", False),
        ("==2.1.0,>=2.4.1", False),
        ("==2.1.*", True),
        ("!=1.0,==1.0", False),
        ("~=1.4,<2", True),
        (">=2.0rc1,<1.0rc1", False),
        ("==0.48b0", True),
    ],
)
def test_possible(specifier: str, can: bool) -> None:
    assert possible(specifier) is can
