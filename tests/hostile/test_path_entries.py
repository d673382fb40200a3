"""Every kind of entry that `sys.path` has in the wild: none stops the commands on everything else."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import support
from tests.tools.scale import TORTURE

COMMANDS: dict[str, tuple[str, ...]] = {
    "status": (),
    "diff": (),
    "apply": (),
    "list": (),
    "explain": ("gadget-shiny",),
    "doctor": (),
    "scan": ("gadget", "--torch", "2.1.0"),
    "revert": (),
}
OFTEN = tuple(COMMANDS) if TORTURE else ("apply", "doctor", "scan", "revert")
"""What each kind by itself is tried with; all kinds together are tried with everything."""


@dataclass(frozen=True)
class Kind:
    """One kind of entry.

    Attributes:
        make: makes it in a folder of its own, and says what goes into PYTHONPATH or, if `lines`, into a
            `.pth` file of the site directory.
        said: what a warning says of it; empty where nothing needs saying.
        before: it stands before the site directory, in PYTHONPATH.
    """

    make: Callable[[Path, Path], str | bytes]
    said: str = ""
    before: bool = True


def egg(folder: Path, _site: Path) -> str:
    place = folder / "widget-1.0-py3.10.egg"
    (place / "EGG-INFO").mkdir(parents=True)
    (place / "EGG-INFO" / "PKG-INFO").write_text("Name: widget\nVersion: 1.0\n")
    return str(place)


def zipped(name: str, *files: str) -> Callable[[Path, Path], str]:
    def make(folder: Path, _site: Path) -> str:
        with zipfile.ZipFile(folder / name, "w") as archive:
            for file in files:
                archive.writestr(file, "Name: widget\nVersion: 1.0\n")
        return str(folder / name)

    return make


def broken_zip(folder: Path, _site: Path) -> str:
    place = Path(zipped("broken.zip", "a.py", "b.py")(folder, folder))
    data = bytearray(place.read_bytes())
    data[data.index(b"PK\x01\x02") : data.index(b"PK\x01\x02") + 4] = b"XXXX"
    place.write_bytes(bytes(data))
    return str(place)


def zip_with_damaged_metadata(folder: Path, _site: Path) -> str:
    place = folder / "damaged.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("METADATA", "RECORD", "direct_url.json"):
            archive.writestr(f"widget-1.0.dist-info/{name}", "Name: widget\nVersion: 1.0\n" * 50)
    data = place.read_bytes().replace(b"Name: widget", b"XXXX: XXXXXX")
    start = data.index(b"METADATA") + len("METADATA")
    place.write_bytes(data[:start] + bytes(20) + data[start + 20 :])
    return str(place)


def egg_link(folder: Path, site: Path) -> str:
    checkout = folder / "checkout"
    (checkout / "widget.egg-info").mkdir(parents=True)
    (checkout / "widget.egg-info" / "PKG-INFO").write_text("Name: widget\nVersion: 1.0\n")
    (site / "widget.egg-link").write_text(f"{checkout}\n.\n")
    return f"{checkout}\n"


def editable_finder(folder: Path, site: Path) -> str:
    (site / "__editable___widget_1_0_finder.py").write_text(
        "import sys\n\ndef install():\n    sys.path.append('__editable__.widget-1.0.finder.__path_hook__')\n"
    )
    info = support.distribution_files("widget", "1.0", {})
    for path, data in info.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_bytes(data)
    url = json.dumps({"url": f"file://{folder}", "dir_info": {"editable": True}})
    (site / "widget-1.0.dist-info" / "direct_url.json").write_text(url)
    return "import __editable___widget_1_0_finder; __editable___widget_1_0_finder.install()\n"


def made(write: Callable[[Path], object], name: str = "entry") -> Callable[[Path, Path], str]:
    def make(folder: Path, _site: Path) -> str:
        write(folder / name)
        return str(folder / name)

    return make


def not_utf_8(folder: Path, _site: Path) -> str:
    place = os.fsdecode(os.fsencode(folder) + b"/caf\xe9-\xff")
    Path(place).mkdir()
    support.install(Path(place), "widget", "1.0", {"widget.py": b""})
    (Path(place) / os.fsdecode(b"\xff.py")).touch()
    (Path(place) / os.fsdecode(b"\xff-1.0.dist-info")).mkdir()
    return place


def of_names_that_are_not_utf_8(folder: Path, _site: Path) -> str:
    for name in (b"\xff.py", b"\xff-1.0.dist-info", b"\xfe.egg-info", b"\xfd.pth"):
        (folder / os.fsdecode(name)).touch()
    return str(folder)


def through_a_link(folder: Path, site: Path) -> str:
    (folder / "site").symlink_to(site)
    return f"{folder / 'site'}\n"


def odd_metadata(folder: Path, _site: Path) -> str:
    (folder / "a.egg-info").write_bytes(b"\xff\0")
    (folder / "b-1.0.dist-info").write_bytes(b"a file")
    os.mkfifo(folder / "c-1.0.egg-info")
    (folder / "d-1.0.dist-info").mkdir()
    os.mkfifo(folder / "d-1.0.dist-info" / "METADATA")
    (folder / "e-1.0.dist-info").symlink_to("e-1.0.dist-info")
    return str(folder)


def damaged_store(folder: Path, _site: Path) -> str:
    (folder / ".m3d-surgeon").mkdir()
    (folder / ".m3d-surgeon" / "manifest.json").write_bytes(b"{")
    return str(folder)


LEFT_OUT = "on the path and was left out"
NEITHER = "neither a folder nor a zip file"
KINDS: dict[str, Kind] = {
    "zip": Kind(zipped("entry.zip", "widget.py")),
    "zipped egg": Kind(zipped("widget-1.0-py3.10.egg", "EGG-INFO/PKG-INFO", "widget.py")),
    "empty zip": Kind(zipped("empty.zip")),
    "damaged zip": Kind(broken_zip, NEITHER),
    "zip with damaged metadata": Kind(zip_with_damaged_metadata),
    "inside a zip": Kind(lambda f, s: zipped("entry.zip", "lib/widget.py")(f, s) + "/lib", LEFT_OUT),
    "egg folder": Kind(egg),
    "egg-link": Kind(egg_link, before=False),
    "editable finder": Kind(editable_finder, before=False),
    "plain file": Kind(made(lambda place: place.write_text("text")), NEITHER),
    "empty file": Kind(made(lambda place: place.touch()), NEITHER),
    "pipe": Kind(made(os.mkfifo), NEITHER),
    "device": Kind(lambda _f, _s: "/dev/zero", NEITHER),
    "not UTF-8": Kind(not_utf_8),
    "names that are not UTF-8": Kind(of_names_that_are_not_utf_8),
    "twice": Kind(lambda _f, site: f"{site}\n{site}\n", before=False),
    "twice, through a link": Kind(through_a_link, before=False),
    "dead link": Kind(made(lambda place: place.symlink_to("nothing")), "link that leads nowhere"),
    "link to itself": Kind(made(lambda place: place.symlink_to("entry")), LEFT_OUT),
    "missing": Kind(lambda f, _s: str(f / "missing")),
    "too long": Kind(lambda f, _s: str(f / ("x" * 5_000)), LEFT_OUT),
    "relative": Kind(lambda _f, _s: "lib/python", "it is relative"),
    "empty": Kind(lambda _f, _s: ""),
    "odd metadata": Kind(odd_metadata),
    "pth: lines of code": Kind(lambda _f, _s: "import sys; sys.path.insert(0, 1)\n", before=False),
    "pth: binary": Kind(lambda _f, _s: bytes(range(256)) * 8, before=False),
    "pth: huge": Kind(lambda _f, _s: b"x" * 20_000_000, before=False),
    "pth: a text of many lines": Kind(lambda _f, _s: "missing\n" * 50_000, before=False),
    "no permission": Kind(made(lambda place: place.mkdir(mode=0)), "Permission denied"),
    "no permission to enter": Kind(made(lambda place: place.mkdir(mode=0o644)), "Permission denied"),
    "below one without permission": Kind(
        lambda f, s: made(lambda place: place.mkdir(mode=0))(f, s) + "/lib", "Permission denied"
    ),
    "zip without permission": Kind(
        made(lambda place: (zipped("entry", "a.py")(place.parent, place), place.chmod(0))),
        "Permission denied",
    ),
}


def without_privileges() -> None:
    """Root may read everything; a program that is started after this may not."""
    if os.geteuid() == 0:
        drop_from_the_bounding_set, override, read_search = 24, 1, 2  # prctl(2), capabilities(7)
        for capability in (override, read_search):
            ctypes.CDLL(None).prctl(drop_from_the_bounding_set, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment, and what its site directory held at first."""
    folder = tmp_path_factory.mktemp("path")
    support.make_venv(folder / "venv")
    support.gadget(support.site_packages(folder / "venv"))
    shutil.copytree(support.site_packages(folder / "venv"), folder / "kept", symlinks=True)
    yield folder
    openly(folder)


