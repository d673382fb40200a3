"""A module by any of its names; an editable install where it is; an answer kept for its question alone."""

from __future__ import annotations

import json
import lzma
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import support

USER = "from {0} import shiny\n"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    folder = tmp_path / "venv"
    site = support.make_venv(folder)
    support.install(site, "Pillow", "10.0", {"PIL/__init__.py": b"x = 1\n", "PIL/Image.py": b""})
    support.install(site, "opencv-python", "4.9", {"cv2/__init__.py": b"x = 1\n", "tests/__init__.py": b""})
    support.install(site, "protobuf", "4.1", {"google/protobuf/__init__.py": b"", "google/_upb.py": b""})
    support.install(site, "many", "1.0", {"one/__init__.py": b"", "two.py": b""})
    support.install(site, "torch", "2.1.0", {"torch/__init__.py": b"x = 1\n"})
    support.install(site, "fork", "1.0", {"fork.py": USER.format("PIL").encode()})  # says nothing of it
    for name, module, requirement in (
        ("user", "PIL", "pillow>=9"),
        ("sees", "cv2", "opencv_python"),
        ("talks", "google.protobuf", "protobuf<5; python_version>'3'"),
        ("learns", "torch", "torch"),
    ):
        support.install(site, name, "1.0", {f"{name}.py": USER.format(module).encode()})
        with (site / f"{name}-1.0.dist-info" / "METADATA").open("a") as metadata:
            metadata.write(f"Requires-Dist: {requirement}\n")
    return folder


def scan(venv: Path, *arguments: str | Path, **extra: str) -> support.Answer:
    return support.surgeon("scan", "-p", venv, *arguments, XDG_CACHE_HOME=str(venv.parent / "cache"), **extra)


