"""transformers 4.55 builds no model on torch 2.1.0 unless eager attention is asked for.

What happens: `ImportError: PyTorch SDPA requirements in Transformers are not met. Please install
torch>=2.1.1.` from `from_pretrained(...)` and from building a model of a config, whenever
`attn_implementation` is left open.

Why: transformers 4.38 to 4.55 use torch's attention (sdpa) from torch 2.1.1 on. Where nobody asked for it by
name, the choice used to fall back to eager attention. 4.55 fills in "sdpa" for what was left open, before it
calls the function that chooses; so that function takes it for a wish, which it refuses. 4.54 remembers what
was asked for, and 4.56 hands that on again.

The cure: the function is given what the caller asked for. Left open, it is eager attention, which gives the
same numbers; asked for by name, sdpa is refused with the same words as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from surgeon.edits import Visitor
from surgeon.patch import Case, Patch, exactly

if TYPE_CHECKING:
    import libcst as cst

CHOOSE, FILLED_IN, ASKED_FOR = (
    "get_correct_attn_implementation",
    "applicable_attn_implementation",
    "attn_implementation",
)


def _hand_on() -> cst.CSTTransformer:
    """Give the function that chooses what was asked for, where it was given what was filled in."""
    import libcst as cst
    from libcst import matchers as m

    asked = m.Call(
        func=m.Attribute(value=m.Name("self"), attr=m.Name(CHOOSE)),
        args=[m.Arg(value=m.Name(FILLED_IN), keyword=None), m.ZeroOrMore()],
    )
    filled_in = m.Assign(value=m.IfExp(body=m.SimpleString('"sdpa"'), orelse=m.Name(ASKED_FOR)))

    class HandOn(cst.CSTTransformer):
        def __init__(self) -> None:
            super().__init__()
            self.matches = 0
            self.filled_in: list[bool] = []

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            self.filled_in.append(bool(m.findall(node.body, filled_in)))

        def leave_FunctionDef(self, _: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
            self.filled_in.pop()
            return updated_node

        def leave_Call(self, _: cst.Call, updated_node: cst.Call) -> cst.Call:
            if not self.filled_in or not self.filled_in[-1] or not m.matches(updated_node, asked):
                return updated_node
            self.matches += 1
            first, *rest = updated_node.args
            return updated_node.with_changes(args=[first.with_changes(value=cst.Name(ASKED_FOR)), *rest])

    return HandOn()


PATCH = Patch(
    id="transformers-sdpa-default",
    symptom=r"PyTorch SDPA requirements in Transformers are not met\. Please install torch>=2\.1\.1",
    why=(
        "Building or loading a model fails with ImportError: PyTorch SDPA requirements in Transformers are "
        "not met. Please install torch>=2.1.1, although nobody asked for SDPA, because transformers 4.55 "
        "takes its own default for a wish."
    ),
    distribution="transformers",
    versions=">=4.55.0,<4.56",
    when={"torch": "<2.1.1"},
    files=("transformers/modeling_utils.py",),
    needle=(b"self.get_correct_attn_implementation(applicable_attn_implementation",),
    transforms=(Visitor(_hand_on),),
    expect=exactly(1, zero="what was asked for is handed on"),
    cases=(
        Case(
            before="""\
class Model:
    def adjust(self, attn_implementation, early=False):
        applicable_attn_implementation = "sdpa" if attn_implementation is None else attn_implementation
        if "/" in applicable_attn_implementation:
            return load(applicable_attn_implementation)
        return self.get_correct_attn_implementation(applicable_attn_implementation, early)  # refuses
""",
            after="""\
class Model:
    def adjust(self, attn_implementation, early=False):
        applicable_attn_implementation = "sdpa" if attn_implementation is None else attn_implementation
        if "/" in applicable_attn_implementation:
            return load(applicable_attn_implementation)
        return self.get_correct_attn_implementation(attn_implementation, early)  # refuses
""",
        ),
    ),
    unchanged=(
        """\
class Model:
    def adjust(self, attn_implementation, early=False):
        applicable_attn_implementation = attn_implementation
        return self.get_correct_attn_implementation(applicable_attn_implementation, early)
""",
    ),
    probe=(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "config = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, "
        "num_attention_heads=2)\n"
        "LlamaForCausalLM(config)"
    ),
    upstream="4.56.0",
)
