"""transformers cannot be imported because torch's pytree has no public register_pytree_node.

What happens: `AttributeError: module 'torch.utils._pytree' has no attribute 'register_pytree_node'`
from any model class of transformers (`from transformers import CLIPTextModel`), or `ImportError:
cannot import name 'register_pytree_node'`.

Why: transformers registers its model outputs as pytree nodes when the classes are created, with a
function that torch made public in 2.2. Releases up to 4.55 asked for torch's version and used the
older, private function below 2.2; 4.56.0 removed the question. From 5.0 on transformers does
without torch altogether where torch is older than 2.2, so that this does not arise.

The cure: the calls go to `_register_pytree_node`, which takes no `serialized_type_name` before
torch 2.2. That is the call that transformers itself made up to 4.55; the type's name serves only
to save exported programs. `register_dynamic_cache_export_support` is left alone: it belongs to
`torch.export` with a cache, which older torch cannot do, and it fails when it is called.
"""

from surgeon.edits import DropKeyword, Rename
from surgeon.patch import Case, Patch, at_least

PUBLIC = "torch.utils._pytree.register_pytree_node"
PRIVATE = "torch.utils._pytree._register_pytree_node"

PATCH = Patch(
    id="transformers-pytree",
    symptom=r"has no attribute 'register_pytree_node'|cannot import name 'register_pytree_node'",
    why=(
        "Importing a transformers model fails with AttributeError: module 'torch.utils._pytree' has no "
        "attribute 'register_pytree_node', because transformers 4.56 dropped its own fallback for torch "
        "older than 2.2, where that function is private."
    ),
    distribution="transformers",
    versions=">=4.56.0,<5",
    when={"torch": "<2.2"},
    files=("transformers/utils/generic.py",),
    needle=(b"register_pytree_node",),
    transforms=(
        DropKeyword(PUBLIC, "serialized_type_name", since="2.2"),
        Rename(PUBLIC, PRIVATE, since="2.2"),
    ),
    expect=at_least(2, zero="the calls are guarded"),
    cases=(
        Case(
            before="""\
from functools import partial


class Output(dict):
    def __init_subclass__(cls) -> None:
        if is_torch_available():
            from torch.utils._pytree import register_pytree_node

            register_pytree_node(
                cls,
                flatten,
                partial(unflatten, output_type=cls),
                serialized_type_name=f"{cls.__module__}.{cls.__name__}",
            )


if is_torch_available():
    import torch.utils._pytree as _torch_pytree

    _torch_pytree.register_pytree_node(
        Output,
        flatten,
        partial(unflatten, output_type=Output),
        serialized_type_name="Output",
    )
""",
            after="""\
from functools import partial


class Output(dict):
    def __init_subclass__(cls) -> None:
        if is_torch_available():
            from torch.utils._pytree import _register_pytree_node as register_pytree_node

            register_pytree_node(
                cls,
                flatten,
                partial(unflatten, output_type=cls),
            )


if is_torch_available():
    import torch.utils._pytree as _torch_pytree

    _torch_pytree._register_pytree_node(
        Output,
        flatten,
        partial(unflatten, output_type=Output),
    )
""",
        ),
        Case(
            before="""\
import torch
from torch.utils._pytree import register_pytree_node as register

register(A, flatten, unflatten, serialized_type_name="A")
torch.utils._pytree.register_pytree_node(B, flatten, unflatten)
""",
            after="""\
import torch
from torch.utils._pytree import _register_pytree_node as register

register(A, flatten, unflatten)
torch.utils._pytree._register_pytree_node(B, flatten, unflatten)
""",
        ),
    ),
    unchanged=(
        """\
import torch.utils._pytree as _torch_pytree

if version.parse(get_torch_version()) >= version.parse("2.2"):
    _torch_pytree.register_pytree_node(A, flatten, unflatten, serialized_type_name="A")
else:
    _torch_pytree._register_pytree_node(A, flatten, unflatten)
""",
        """\
try:
    from torch.utils._pytree import register_pytree_node
except ImportError:
    from torch.utils._pytree import _register_pytree_node as register_pytree_node
""",
        """\
from optree import register_pytree_node

register_pytree_node(A, flatten, unflatten, serialized_type_name="A")
""",
    ),
    probe="import transformers.utils.generic",
)
