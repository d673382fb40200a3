"""Parses under the target's grammar: what this Python does not take, the target's interpreter reads for it.

Its tree comes back as JSON, in which statements that this Python has no node for are told in older
ones: `except*` as `except`, a `type` statement as a function that is not called (its value is
evaluated when it is asked for, PEP 695), a template as a formatted string.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surgeon.errors import EnvironmentUnusable
from surgeon.site.environment import Environment, answer_of

READ = """
import ast, json, sys, warnings
warnings.simplefilter("ignore")
sys.setrecursionlimit(5000)
OLDER = {"TryStar": "Try", "TemplateStr": "JoinedStr", "Interpolation": "FormattedValue"}
def told(node):
    if isinstance(node, list):
        return [told(each) for each in node]
    if not isinstance(node, ast.AST):
        plain = node is None or isinstance(node, (str, bool, float))
        return node if plain or (isinstance(node, int) and node.bit_length() < 1000) else {"": "Ellipsis"}
    kind = type(node).__name__
    fields = {name: told(getattr(node, name, None)) for name in node._fields}
    place = [getattr(node, "lineno", 0), getattr(node, "col_offset", 0)]
    if kind == "TypeAlias":
        none = {name: [] for name in ("posonlyargs", "args", "kwonlyargs", "kw_defaults", "defaults")}
        nobody = {"": "arguments", "at": place, "vararg": None, "kwarg": None, **none}
        value = {"": "Lambda", "at": place, "args": nobody, "body": fields["value"]}
        return {"": "Assign", "at": place, "targets": [fields["name"]], "value": value, "type_comment": None}
    return {"": OLDER.get(kind, kind), "at": place, **fields}
for line in sys.stdin.buffer:
    try:
        print(json.dumps({"tree": told(ast.parse(bytes.fromhex(line.decode().strip())))}))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        print(json.dumps({"error": str(error)}))
"""
"""Run by the target interpreter. Plain Python 3.8."""


@dataclass(frozen=True)
class Grammar:
    """The grammar of an environment."""

    environment: Environment

    def parse(self, data: bytes) -> ast.Module:
        """A source's tree, if this Python's parser takes it and the target's grammar has what is in it.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: it does not.
        """
        target = self.environment.version[:2]
        if target < sys.version_info[:2]:
            return ast.parse(data, feature_version=(target[0], target[1]))
        return ast.parse(data)

    def parse_there(self, refused: Sequence[tuple[bytes, str]]) -> list[ast.Module | str]:
        """The trees of sources that `parse` did not take, as the target's own parser sees them.

        Args:
            refused: the sources, and why.

        Returns:
            For each a tree, or why there is none.
        """
        python, version = self.environment.python, ".".join(map(str, self.environment.version[:2]))
        if python is None and self.environment.version[:2] > sys.version_info[:2]:
            note = f"this Python is older than {version}, which the folder is for; name its interpreter"
            return [f"{error} ({note} with --python)" for _, error in refused]
        if python is None or not refused:
            return [error for _, error in refused]
        try:
            answer = answer_of(python, READ, b"".join(data.hex().encode() + b"\n" for data, _ in refused))
            lines = [json.loads(line) for line in answer.splitlines()]
            if len(lines) == len(refused):
                return [_tree(line, version) for line in lines]
        except (EnvironmentUnusable, ValueError):  # a source that kills the parser concerns no other
            pass
        if len(refused) == 1:
            return [refused[0][1]]
        return [found for each in refused for found in self.parse_there([each])]


def _tree(line: dict[str, Any], version: str) -> ast.Module | str:
    if "error" in line:
        return f"Python {version} cannot read it: {line['error']}"
    try:
        tree = _node(line["tree"])
    except (AttributeError, RecursionError, TypeError) as error:
        return f"Python {version} reads something in it that this Python does not know: {error}"
    return tree if isinstance(tree, ast.Module) else "it is no module"


def _node(told: Any) -> Any:
    if isinstance(told, list):
        return [_node(each) for each in told]
    if not isinstance(told, dict):
        return told
    if told[""] == "Ellipsis":
        return ...
    kind = getattr(ast, told[""])
    fields = {name: _node(value) for name, value in told.items() if name in kind._fields}
    lineno, offset = told["at"]
    return kind(**fields, **({"lineno": lineno, "col_offset": offset} if kind._attributes else {}))
