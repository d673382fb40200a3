"""xfuser's Ulysses attention fails on several GPUs because torch has no functional all_to_all_single.

What happens: `AttributeError: module 'torch.distributed._functional_collectives' has no attribute
'all_to_all_single'` from the first attention layer, with `ulysses_degree` above 1. On one GPU
nothing happens.

Why: xfuser exchanges heads for tokens with a private function that torch has since 2.2. The releases
from 0.4.0, the first with USP, to 0.7.0 do so in `usp`, and in `usp_legacy` too, which they keep for
torch older than 2.5.

The cure: the exchange goes through `torch.distributed.all_to_all_single`, which every torch has and
which the private function calls in the end. It waits for the result at once, as xfuser did in the
next line.
"""

from surgeon.edits import Polyfill
from surgeon.patch import Case, Patch, at_least

ALL_TO_ALL = """\
def _m3d_all_to_all_single(self, output_split_sizes, input_split_sizes, group):
    import torch
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    output = self.new_empty((rows, *self.shape[1:]))
    exchange = torch.distributed.all_to_all_single
    exchange(output, self.contiguous(), output_split_sizes, input_split_sizes, group=group)
    return output
"""

PATCH = Patch(
    id="xfuser-all-to-all",
    symptom=r"_functional_collectives' has no attribute 'all_to_all_single'",
    why=(
        "Running xfuser with Ulysses attention on several GPUs fails with AttributeError: module "
        "'torch.distributed._functional_collectives' has no attribute 'all_to_all_single', because torch "
        "has that function there only since 2.2."
    ),
    distribution="xfuser",
    versions=">=0.4.0",
    when={"torch": "<2.2"},
    files=(
        "xfuser/model_executor/layers/usp.py",
        "xfuser/model_executor/layers/usp_legacy.py",
    ),
    needle=(b"all_to_all_single",),
    transforms=(
        Polyfill(
            "torch.distributed._functional_collectives.all_to_all_single",
            "_m3d_all_to_all_single",
            ALL_TO_ALL,
            since="2.2",
        ),
    ),
    expect=at_least(1, zero="every use is guarded"),
    cases=(
        Case(
            before="""\
import torch.distributed._functional_collectives as fc


def swap(x, group):
    return fc.all_to_all_single(x.flatten(), output_split_sizes=None, input_split_sizes=None, group=group)
""",
            after="""\
import torch.distributed._functional_collectives as fc
def _m3d_all_to_all_single(self, output_split_sizes, input_split_sizes, group):  # m3d-surgeon: xfuser-all-to-all
    import torch  # m3d-surgeon: xfuser-all-to-all
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)  # m3d-surgeon: xfuser-all-to-all
    output = self.new_empty((rows, *self.shape[1:]))  # m3d-surgeon: xfuser-all-to-all
    exchange = torch.distributed.all_to_all_single  # m3d-surgeon: xfuser-all-to-all
    exchange(output, self.contiguous(), output_split_sizes, input_split_sizes, group=group)  # m3d-surgeon: xfuser-all-to-all
    return output  # m3d-surgeon: xfuser-all-to-all


def swap(x, group):
    return _m3d_all_to_all_single(x.flatten(), output_split_sizes=None, input_split_sizes=None, group=group)
""",  # noqa: E501
        ),
    ),
    unchanged=(
        """\
import torch.distributed as dist


def swap(x, y, group):
    dist.all_to_all_single(y, x, group=group)
    return y
""",
        """\
import torch.distributed._functional_collectives as fc

if hasattr(fc, "all_to_all_single"):

    def swap(x, group):
        return fc.all_to_all_single(x, None, None, group)
""",
    ),
    probe=(
        "import torch, types, torch.distributed as dist\n"
        "from xfuser.model_executor.layers import usp_legacy as usp\n"
        "dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)\n"
        "usp.PROCESS_GROUP = types.SimpleNamespace(ULYSSES_PG=dist.group.WORLD)\n"
        "assert usp._sdpa_all_to_all_single(torch.arange(4.0)).tolist() == [0, 1, 2, 3]\n"
    ),
)
