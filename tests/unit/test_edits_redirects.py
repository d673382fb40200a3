"""Redirected calls and dropped conditions; the first example of each is the one in its documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import pytest

from surgeon.edits import DropCondition, RedirectCall
from surgeon.edits.tree import Tree

if TYPE_CHECKING:
    from surgeon.patch import Edit

MARK = "  # m3d-surgeon: an-id"
DEFINITION = """\
def _m3d_interpolate(x, *, antialias=False, **options):
    import torch
    return torch.nn.functional.interpolate(x, **options)
"""
IMPORT = "import torch.nn.functional as F\n"
INSERTED = "".join(f"{line}{MARK}\n" for line in DEFINITION.splitlines())
REDIRECT = RedirectCall(
    "torch.nn.functional.interpolate", "antialias", "_m3d_interpolate", DEFINITION, since="2.5"
)
DROP = DropCondition('options["antialias"] = antialias', "torch.nn.resample", since="2.5")


def run(edit: Edit, source: str) -> str:
    """The result; running the edit on it again must find nothing."""
    tree = Tree(cst.parse_module(source), "an-id")
    matches = edit(tree)
    result = tree.commit().code
    assert (matches > 0) is (result != source)
    assert edit(Tree(cst.parse_module(result), "an-id")) == 0
    compile(result, "result", "exec")
    return result


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("import torch.nn.functional as F\n", "F.interpolate"),
        ("import torch\n", "torch.nn.functional.interpolate"),
        ("from torch.nn import functional\n", "functional.interpolate"),
        ("from torch.nn.functional import interpolate as resize\n", "resize"),
    ],
)
def test_a_call_with_the_keyword_is_redirected(imports: str, call: str) -> None:
    source = f"{imports}\ny = {call}(x, antialias=True)\nz = {call}(x, scale=2)\n"
    wanted = f"{imports}{INSERTED}\ny = _m3d_interpolate(x, antialias=True)\nz = {call}(x, scale=2)\n"
    assert run(REDIRECT, source) == wanted


def test_the_definition_is_inserted_once() -> None:
    body = "\ndef f(x, a):\n    return F.interpolate(F.interpolate(x, antialias=a))\n"
    once = run(REDIRECT, IMPORT + body)
    assert once == IMPORT + INSERTED + body.replace("F.interpolate(x", "_m3d_interpolate(x")
    tree = Tree(cst.parse_module(once + "F.interpolate(x, antialias=True)\n"), "an-id")
    assert REDIRECT(tree) == 1
    assert tree.commit().code == once + "_m3d_interpolate(x, antialias=True)\n"


def test_one_call_inside_another() -> None:
    source = IMPORT + "F.interpolate(F.interpolate(x, antialias=a), antialias=b)\n"
    wanted = "_m3d_interpolate(_m3d_interpolate(x, antialias=a), antialias=b)\n"
    assert run(REDIRECT, source).endswith(wanted)


@pytest.mark.parametrize(
    "source",
    [
        IMPORT + "F.interpolate(x, scale=2)\n",
        IMPORT + "f = F.interpolate\nf(x, antialias=True)\n",
        IMPORT + "F.interpolate(x, **{'antialias': True})\n",
        IMPORT + "F.interpolate.of(x, antialias=True)\n",
        IMPORT + "use(F.interpolate, antialias=True)\n",
        "def f(F):\n    return F.interpolate(x, antialias=True)\n",
        IMPORT + "try:\n    F.interpolate(x, antialias=True)\nexcept Exception: ...\n",
        IMPORT + "if is_torch_version('>=', '2.5'):\n    F.interpolate(x, antialias=1)\n",
    ],
)
def test_other_calls_stay(source: str) -> None:
    assert run(REDIRECT, source) == source


def test_a_check_for_an_older_torch_is_no_guard() -> None:
    source = IMPORT + "if is_torch_version('>=', '2.4'):\n    F.interpolate(x, antialias=1)\n"
    assert "_m3d_interpolate(x" in run(REDIRECT, source)


@pytest.mark.parametrize(
    "test",
    [
        'is_torch_version(">=", "2.5")',
        "_CAN_USE_RESAMPLE",
        "not is_torch_version('<', '2.5.0')",
        "hasattr(torch.nn, 'resample')",
    ],
)
def test_a_condition_for_a_newer_torch_goes(test: str) -> None:
    source = "import torch\n\ndef f(options, antialias):\n"
    source += f"    if {test}:\n        options['antialias'] = antialias\n"
    wanted = "import torch\n\ndef f(options, antialias):\n    options['antialias'] = antialias\n"
    assert run(DROP, source) == wanted


def test_comments_stay_above_the_statement() -> None:
    source = """\
if True:
    x = 1

    # above
    if is_torch_version(">=", "2.5"):  # beside the test
        # inside
        options["antialias"] = antialias  # beside

y = 2
"""
    wanted = """\
if True:
    x = 1

    # above
    # beside the test
    # inside
    options["antialias"] = antialias  # beside

y = 2
"""
    assert run(DROP, source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        'if flag:\n    options["antialias"] = antialias\n',
        'if is_torch_version(">=", "2.4"):\n    options["antialias"] = antialias\n',
        'if is_torch_version("<", "2.5"):\n    options["antialias"] = antialias\n',
        'if is_torch_version(">=", "2.5"):\n    options["antialias"] = True\n',
        'if is_torch_version(">=", "2.5"):\n    options["antialias"] = antialias\nelse:\n    x = 1\n',
        'if is_torch_version(">=", "2.5"):\n    options["antialias"] = antialias\n    x = 1\n',
        'if is_torch_version(">=", "2.5"):\n    options["antialias"] = antialias\n    # and so on\n',
        'if is_torch_version(">=", "2.5"):\n    options["antialias"] = antialias; x = 1\n',
        'if is_torch_version(">=", "2.5"):\n    for _ in x:\n        options["antialias"] = antialias\n',
        'if is_torch_version(">=", "2.5"): options["antialias"] = antialias\n',
        'if flag:\n    x = 1\nelif is_torch_version(">=", "2.5"):\n    options["antialias"] = antialias\n',
        'options["antialias"] = antialias\n',
    ],
)
def test_other_conditions_stay(source: str) -> None:
    assert run(DROP, source) == source
