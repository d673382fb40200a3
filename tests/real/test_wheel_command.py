"""`wheel` on real releases: what it writes installs with pip and uv, from a folder and from an index."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import environments, support
from tests.unit.ship_support import contents

RELEASES = ("diffusers==0.36.0", "transformers==4.57.3", "xfuser==0.4.5")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    download = ("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest")
    support.run(sys.executable, *download, folder, *RELEASES)
    return folder


@pytest.fixture(scope="module")
def shipped(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped")
    answer = build(folder, *sorted(originals.iterdir()), "--relax")
    assert answer.exit_code == 0, answer.json
    assert len(list(folder.iterdir())) == len(RELEASES)
    return folder


@pytest.fixture(scope="module")
def index(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simple index (PEP 503) on this machine alone: the patched wheels, and one that pins a release."""
    root = tmp_path_factory.mktemp("index")
    wheels = [*shipped.iterdir(), dependent(tmp_path_factory.mktemp("dependent"))]
    for wheel in wheels:
        folder = root / "simple" / wheel.name.partition("-")[0].replace("_", "-")
        folder.mkdir(parents=True)
        shutil.copy(wheel, folder)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple/"
    server.shutdown()


def alone() -> dict[str, str]:
    """Without what this machine's configuration says of further indexes."""
    plain = {k: v for k, v in support.clean_environ().items() if not k.startswith(("PIP_", "UV_"))}
    return {**plain, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def build(output: Path, *arguments: str | Path) -> support.Answer:
    return support.surgeon("wheel", *arguments, "-o", output, "--with", "torch==2.1.0")


def dependent(folder: Path) -> Path:
    """A wheel that pins the release which was patched."""
    wheel = support.make_wheel(folder, "m3d-dependent", "1.0", {"m3d_dependent.py": b""})
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    info = "m3d_dependent-1.0.dist-info"
    files[f"{info}/METADATA"] += b"Requires-Dist: xfuser==0.4.5\n"
    rows = files[f"{info}/RECORD"].decode().splitlines()
    rows = [row for row in rows if "METADATA" not in row]
    data = files[f"{info}/METADATA"]
    rows.insert(0, f"{info}/METADATA,{support.record_hash(data)},{len(data)}")
    files[f"{info}/RECORD"] = ("\n".join(rows) + "\n").encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def venv(folder: Path, *, pip: bool) -> Path:
    support.uv("venv", "--quiet", *(["--seed"] if pip else []), "--python", support.target_python(), folder)
    support.install(support.site_packages(folder), "torch", "2.1.0")
    return folder


def installed(folder: Path) -> dict[str, str]:
    """The release of every distribution in an environment."""
    infos = [
        path.name.removesuffix(".dist-info") for path in support.site_packages(folder).glob("*.dist-info")
    ]
    return dict(info.split("-", 1) for info in infos)


def test_each_entry_is_the_original_s_or_what_apply_writes(
    originals: Path, shipped: Path, tmp_path: Path
) -> None:
    """Held against an environment in which `apply` ran on the same releases."""
    light = environments.light(tmp_path / "light", *RELEASES)
    assert support.surgeon("apply", "-p", light).exit_code == 0
    site = support.site_packages(light)
    patched = 0
    for wheel in shipped.iterdir():
        name = wheel.name.partition("-")[0]
        (original,) = originals.glob(f"{name}-*")
        before, after = contents(original), contents(wheel)
        release, local = original.name.split("-")[1], wheel.name.split("-")[1]
        old_info, new_info = f"{name}-{release}.dist-info", f"{name}-{local}.dist-info"
        assert [path for path in after if "m3d_surgeon.json" not in path] == [
            path.replace(old_info, new_info) for path in before
        ]
        for path, data in after.items():
            if not path.startswith(new_info):
                assert data == (site / path).read_bytes(), path
                patched += data != before[path]
        for path in ("WHEEL", "entry_points.txt", "top_level.txt"):
            assert after.get(f"{new_info}/{path}") == before.get(f"{old_info}/{path}")
    changed = support.surgeon("diff", "-p", light).json["files"]
    assert patched == sum(bool(row.get("diff")) for row in changed)  # type: ignore[attr-defined, union-attr]
    assert patched > 20


def test_downloading_and_building_again_gives_the_same_bytes(shipped: Path, tmp_path: Path) -> None:
    answer = build(tmp_path, *RELEASES, "--relax")
    assert answer.exit_code == 0, answer.json
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert digests == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped.iterdir()}


def test_what_the_conditions_deny_is_told(originals: Path, tmp_path: Path) -> None:
    (xfuser,) = originals.glob("xfuser-*")
    answer = build(tmp_path, xfuser, "--dry-run")
    assert any("asks for torch>=2.4.1" in warning for warning in answer.json["warnings"])  # type: ignore[attr-defined]


