"""`test` finds results that read a name which nothing binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon.author.unbound import fresh
from tests import support


@pytest.mark.parametrize(
    ("after", "names"),
    [
        ("X = missing\n", ["missing"]),
        ("def f():\n    return missing\n", ["missing"]),
        (
            "class A:\n    x = missing.y\n    def f(self): return other, __class__\n",
            ["missing", "other"],
        ),
        ("X = [y for y in missing]\nZ = lambda a: a + b\n", ["b", "missing"]),
        ("def f(a: missing = 1): ...\n", ["missing"]),
        ("@missing\ndef f(): ...\n", ["missing"]),
        ("class A:\n    x = 1\n\n    def f(self):\n        return x\n", ["x"]),
        ("print(__file__, __name__, len)\n", []),
        ("def f():\n    return later\n\n\nlater = 1\n", []),
        ("def f():\n    global g\n    g = 1\n\n\ndef h():\n    return g\n", []),
        ("import os.path as p\nfrom a import b as c\nprint(p, c)\n", []),
        ("try:\n    x()\nexcept E as e:\n    print(e)\n", ["E", "x"]),
        ("for i, (j, *k) in z: print(i, j, k)\n", ["z"]),
        ("with a as b, c as d: b, d\n", ["a", "c"]),
        ("if (n := old): n\n", []),
        ("def f(x):\n    def g():\n        nonlocal x\n        x = 2\n    return g\n", []),
        ("from a import *\nX = missing\n", []),
        ("def f(:\n", []),
        ('"""Says missing."""\nX: "missing" = 1\n', []),
    ],
)
def test_names_that_nothing_binds(after: str, names: list[str]) -> None:
    assert fresh("print(old)\n", after) == names


SHINY = (support.GADGETS / "gadget_shiny.py").read_text()
BAD = SHINY.replace('("torch.shiny")', '("torch.shiny", "nowhere")').replace(
    '"shiny", None), "polish", None)', '"shiny", nowhere), "polish", nowhere)'
)


def test_a_patch_whose_result_reads_a_name_that_nothing_binds_fails(tmp_path: Path) -> None:
    site = support.make_venv(tmp_path / "env")
    support.gadget(site)
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "mine.py").write_text(BAD.replace("gadget-shiny", "mine"))
    answer = support.surgeon("test", "mine", "--patches", tmp_path / "patches", "-p", tmp_path / "env")
    assert answer.exit_code == 1
    checks = answer.json["checks"]  # type: ignore[attr-defined]
    faults = {each["name"]: each["message"] for each in checks if each["message"]}
    assert set(faults.values()) == {"the result reads what nothing in it binds: nowhere"}
    assert {"case 1: what it reads is bound", "gadget/core.py: dry run"} <= faults.keys()
