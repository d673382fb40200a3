"""The table of torch's names against real releases: names, members, parameters, what `import torch` loads.

The expected values by release were read off running releases (2.0.1, 2.1.0, 2.1.2, 2.2.2, 2.3.1, 2.4.1,
2.6.0, 2.8.0, 2.13.0, 2.15.0) and, where none of these decides, off the sources in the wheel of the first
release that is named.
"""

from __future__ import annotations

import shutil

import pytest
from packaging.version import Version

from surgeon.scan import releases
from surgeon.scan.surface import Found, Question
from tests import environments, support
from tests.tools.torch_names.check import Comparison, compared, observed

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """The table's torch 2.1.0 and a running one."""
    venv = support.CACHE / "e2e" / "torch-names"
    shutil.rmtree(venv, ignore_errors=True)
    support.make_venv(venv)
    environments.install(venv, "torch==2.1.0", "numpy<2", "setuptools")
    return compared(observed(venv / "bin" / "python"))


def test_nothing_that_torch_has_is_called_missing(comparison: Comparison) -> None:
    assert comparison.names.right > 20_000
    assert comparison.names.missed == []
    assert comparison.members.missed == []


def test_nearly_all_that_the_table_lists_is_there(comparison: Comparison) -> None:
    assert comparison.names.precision > 0.99, comparison.names.invented
    assert comparison.members.precision > 0.99, comparison.members.invented


def test_import_torch_loads_what_the_table_says(comparison: Comparison) -> None:
    assert comparison.loaded.right > 500
    assert comparison.loaded.recall > 0.99, comparison.loaded.missed
    assert comparison.loaded.precision > 0.99, comparison.loaded.invented


def test_parameters_are_those_of_the_signatures(comparison: Comparison) -> None:
    assert comparison.parameters.right > 5_000
    assert comparison.parameters.recall > 0.99, comparison.parameters.missed


def ask(version: str, name: str, *, imported: bool, loaded: tuple[str, ...] = ()) -> Found:
    question = Question(name, imported, frozenset(loaded))
    return releases.table(version).ask([question])[question]


NEVER = "99"

SINCE = [
    # name, the first release in which `import torch` makes it an attribute, and in which it can be imported
    ("torch.xpu", "2.3.0", "2.3.0"),
    ("torch.xpu.device_count", "2.3.0", "2.3.0"),
    ("torch.nn.RMSNorm", "2.4.0", "2.4.0"),
    ("torch.library.custom_op", "2.4.0", "2.4.0"),
    ("torch.library.register_fake", "2.4.0", "2.4.0"),
    ("torch.distributed.device_mesh", "2.4.0", "2.2.0"),
    ("torch.distributed.device_mesh.DeviceMesh", "2.4.0", "2.2.0"),
    ("torch.utils._pytree.register_pytree_node", "2.2.0", "2.2.0"),
    ("torch.utils._pytree._register_pytree_node", "2.0.0", "2.0.0"),
    ("torch.nn.attention", "2.3.0", "2.3.0"),
    ("torch.nn.attention.SDPBackend", "2.3.0", "2.3.0"),
    ("torch.nn.attention.flex_attention", NEVER, "2.5.0"),
    ("torch.float8_e4m3fn", "2.1.0", "2.1.0"),
    ("torch.float8_e4m3fnuz", "2.2.0", "2.2.0"),
    ("torch.uint16", "2.3.0", "2.3.0"),
    ("torch.get_default_device", "2.3.0", "2.3.0"),
    ("torch.OutOfMemoryError", "2.4.0", "2.4.0"),
    ("torch.amp.GradScaler", "2.3.0", "2.3.0"),
    ("torch.compiler.is_compiling", "2.3.0", "2.3.0"),
    ("torch.accelerator", "2.6.0", "2.6.0"),
    ("torch.nn.Buffer", "2.5.0", "2.5.0"),
    ("torch.export", "2.1.0", "2.1.0"),
    ("torch.serialization.safe_globals", "2.5.0", "2.5.0"),
    ("torch.library.triton_op", "2.6.0", "2.6.0"),
]


@pytest.mark.parametrize(("name", "attribute", "importable"), SINCE, ids=[row[0] for row in SINCE])
def test_each_known_incident_is_right_in_every_release(name: str, attribute: str, importable: str) -> None:
    for version in releases.versions():
        for imported, since in ((False, attribute), (True, importable)):
            there = ask(version, name, imported=imported).exists
            assert there == (Version(version) >= Version(since)), (version, imported)


def test_a_module_is_an_attribute_once_something_has_imported_it() -> None:
    mesh = "torch.distributed.device_mesh"
    assert not ask("2.2.2", mesh, imported=False, loaded=("torch.distributed",)).exists
    assert ask("2.2.2", mesh, imported=False, loaded=(mesh,)).exists
    assert ask("2.2.2", mesh + ".DeviceMesh", imported=False, loaded=(mesh,)).exists
    # Looked at in torch 2.2.2: the tensor package imports the mesh.
    assert ask("2.2.2", mesh, imported=False, loaded=("torch.distributed._tensor",)).exists
    assert ask("2.1.0", mesh + ".DeviceMesh", imported=True) == Found(exists=False, missing=mesh)


def test_parameters_by_release() -> None:
    attention = "torch.nn.functional.scaled_dot_product_attention"
    node = "torch.utils._pytree._register_pytree_node"
    for version in releases.versions():
        taken = ask(version, attention, imported=False).parameters
        if Version(version) < Version("2.1.0"):
            assert taken is None, "the stub of torch 2.0 has no such function"
        else:
            assert taken is not None
            assert "attn_mask" in taken
            # In the stub of torch 2.5.0 and not in that of 2.4.1.
            assert ("enable_gqa" in taken) == (Version(version) >= Version("2.5.0")), version
        # In the sources of torch 2.2.0 and not in those of 2.1.2.
        taken = ask(version, node, imported=False).parameters
        assert taken is None or ("serialized_type_name" in taken) == (Version(version) >= Version("2.2.0")), (
            version
        )
    assert ask("2.1.0", node, imported=False).parameters is not None
