# mypy: ignore-errors
# ruff: noqa: ARG001, ARG002, B905, SIM905, UP031
"""Run by the target's interpreter (`-I -B -c`): answers what a module of its own has. Plain Python 3.8.

Arguments: the module, the packages to keep out, then the folders of the environment's path. Each
line of stdin is a JSON list of questions [name, imported, [modules that the source loads]]; each
line of stdout the list of answers [exists, first part that is missing, names of parameters or null,
what other packages are asked], or a text: what failed.
"""

import builtins
import importlib
import importlib.machinery
import inspect
import json
import os
import re
import signal
import sys
import types

ANY_BUILTIN = (
    "input other out dim axis keepdim keepdims dtype device layout requires_grad pin_memory memory_format "
    "names generator self x x1 x2 a size"
).split()
"""torch's argument parser takes numpy's spellings, and what every factory function takes."""


SECONDS = 120
"""What cannot be answered in this time (an import that waits for something) counts as missing."""


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


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an import prints is no answer
    module = sys.argv[1]
    block = Block(frozenset(sys.argv[2].split(",")) - {module})
    sys.path.extend(p for p in sys.argv[3:] if p not in sys.path)
    sys.meta_path.insert(0, block)
    try:
        top = importlib.import_module(module)
        failure = ""
    except BaseException as error:
        failure = "%s: %s" % (type(error).__name__, error)
    base = frozenset(sys.modules)
    for line in sys.stdin:
        if failure:
            print(json.dumps(failure), file=out, flush=True)
            return
        print(json.dumps(answer(top, module, json.loads(line), base, block.names)), file=out, flush=True)


def answer(top, module, questions, base, kept_out):
    """Every answer is found in a fork of a process that has imported the module and nothing else."""
    answers = [None] * len(questions)
    plain = [n for n, (_, imported, _) in enumerate(questions) if not imported]
    found = apart(lambda: [attribute(top, module, questions[n][0], base) for n in plain])
    for number, found_here in zip(plain, found or [[False, questions[n][0], None] for n in plain]):
        answers[number] = found_here
        lacks = found_here[1]
        loaded = [m for m in questions[number][2] if m == lacks or m.startswith(lacks + ".")]
        if not found_here[0] and loaded:
            # The source loads what is not there yet: then it is there as for an import statement.
            questions[number][1] = True
    modules = sorted({questions[n][0] for n in range(len(questions)) if questions[n][1]})
    reached = apart(lambda: reach(top, module, modules, kept_out)) or {}
    for number, (name, imported, _) in enumerate(questions):
        if imported:
            answers[number] = reached.get(name, [False, name, None])
    return answers


def apart(work):
    """Work in a fork, so that what one question loads is not there for another; null if it dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            signal.alarm(SECONDS)
            found = work()
            with os.fdopen(writing, "w") as pipe:
                json.dump(found, pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def load(name):
    """Import a module; the error, if it cannot be."""
    try:
        importlib.import_module(name)
        return None
    except BaseException as error:
        return error


LAZY = set()


def attribute(top, module, name, known):
    found, path = top, module
    for part in name.split(".")[module.count(".") + 1 :]:
        path += "." + part
        owner, before = found, path in sys.modules
        try:
            found = getattr(found, part)
        except BaseException:
            return [open_ended(owner, path), path, None]
        if inspect.ismodule(found) and path in sys.modules and path not in known and path not in LAZY:
            if before:
                return [False, path, None]
            LAZY.add(path)  # the package's own `__getattr__` has just loaded it
        if type(found).__name__ == "_OpNamespace" and not dir_of(found):
            return [True, "", None]
    return [True, "", parameters(found, name)]


def open_ended(owner, path):
    """Operators may be registered by anybody: only torch's own namespaces are complete."""
    return type(owner).__name__ in ("_Ops", "_Classes")


def dir_of(namespace):
    """The operators of a namespace of torch.ops; the one attribute that is always there is its origin."""
    try:
        import torch

        wanted = namespace.name + "::"
        return any(each.startswith(wanted) for each in torch._C._dispatch_get_all_op_names())
    except Exception:
        return True


def reach(top, module, names, kept_out):
    watch()
    found = {name: imports(top, module, name) for name in names}
    return {name: [*each, sorted(dragged_by(name, kept_out))] for name, each in found.items()}


def imports(top, module, name):
    """A name that an import statement reaches: modules are loaded on the way."""
    found, path = top, module
    for part in name.split(".")[module.count(".") + 1 :]:
        path += "." + part
        owner = found
        try:
            found = getattr(found, part)
        except BaseException:
            error = load(path) if inspect.ismodule(found) else None
            if error is not None and getattr(error, "name", path) != path:
                return [True, "", None]  # it is there, and lacks something else
            if path not in sys.modules:
                return [open_ended(owner, path), path, None]
            found = sys.modules[path]
    return [True, "", parameters(found, name)]


def parameters(found, name):
    """What may be passed by keyword, or null where that cannot be known."""
    if not callable(found):
        return None
    try:
        taken = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return documented(found, name)
    except BaseException:
        return None
    if any(each.kind == each.VAR_KEYWORD for each in taken):
        return None
    return [each.name for each in taken if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


def documented(found, name):
    """A builtin function has no signature; torch writes it down as the first lines of the docstring."""
    if inspect.isclass(found):
        return None
    last = name.rpartition(".")[2]
    names = []
    for line in (getattr(found, "__doc__", None) or "").strip().splitlines():
        match = re.match(r"\s*(?:[\w.]+\.)?%s\((.*)\)\s*(->.*)?$" % re.escape(last), line)
        if match:
            names += re.findall(r"(?:^|,)\s*\*?(\w+)\s*(?=[=:,]|$)", re.sub(r"[\[\]()]", " ", match.group(1)))
    return sorted({*names, *ANY_BUILTIN}) if names else None


if __name__ == "__main__":
    main()
