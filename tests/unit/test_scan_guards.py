# ruff: noqa: E501 - one source a line
"""What keeps a missing name from doing harm, and what only looks as if it did."""

from __future__ import annotations

import pytest

from tests.unit.test_scan_references import when

GUARDED = [
    "try:\n    import torch.xpu\nexcept ImportError:\n    pass",
    "try:\n    import torch.xpu\nexcept ModuleNotFoundError:\n    pass",
    "try:\n    import torch.xpu\nexcept (ValueError, ImportError):\n    pass",
    "try:\n    from torch import xpu\nexcept Exception:\n    xpu = None",
    "try:\n    import torch.xpu\nexcept:\n    pass",
    "import torch\ntry:\n    torch.xpu\nexcept AttributeError:\n    pass",
    "import torch\ndef f():\n    try:\n        torch.xpu\n    except AttributeError:\n        pass",
    "from contextlib import suppress\nwith suppress(ImportError):\n    import torch.xpu",
    "import contextlib, torch\nwith contextlib.suppress(AttributeError):\n    torch.xpu",
    "import torch\nif hasattr(torch, 'xpu'):\n    torch.xpu",
    "import torch\nif hasattr(torch, 'xpu') and torch.xpu.is_available():\n    torch.xpu.x",
    "import torch\nx = torch.xpu if hasattr(torch, 'xpu') else None",
    "import torch\nx = hasattr(torch, 'xpu') and torch.xpu.is_available()",
    "import torch\nx = not hasattr(torch, 'xpu') or torch.xpu.is_available()",
    "import torch\nif not hasattr(torch, 'xpu'):\n    pass\nelse:\n    torch.xpu",
    "import torch\ndef f():\n    if not hasattr(torch, 'xpu'):\n        return\n    torch.xpu",
    "import torch\ndef f():\n    if not hasattr(torch, 'xpu'):\n        raise ImportError\n    torch.xpu",
    "import torch\nfor _ in x:\n    if not hasattr(torch, 'xpu'):\n        continue\n    torch.xpu",
    "import torch\ndef f():\n    assert hasattr(torch, 'xpu')\n    torch.xpu",
    "import torch\nHAS = hasattr(torch, 'xpu')\nif HAS:\n    torch.xpu",
    "import torch\nHAS = hasattr(torch, 'xpu')\nalso = HAS and True\ndef f():\n    if also:\n        torch.xpu",
    "import torch\nif getattr(torch, 'xpu', None) is not None:\n    torch.xpu",
    "import torch\nif getattr(torch, 'xpu', None):\n    torch.xpu",
    "import torch\nx = [torch.xpu for _ in y if hasattr(torch, 'xpu')]",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import xpu",
    "import typing\nif typing.TYPE_CHECKING:\n    from torch import xpu",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING or SLOW:\n    from torch import xpu",
    "if is_torch_version('>=', '2.4'):\n    import torch.xpu",
    "if not is_torch_version('<', '2.4'):\n    import torch.xpu",
    "if is_torch_version('<', '2.4'):\n    pass\nelse:\n    import torch.xpu",
    "if is_torch_greater_or_equal('2.4'):\n    import torch.xpu",
    "if is_torch_greater_or_equal_than_2_4:\n    import torch.xpu",
    "if is_torch_version_at_least('2.4'):\n    import torch.xpu",
    "import torch\nfrom packaging import version\nif version.parse(torch.__version__) >= version.parse('2.4'):\n    torch.xpu",
    "import torch\nfrom packaging.version import Version\nif Version('2.4') <= Version(torch.__version__):\n    torch.xpu",
    "import torch\nif torch.__version__ >= '2.4':\n    torch.xpu",
    "import torch\nif _torch_version >= version.parse('2.4'):\n    torch.xpu",
    "import torch\nv = version.parse(version.parse(torch.__version__).base_version)\nif v >= version.parse('2.4'):\n    torch.xpu",
    "import torch\nNEW = version.parse(torch.__version__) >= version.parse('2.4')\nif NEW:\n    torch.xpu",
    "if compare_versions('torch', '>=', '2.4'):\n    import torch.xpu",
    "if is_torch_xpu_available():\n    import torch.xpu",
    "import torch\nif utils.is_xpu_available():\n    torch.xpu",
    "if is_flash_attn_available():\n    import torch.xpu",
    "if is_torch_npu_available() or is_torch_xla_available():\n    import torch.xpu",
    "if _is_xpu():\n    import torch.xpu",
    "if HAS_XPU:\n    import torch.xpu",
    "import sys\nif sys.version_info >= (3, 12):\n    import torch.xpu",
    "import sys\nif sys.platform == 'win32':\n    import torch.xpu",
    "if __name__ == '__main__':\n    import torch.xpu",
    "import importlib.util\nif importlib.util.find_spec('nothing_of_that_name'):\n    import torch.xpu",
    "import importlib.util\nif importlib.util.find_spec('nothing_of_that_name') is not None:\n    import torch.xpu",
    "if False:\n    import torch.xpu",
    "while False:\n    import torch.xpu",
    "import torch\nif torch.backends.mps.is_available():\n    torch.xpu",
    "try:\n    import nothing\n    HAS = True\nexcept ImportError:\n    HAS = False\nif HAS:\n    import torch.xpu",
    "try:\n    import torch.cuda\nexcept ImportError:\n    import torch.xpu",
    "try:\n    import nothing\nexcept ImportError:\n    nothing = None\nelse:\n    import torch.xpu",
    "import torch\nif hasattr(torch, 'xpu'):\n    def f():\n        torch.xpu",
    "if is_transformers_version('<', '4.40'):\n    import torch.xpu",
    "try:\n    import torch.xpu as a\nexcept ImportError:\n    a = None\ndef f():\n    a.b",
    "try:\n    from torch.distributed.tensor import DTensor\n    OK = True\nexcept ImportError:\n    OK = False\nif OK:\n    import torch.xpu",
]
GUARDED += [
    "try:\n    import nothing\n    import torch.xpu\nexcept ValueError:\n    pass",
    "import torch\ntry:\n    import nothing\n    x = torch.xpu\nexcept ModuleNotFoundError:\n    pass",
]
UNGUARDED = [
    "import torch\ntry:\n    import numpy\n    x = torch.xpu\nexcept ModuleNotFoundError:\n    pass",
    "try:\n    import torch.xpu\nexcept AttributeError:\n    pass",
    "import torch\ntry:\n    torch.xpu\nexcept ImportError:\n    pass",
    "try:\n    import torch.xpu\nexcept ImportError:\n    raise",
    "try:\n    import torch.xpu\nexcept ImportError as e:\n    raise RuntimeError from e",
    "try:\n    import torch.xpu\nfinally:\n    pass",
    "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    import torch.xpu",
    "try:\n    import nothing\nexcept ImportError:\n    import torch.xpu",
    "try:\n    import torch.nn.attention\nexcept ImportError:\n    pass\nimport torch.nn.attention",
    "import torch\nif hasattr(torch, 'cuda'):\n    torch.xpu",
    "import torch\nif not hasattr(torch, 'xpu'):\n    torch.xpu",
    "import torch\nif hasattr(torch, 'cuda') and torch.xpu:\n    pass",
    "if is_torch_version('>=', '2.0'):\n    import torch.xpu",
    "if is_torch_version('<', '2.4'):\n    import torch.xpu",
    "if is_torch_greater_or_equal_than_1_13:\n    import torch.xpu",
    "if is_torch_available():\n    import torch.xpu",
    "if is_transformers_available():\n    import torch.xpu",
    "if is_transformers_version('>=', '4.40'):\n    import torch.xpu",
    "import torch\nfrom packaging import version\nif version.parse(torch.__version__) >= version.parse('2.0'):\n    torch.xpu",
    "import torch\nif torch.distributed.is_available():\n    torch.xpu",
    "import sys\nif sys.version_info >= (3, 8):\n    import torch.xpu",
    "import os\nif os.environ.get('X'):\n    import torch.xpu",
    "import typing\nif not typing.TYPE_CHECKING:\n    import torch.xpu",
    "if something:\n    import torch.xpu",
    "import torch\nif something:\n    pass\nelse:\n    torch.xpu",
    "import torch\nHAS = hasattr(torch, 'cuda')\nif HAS:\n    torch.xpu",
    "import torch\nif hasattr(torch, 'xpu'):\n    x = 1\ntorch.xpu",
    "import contextlib, torch\nwith contextlib.suppress(ImportError):\n    torch.xpu",
    "try:\n    import numpy\n    HAS = True\nexcept ImportError:\n    HAS = False\nif HAS:\n    import torch.xpu",
]


@pytest.mark.parametrize("source", GUARDED)
def test_a_guard_is_seen(source: str) -> None:
    assert when(source) == "guarded"


@pytest.mark.parametrize("source", UNGUARDED)
def test_what_is_no_guard_is_none(source: str) -> None:
    from tests.unit.test_scan_references import gaps

    assert "import" in {gap.when.value for gap in gaps(source)}


def test_a_version_check_is_computed_for_the_torch_that_is_asked() -> None:
    source = "if is_torch_version('>=', '2.4'):\n    import torch.xpu"
    newer = {"torch": "2.5.1"}
    from surgeon.scan.gaps import judge, questions
    from surgeon.scan.guards import World
    from surgeon.scan.references import read
    from tests.unit.test_scan_references import answer

    found = read(source.encode(), "torch")
    judged = judge(found, World("torch", newer, {"torch"}), {each: answer(each) for each in questions(found)})
    assert [gap.when.value for gap in judged.gaps] == ["import"]
