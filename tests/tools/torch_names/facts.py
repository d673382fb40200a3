"""One release as flat facts: for each module and class, its names, and for each name a cell.

A cell is short text, read again by `surgeon.scan.releases`:

    (empty)          there is such a name; nothing else is known of it
    (a b             a function, with the names that a call may pass by keyword
    @module:Name     a class or function defined elsewhere; `@` alone: a class defined here
    :module          a module; `:` alone: the submodule of that name
    ?                there may be such a name

Two names are no names: the empty one holds the kind (`M` a module that `import torch` loads, `m` any other
module, `c` a class; with `*` if it may hold more than is listed), and `<` the modules that importing it loads
besides, or the bases of a class (`?` for one outside torch).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.tools.torch_names.events import Class, From, Function, Module, Value
from tests.tools.torch_names.modules import is_extension
from tests.tools.torch_names.resolve import Release, Thing

Facts = dict[str, dict[str, str]]

NOT_COVERED = (
    "torch.testing._internal",
    "torch._inductor",
    "torch._vendor",
    "torch.onnx._internal",
    "torch._refs",
    "torch.fx.experimental.migrate_gradual_types",
)
"""Left out for size: the modules inside are not listed, and every name in them counts as being there."""

CLOSED_STUBS = frozenset({"TensorBase", "_TensorBase"})
"""Classes of the extension module whose stubs are complete: generated from the list of all operators."""

UNLISTED = (
    *("_fix_weakref", "_has_symbolic_sizes_strides", "_make_wrapper_subclass", "_post_accumulate_grad_hooks"),
    *("_python_dispatch", "_rev_view_func_unsafe", "_use_count", "_view_func", "_view_func_unsafe"),
    *("cdouble", "cfloat", "const_data_ptr", "ipu", "is_cpu", "is_xla", "is_xpu", "mtia", "name", "norm"),
    *("retains_grad", "stft", "volatile", "xpu", "__init__"),
)
"""What they leave out all the same: what was found in running tensors, from 2.0.1 to 2.15.0."""


def facts_of(release: Release, additions: Mapping[str, tuple[Iterable[str], Iterable[str]]]) -> Facts:
    """All facts of a release.

    Args:
        release: its sources, resolved.
        additions: per module, names that are there besides, and names that may be.
    """
    loaded = release.loaded("torch") | {m for m in release.modules if is_extension(m)}
    found: Facts = {}
    for module in sorted(release.modules):
        if not covered(module):
            found[module] = {"": "M*" if module in loaded else "m*"}
            continue
        found[module] = _module(release, module, loaded)
        scope = release.scope(module)
        for name, value in scope.names.items():
            if isinstance(value, Class):
                _class(release, found, module, name, value)
    for module, (present, unsure) in additions.items():
        if module in found and covered(module):
            for name in present:
                found[module].setdefault(name, "")
            for name in unsure:
                found[module].setdefault(name, "?")
    return _public(found)


def _public(facts: Facts) -> Facts:
    """Without the members of classes to which no public name leads."""
    kept: set[str] = set()
    waiting = [
        f"{module}:{name}" if cell == "@" else cell[1:]
        for module, cells in facts.items()
        if ":" not in module and "._" not in module
        for name, cell in cells.items()
        if cell.startswith("@") and not name.startswith("_")
    ]
    while waiting:
        place = waiting.pop()
        if place in kept or place not in facts:
            continue
        kept.add(place)
        cells = facts[place]
        waiting += cells.get("<", "").split()
        waiting += [f"{place}.{name}" for name, cell in cells.items() if cell == "@"]
    return {space: cells for space, cells in facts.items() if ":" not in space or space in kept}


def common_names(releases: Iterable[Release]) -> list[str]:
    """The names that many modules import from elsewhere (`sys`, `Any`): not listed, and never missing."""
    counts: Counter[str] = Counter()
    for release in releases:
        for module in release.modules:
            counts.update(name for name, value in release.scope(module).names.items() if _foreign(value))
    return sorted(name for name, count in counts.items() if count >= 8)


def _foreign(value: Value) -> bool:
    where = value.module if isinstance(value, From) else value.name if isinstance(value, Module) else "torch"
    return where.partition(".")[0] != "torch"


def covered(module: str) -> bool:
    """Whether a module's names are listed."""
    return not any(module == root or module.startswith(root + ".") for root in NOT_COVERED)


