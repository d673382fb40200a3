# mypy: ignore-errors
# ruff: noqa: ARG002
"""Keeps what is scanned out of the process that answers, and notes who asks for it. Plain Python 3.8."""

import builtins
import importlib
import importlib.machinery
import sys
import types


class Outsider(types.ModuleType):
    """Stands for a package that is kept out: notes what is asked of it, and has nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError("kept out: " + name, name=self.__name__ + "." + name)


class Block:
    """Keeps other packages out while the module's own parts are loaded, and notes who was asked for.

    torch 2.1's `torch._dynamo` asks transformers for a class: whether that works is another question.
    """

    def __init__(self, names):
        self.names = names

    def find_spec(self, fullname, path=None, target=None):
        first, _, rest = fullname.partition(".")
        if first not in self.names:
            return None
        if rest:
            raise ModuleNotFoundError("kept out: " + fullname, name=fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return Outsider(spec.name)

    def exec_module(self, module):
        """There is nothing to run."""


EDGES = {}
"""What each module imports while it is imported itself, loaded before or not."""


def watch():
    """Note every import from now on."""
    plain, by_name = builtins.__import__, importlib.import_module

    def watched(name, globals=None, locals=None, fromlist=(), level=0):
        package = (globals or {}).get("__package__") or ""
        whole = name
        if level:
            whole = ".".join(
                filter(None, (package.rsplit(".", level - 1)[0] if level > 1 else package, name))
            )
        note(whole, *(whole + "." + each for each in fromlist or () if isinstance(each, str)))
        return plain(name, globals, locals, fromlist, level)

    def watched_by_name(name, package=None):
        note(name)
        return by_name(name, package)

    builtins.__import__, importlib.import_module = watched, watched_by_name


def note(*names):
    """The importer is the module whose body runs: a function's import is its caller's."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is not None:
        EDGES.setdefault(frame.f_globals.get("__name__"), set()).update(names)


def dragged_by(path, names):
    """What importing a part of the module asks of the packages that were kept out."""
    seen, queue, found = set(), [path], set()
    while queue:
        each = queue.pop()
        if each in seen:
            continue
        seen.add(each)
        if each.partition(".")[0] in names:
            found.add(each)
        else:
            queue.extend(EDGES.get(each, ()))
            queue.append(each.rpartition(".")[0])
    return found
