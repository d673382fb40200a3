"""What is installed, and which versions meet a condition."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeon.site.distribution import Distribution, Installed, matching
from surgeon.site.environment import Environment
from tests import support


def test_files_are_named_exactly_or_by_globs() -> None:
    record = ["p/a.py", "p/sub/b.py", "p/sub/deep/c.py", "p/b.txt", "q/a.py"]
    assert list(matching(("p/a.py", "p/missing.py"), record)) == ["p/a.py"]
    assert list(matching(("p/**/*.py",), record)) == ["p/a.py", "p/sub/b.py", "p/sub/deep/c.py"]
    assert list(matching(("p/*.py",), record)) == ["p/a.py"]
    assert list(matching(("?/a.py",), record)) == ["p/a.py", "q/a.py"]


def test_record_rows_that_prove_nothing_are_left_out(site: Path) -> None:
    support.install(site, "gadget", "1.0", {"gadget/a.py": b"a\n"})
    record = site / "gadget-1.0.dist-info" / "RECORD"
    good = record.read_text().splitlines()[0]
    record.write_text(
        "\n".join(
            [
                good,
                "../../../bin/gadget," + support.record_hash(b"x") + ",1",
                "/etc/passwd," + support.record_hash(b"x") + ",1",
                "gadget/b.py,md5=abc,1",
                "gadget/c.py,sha256=not base64!,1",
                "gadget/d.py,sha256=c2hvcnQ,1",
                "gadget/e.py,,",
                "gadget",
                "",
            ]
        )
    )
    found = Installed(Environment(None, (3, 10), (site,))).find("gadget")
    assert found is not None
    assert found.recorded("gadget/a.py") == support.hashes(site)["gadget/a.py"]
    for path in ("../../../bin/gadget", "/etc/passwd", *(f"gadget/{name}.py" for name in "bcde"), "gadget"):
        assert found.recorded(path) is None, path
    assert list(matching(("**/*", "**/*.py"), ["../gadget.py", "/gadget.py"])) == []


def test_the_first_copy_on_the_path_counts_and_the_others_are_named(tmp_path: Path) -> None:
    front, back = tmp_path / "front", tmp_path / "back"
    support.install(front, "gadget", "2.0", {"gadget.py": b""})
    support.install(back, "gadget", "1.0", {"gadget.py": b""})
    found = Installed(Environment(None, (3, 10), (front, back))).find("Gadget")
    assert found is not None
    assert (found.version, found.site, found.shadowed) == ("2.0", front, (back,))


@pytest.mark.parametrize("name", ["my.gadget", "My-Gadget", "my_gadget"])
def test_names_are_compared_as_pep_503_says(site: Path, name: str) -> None:
    support.install(site, "my-gadget", "1.0", {})
    assert Installed(Environment(None, (3, 10), (site,))).find(name) is not None


def test_an_editable_install_and_a_missing_record_are_unpatchable(site: Path) -> None:
    support.install(site, "gadget", "1.0", {"gadget.py": b""})
    support.install(site, "widget", "1.0", {"widget.py": b""})
    (site / "gadget-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///src", "dir_info": {"editable": true}}'
    )
    (site / "widget-1.0.dist-info" / "RECORD").unlink()
    installed = Installed(Environment(None, (3, 10), (site,)))
    gadget, widget = installed.find("gadget"), installed.find("widget")
    assert gadget is not None
    assert "editable" in gadget.unpatchable
    assert widget is not None
    assert "no RECORD" in widget.unpatchable


def test_the_version_is_the_headers_and_nothing_below_it(site: Path) -> None:
    support.install(site, "gadget", "1.0", {"gadget.py": b""})
    metadata = site / "gadget-1.0.dist-info" / "METADATA"
    metadata.write_bytes(b"Name: gadget\r\nversion:  1.0.post1 \r\n\r\nVersion: 9\r\n")
    found = Installed(Environment(None, (3, 10), (site,))).find("gadget")
    assert found is not None
    assert found.version == "1.0.post1"


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a.py", "b/c.py", "b c.py", "d'e.py", "f,g.py", 'h"i.py', "", "ü.py"]),
        st.sampled_from(["sha256=abc", "sha256=", "md5=abc", ""]),
        st.sampled_from(["12", ""]),
    )
)


@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]))
def test_record_is_read_as_csv_whether_or_not_anything_is_quoted(
    rows: list[tuple[str, str, str]], end: str
) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator=end).writerows(rows)

    class Metadata:
        version = "1.0"

        def read_text(self, _filename: str) -> str:
            return written.getvalue()

    distribution = Distribution("gadget", "1.0", Path("/nowhere"), Metadata())
    expected = {path for path, digest, _ in rows if path and digest.startswith("sha256=")}
    assert set(distribution.paths) - {""} == expected