def test_a_newer_torch_needs_none(originals: Path, tmp_path: Path) -> None:
    (xfuser,) = originals.glob("xfuser-*")
    answer = support.surgeon("wheel", xfuser, "-o", tmp_path / "out", "--with", "torch==2.13.0")
    assert answer.exit_code == 0
    assert [row["state"] for row in answer.json["wheels"]] == ["not-needed"]  # type: ignore[attr-defined]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("source", ["folder", "index"])
def test_it_installs_and_whoever_pins_the_release_is_content(
    shipped: Path, index: str, tmp_path: Path, tool: str, source: str
) -> None:
    """`m3d-dependent` pins `xfuser==0.4.5`; beside torch 2.1.0 it takes `--relax` to content pip."""
    target = venv(tmp_path / "venv", pip=tool == "pip")
    python = target / "bin" / "python"
    folder = tmp_path / "wheels"
    shutil.copytree(shipped, folder)
    dependent(folder)
    where = ["--no-index", "--find-links", folder] if source == "folder" else ["--index-url", index]
    command = [python, "-m", "pip"] if tool == "pip" else [sys.executable, "-m", "uv", "pip"]
    to = [] if tool == "pip" else ["--python", python, "--no-cache"]
    support.run(
        *command,
        "install",
        "--quiet",
        *to,
        *where,
        "--no-deps",
        "diffusers==0.36.0",
        "transformers",
        env=alone(),
    )
    support.run(
        *command,
        "install",
        "--quiet",
        *to,
        *where,
        "--no-deps",
        "m3d-dependent",
        "xfuser==0.4.5",
        env=alone(),
    )
    here = installed(target)
    assert here["diffusers"] == "0.36.0+m3d.1"
    assert here["transformers"] == "4.57.3+m3d.1"
    assert (here["m3d_dependent"], here["xfuser"]) == ("1.0", "0.4.5+m3d.1")
    check = support.run(*command, "check", *to[:2], check=False)
    said = (check.stdout + check.stderr).lower()
    assert "torch" not in said, "--relax let xfuser take torch 2.1.0"
    assert "dependent" not in said, "its pin is met"
    site = support.site_packages(target)
    (info,) = site.glob("xfuser-*.dist-info")
    note = json.loads((info / "m3d_surgeon.json").read_bytes())
    assert note["relaxed"] == ["torch>=2.4.1"]
    rows = (info / "RECORD").read_text()
    assert f"{info.name}/m3d_surgeon.json,sha256=" in rows
    for path, digest in note["results"].items():
        assert hashlib.sha256((site / path).read_bytes()).hexdigest() == digest
    _looks_right(target)


def _looks_right(target: Path) -> None:
    """The tool sees a distribution that is what its RECORD lists, and has nothing to do to it."""
    before = support.hashes(support.site_packages(target))
    status = support.surgeon("status", "-p", target)
    assert not status.error_codes()
    assert set(status.states().values()) <= {"pristine", "not-needed"}
    applied = support.surgeon("apply", "-p", target)
    assert (applied.exit_code, applied.json["changed"]) == (0, []), applied.json
    after = support.surgeon("status", "-p", target)
    assert after.exit_code == 0
    assert set(after.states().values()) <= {"not-needed"}
    assert support.hashes(support.site_packages(target)) == before


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_resolver_takes_it_for_the_release_that_is_pinned(
    shipped: Path, index: str, tmp_path: Path, tool: str
) -> None:
    """`m3d-dependent` alone is asked for: the resolver finds what it pins, and what that asks for."""
    target = venv(tmp_path / "venv", pip=tool == "pip")
    python = target / "bin" / "python"
    metadata = contents(next(shipped.glob("xfuser-*")))["xfuser-0.4.5+m3d.1.dist-info/METADATA"].decode()
    for line in metadata.split("\n\n")[0].splitlines():
        if line.startswith("Requires-Dist:") and "extra" not in line:
            name = line.split(":")[1].strip().partition(">")[0].partition("=")[0].strip()
            support.install(support.site_packages(target), name, "99.0" if name != "torch" else "2.1.0")
    command = [python, "-m", "pip"] if tool == "pip" else [sys.executable, "-m", "uv", "pip"]
    to = [] if tool == "pip" else ["--python", python, "--no-cache"]
    support.run(*command, "install", "--quiet", *to, "--index-url", index, "m3d-dependent", env=alone())
    assert installed(target)["xfuser"] == "0.4.5+m3d.1"
    assert installed(target)["torch"] == "2.1.0"
    support.run(*command, "check", *to[:2])
