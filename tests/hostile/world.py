"""A site directory with a store, things of other people around it, and what an enemy does to them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import support
from tests.crash import scenes, seam

SITE = Path("env/lib/python3.10/site-packages")
STORE = ".m3d-surgeon"
VICTIM = b"the victim's own bytes\n"
OUTSIDE = "../../../../outside/victim.py"
STORE_FILES = (f"{STORE}/manifest.json", f"{STORE}/journal.json")
INFO = "gadget-1.0.dist-info"
OTHERS = (*(f"{INFO}/{name}" for name in ("RECORD", "METADATA")), f"{STORE}/lock", "gadget/core.py")
Dice = random.Random


def build(folder: Path, prepare: Callable[[Path], None]) -> Path:
    """A world: the site directory prepared, a neighbour in it, and victims outside of it."""
    site = folder / SITE
    site.mkdir(parents=True)
    prepare(site)
    support.install(site, "neighbour", "1.0", {"neighbour/other.py": b"import torch\nX = torch.shiny.x\n"})
    outside = folder / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "victim.py").write_bytes(VICTIM)
    (outside / "core.py").write_bytes(support.GADGET)
    (outside / "__init__.py").write_bytes(b"")
    shutil.copytree(site / "gadget", outside / "gadget")
    if (site / STORE).exists():
        shutil.copytree(site / STORE, outside / "store")
        victim = hashlib.sha256(VICTIM).hexdigest()
        (site / STORE / "objects" / victim).write_bytes(VICTIM)
    return folder


def half_done(site: Path) -> None:
    """An apply that was killed between its two files."""
    scenes.fresh(site)
    trace: list[tuple[int, str]] = []
    finished = site.with_name("finished")
    shutil.copytree(site, finished)
    with seam.through(seam.Seam(lambda number, name: trace.append((number, name)))):
        seam.command("apply", finished)
    shutil.rmtree(finished)
    renames = [number for number, name in trace if name == "replace"]
    assert seam.die_before(renames[-2], "apply", site)


WORLDS: dict[str, Callable[[Path], None]] = {
    "fresh": scenes.fresh,
    "applied": scenes.patched,
    "killed between two files": half_done,
    "killed before the manifest": scenes.interrupted,
}


def canary(world: Path) -> dict[str, tuple[object, ...]]:
    """Everything that is none of our business: what lies outside, and the neighbour."""
    site = world / SITE
    watched = [*(world / "outside").rglob("*"), *(site / "neighbour").rglob("*"), *world.iterdir()]
    watched += [*site.parent.iterdir(), *site.glob("neighbour-*/*"), *site.glob("torch-*/*")]
    return {str(path.relative_to(world)): _facts(path) for path in watched}


def _facts(path: Path) -> tuple[object, ...]:
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return ("link", os.readlink(path))  # noqa: PTH115
    if stat.S_ISREG(about.st_mode):
        return ("file", about.st_mode, about.st_mtime_ns, about.st_ino, path.read_bytes())
    return ("folder", about.st_mode)


# What an enemy does


def harm(dice: Dice, world: Path) -> str:
    """Do one harm, chosen at random; says which."""
    harms = (bytes_of_the_store, values_of_the_store, values_of_the_store, record, component, forged_journal)
    chosen = dice.choice((*harms, forged_manifest, bytes_of_others, planted))
    try:
        return f"{chosen.__name__}: {chosen(dice, world / SITE)}"
    except (OSError, ValueError, RecursionError) as error:  # a harm before made this one impossible
        return f"{chosen.__name__}: impossible ({type(error).__name__})"


def damaged(dice: Dice, data: bytes) -> tuple[str, bytes]:
    """Bytes that are not what they were."""
    at = dice.randrange(len(data) + 1)
    flipped = bytearray(data or b"\0")
    for _ in range(dice.choice((1, 1, 8))):
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
    return dice.choice(
        (
            ("truncated", data[:at]),
            ("flipped", bytes(flipped)),
            ("emptied", b""),
            ("nulls", bytes(len(data))),
            ("random", dice.randbytes(dice.randrange(1, 400))),
            ("inserted", data[:at] + dice.randbytes(9) + data[at:]),
            ("deep", b"[" * 100_000),
            ("deep object", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
            ("huge", b'{"schema": 1, "files": "' + b"x" * 2_000_000 + b'"}'),
            ("number", b'{"schema": ' + b"9" * 6_000 + b"}"),
            ("doubled", data + data),
            ("utf-16", data.decode("latin-1").encode("utf-16")),
            ("BOM", b"\xef\xbb\xbf" + data),
        )
    )


def bytes_of_the_store(dice: Dice, site: Path) -> str:
    objects = sorted((site / STORE / "objects").iterdir())
    place = dice.choice([*(site / name for name in STORE_FILES), *objects])
    how, data = damaged(dice, _read(place))
    _write(place, data)
    return f"{place.name} {how}"


def bytes_of_others(dice: Dice, site: Path) -> str:
    place = site / dice.choice(OTHERS)
    how, data = damaged(dice, _read(place))
    _write(place, data)
    return f"{place.name} {how}"


def _read(place: Path) -> bytes:
    """A file's bytes, unless an earlier harm put a pipe there."""
    if not place.is_file():
        raise OSError("no file any more")
    return place.read_bytes()


def _write(place: Path, data: bytes) -> None:
    """A new file in this place, whatever an earlier harm put there; nothing is written through it."""
    place.unlink(missing_ok=True)
    place.write_bytes(data)


