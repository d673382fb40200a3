# mypy: ignore-errors
# ruff: noqa: ARG001, B905, F821, SIM905, UP031
"""Run by the target's interpreter (`-I -B -c`): answers what a module of its own has. Plain Python 3.8.

`outsiders.py` stands before it in the program.

Arguments: the module, the packages to keep out, then the folders of the environment's path. Each
line of stdin is a JSON list of questions [name, imported]; each line of stdout
the list of answers [exists, first part that is missing, names of parameters or null, what other
packages are asked], or a text: what failed.
"""

import faulthandler
import gc
import importlib
import inspect
import json
import os
import re
import signal
import sys
from functools import lru_cache
from importlib.machinery import PathFinder

ANY_BUILTIN = (
    "input other out dim axis keepdim keepdims dtype device layout requires_grad pin_memory memory_format "
    "names generator self x x1 x2 a size"
).split()
"""torch's argument parser takes numpy's spellings, and what every factory function takes."""


IMPORT_SECONDS = 600
"""Who asked waits less; this is for the case that nobody waits any more."""


SECONDS = 120
"""What cannot be answered in this time (an import that waits for something) counts as missing."""


PARTS = 2
"""Questions about the same part of the module (`torch._dynamo`) do not disturb each other."""


def main():
    """Import the module, and answer line by line."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an import prints is no answer
    gc.disable()  # what is imported stays
    faulthandler.register(signal.SIGUSR1, all_threads=False)  # who waits too long asks where we are
    signal.alarm(IMPORT_SECONDS)
    module = sys.argv[1]
    block = Block(frozenset(sys.argv[2].split(",")) - {module})
    sys.path.extend(p for p in sys.argv[3:] if p not in sys.path)
    sys.meta_path.insert(0, block)
    top = None
    try:
        top = importlib.import_module(module)
        failure = ""
    except BaseException as error:
        failure = "%s: %s" % (type(error).__name__, error)
    signal.alarm(0)
    base = frozenset(sys.modules)
    reaching = Reaching(top, module, block.names)
    for line in sys.stdin:
        if failure:
            print(json.dumps(failure), file=out, flush=True)
            return
        print(json.dumps(answer(top, module, json.loads(line), base, reaching)), file=out, flush=True)


def answer(top, module, questions, base, reaching):
    """Attributes are looked up in a fork of a process that has imported the module and nothing else."""
    answers = [None] * len(questions)
    plain = [n for n, (_, imported) in enumerate(questions) if not imported]
    reaching.begin({name for name, imported in questions if imported})
    found = apart(lambda: [attribute(top, module, questions[n][0], base) for n in plain]) if plain else []
    for number, found_here in zip(plain, found or [[False, questions[n][0], None] for n in plain]):
        answers[number] = found_here
    unclear = {}
    for number in plain:
        if answers[number] is None:
            unclear.setdefault(tuple(questions[number][0].split(".")[:PARTS]), []).append(number)
    for numbers in unclear.values():
        found = apart(lambda each=numbers: [attribute(top, module, questions[n][0], None) for n in each])
        for number, found_here in zip(numbers, found or [[False, questions[n][0], None] for n in numbers]):
            answers[number] = found_here
    reached = reaching.end()
    for number, (name, imported) in enumerate(questions):
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


class Reaching:
    """A fork that imports what it is asked for, and stays: loading a part of torch may take a second."""

    def __init__(self, top, module, kept_out):
        self.top, self.module, self.kept_out = top, module, kept_out
        self.child = 0

    def begin(self, names):
        """Ask for some names; the answers are collected by `end`."""
        self.names = sorted(names)
        if not names:
            return
        if not self.child:
            self.start()
        try:
            self.asks.write(json.dumps(self.names) + "\n")
            self.asks.flush()
        except OSError:
            pass  # it died: `end` notices

    def end(self):
        """The answers by name; none if it died."""
        if not self.names:
            return {}
        line = self.says.readline()
        if not line.endswith("\n"):
            self.asks.close()
            self.says.close()
            os.waitpid(self.child, 0)
            self.child = 0  # the next question gets another one
            return {}
        return json.loads(line)

    def start(self):
        theirs, asks = os.pipe()
        says, mine = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                os.close(asks)
                os.close(says)
                self.work(os.fdopen(theirs), os.fdopen(mine, "w"))
            finally:
                os._exit(0)
        os.close(theirs)
        os.close(mine)
        self.asks, self.says = os.fdopen(asks, "w"), os.fdopen(says)

    def work(self, asked, out):
        watch()
        for line in asked:
            signal.alarm(SECONDS)
            names = json.loads(line)
            found = {name: imports(self.top, self.module, name) for name in names}
            found = {name: [*each, sorted(dragged_by(name, self.kept_out))] for name, each in found.items()}
            print(json.dumps(found), file=out, flush=True)
            signal.alarm(0)


def load(name):
    """Import a module; the error, if it cannot be."""
    try:
        importlib.import_module(name)
        return None
    except BaseException as error:
        return error


def attribute(top, module, name, known):
    """An attribute after a mere import of the module; null where another question may have loaded it.

    Some parts load themselves when they are asked for (`torch._dynamo`), and others with them. Without
    `known`, the modules that the import loads, this question is alone.
    """
    found, path = top, module
    for part in name.split(".")[module.count(".") + 1 :]:
        path += "." + part
        owner = found
        if known is not None and loads_itself(owner, part):
            return None
        try:
            found = getattr(found, part)
        except BaseException:
            return [open_ended(owner, path), path, None]
        if known is not None and inspect.ismodule(found) and path in sys.modules and path not in known:
            return None
        if type(found).__name__ == "_OpNamespace" and not has_operators(found):
            return [True, "", None]
    return [True, "", parameters(found, name)]


def loads_itself(owner, part):
    """A module that its package loads when it is first asked for (PEP 562): that may take half a second."""
    if not inspect.ismodule(owner) or part in vars(owner) or "__getattr__" not in vars(owner):
        return False
    path = getattr(owner, "__path__", None)
    return path is not None and PathFinder.find_spec(owner.__name__ + "." + part, path) is not None


def open_ended(owner, path):
    """Operators may be registered by anybody: only torch's own namespaces are complete."""
    return type(owner).__name__ in ("_Ops", "_Classes")


def has_operators(namespace):
    """Whether a namespace of torch.ops has any; the one attribute that is always there is its origin."""
    try:
        return namespace.name in namespaces()
    except Exception:
        return True


@lru_cache(None)
def namespaces():
    """Those of torch.ops that have operators."""
    import torch

    return {each.partition("::")[0] for each in torch._C._dispatch_get_all_op_names()}


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
    return sorted({*names, *overloads(last), *ANY_BUILTIN}) if names else None


def overloads(name):
    """What any overload of an operator of torch takes: the docstring tells of the newest one alone."""
    schemas = getattr(sys.modules.get("torch._C"), "_jit_get_schemas_for_operator", lambda _: ())
    return [each.name for schema in schemas("aten::" + name) for each in schema.arguments]


if __name__ == "__main__":
    main()
