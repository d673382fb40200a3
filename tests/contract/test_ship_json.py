"""`wheel` speaks one JSON, whatever happens. Additions only."""

from __future__ import annotations

import json
from pathlib import Path

from tests import support
from tests.contract.test_commands import check_shape
from tests.unit.ship_support import members, pack

COMMON = json.loads((Path(__file__).parent / "author-1.json").read_text())
WHEEL = {
    **dict.fromkeys(("given", "state", "distribution", "version", "output_version", "output"), "string"),
    **dict.fromkeys(("sha256", "original_sha256", "reason"), "string"),
    "patches": ["string"],
    "files": [{"path": "string", "patches": ["string"]}],
}
SHAPE = {
    **{key: COMMON[key] for key in ("schema", "command", "environment", "warnings", "errors", "exit_code")},
    "conditions": {"*": "string"},
    "wheels": [WHEEL],
    "dry_run": "boolean",
}
STATES = {"written", "pending", "unchanged", "not-needed", "refused"}


def test_the_json_is_frozen(tmp_path: Path) -> None:
    good = pack(tmp_path / "good", members())
    bad = pack(tmp_path / "bad", members() | {"gadget/core.py": b"tampered"})
    rows = []
    for torch, wheels, code in (
        ("2.1.0", (good,), 0),
        ("2.1.0", (good,), 0),
        ("2.6.0", (good,), 0),
        ("2.1.0", (bad,), 3),
        ("2.1.0", ("/no/such.whl",), 2),
    ):
        output = ("-o", tmp_path / "out", "--patches", support.GADGETS)
        for more in (("--dry-run",), ()):
            answer = support.surgeon("wheel", *wheels, *output, "--with", f"torch=={torch}", *more)
            assert answer.exit_code == code
            check_shape(answer.json, SHAPE)
            assert answer.json["command"] == "wheel"
            assert answer.json["dry_run"] is bool(more)
            rows += answer.json["wheels"]  # type: ignore[operator]
    assert {row["state"] for row in rows} == STATES