def nonsense(dice: Dice) -> Any:
    """A value that no store holds."""
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    paths = (OUTSIDE, "/etc/passwd", "gadget/../../x", "..", ".", "", "a//b", "a\\b", "gadget\0core.py")
    paths += (".m3d-surgeon/manifest.json", "neighbour/other.py", "gadget", "gadget/core.py/x", "\ud800.py")
    paths += ("x" * 5_000, "gadget/" * 3_000 + "x.py", f"{INFO}/RECORD")
    others = (None, True, False, -1, 0, 2, 2**70, 1.5, float("nan"), [], {}, [1], {"a": 1}, "0" * 64, deep)
    return dice.choice((*paths, *others))


def values_of_the_store(dice: Dice, site: Path) -> str:
    """One value, or one key, replaced by nonsense in a store that still parses."""
    place = site / dice.choice([name for name in STORE_FILES if (site / name).exists()] or STORE_FILES)
    content = json.loads(_read(place))
    spots = list(_spots(content))
    holder, key = dice.choice(spots)
    value = nonsense(dice)
    how = dice.choice(("value", "key", "remove", "add"))
    if how == "value" or isinstance(holder, list):
        holder[key] = value
    elif how == "key":
        holder[str(value)] = holder.pop(key)
    elif how == "remove":
        del holder[key]
    else:
        holder["extra"] = value
    _write(place, json.dumps(content).encode())
    return f"{place.name}: {how} of {key!r} is {str(value)[:60]!r}"


def _spots(content: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = content if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        found.append((content, key))
        if isinstance(content[key], (dict, list)):
            found += _spots(content[key])
    return found


def record(dice: Dice, site: Path) -> str:
    """A row of RECORD that names a victim, or nonsense."""
    place = site / INFO / "RECORD"
    digest = dice.choice(
        (support.record_hash(VICTIM), support.record_hash(support.GADGET), "sha256=", "md5=x")
    )
    path = dice.choice((OUTSIDE, str(site / "gadget/core.py"), "neighbour/other.py", "gadget/new.py"))
    rows = _read(place).decode().splitlines()
    row = dice.choice(
        (f"{path},{digest},9", f'"{path}', f"{path}\0,{digest},", "," * 9, f"{'x' * 200_000},,")
    )
    rows[dice.randrange(len(rows))] = row
    _write(place, "\n".join(rows).encode())
    return row[:60]


def component(dice: Dice, site: Path) -> str:
    """A folder or a file on the way is a link that leads outside, or something else altogether."""
    outside = site.parents[3] / "outside"
    places = ("gadget", STORE, f"{STORE}/objects", "gadget/core.py", "gadget/__pycache__", INFO, *OTHERS)
    place = site / dice.choice((*places, *STORE_FILES))
    goals = (outside / "gadget", outside / "store", outside / "victim.py", outside / "folder")
    goal = dice.choice((*goals, outside / "missing", site, place, Path(".."), outside / "core.py"))
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    how = dice.choice(("link", "link", "link", "gone", "folder", "pipe", "file"))
    if how == "pipe" and INFO in place.parts:
        how = "gone"  # importlib_metadata reads RECORD and METADATA, and would wait for a writer
    if how == "link":
        place.symlink_to(goal)
    elif how == "folder":
        (place / "core.py").mkdir(parents=True)
    elif how == "pipe":
        os.mkfifo(place)
    elif how == "file":
        place.write_bytes(VICTIM)
    return f"{place.relative_to(site)} is {how} {goal.name}"


def planted(dice: Dice, site: Path) -> str:
    """What we would write first lies there already, and leads outside."""
    outside = site.parents[3] / "outside"
    names = ("gadget/.core.py", f"{STORE}/.manifest.json", f"{STORE}/.journal.json", f"{STORE}/.lock")
    place = site / (dice.choice(names) + ".m3d-surgeon")
    place.symlink_to(dice.choice((outside / "victim.py", outside / "missing", outside / "folder")))
    return str(place.relative_to(site))


def forged_journal(dice: Dice, site: Path) -> str:
    """A journal that is well-formed and asks for somebody else's file to be overwritten."""
    after = dice.choice((support.GADGET, (site / "neighbour" / "other.py").read_bytes(), VICTIM))
    path = dice.choice(("neighbour/other.py", "neighbour-1.0.dist-info/RECORD", OUTSIDE, "gadget/core.py"))
    step = {
        "path": path,
        "distribution": dice.choice(("neighbour", "gadget", "torch", "missing", "")),
        "before": hashlib.sha256(VICTIM).hexdigest(),
        "after": hashlib.sha256(after).hexdigest(),
        "before_mtime_ns": 1,
        "before_link": dice.choice((None, None, "../../outside/victim.py", "/etc/passwd")),
    }
    content = {"schema": 1, "manifest": "0" * 64, "steps": [step] * dice.choice((1, 2))}
    _write(site / STORE / "journal.json", json.dumps(content).encode())
    return path


def forged_manifest(dice: Dice, site: Path) -> str:
    """A manifest that is well-formed and takes somebody else's file for ours."""
    path = dice.choice(("neighbour/other.py", "neighbour-1.0.dist-info/METADATA", "gadget/core.py"))
    entry = {
        "distribution": dice.choice(("neighbour", "gadget")),
        "version": "1.0",
        "original": hashlib.sha256(VICTIM).hexdigest(),
        "result": hashlib.sha256(_read(site / path)).hexdigest(),
        "mtime_ns": 1,
        "link": dice.choice((None, "../../outside/victim.py")),
        "patches": {dice.choice(("gadget-shiny", "unknown")): "0" * 64},
        "looked": {},
    }
    content = {"schema": 1, "generation": 7, "files": {path: entry}}
    _write(site / STORE / "manifest.json", json.dumps(content).encode())
    return path
