"""The definitions that patches of several packages insert: their form. Their numbers are e2e's to check."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from surgeon.edits import RMS_NORM, RMS_NORM_MODULE, SDP_BACKEND, SDPA_KERNEL, Polyfill
from surgeon.edits.tree import Tree

DEFINITIONS = {
    "_m3d_rms_norm": RMS_NORM,
    "_m3d_RMSNorm": RMS_NORM_MODULE,
    "_m3d_sdpa_kernel": SDPA_KERNEL,
    "_m3d_SDPBackend": SDP_BACKEND,
}
MISSING = {
    "_m3d_rms_norm": "torch.nn.functional.rms_norm",
    "_m3d_RMSNorm": "torch.nn.RMSNorm",
    "_m3d_sdpa_kernel": "torch.nn.attention.sdpa_kernel",
    "_m3d_SDPBackend": "torch.nn.attention.SDPBackend",
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_line_is_a_statement_of_its_own(name: str) -> None:
    lines = DEFINITIONS[name].splitlines()
    tree = ast.parse(DEFINITIONS[name])
    statements = [each for each in ast.walk(tree) if isinstance(each, ast.stmt)]
    simple = [each for each in statements if not hasattr(each, "body")]
    assert all(each.lineno == each.end_lineno for each in simple)
    assert len({each.lineno for each in statements}) == len(statements) == len(lines)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_it_binds_nothing_but_its_own_names_and_imports(name: str) -> None:
    bound: set[str] = set()
    for each in ast.parse(DEFINITIONS[name]).body:
        if isinstance(each, (ast.FunctionDef, ast.ClassDef)):
            bound.add(each.name)
        elif isinstance(each, ast.Import):
            assert all(alias.asname is None for alias in each.names)
        else:
            assert isinstance(each, ast.Assign)
            assert isinstance(each.targets[0], ast.Attribute)
    assert name in bound
    assert all(each.startswith("_m3d_") for each in bound)


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("indent", ["    ", "\t"])
def test_a_polyfill_takes_it(name: str, indent: str) -> None:
    source = f"import torch\n\n\ndef use(*args):\n{indent}return {MISSING[name]}(*args)\n"
    edit = Polyfill(MISSING[name], name, DEFINITIONS[name])
    tree = Tree(cst.parse_module(source), "an-id")
    assert edit(tree) == 1
    result = tree.commit()
    compile(result.code, name, "exec")
    assert f"return {name}(*args)" in result.code
    inserted = result.code.splitlines()[1 : 1 + len(DEFINITIONS[name].splitlines())]
    assert all(line.endswith("  # m3d-surgeon: an-id") for line in inserted)
    assert edit(Tree(result, "an-id")) == 0


def test_the_class_and_the_function_in_one_file_are_inserted_once() -> None:
    source = "import torch\n\nx = torch.nn.RMSNorm(8)(torch.nn.functional.rms_norm(y, (8,)))\n"
    tree = Tree(cst.parse_module(source), "an-id")
    for name in ("_m3d_RMSNorm", "_m3d_rms_norm"):
        Polyfill(MISSING[name], name, DEFINITIONS[name])(tree)
        tree = Tree(tree.commit(), "an-id")
    assert tree.module.code.count("def _m3d_rms_norm") == 1
    assert "x = _m3d_RMSNorm(8)(_m3d_rms_norm(y, (8,)))" in tree.module.code


def test_the_backends_have_torchs_names_and_numbers() -> None:
    scope: dict[str, dict[str, int]] = {}
    exec(SDP_BACKEND, scope)
    backends = {each.name: each.value for each in scope["_m3d_SDPBackend"]}  # type: ignore[attr-defined]
    assert backends == {
        "ERROR": -1,
        "MATH": 0,
        "FLASH_ATTENTION": 1,
        "EFFICIENT_ATTENTION": 2,
        "CUDNN_ATTENTION": 3,
    }
