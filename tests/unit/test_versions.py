"""One table of what each kind of version means, held against everything that compares versions."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.author import template
from surgeon.author.drafts import _when
from surgeon.doctor import requirements, stack
from surgeon.doctor.profile import Profile
from surgeon.doctor.profile import Requirement as Wanted
from surgeon.errors import UsageError
from surgeon.operations.summary import _untested
from surgeon.operations.survey import Applicability, survey
from surgeon.patch import Patch
from surgeon.registry import Registry, load
from surgeon.scan import releases
from surgeon.scan.cover import Cover
from surgeon.site import versions
from surgeon.site.distribution import Installed
from surgeon.site.environment import Environment
from surgeon.site.inventory import take
from surgeon.sources.version_tests import _compare
from surgeon.wheels.conditions import Conditions, undecided
from surgeon.wheels.requirements import contradicted
from tests import support

TABLE = [
    ("2.1.0", "<2.2", True),
    ("2.1.0", "==2.1", True),
    ("2.1.0", "==2.1.*", True),
    ("2.1.0", "~=2.1", True),
    ("2.2.0", "<2.2", False),
    ("1.0", "", True),
    # Local: the public version, and itself where a clause names one.
    ("2.1.0+cu121", "<2.2", True),
    ("2.1.0+cu121", "<=2.1.0", True),
    ("2.1.0+cu121", ">2.1.0", False),
    ("2.1.0+cu121", "==2.1.0", True),
    ("2.1.0+cu121", "!=2.1.0", False),
    ("2.1.0+cu121", "==2.1.0+cu121", True),
    ("2.1.0+cu121", "==2.1.0+cpu", False),
    ("2.2.0+cu121", "<2.2", False),
    # Pre and dev: the release that it leads to.
    ("2.1.0a0+git", ">=2.1", True),
    ("2.1.0a0+git", "<2.1", False),
    ("2.1.0a0+git", "==2.1.0", True),
    ("2.1.0a0+git", "==2.1.0+git", True),
    ("2.2.0a0+81ea7a4", "<2.2", False),
    ("2.2.0rc3", ">=2.2", True),
    ("0.37.0.dev0", ">=0.36", True),
    ("0.37.0.dev0", "<0.37", False),
    # ... and itself where a clause names a prerelease.
    ("0.37.0.dev0", "==0.37.0.dev0", True),
    ("0.37.0.dev1", "==0.37.0.dev0", False),
    ("2.1.0rc1", ">=2.1.0rc2", False),
    ("2.1.0rc2", ">=2.1.0rc2,<2.2", True),
    ("2.1.0a0+git", "==2.1.0a0", True),
    ("2.1.0rc1", "===2.1.0rc1", True),
    ("2.1.0", ">=2.1.0rc2", True),
    # Post: a release of its own.
    ("2.3.1.post1", "==2.3.1.post1", True),
    ("2.3.1.post2", "==2.3.1.post1", False),
    ("2.3.1.post1", "==2.3.1", False),
    ("2.3.1.post1", "==2.3.*", True),
    ("2.3.1.post1", ">=2.3.1", True),
    ("2.3.1.post1", ">=2.3.1.post1", True),
    ("2.3.1", ">=2.3.1.post1", False),
    ("2.3.1.post1", "<=2.3.1", False),
    ("2.3.1.post1", "<2.3.2", True),
    ("2.3.1.post1", "!=2.3.1.post1", False),
    ("2.3.1.post1+cu121", "==2.3.1.post1", True),
    ("2.3.1.post1.dev2", "==2.3.1.post1", True),
    ("2.3.1rc1.post2", "==2.3.1", True),
    # Epochs.
    ("1!2.0", ">=3.0", True),
    ("1!2.0", "==2.0", False),
    ("1!2.0.post1", "==1!2.0.post1", True),
    ("1!2.0.dev0", ">=1!2.0", True),
    # None.
    ("", ">=0", False),
    ("", "", True),
    ("not a version", ">=0", False),
]


def patch(asked: str, when: dict[str, str]) -> Patch:
    """The small patch, for some releases."""
    known = load(support.GADGETS).patches["gadget-shiny"]
    return Patch(**{**known.__dict__, "versions": asked, "when": when})


def installed(site: Path, name: str, version: str) -> Environment:
    """An environment in which METADATA says this version."""
    support.install(site, name, "1.0", {"gadget/core.py": support.GADGET})
    (site / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    return Environment(None, (3, 10), (site,))


def by_versions(site: Path, version: str, specifier: str) -> bool:
    one = patch(specifier, {})
    seen = survey(installed(site, "gadget", version), Registry({one.id: one}))
    return not seen.applicable[one.id].reason


def by_when(site: Path, version: str, specifier: str) -> bool:
    support.install(site, "gadget", "1.0", {"gadget/core.py": support.GADGET})
    one = patch("", {"widget": specifier})
    seen = survey(installed(site, "widget", version), Registry({one.id: one}))
    return not seen.applicable[one.id].reason


def by_scan(site: Path, version: str, specifier: str) -> bool:
    one = patch(specifier, {})
    known = Installed(installed(site, "gadget", version))
    found = known.find("gadget")
    assert found is not None
    return bool(Cover(Registry({one.id: one}), known, {}).patches(found, "gadget/core.py"))


def by_scan_of_a_release(site: Path, version: str, specifier: str) -> bool:
    one = patch("", {"torch": specifier})
    known = Installed(installed(site, "gadget", "1.0"))
    found = known.find("gadget")
    assert found is not None
    return bool(Cover(Registry({one.id: one}), known, {"torch": version}).patches(found, "gadget/core.py"))


def by_doctor(site: Path, version: str, specifier: str) -> bool:
    support.install(site, "user", "1.0", {})
    metadata = site / "user-1.0.dist-info" / "METADATA"
    metadata.write_text(f"Name: user\nVersion: 1.0\nRequires-Dist: gadget {specifier}\n")
    inventory = take(installed(site, "gadget", version))
    return not list(requirements.unmet(inventory, {}))


def by_profile(site: Path, version: str, specifier: str) -> bool:
    inventory = take(installed(site, "gadget", version))
    wanted = Wanted("gadget", "for the test", versions=specifier)
    return not stack.findings([Profile("p", "", (wanted,))], inventory, "3.10")


def by_wheel_conditions(_site: Path, version: str, specifier: str) -> bool:
    known = Conditions({"widget": version}, {}, complete=False)
    one = patch("", {"widget": specifier, "unknown": ""})
    return bool(undecided(known, [one], "gadget", "1.0"))


def by_wheel_versions(_site: Path, version: str, specifier: str) -> bool:
    return bool(
        undecided(Conditions({}, {}, complete=False), [patch(specifier, {"x": ""})], "gadget", version)
    )


def by_wheel_requirements(_site: Path, version: str, specifier: str) -> bool:
    return not contradicted(f"Requires-Dist: gadget {specifier}\n\n".encode(), {"gadget": version})


CONSUMERS: list[Callable[[Path, str, str], bool]] = [
    lambda _site, version, specifier: versions.satisfies(version, specifier),
    by_versions,
    by_when,
    by_scan,
    by_scan_of_a_release,
    by_doctor,
    by_profile,
    by_wheel_conditions,
    by_wheel_versions,
    by_wheel_requirements,
]


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_every_consumer_decides_as_the_table_does(
    consumer: Callable[[Path, str, str], bool], tmp_path: Path
) -> None:
    wrong = []
    for number, (version, specifier, expected) in enumerate(TABLE):
        if not versions.is_version(version) and consumer in (by_doctor, by_profile, by_versions, by_when):
            # doctor takes the version from the folder's name then; `apply` decides nothing (test_operations)
            continue
        site = tmp_path / str(number)
        site.mkdir()
        if consumer(site, version, specifier) is not expected:
            wrong.append((version, specifier, expected))
    assert not wrong


@pytest.mark.parametrize(
    ("version", "newest", "newer"),
    [
        ("1.0", "1.0", False),
        ("1.1", "1.0", True),
        ("1.0+m3d.1", "1.0", False),
        ("1.0.dev3", "1.0", False),
        ("1.1.dev3", "1.0", True),
        ("1.1.dev3", "1.1", False),
        ("1.0.post1", "1.0", True),
        ("1.0.post1", "1.0.post1", False),
        ("1!0.5", "1.0", True),
        ("", "1.0", False),
    ],
)
def test_what_is_newer_than_what_was_tested(
    version: str, newest: str, newer: bool, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surgeon.operations.summary._tested", lambda: {"gadget": newest})
    found = Installed(installed(site, "gadget", version)).find("gadget")
    said = _untested(Applicability(patch("", {}), found, ""))
    assert bool(said) is newer


@pytest.mark.parametrize("version", ["2.1", "2.1.0", "2.1.0+cu121", "2.1.0a0+git", "2.1.0.post1", "v2.1.0"])
def test_a_release_of_the_table_is_named_by_whatever_counts_as_it(version: str) -> None:
    assert releases.table(version).version == "2.1.0"


@pytest.mark.parametrize("version", ["1!2.1.0", "2.1.0.1", "", "x"])
def test_what_is_no_release_of_the_table_is_refused(version: str) -> None:
    with pytest.raises(UsageError):
        releases.table(version)


@pytest.mark.parametrize(
    ("left", "sign", "right", "expected"),
    [
        ("2.1.0+cu121", ">", "2.1.0", False),
        ("2.4.0a0+git", ">=", "2.4", True),
        ("2.3.1.post1", "==", "2.3.1.post1", True),
        ("2.3.1.post1", ">", "2.3.1", True),
        ("2.3.1.post1", "==", "2.3.1", False),
        ("1!1.0", ">", "2.0", True),
    ],
)
def test_versions_in_sources(left: str, sign: str, right: str, expected: bool) -> None:
    assert _compare(versions.order(left), sign, versions.order(right)) is expected


@pytest.mark.parametrize(
    "version", ["2.3.1.post1", "2.1.0+cu121", "2.1.0a0+git", "1!2.0", "0.37.0.dev0", "3"]
)
def test_an_authors_patch_is_for_the_release_that_it_was_made_on(version: str, site: Path) -> None:
    known = Installed(installed(site, "torch", version))
    for specifier in (versions.this_release(version), _when(known, "gadget")["torch"]):
        assert versions.satisfies(version, specifier), specifier
    text = template.module(template.Sketch("x", "gadget", "gadget/core.py", version, _when(known, "gadget")))
    (asked,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.keyword) and node.arg == "versions"
    ]
    assert versions.satisfies(version, asked)


@pytest.mark.parametrize("version", ["2.1.0", "2.1.0+cu121", "2.1", "2.1.0+cu-121"])
def test_the_partner_of_a_torch(version: str) -> None:
    assert requirements.partner("torchvision", version, {"torchvision": {"0.16.0": "2.1.0", "0.17": "2.2"}})


@pytest.mark.parametrize(
    ("specifier", "can"),
    [
        (">2.3.1.post1,<2.3.2", True),
        (">2.3.1,<2.3.1.post1", False),
        (">=1!1.0,<2.0", False),
        (">=1!1.0,<1!2.0", True),
        ("==2.3.1.post1,>=2.3.1", True),
        ("==2.3.1.post1,==2.3.1", False),
    ],
)
def test_what_an_installer_can_find(specifier: str, can: bool) -> None:
    assert versions.possible(specifier) is can


def test_nothing_else_compares_versions() -> None:
    """`packaging.version` and `.specifiers` are for `versions.py`; the others take its functions."""
    allowed = {
        "site/versions.py",
        "doctor/health.py",  # an annotation
        "sources/compute.py",  # computes what sources do with them
        "sources/version_tests.py",  # annotations
        "wheels/local_versions.py",  # an annotation
        "wheels/wheel.py",  # an annotation
    }
    package = Path(versions.__file__).parents[1]
    users = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "patches" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module in ("packaging.version", "packaging.specifiers"))
    }
    assert users <= allowed
    calls = [
        path.name
        for path in package.rglob("*.py")
        if path.relative_to(package).as_posix() not in ("site/versions.py", "sources/compute.py")
        if "patches" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("Version", "SpecifierSet")
    ]
    assert not calls


def test_the_tested_releases_are_versions() -> None:
    read = json.loads((Path(versions.__file__).parents[1] / "operations" / "tested.json").read_text())
    assert all(map(versions.is_version, read.values()))