@pytest.mark.parametrize(
    ("name", "module", "users"),
    [
        ("PIL", "PIL", ["fork", "user"]),
        ("pillow", "PIL", ["fork", "user"]),
        ("cv2", "cv2", ["sees"]),
        ("opencv-python", "cv2", ["sees"]),
        ("google.protobuf", "google.protobuf", ["talks"]),
        ("google", "google", ["talks"]),
        ("torch", "torch", ["learns"]),
    ],
)
def test_who_depends_on_a_module_by_its_name_or_its_distributions(
    venv: Path, name: str, module: str, users: list[str]
) -> None:
    answer = scan(venv, "--module", name)
    assert answer.exit_code == 0, answer
    assert answer.json["module"] == module
    assert [each["name"] for each in answer.json["distributions"]] == users  # type: ignore[attr-defined]
    missing = {row["name"] for row in answer.json["missing"]}  # type: ignore[attr-defined]
    assert missing == ({f"{module}.shiny"} if module != "google" else {"google.protobuf.shiny"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nosuchthing", "no module 'nosuchthing'"),
        ("torhc", "torch"),
        ("pilow", "pillow"),
        ("google.nosuchthing", "no module"),
        ("many", "one, two"),
        ("PIL-10", "no module"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("where", [(), ("user",)])
def test_a_module_that_is_not_there_is_an_error_of_usage(
    venv: Path, name: str, said: str, where: tuple[str, ...]
) -> None:
    answer = scan(venv, "--module", name, *where)
    if not name:  # as if it was left out
        assert answer.exit_code == 0
        return
    assert (answer.exit_code, answer.error_codes()) == (2, ["unknown-module"])
    (error,) = answer.json["errors"]  # type: ignore[misc]
    assert said in f"{error['message']} {error['hint']}"


def test_parts_that_a_package_makes_itself_may_be_asked(venv: Path) -> None:
    assert scan(venv, "--module", "json.decoder", "user").exit_code == 0
    assert scan(venv, "--module", "cv2.made", "user").exit_code == 0


def test_the_site_directory_is_said(venv: Path) -> None:
    answer = scan(venv, "user", "--module", "PIL")
    environment = answer.json["environment"]
    assert environment["site_packages"] == str(support.site_packages(venv))  # type: ignore[index]
    assert scan(venv, "user", "--module", "PIL").json == answer.json


def project(folder: Path, *, source: str, text: str) -> Path:
    top = folder / "my project"
    package = top / source / "mine"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "part.py").write_text(text)
    (top / "tests").mkdir()
    (top / "tests" / "test_mine.py").write_text("import torch\ntorch.shiny\n")
    packages = f"where = ['{source or '.'}']\ninclude = ['mine*']"
    (top / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'mine'\nversion = '1.0'\ndependencies = ['torch']\n"
        f"[tool.setuptools.packages.find]\n{packages}\n"
    )
    return top


@pytest.mark.parametrize("strict", ["compat", "finder", "hatch"])
@pytest.mark.parametrize("source", ["src", ""])
def test_an_editable_install_is_looked_at_where_it_is(
    venv: Path, tmp_path: Path, strict: str, source: str
) -> None:
    top = project(tmp_path, source=source, text="import torch\ntorch.shiny\n")
    if strict == "hatch":
        text = (top / "pyproject.toml").read_text()
        text = text.replace("'setuptools'", "'hatchling'").replace("setuptools.build_meta", "hatchling.build")
        (top / "pyproject.toml").write_text(text.partition("[tool")[0])
    options = ("--config-setting", "editable_mode=compat") if strict == "compat" else ()
    python = venv / "bin" / "python"
    support.uv("pip", "install", "--quiet", "--no-deps", "--python", python, *options, "-e", top)
    answer = scan(venv, "mine")
    (mine,) = answer.json["distributions"]  # type: ignore[misc]
    assert mine["verdict"] == "imports in part", (answer, list(support.site_packages(venv).iterdir()))
    assert [each["module"] for each in mine["broken"]] == ["mine.inner.part"]
    assert mine["modules"] == 2
    assert "mine" in {each["name"] for each in scan(venv).json["distributions"]}  # type: ignore[attr-defined]
    (top / source / "mine" / "inner" / "part.py").write_text("import torch\n")
    assert scan(venv, "mine").json["distributions"][0]["verdict"] == "imports"  # type: ignore[index]


def test_an_editable_install_whose_sources_are_gone_is_said_not_to_be_looked_at(
    venv: Path, tmp_path: Path
) -> None:
    top = project(tmp_path, source="src", text="import torch\ntorch.shiny\n")
    support.uv("pip", "install", "-q", "--no-deps", "--python", venv / "bin" / "python", "-e", top)
    shutil.rmtree(top)
    answer = scan(venv, "mine")
    (mine,) = answer.json["distributions"]  # type: ignore[misc]
    assert mine["verdict"] == "not looked at"
    assert "editable" in mine["reason"]
    assert any("mine was left out" in each for each in answer.json["warnings"])  # type: ignore[attr-defined]


# What is kept


def copy(tmp_path: Path) -> Path:
    """This tool, in a folder of its own, to change."""
    code = tmp_path / "code" / "surgeon"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(support.CHECKOUT / "surgeon", code, ignore=ignored)
    shutil.copytree(support.CHECKOUT / "patches", code / "patches", ignore=ignored)
    return code


def table(code: Path, venv: Path) -> None:
    """Another table of names: torch 2.1.0 has got `shiny`."""
    path = code / "scan" / "data" / "torch.json.xz"
    stored = json.loads(lzma.decompress(path.read_bytes()))
    stored["spaces"]["torch"] += "\nshiny ("
    path.write_bytes(lzma.compress(json.dumps(stored).encode()))


def source(code: Path, venv: Path) -> None:
    (support.site_packages(venv) / "learns.py").write_text("import torch\n")


def own_code(code: Path, venv: Path) -> None:
    path = code / "scan" / "gaps.py"
    path.write_text(path.read_text() + "\n# changed\n")


def neighbour(code: Path, venv: Path) -> None:
    support.install(support.site_packages(venv), "extra", "1.0", {"extra.py": b""})


def provider(code: Path, venv: Path) -> None:
    (support.site_packages(venv) / "torch" / "__init__.py").write_text("shiny = 1\n")


def library(code: Path, venv: Path) -> None:
    (support.site_packages(venv) / "torch" / "lib.so").write_text("other\n")


def reinstalled(code: Path, venv: Path) -> None:
    record = support.site_packages(venv) / "fork-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "another.py,,\n")


def store(code: Path, venv: Path) -> None:
    folder = support.site_packages(venv) / ".m3d-surgeon"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")


CHANGES: dict[str, Callable[[Path, Path], None]] = {
    each.__name__: each
    for each in (table, source, own_code, neighbour, provider, library, reinstalled, store)
}


def kept(venv: Path) -> set[str]:
    """The answers of scans; what a module answered (`asked-...`) is kept by itself."""
    names = {each.name for each in (venv.parent / "cache" / "m3d-surgeon" / "scan").glob("*.json")}
    return {name for name in names if not name.startswith("asked-")}


@pytest.mark.parametrize("release", [(), ("--torch", "2.1.0")])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_anything_that_an_answer_rests_on_is_another_question(
    venv: Path, tmp_path: Path, what: str, release: tuple[str, ...]
) -> None:
    site = support.site_packages(venv)
    (site / "torch" / "lib.so").write_text("x\n")
    with (site / "torch-2.1.0.dist-info" / "RECORD").open("a") as record:
        record.write("torch/lib.so,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n")
    code = copy(tmp_path)

    def run(*more: str, **extra: str) -> str:
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from surgeon.cli import main; main()"
        command = [sys.executable, "-c", program, code.parent, "scan", "-p", venv, "learns", "--json"]
        environ = support.clean_environ(XDG_CACHE_HOME=str(venv.parent / "cache"), **extra)
        return support.run(*command, *release, *more, env=environ, cwd="/").stdout

    first = run()
    before = kept(venv)
    assert len(before) == 1
    assert run() == first
    assert kept(venv) == before
    CHANGES[what](code, venv)
    second = run()
    assert len(kept(venv)) == 2, what
    if what == "source" or (what == "table" and release) or (what == "provider" and not release):
        assert [row["name"] for row in json.loads(first)["missing"]] == ["torch.shiny"]
        assert json.loads(second)["missing"] == []


def test_options_and_the_linkers_variables_are_a_part_of_the_question(venv: Path) -> None:
    sizes = []
    for arguments, variables in (
        (("learns",), {}),
        (("learns", "--import-time-only"), {}),  # the same answer, shown otherwise
        (("learns", "--torch", "2.1.0"), {}),
        (("learns", "--torch", "2.4.0"), {}),
        (("learns", "--module", "PIL"), {}),
        (("learns", "user"), {}),
        (("learns",), {"LD_LIBRARY_PATH": "/nowhere"}),
        (("learns",), {}),
    ):
        assert scan(venv, *arguments, **variables).exit_code == 0
        sizes.append(len(kept(venv)))
    assert sizes == [1, 1, 2, 3, 4, 5, 6, 6]
