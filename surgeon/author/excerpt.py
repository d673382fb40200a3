"""The part of a file that shows an edit: the statements that it names and what they lie in. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import libcst as cst

from surgeon.author.changes import Changes
from surgeon.edits.statements import BRANCHES


def excerpts(module: cst.Module, changes: Changes) -> list[str]:
    """Texts that show the edits, the shortest first; the last is the whole file."""
    named = changes.whole | changes.heads
    short = _Pruning(changes).body(module.body)
    top = [each for each in module.body if _holds(each, named)]
    whole = module.with_changes(header=(), footer=())
    return list(
        dict.fromkeys(
            text
            for body in (short, top, module.body)
            if body and (text := _text(whole.with_changes(body=body)))
        )
    )


class _Pruning:
    def __init__(self, changes: Changes) -> None:
        self._whole, self._heads = changes.whole, changes.heads
        self._named = self._whole | self._heads

    def body(self, body: Any) -> list[Any]:
        """The statements that matter, each as short as it can be."""
        return [short for each in body if (short := self._statement(each)) is not None]

    def _statement(self, node: Any) -> Any:
        if id(node) in self._whole:
            return node
        return self._pruned(node) if _holds(node, self._named) else None

    def _pruned(self, node: Any) -> Any:
        """A compound statement whose bodies are pruned; branches without anything named get `pass`."""
        changes: dict[str, Any] = {}
        if getattr(node, "leading_lines", None):
            changes["leading_lines"] = ()
        for name in BRANCHES:
            value = getattr(node, name, None)
            if isinstance(value, cst.IndentedBlock):
                changes[name] = value.with_changes(body=self.body(value.body) or _pass(), footer=())
            elif isinstance(value, (list, tuple)) and name in ("handlers", "cases"):
                changes[name] = [self._pruned(each) for each in value]
            elif name == "orelse" and value is not None and not _holds(value, self._named):
                changes[name] = None
            elif isinstance(value, (cst.If, cst.Else, cst.Finally)):
                changes[name] = self._pruned(value)
        return node.with_changes(**changes)


def _pass() -> list[Any]:
    return [cst.SimpleStatementLine([cst.Pass()])]


def _children(node: cst.CSTNode) -> list[cst.CSTNode]:
    found: list[cst.CSTNode] = []
    for name in BRANCHES:
        value = getattr(node, name, None)
        if isinstance(value, cst.CSTNode):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [each for each in value if isinstance(each, cst.CSTNode)]
    return found


def _holds(node: cst.CSTNode, named: Collection[int]) -> bool:
    """Tell whether a node is one of those that are named, or holds one."""
    return id(node) in named or any(_holds(child, named) for child in _children(node))


def _text(module: cst.Module) -> str:
    text = module.code.replace("\r\n", "\n").strip("\n")
    return f"{text}\n"
