# ruff: noqa: PLR0911, PLW0603, PTH123, UP031
"""Run by a target's interpreter: imports modules, each in a process of its own, and says what came of it.

Arguments: how many processes at a time, how many seconds each may take. Stdin: a JSON list of
modules. Each line of stdout is a JSON object with `module` and `chain`: the errors, from the one
that was raised to its first cause, each as [type, message, what of torch is missing, file:line];
none where the import went well.

One process imports torch and forks; a process that has imported a package forks one for each module
in it. What a module finds is what it would find in a fresh interpreter, where importing it begins
with its packages as well.
"""

import ast
import importlib
import json
import os
import signal
import sys
import traceback
import types


def main():
    global OUT
    OUT = os.dup(1)
    jobs, timeout = int(sys.argv[1]), float(sys.argv[2])
    modules = json.load(sys.stdin)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    for name in ("torch", "numpy"):
        importlib.import_module(name)
    slots = os.pipe()
    os.write(slots[1], b"." * jobs)
    children = {}
    for module in modules:
        children.setdefault(module.rpartition(".")[0], []).append(module)
    known = set(modules)
    tops = [module for module in modules if module.rpartition(".")[0] not in known]
    fork_all(tops, children, slots, timeout)


def fork_all(modules, children, slots, timeout):
    running = {}
    for module in modules:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setpgid(0, 0)
                one(module, children, slots, timeout)
                status = 0
            finally:
                os._exit(status)
        running[pid] = module
        while len(running) >= 4:
            reap(running)
    while running:
        reap(running)


def reap(running):
    pid, status = os.wait()
    module = running.pop(pid)
    if os.WIFSIGNALED(status):
        say(module, [["Died", "signal %d" % os.WTERMSIG(status), "", ""]])


def one(module, children, slots, timeout):
    os.read(slots[0], 1)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        importlib.import_module(module)
        chain = []
    except BaseException as error:
        chain = [described(each) for each in causes(error)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(slots[1], b".")
    say(module, chain)
    below = children.get(module, [])
    if not chain:
        fork_all(below, children, slots, timeout)
        return
    while below:  # a module in a package that fails, fails as the package does
        each = below.pop()
        say(each, chain)
        below.extend(children.get(each, []))


def late(signum, frame):
    raise TimeoutError("the import takes too long")


def say(module, chain):
    os.write(OUT, json.dumps({"module": module, "chain": chain}).encode() + b"\n")


def causes(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def described(error):
    frames = traceback.extract_tb(error.__traceback__)
    where = "%s:%s" % (frames[-1].filename, frames[-1].lineno) if frames else ""
    return [type(error).__name__, str(error)[:300], missing(error, frames), where]


def missing(error, frames):
    """The name of torch that an error is about, or an empty string."""
    if isinstance(error, AttributeError):
        owner = getattr(error, "obj", None)
        if isinstance(owner, types.ModuleType):
            name = owner.__name__
        else:
            kind = owner if isinstance(owner, type) else type(owner)
            name = kind.__module__ + "." + kind.__qualname__
        return "%s.%s" % (name, error.name) if of_torch(name) else ""
    if isinstance(error, ModuleNotFoundError):
        return error.name if of_torch(error.name or "") and error.name != "torch" else ""
    if isinstance(error, NameError):
        return skipped(error, frames)
    if isinstance(error, ImportError):
        text = str(error)
        if "requires the PyTorch library but it was not found" in text:
            return "torch"  # transformers takes one that is too old for absent
        if of_torch(error.name or "") and text.startswith("cannot import name"):
            return "%s.%s" % (error.name, text.split("'")[1])
    if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
        return "keyword " + str(error)
    return ""


def skipped(error, frames):
    """What of torch a name would be that is not defined, where its import stands in a condition."""
    name = str(error).partition("'")[2].partition("'")[0]
    try:
        with open(frames[-1].filename, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, IndexError):
        return ""
    for node in ast.walk(tree):
        for each in getattr(node, "names", ()) if node not in tree.body else ():
            if isinstance(each, ast.alias) and name == (each.asname or each.name.partition(".")[0]):
                full = ".".join(filter(None, (getattr(node, "module", ""), each.name)))
                return full if of_torch(full) else ""
    return ""


def of_torch(name):
    return name == "torch" or name.startswith("torch.")


if __name__ == "__main__":
    main()
