"""What a module offers: the names that exist in it, and the parameters that its functions take.

Two answer: an installed module, asked in one process of its own interpreter, and the table of the
releases of torch, for one that is not installed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Question:
    """One use of a name.

    Attributes:
        name: dotted, from the top-level module on: `torch.nn.RMSNorm`.
        imported: whether an import statement reaches it, which loads submodules; otherwise it is
            read as an attribute, and exists only if importing the modules that the source imports
            makes it so. `torch.distributed.device_mesh` is there since torch 2.2, and an attribute
            after a mere `import torch` since 2.4.
        loaded: the modules of the same top level that the source imports, for attributes.
    """

    name: str
    imported: bool = False
    loaded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """What is known of it.

    Attributes:
        exists: whether the name is there.
        missing: the first part of the name that is not (`torch.xpu` of `torch.xpu.device_count`),
            or an empty string.
        parameters: the names that a call may pass by keyword; `None` where that cannot be known
            (no readable signature, `**kwargs`, not callable).
    """

    exists: bool
    missing: str = ""
    parameters: frozenset[str] | None = None


class Surface(Protocol):
    """Something that knows what a module offers."""

    @property
    def description(self) -> str:
        """For people: `torch 2.1.0+cu121, installed`, `torch 2.4.1, from the table`."""

    def ask(self, questions: Collection[Question]) -> Mapping[Question, Found]:
        """Answer every question.

        Raises:
            EnvironmentUnusable: the module cannot be asked.
        """
