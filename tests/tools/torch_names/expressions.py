"""Small questions about expressions, answered from syntax alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping


def text_of(node: ast.AST | None) -> str:
    """An expression as source; a decorator without its call."""
    if node is None:
        return ""
    return ast.unparse(node.func if isinstance(node, ast.Call) and not _is_globals(node) else node)


def _is_globals(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in {"globals", "vars"}


def dotted(node: ast.expr | None) -> str:
    """`a.b.c` of an attribute or a name, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


FALSE = frozenset({"IS_WINDOWS", "_IS_WINDOWS", "__name__ == '__main__'", "os.name == 'nt'"})
"""Conditions that do not hold."""


UNSET = r"'\w+' in os\.environ|os\.(environ\.get|getenv)\('\w+'\)"
"""Questions after an environment variable: none is set."""


def decided(test: ast.expr) -> bool | None:
    """What a condition is on Linux in a running interpreter; `None` if that depends on something else."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = decided(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return False if any(decided(value) is False for value in test.values) else None
    text = ast.unparse(test)
    if text.rpartition(".")[2] == "TYPE_CHECKING" or text in FALSE or re.fullmatch(UNSET, text):
        return False
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.comparators[0], ast.Constant):
        system = {"sys.platform": "linux", "platform.system()": "Linux"}.get(ast.unparse(test.left))
        if system and isinstance(test.ops[0], ast.Eq | ast.NotEq):
            return (system == test.comparators[0].value) == isinstance(test.ops[0], ast.Eq)
    return None


def function_of(arguments: ast.arguments, *, method: bool) -> frozenset[str] | None:
    """The names that a call may pass by keyword; `None` if there is `**kwargs`."""
    if arguments.kwarg is not None:
        return None
    positional = [*arguments.posonlyargs, *arguments.args]
    taken = {a.arg for a in arguments.posonlyargs}
    if method and positional:
        taken.add(positional[0].arg)
    return frozenset(a.arg for a in [*arguments.args, *arguments.kwonlyargs] if a.arg not in taken)


WRAPPERS = {
    "_add_docstr": 0,
    "add_docstr": 0,
    "_add_docstr_inplace": 0,
    "cast": 1,
    "typing.cast": 1,
    "torch.jit.ignore": 0,
    "torch.jit.unused": 0,
    "staticmethod": 0,
    "_overload": 0,
}
"""Calls that give back one of their arguments, and which."""


def unwrapped(node: ast.expr | None) -> ast.expr | None:
    """The value behind calls that give back their argument."""
    while isinstance(node, ast.Call):
        place = WRAPPERS.get(ast.unparse(node.func))
        if place is None or len(node.args) <= place:
            return node
        node = node.args[place]
    return node


def literal_strings(
    node: ast.expr, constants: Mapping[str, ast.expr], depth: int = 0
) -> tuple[list[str], list[str]]:
    """The strings of a literal list, tuple, set or dict (keys), and whose `__all__` is added to it."""
    if depth > 10:
        return [], []
    if isinstance(node, ast.Constant):
        return ([node.value], []) if isinstance(node.value, str) else ([], [])
    if isinstance(node, ast.Attribute) and node.attr == "__all__":
        return [], [dotted(node.value)]
    if isinstance(node, ast.Name) and node.id in constants:
        return literal_strings(constants[node.id], constants, depth + 1)
    parts: list[ast.expr] = []
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        parts = node.elts
    elif isinstance(node, ast.Dict):
        parts = [k for k in node.keys if k is not None]
    elif isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call):
        parts = node.args
    elif isinstance(node, ast.Starred):
        parts = [node.value]
    found = [literal_strings(part, constants, depth + 1) for part in parts]
    return [s for strings, _ in found for s in strings], [o for _, others in found for o in others]


def loop_constants(node: ast.For, constants: Mapping[str, ast.expr]) -> list[str]:
    """The keys that `globals()[key] = ...` takes in a loop over literal strings."""
    if not isinstance(node.target, ast.Name):
        return []
    keys: list[str] = []
    for item in literal_strings(node.iter, constants)[0]:
        scope = {node.target.id: item}
        for statement in ast.walk(node):
            if not isinstance(statement, ast.Assign):
                continue
            for target in statement.targets:
                if isinstance(target, ast.Name) and (text := _evaluated(statement.value, scope)) is not None:
                    scope[target.id] = text
                elif isinstance(target, ast.Subscript) and ast.unparse(target.value) == "globals()":
                    keys += [text] if (text := _evaluated(target.slice, scope)) is not None else []
    return keys


def _evaluated(node: ast.expr, scope: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.JoinedStr):
        parts = [_evaluated(v.value if isinstance(v, ast.FormattedValue) else v, scope) for v in node.values]
        return None if None in parts else "".join(p for p in parts if p)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _evaluated(node.left, scope), _evaluated(node.right, scope)
        return None if left is None or right is None else left + right
    return None


def names_in(target: ast.expr | None) -> list[str]:
    """The names that an assignment to this binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Starred):
        return names_in(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return [name for part in target.elts for name in names_in(part)]
    return []