def _module(release: Release, module: str, loaded: set[str]) -> dict[str, str]:
    scope = release.scope(module)
    cells = {"": ("M" if module in loaded else "m") + ("*" if scope.open else "")}
    if module not in loaded:
        besides = {
            m for m in release.imports(module) if m in release.modules and m not in loaded and m != module
        }
        if besides:
            cells["<"] = " ".join(sorted(besides))
    for place in scope.merged:
        cells.update(dict.fromkeys(release.members(place), ""))
    if module in release.replaced and release.replaced[module] in release.modules:
        cells.update(dict.fromkeys(release.scope(release.replaced[module]).names, ""))
    for name, value in scope.names.items():
        thing = release.find(module, name) or release.thing(module, value, name)
        if thing is not None and (name, thing.module) != ("torch", "torch"):
            cells[name] = _cell(release, module, name, thing)
    return {name: cell for name, cell in cells.items() if not _universal(name)}


def _universal(name: str) -> bool:
    """Names that every module or class has, or may have: they are never missing."""
    return name.startswith("__") and name.endswith("__")


def _cell(release: Release, module: str, name: str, thing: Thing) -> str:
    if thing.kind == "module":
        return ":" if thing.module == f"{module}.{name}" else f":{thing.module}"
    if thing.kind not in {"class", "function"} or not covered(thing.module):
        return "?" if thing.kind == "unsure" else ""
    here = (thing.module, thing.name) == (module, name)
    if thing.kind == "class":
        return "@" if here else f"@{thing.module}:{thing.name}"
    if "." in thing.name:  # a method, out of its class
        return ""
    function = _function(thing.module, thing.name, release.function_at(thing.module, thing.name))
    return function if here or not function else f"@{thing.module}:{thing.name}"


NUMPY_NAMES = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
"""What torch's argument parser takes for numpy's sake (`torch/csrc/utils/python_arg_parser.cpp`)."""


GENERATED = ("torch._C._VariableFunctions", "torch._C:TensorBase", "torch._C:_TensorBase")
"""What of the stubs is generated from the list of all operators, and so has every parameter."""

BY_HAND = "torch._C._nn"
"""Written by hand, with all parameters but the two that each of these functions may take."""


INCOMPLETE = frozenset(
    {
        "to",
        "cpu",
        "cuda",
        "ipu",
        "xpu",
        "type",
        "tensor",
        "as_tensor",
        "asarray",
        "range",
        "full",
        "new_tensor",
    }
    | {f"sparse_{kind}_tensor" for kind in ("coo", "csr", "csc", "bsr", "bsc", "compressed")}
)
"""Operators whose stubs are written by hand after all, and leave parameters out (`memory_format` of `to`)."""


def _function(space: str, name: str, function: Function) -> str:
    """The cell of a function in a module or class."""
    if function.parameters is None:
        return ""
    names = set(function.parameters)
    if is_extension(space.partition(":")[0]):
        if space == BY_HAND:
            names |= {"input", "out"}
        elif space not in GENERATED or name in INCOMPLETE:
            return ""
        names.update(other for name in function.parameters for other in NUMPY_NAMES.get(name, ()))
    return "(" + " ".join(sorted(names))


def _class(release: Release, found: Facts, module: str, name: str, value: Class) -> None:
    bases = release.bases(module, name)
    stub = release.modules[module]
    closed = stub and name in CLOSED_STUBS
    cells = {"": "c" if closed or not (value.open or stub) else "c*"}
    cells.update(dict.fromkeys(UNLISTED if closed else (), "?"))
    if bases:
        cells["<"] = " ".join(bases)
    for member, inner in value.members.items():
        if _universal(member) and member not in {"__init__", "__new__"}:
            continue
        cells[member] = _member(f"{module}:{name}", member, inner)
        if isinstance(inner, Class):
            _class(release, found, module, f"{name}.{member}", inner)
    found[f"{module}:{name}"] = cells


def _member(space: str, name: str, value: Value) -> str:
    if isinstance(value, Class):
        return "@"
    return _function(space, name, value) if isinstance(value, Function) else ""
