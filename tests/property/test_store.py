"""What is written into the store is read back, or refused before anything is written.

Every field of it is drawn over its whole range, and beyond.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from surgeon.errors import EnvironmentUnusable, Refused
from surgeon.site.fs import Looks, Root, is_contained, later
from surgeon.site.store import Entry, Journal, Manifest, Step, Store, refuse_unstorable, sha256
from tests.tools.scale import scaled

EXAMPLES = scaled(200, 5_000)
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SECOND = 10**9
Figure = Callable[[str, object], None]

NAMES = st.binary(min_size=1, max_size=60).filter(lambda name: not {b"\0", b"/"} & {bytes([c]) for c in name})
"""Whatever a file may be called: any bytes but two."""
TEXTS = st.binary(max_size=30).map(lambda data: os.fsdecode(data.replace(b"\0", b"?"))) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
)
PATHS = (
    st.lists(NAMES.map(os.fsdecode), min_size=1, max_size=4)
    .map("/".join)
    .filter(lambda path: is_contained(path) and not path.startswith(".m3d-surgeon"))
)
DIGESTS = st.binary(max_size=4).map(sha256)
TIMES = (
    st.integers(-(2**63) * SECOND, 2**63 * SECOND - 1)
    | st.sampled_from([0, 1, -1, -SECOND, -5 * SECOND, 4_102_444_800 * SECOND + 1, 2**63, -(2**63)])
    | st.integers(-(2**63), 2**63)
)
LINKS = st.none() | TEXTS
TABLES = st.dictionaries(TEXTS, DIGESTS, max_size=3)
ENTRIES = st.builds(Entry, TEXTS, TEXTS, DIGESTS, DIGESTS, TIMES, LINKS, TABLES, TABLES)
MANIFESTS = st.builds(Manifest, st.dictionaries(PATHS, ENTRIES, max_size=3), st.integers(0, 2**63 - 1))
STEPS = st.builds(Step, PATHS, TEXTS, DIGESTS, DIGESTS, TIMES, LINKS)
JOURNALS = st.builds(Journal, DIGESTS, st.lists(STEPS, max_size=3).map(tuple))

ANYTHING: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just({}) | TEXTS
)
ODD_ENTRIES = st.builds(
    Entry,
    *(TEXTS | ANYTHING,) * 2,
    *(DIGESTS | ANYTHING,) * 2,
    TIMES | ANYTHING,
    LINKS | ANYTHING,
    *(TABLES | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=2),) * 2,
)
ODD_PATHS = PATHS | st.text(min_size=1, max_size=20)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def test_every_manifest_is_read_back(place: Path, record_property: Figure) -> None:
    store = Store(Root(place))

    @PROFILE
    @given(MANIFESTS)
    def held(manifest: Manifest) -> None:
        store.write_manifest(manifest.to_bytes())
        assert store.manifest() == manifest
        for path, entry in manifest.files.items():
            refuse_unstorable(path, entry)

    held()
    record_property("manifests", EXAMPLES)


def test_every_journal_is_read_back(place: Path, record_property: Figure) -> None:
    store = Store(Root(place))

    @PROFILE
    @given(JOURNALS)
    def held(journal: Journal) -> None:
        store.write_journal(journal)
        assert store.journal() == journal

    held()
    record_property("journals", EXAMPLES)


def test_what_cannot_be_read_back_is_refused_before_it_is_written(
    place: Path, record_property: Figure
) -> None:
    """The two ways of refusing agree with each other and with the reader."""
    store = Store(Root(place))
    counted: Counter[str] = Counter()

    @PROFILE
    @given(ODD_PATHS, ODD_ENTRIES)
    def held(path: str, entry: Entry) -> None:
        manifest = Manifest({path: entry})
        try:
            data = manifest.to_bytes()
        except EnvironmentUnusable:
            counted["refused"] += 1
            with pytest.raises(Refused):
                refuse_unstorable(path, entry)
        else:
            counted["written"] += 1
            refuse_unstorable(path, entry)
            store.write_manifest(data)
            assert store.manifest() == manifest

    held()
    assert min(counted["refused"], counted["written"]) > EXAMPLES // 100, counted
    for what, number in counted.items():
        record_property(what, number)


@PROFILE
@given(MANIFESTS)
def test_the_store_is_plain_json(manifest: Manifest) -> None:
    """Whatever is in it, other programs can read it: ASCII, one object."""
    data = manifest.to_bytes()
    data.decode("ascii")
    assert set(json.loads(data)) == {"schema", "generation", "files"}


LOOKS = st.tuples(
    st.integers(0, 0o7777),
    st.integers(0, 2**31) if os.geteuid() == 0 else st.just(os.geteuid()),
    st.integers(0, 2**31) if os.geteuid() == 0 else st.just(os.getegid()),
    st.integers(-(2**63), 2**63) | st.sampled_from([0, 1, -1, -SECOND, -5 * SECOND, 2**34 * SECOND]),
    st.dictionaries(st.from_regex(r"user\.[a-z]{1,8}", fullmatch=True), st.binary(max_size=20), max_size=3),
)


def test_a_replaced_file_looks_as_it_did_whatever_that_is(place: Path, record_property: Figure) -> None:
    """Modes with setuid and sticky bits, owners, times before 1970, attributes, names of any bytes."""

    @PROFILE
    @given(NAMES, LOOKS)
    def held(raw: bytes, looks: tuple[int, int, int, int, dict[str, bytes]]) -> None:
        assume(raw not in (b".", b".."))
        mode, uid, gid, mtime_ns, attributes = looks
        name, root = os.fsdecode(raw), Root(place)
        file = place / name
        file.write_bytes(b"old")
        try:
            os.chown(file, uid, gid)
            for key, value in attributes.items():
                os.setxattr(file, key, value)
            file.chmod(mode)
            os.utime(file, ns=(mtime_ns, mtime_ns))
            if "\\" in name:
                with pytest.raises(ValueError, match="not a path inside"):
                    root.looks(name)
                return
            before = root.looks(name)
            assert before.mtime_ns == file.stat().st_mtime_ns
            root.replace(name, b"new", before)
            assert root.looks(name) == before
            assert root.read(name) == b"new"
            assert before.xattrs == tuple(sorted(attributes.items()))
        finally:
            file.unlink()

    held()
    assert list(place.glob("*user*")) == []
    record_property("files", EXAMPLES)


def test_none_is_now_and_whoever_writes(place: Path) -> None:
    """And nothing else is: 0 is the first of January 1970."""
    import time

    root = Root(place)
    for mtime_ns in (None, 0, -1):
        root.replace("now.py", b"", Looks(0o644, None, None, mtime_ns, None, ()))
        about = (place / "now.py").stat()
        assert (about.st_uid, about.st_gid) == (os.geteuid(), os.getegid())
        if mtime_ns is None:
            assert abs(about.st_mtime_ns - time.time_ns()) < 60 * SECOND
        else:
            assert about.st_mtime_ns == mtime_ns


def seconds_in_bytecode(mtime_ns: int) -> int:
    """As importlib makes them of a source: `int(stat.st_mtime) & 0xFFFFFFFF`, and that is a float."""
    seconds, rest = divmod(mtime_ns, SECOND)
    return int(seconds + 1e-9 * rest) & 0xFFFFFFFF


@PROFILE
@given(
    st.integers(0, 2**62),
    st.lists(st.integers(-10 * SECOND, 10 * SECOND), max_size=4),
    st.sampled_from([-1, 0, 1]),
)
def test_no_bytecode_takes_a_new_time_for_an_old_one(now: int, near: list[int], cycles: int) -> None:
    others = [now + each + cycles * 2**32 * SECOND for each in near]
    others += near  # near 1970, where everything is rounded towards one second
    new = later(now, *others)
    assert now <= new <= now + (4 * len(others) + 1) * SECOND
    assert seconds_in_bytecode(new) not in {seconds_in_bytecode(each) for each in others}
