"""Run by the interpreter of an installed torch: prints, as one line of JSON, what really is in its modules.

    python -I -B observe.py [PREFIX TO LEAVE OUT ...] < {"torch.nn": ["Linear", ...], ...}

The names on standard input are asked for as well: what a module's `__getattr__` answers is not in `dir()`.

Standard library only, and no import of this repository: the interpreter knows nothing of it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import types
import warnings
from pathlib import Path


def parameters(thing: object) -> list[str] | None:
    """The names that a call may pass by keyword; `None` if they cannot be read."""
    try:
        signature = inspect.signature(thing)  # type: ignore[arg-type]
    except Exception:
        return None
    kinds = [p.kind for p in signature.parameters.values()]
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in signature.parameters.values() if p.kind in keyword]


def describe(thing: object) -> dict[str, object]:
    """What one value is, as far as the table says it."""
    if isinstance(thing, types.ModuleType):
        return {"module": thing.__name__}
    if inspect.isclass(thing):
        return {"class": f"{thing.__module__}:{thing.__qualname__}", "parameters": parameters(thing)}
    if callable(thing):
        return {"parameters": parameters(thing)}
    return {}


def contents(module: types.ModuleType, asked: list[str]) -> dict[str, object]:
    """The names of a module that are not there merely because a submodule was imported."""
    found: dict[str, object] = {}
    for name in dict.fromkeys([*dir(module), *asked]):
        try:
            value = getattr(module, name)
        except Exception:
            continue
        if isinstance(value, types.ModuleType) and value.__name__ == f"{module.__name__}.{name}":
            continue
        found[name] = describe(value)
    return found


def candidates(root: Path, left_out: tuple[str, ...]) -> list[str]:
    """The dotted names of torch's modules, from its files."""
    names = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__main__" and all(p.isidentifier() for p in parts) and not name.startswith(left_out):
            names.append(name)
    return names


def observe(left_out: tuple[str, ...], asked: dict[str, list[str]]) -> dict[str, object]:
    """Import torch, look; then import everything else, look again."""
    import torch

    loaded = sorted(m for m in sys.modules if m.partition(".")[0] == "torch")
    modules = {
        m: contents(sys.modules[m], asked.get(m, []))
        for m in loaded
        if isinstance(sys.modules[m], types.ModuleType) and not m.startswith(left_out)
    }
    failed: dict[str, str] = {}
    for name in candidates(Path(torch.__file__).parent, left_out):
        if name in modules:
            continue
        try:
            modules[name] = contents(importlib.import_module(name), asked.get(name, []))
        except BaseException as error:
            failed[name] = f"{type(error).__name__}: {error}"[:200]
    for name in sorted(m for m in sys.modules if m.startswith("torch._C.")):
        modules.setdefault(name, contents(sys.modules[name], asked.get(name, [])))
    classes: dict[str, list[str]] = {}
    for name in sorted(modules):
        for value in list(vars(sys.modules[name]).values()) if name in sys.modules else []:
            if inspect.isclass(value) and value.__module__.partition(".")[0] == "torch":
                classes.setdefault(f"{value.__module__}:{value.__qualname__}", dir(value))
    return {
        "version": str(torch.__version__),
        "platform": sys.platform,
        "loaded": loaded,
        "modules": modules,
        "failed": failed,
        "classes": classes,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    saved = os.dup(1)
    os.dup2(2, 1)  # what torch prints on import is not the answer
    answer = observe(tuple(sys.argv[1:]), json.load(sys.stdin))
    with os.fdopen(saved, "w") as stream:
        json.dump(answer, stream)
    os._exit(0)  # threads that a module started are not waited for
