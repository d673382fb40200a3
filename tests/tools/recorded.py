"""What the engine makes of sources, written down, so that a change of it is seen: fixtures/recorded.json.

`python -m tests.tools.recorded` writes the file anew. It refuses where results have changed and the digests
have not: files that are patched already would then hold other bytes than the digest promises. A change
of a patch changes its digest by itself; for a change of the engine raise `EDITION` in
surgeon/rewriting/rewrite.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from surgeon import registry
from surgeon.edits import RelocateImport, ReplaceHeader, ReplaceStatements
from surgeon.errors import Refused
from surgeon.patch import Case, Edit, Patch, at_least
from surgeon.rewriting.digest import digest
from surgeon.rewriting.rewrite import rewrite
from tests import environments, support

FILE = support.CHECKOUT / "fixtures" / "recorded.json"
STACKS = ("nov26", "dec25", "aug25")
DIGITS = 16
AGAIN = "run `python -m tests.tools.recorded`"
ENGINE = (
    "the engine makes other bytes of it under the same digest: raise EDITION in "
    "surgeon/rewriting/rewrite.py, so that files which are patched already count as outdated, "
    f"then {AGAIN}; or undo the change"
)
COVER = """\
import os


def f(a, *, b=1):
    if a:
        return b  # so far
    return a
"""


def patch(name: str, edit: Edit, before: str) -> Patch:
    """A patch for an edit that no shipped one uses; only the bytes before it are given."""
    described = Patch(
        id=f"recorded-{name}",
        symptom="",
        why="",
        distribution="recorded",
        versions="",
        when={},
        files=("recorded.py",),
        needle=(b"\n",),
        transforms=(edit,),
        expect=at_least(0),
        cases=(Case(before, ""),),
        unchanged=(),
        probe="",
    )
    object.__setattr__(described, "digest", digest(described, Path(__file__), b""))
    return described


OTHERS = (
    patch(
        "relocate",
        RelocateImport("old.place.thing", "new.place"),
        "import os\nfrom old.place import (\n    thing,  # this\n    other,\n)\n\nthing(other, os)\n",
    ),
    patch("statements", ReplaceStatements("f", "return b", "b += 1\nreturn b"), COVER),
    patch("insertion", ReplaceStatements("", "import os", "import os\nimport sys"), COVER),
    patch("header", ReplaceHeader("", "def f(a, *, b=1): ...", "def f(a, *, b=1, c=None): ..."), COVER),
)
"""Patches with the edits that no shipped one uses."""


def patches() -> dict[str, Patch]:
    """Every patch whose results are recorded, by id."""
    every = registry.load(support.GADGETS).patches
    return {**every, **{each.id: each for each in OTHERS}}


def variants(source: str) -> dict[str, bytes]:
    """One source, written in all the ways that a patch has to keep."""
    inner = "".join(f"    {line}" if line.strip() else line for line in source.splitlines(keepends=True))
    head = '#!/usr/bin/python\n# -*- coding: latin-1 -*-\n"""D\xe9j\xe0."""\n\n'
    return {
        "plain": source.encode(),
        "bom": b"\xef\xbb\xbf" + source.encode(),
        "crlf": source.replace("\n", "\r\n").encode(),
        "tabs": re.sub(r"(?m)^( {4})+", lambda found: "\t" * (len(found[0]) // 4), source).encode(),
        "unfinished": source.rstrip("\n").encode(),
        "headed": (head + source).encode("latin-1"),
        "in a function": f"def outer():\n{inner}\n\nouter()\n".encode(),
        "under a test": f"if __name__:\n{inner}".encode(),
    }


def made(one: Patch) -> dict[str, str]:
    """A hash over what a patch makes of all its examples, for each way to write them."""
    hashed: dict[str, Any] = {}
    for source in (*(case.before for case in one.cases), *one.unchanged):
        for name, data in variants(source).items():
            try:
                done = rewrite(data, [one])
                said = b"\0".join([done.result, *map(str.encode, (*done.failures, *done.conflicts))])
            except Refused as refusal:
                said = refusal.code.encode()
            hashed.setdefault(name, hashlib.sha256()).update(said + b"\0\0")
    return {name: each.hexdigest()[:DIGITS] for name, each in hashed.items()}


def examples() -> dict[str, dict[str, str]]:
    """What is made of every patch's examples."""
    return {name: example(one) for name, one in patches().items()}


def example(one: Patch) -> dict[str, str]:
    """What is made of a patch's examples, and a hash over its digest and the examples."""
    return {"from": _sha256(f"{one.digest} {one.cases} {one.unchanged}"), **made(one)}


def stack(name: str, folder: Path) -> dict[str, dict[str, str]]:
    """What `apply` makes of every file of a real stack, and a hash over the file and its patches' digests.

    The releases alone are laid down, without what they require: torch is its metadata.
    """
    targets = {one.distribution for one in registry.load().patches.values()}
    releases = (pin for pin in environments.pins(name) if pin.split("==")[0] in targets)
    venv = environments.light(folder, *releases)
    support.surgeon("apply", "-p", venv)
    site = support.site_packages(venv)
    entries = json.loads((site / ".m3d-surgeon" / "manifest.json").read_text())["files"]
    return {
        path: {
            "from": _sha256(f"{entry['original']} {sorted(entry['patches'].items())}"),
            "made": entry["result"][:DIGITS],
        }
        for path, entry in sorted(entries.items())
        if entry["patches"]
    }


def faults(recorded: Mapping[str, Mapping[str, str]], seen: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Where what is made is not what is recorded, and what to do about it."""
    found = []
    for name in sorted({*recorded, *seen}):
        old, new = recorded.get(name), seen.get(name)
        if old == new:
            continue
        if old is None or new is None:
            found.append(f"{name}: {'not recorded' if old is None else 'recorded, and gone'}; {AGAIN}")
            continue
        other = ", ".join(each for each in new if new[each] != old.get(each) and each != "from")
        if old["from"] != new["from"]:
            found.append(f"{name}: made from something else{', and otherwise' * bool(other)}; {AGAIN}")
        else:
            found.append(f"{name} ({other}): {ENGINE}")
    return found


def read() -> dict[str, Any]:
    """The recorded results."""
    recorded: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return recorded


def main(stacks: Iterable[str]) -> str | None:
    """Record anew: the examples always, and the real stacks.

    Returns:
        Why not, or nothing.
    """
    recorded = read()
    seen: dict[str, Any] = {**recorded, "examples": examples()}
    with tempfile.TemporaryDirectory() as folder:
        seen |= {name: stack(name, Path(folder, name)) for name in stacks}
    found = [fault for part in seen for fault in faults(recorded.get(part, {}), seen[part])]
    if refused := [fault for fault in found if ENGINE in fault]:
        return "\n".join(refused)
    FILE.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n")
    return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


if __name__ == "__main__":
    sys.exit(main(STACKS))