def openly(folder: Path) -> None:
    """Let everything below a folder be removed."""
    for place in folder.rglob("*"):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o755)


class Scene:
    """An environment with odd entries on its path, used by somebody who may not read everything."""

    def __init__(self, base: Path, names: list[str]) -> None:
        self.base, self.names = base, names
        self.venv = base / "venv"
        self.site = support.site_packages(self.venv)
        shutil.rmtree(self.site)
        shutil.copytree(base / "kept", self.site, symlinks=True)
        self.path: list[str] = []
        if (base / "odd").exists():
            openly(base / "odd")
            shutil.rmtree(base / "odd")
        for number, name in enumerate(names):
            folder = base / "odd" / str(number)
            folder.mkdir(parents=True)
            entry = KINDS[name].make(folder, self.site)
            if KINDS[name].before:
                assert isinstance(entry, str)
                self.path.append(entry)
            else:
                data = entry if isinstance(entry, bytes) else entry.encode()
                (self.site / f"odd{number}.pth").write_bytes(data)
        os.mkfifo(self.site / "pipe.pth")

    def run(self, command: str, as_json: bool = True, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        where = options or ("-p", str(self.venv))
        program = [sys.executable, "-m", "surgeon", command, *COMMANDS[command], *where]
        program += ["--patches", str(support.GADGETS), *(["--json"] if as_json else [])]
        extra = {"PYTHONPATH": os.pathsep.join(self.path)} if self.path else {}
        # Our own process does without the odd entries: a pipe or /dev/zero among them is not ours to bear.
        launch = f"import os, sys, runpy; os.environ.update({extra!r}); sys.argv = sys.argv[1:]; "
        launch += "runpy.run_module('surgeon', run_name='__main__')"
        program[1:3] = ["-c", launch, "surgeon"]
        done = subprocess.run(
            program,
            env=support.clean_environ(HOME=str(self.base / "home")),
            preexec_fn=without_privileges,
            cwd="/",
            capture_output=True,
            timeout=100,
            check=False,
        )
        out, said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert "Traceback" not in said, said
        return done.returncode, out, said


def check(scene: Scene, commands: tuple[str, ...]) -> None:
    core = scene.site / "gadget" / "core.py"
    for command in commands:
        code, out, said = scene.run(command)
        answer = json.loads(out)
        errors = [error["message"] for error in answer["errors"]]
        assert not errors, (command, errors)
        expected = 1 if command in ("status", "doctor") and core.read_bytes() == support.GADGET else 0
        found = [each["message"] for each in answer.get("findings", ()) if each["code"] != "pending"]
        if command == "doctor":
            about = " ".join(found)
            assert "gadget" not in about, found
            expected = 1 if answer["findings"] else 0
        assert code == expected, (command, code, out, said)
        for name in scene.names:
            if KINDS[name].said:
                assert any(KINDS[name].said in each for each in answer["warnings"]), (command, name)
        if command == "apply":
            assert core.read_bytes() != support.GADGET
    assert core.read_bytes() == support.GADGET


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_entry_stops_nothing(name: str, base: Path) -> None:
    check(Scene(base, [name]), OFTEN)


def test_all_kinds_at_once(base: Path) -> None:
    scene = Scene(base, list(KINDS))
    check(scene, tuple(COMMANDS))
    for command in COMMANDS:  # for people: what is no UTF-8 is printed all the same
        code, out, said = scene.run(command, as_json=False)
        assert code in (0, 1), said
        assert "left out" in said, (command, out, said)


def test_a_damaged_store_stops_only_its_own_folder(base: Path) -> None:
    """The rest is done, and the exit code says that not everything could be."""
    KINDS["damaged store"] = Kind(damaged_store)
    try:
        scene = Scene(base, ["damaged store"])
    finally:
        del KINDS["damaged store"]
    core = scene.site / "gadget" / "core.py"
    for command, patched in (("apply", True), ("status", True), ("revert", False)):
        code, out, _ = scene.run(command)
        assert (code, core.read_bytes() != support.GADGET) == (4, patched), out
        assert "store-damaged" in out


def test_a_folder_that_may_not_be_read_is_one_clear_error(base: Path) -> None:
    scene = Scene(base, [])
    scene.site.chmod(0)
    try:
        code, out, _ = scene.run("status", options=("--site-packages", str(scene.site)))
    finally:
        scene.site.chmod(0o755)
    assert (code, "Permission denied" in out) == (4, True), out
