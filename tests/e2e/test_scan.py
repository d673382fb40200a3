"""What `scan` predicts is what importing does, and `apply` closes what `scan` says that it closes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surgeon import registry
from surgeon.author import project
from surgeon.scan import run
from surgeon.scan.cover import Cover
from surgeon.scan.results import ScanResult
from surgeon.site.environment import find_environment
from tests import environments, support
from tests.tools import truth

SAMPLES = {"aug25": 40}
"""Of a stack whose modules really can be imported, that takes minutes: so many modules of each kind are,
besides all that have a gap of their own. `make scan-truth` imports every one."""
ASKED = ("diffusers", "xfuser", "peft")


@pytest.fixture(scope="module", params=truth.STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, Path]:
    return request.param, environments.pod(support.CACHE / "scan" / request.param, request.param)


@pytest.mark.e2e
def test_every_crash_is_predicted_and_nearly_every_prediction_comes_true(stack: tuple[str, Path]) -> None:
    name, venv = stack
    found = truth.measure(venv, name, SAMPLES.get(name, 0))
    print(found, found.missed, found.false, sep="\n")
    assert found.modules > 40, "nothing was proved"
    assert not found.missed
    assert found.precision >= 0.95, found.false


@pytest.mark.e2e
def test_the_comparison_sees_a_miss_and_a_false_alarm() -> None:
    came = {
        "a": [["AttributeError", "", "torch.xpu", ""]],
        "b": [],
        "c": [["ImportError", "no flash_attn", "", ""]],
        "d": [["RuntimeError", "", "", ""], ["ImportError", "", "torch.x", ""]],
    }
    broken = {"b": {"reason": "x"}, "c": {"reason": "y"}, "d": {"reason": "z"}}
    found = truth.compare("s", broken, came)
    assert found.missed == {"a": "torch.xpu"}
    assert found.false == {"b": "x"}
    assert found.apart == {"c": "ImportError: no flash_attn"}
    assert (found.recall, found.precision) == (0.5, 0.5)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real packages, unpatched, with the metadata of torch 2.1.0."""
    pinned = {pin.split("==")[0]: pin for pin in environments.pins("nov26")}
    folder = support.CACHE / "scan" / "wheels"
    return environments.light(folder, *(pinned[name] for name in ASKED))


def scanned(venv: Path, cache: Path, *arguments: str) -> ScanResult:
    """The table of torch 2.1.0 answers: torch itself need not be there."""
    answer = support.surgeon(
        "scan", "-p", venv, *ASKED, *(arguments or ("--torch", "2.1.0")), XDG_CACHE_HOME=str(cache)
    )
    return run.from_json(answer.json)


def places(result: ScanResult) -> set[tuple[str, str, str, int, str, str]]:
    return {
        (row.name, row.keyword, place.path, place.line, place.when.value, place.patch)
        for row in result.rows
        for place in row.places
    }


def biting(result: ScanResult, when: str, *, covered: bool = True) -> set[tuple[str, str, str]]:
    """What bites at a time, and where; also what a patch covers, or not."""
    return {each[:3] for each in places(result) if each[4] == when and (covered or not each[-1])}


@pytest.mark.e2e
def test_patches_do_what_they_are_taken_at_their_word_for(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that bite at calls only are not rewritten; rewriting every one of them says the same."""
    environment = find_environment(str(wheels))
    patches = registry.load(*project.folders(None).folders)
    request = run.Request(wanted=ASKED, release="2.1.0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "word"))
    word = run.scan(environment, patches, request)
    asked = []
    monkeypatch.setattr(Cover, "promised", lambda *given: asked.append(given))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "deed"))
    deed = run.scan(environment, patches, request)
    assert len(asked) > 30, "nothing was rewritten"
    assert sum(bool(place[-1]) for place in places(word)) > 30, "nothing was covered"
    assert places(word) == places(deed)
    assert replace(word, rows=()) == replace(deed, rows=())


@pytest.mark.e2e
def test_what_is_patched_is_no_gap_and_nothing_is_pending(wheels: Path, tmp_path: Path) -> None:
    before = scanned(wheels, tmp_path)
    assert support.surgeon("apply", "-p", wheels).exit_code == 0
    try:
        after = scanned(wheels, tmp_path)
    finally:
        assert support.surgeon("revert", "-p", wheels).exit_code == 0
    assert sum(bool(place[-1]) for place in places(before)) > 30
    assert biting(after, "import") == biting(before, "import", covered=False)
    calls = biting(before, "call", covered=False)
    assert calls <= biting(after, "call")
    # Some imports cannot be made good: a patch leaves the error to the call.
    assert biting(after, "call") - calls <= biting(before, "import")
    assert not any(place[-1] for place in places(after)), "a patch is said to be still to be applied"
    assert {row.verdict for row in before.distributions} != {row.verdict for row in after.distributions}
    for was, row in zip(before.distributions, after.distributions, strict=True):
        assert {each.module for each in row.broken} == {
            each.module for each in was.broken if each.after_apply
        }
        assert was.patched == 0
        assert row.patched > 0
    assert places(scanned(wheels, tmp_path)) == places(before), "revert brought every gap back"


@pytest.mark.e2e
def test_the_lowest_torch_on_which_everything_imports(wheels: Path, tmp_path: Path) -> None:
    rows = scanned(wheels, tmp_path, "--minimum").minimum
    by = {row.release: row for row in rows}
    once = scanned(wheels, tmp_path).distributions
    broken = [each for row in once for each in row.broken]
    assert (by["2.1.0"].failing, by["2.1.0"].failing_after_apply) == (
        len(broken),
        sum(each.after_apply for each in broken),
    )
    assert by["2.1.0"].failing > 500
    assert rows[-1].failing == 0, "the newest torch has all that these releases import"
    assert all(row.failing_after_apply <= row.failing for row in rows)
    assert [row.failing for row in rows] == sorted((row.failing for row in rows), reverse=True)


KEYWORDS = """
import torch
torch.std(x, dim=-1, unbiased=False)
torch.bernoulli(x, p=0.5)
torch.tensor_split(x, indices=(1,))
torch.var_mean(x, unbiased=False)
torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=1, enable_gqa=True)
torch.sum(x, axis=1, dtype=None, nosuch=2)
"""


@pytest.mark.e2e
def test_a_keyword_that_any_overload_takes_is_taken(stack: tuple[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "keywords.py"
    source.write_text(KEYWORDS)
    answer = support.surgeon("scan", "-p", stack[1], source, XDG_CACHE_HOME=str(tmp_path / "cache"))
    found = {(each["name"].rpartition(".")[2], each["keyword"]) for each in answer.json["missing"]}  # type: ignore[attr-defined]
    assert found == {("scaled_dot_product_attention", "enable_gqa"), ("sum", "nosuch")}
