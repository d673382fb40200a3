"""What running releases teach about those between them, and about the same ones again."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tools.torch_names.corrections import Corrections
from tests.tools.torch_names.events import Event
from tests.tools.torch_names.facts import covered, facts_of
from tests.tools.torch_names.learning import learn
from tests.tools.torch_names.observe import contents
from tests.tools.torch_names.wheels import Parser, _keep, modules_in

EXTRA = {"torch.m": {"both": "11", "first": "10", "second": "01", "failed": "-1"}}


def corrections() -> Corrections:
    return Corrections({"2.1.0": "2.1.0+cu121", "2.4.0": "2.4.0+cu121"}, EXTRA, {})


@pytest.mark.parametrize(
    ("release", "present", "unsure"),
    [
        ("2.1.0", {"both", "first"}, {"failed"}),
        ("2.1.2", {"both", "first"}, {"failed"}),
        ("2.2.0", {"both"}, {"first", "second", "failed"}),
        ("2.4.1", {"both", "second", "failed"}, set()),
        ("2.0.0", set(), {"both", "first", "failed"}),
        ("2.9.0", set(), {"both", "second", "failed"}),
    ],
)
def test_between_two_observed_releases_is_what_both_have(
    release: str, present: set[str], unsure: set[str]
) -> None:
    found = corrections().additions(release)["torch.m"]
    assert (set(found[0]), set(found[1])) == (present, unsure)


def test_the_extension_is_open_where_nobody_has_looked() -> None:
    seen = Corrections(
        {"2.1.0": "", "2.4.0": ""}, {"torch._C": {"a": "11"}}, {"torch._C": {"b": "11", "c": "10"}}
    )
    assert seen.extension_events("2.2.0") == {
        "torch._C": [Event("delete", "b"), Event("bind", "a", sure=False)],
    }
    assert seen.extension_events("2.9.0")["torch._C"][-1] == Event("open")


def test_the_file_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    corrections().save(first)
    Corrections.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    assert Corrections.load(first) == corrections()
    assert Corrections.load(tmp_path / "none") == Corrections({}, {}, {})


def test_forgetting_a_minor_version() -> None:
    assert corrections().without("2.4.1") == Corrections(
        {"2.1.0": "2.1.0+cu121"}, {"torch.m": {"both": "1", "first": "1", "second": "0", "failed": "-"}}, {}
    )


GUARDED = """
from torch._C import *
listed = 1
try:
    from torch.broken import guarded
except ImportError:
    pass
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "wheel.zip"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("torch/__init__.py", GUARDED)
        wheel.writestr("torch/_C/__init__.pyi", "def real(): ...\ndef imagined(): ...")
        wheel.writestr("torch/broken.py", "import nothing_like_it")
        wheel.writestr("torch/lib/x.so", "binary")
    return path


def test_learning_from_one_release(archive: Path) -> None:
    observation = {
        "version": "2.1.0+cu121",
        "modules": {
            "torch": {"real": {}, "listed": {}, "made": {}, "guarded": {}, "__doc__": {}},
            "torch._C": {"real": {}, "hidden": {}},
            "torch._C._inner": {"x": {}},
            "torch.broken": {"y": {}},
        },
    }
    said: list[str] = []
    found = Corrections({}, {}, {})
    for _ in range(2):  # looking again changes nothing
        learn(found, "2.1.0", archive, observation, said.append)
        assert found.extra == {
            "torch": {"made": "1", "guarded": "1"},
            "torch._C": {"hidden": "1"},
            "torch._C._inner": {"x": "1"},
            "torch.broken": {"y": "1"},
        }
        assert found.lacking["torch._C"] == {"imagined": "1"}
    observation["modules"] = {"torch": {"real": {}, "listed": {}}, "torch._C": {"real": {}, "imagined": {}}}
    learn(found, "2.2.0", archive, observation, said.append)
    assert found.extra["torch"]["made"] == "10"
    assert found.extra["torch._C._inner"] == {"x": "10"}
    assert found.extra["torch.broken"] == {"y": "1-"}, "it is in the sources, and could not be imported"
    assert found.lacking["torch._C"] == {"imagined": "10"}
    observation["version"] = "2.3.0+cpu"
    observation["modules"] = {"torch": {"real": {}, "listed": {}}, "torch._C": {"real": {}}}
    learn(found, "2.3.0", archive, observation, said.append)
    assert found.extra["torch"]["made"] == "10-", "a build without CUDA proves the absence of nothing"
    assert found.lacking["torch._C"] == {"imagined": "10-"}

    release = Parser(covered, pytest.fail).release(archive, found.extension_events("2.1.0"))
    facts = facts_of(release, found.additions("2.1.0"))
    assert set(facts["torch"]) == {"", "real", "listed", "made", "guarded", "hidden"}
    assert set(facts["torch._C"]) == {"", "real", "hidden"}


def test_only_sources_are_kept_of_a_wheel(archive: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zip"
    _keep(archive, kept)
    with zipfile.ZipFile(kept) as found:
        assert set(modules_in(found.namelist())) == {"torch", "torch._C", "torch.broken"}
        assert "torch/lib/x.so" not in found.namelist()
        assert json.loads(found.comment)["wheel"] == "wheel.zip"


def test_what_a_running_module_holds() -> None:
    module = type(sys)("torch.m")
    vars(module).update(sub=type(sys)("torch.m.sub"), other=sys, f=lambda a, *, b: a, g=lambda **c: c)
    module.__getattr__ = lambda name: {"lazy": 1}[name]  # type: ignore[method-assign]
    found = contents(module, ["lazy", "gone"])
    assert "sub" not in found
    assert "gone" not in found
    assert found["lazy"] == {}
    assert found["other"] == {"module": "sys"}
    assert (found["f"], found["g"]) == ({"parameters": ["a", "b"]}, {"parameters": None})
