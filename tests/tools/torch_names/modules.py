"""Dotted names of modules."""

from __future__ import annotations

EXTENSION = "torch._C"
"""The extension module: known from its stubs only, which leave names out."""


def is_extension(module: str) -> bool:
    """Whether a module belongs to the extension: it is there as soon as torch is imported."""
    return module == EXTENSION or module.startswith(EXTENSION + ".")


def with_parents(module: str) -> list[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]
