"""Names that a source reads and that nothing binds. Pure."""

from __future__ import annotations

import ast
import builtins
import symtable

KNOWN = frozenset(dir(builtins)) | {
    *("__annotations__", "__builtins__", "__class__", "__dict__", "__file__", "__module__"),
    *("__path__", "__qualname__"),
}


def fresh(before: str, after: str) -> list[str]:
    """The names that nothing binds in what a source has become, and that were not so in it before.

    Nothing is said of a source with `from module import *`, or that this Python cannot parse.
    """
    return sorted(_unbound(after) - _unbound(before))


def _unbound(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
        top = symtable.symtable(source, "<source>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set()
    stars = (each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom))
    if any(alias.name == "*" for each in stars for alias in each.names):
        return set()
    tables = [top]
    for table in tables:
        tables += table.get_children()
    bound = {each.get_name() for each in top.get_symbols() if _is_bound(each)}
    declared = (each for table in tables for each in table.get_symbols() if each.is_declared_global())
    bound |= {each.get_name() for each in declared if each.is_assigned()}
    read = {
        each.get_name()
        for table in tables
        for each in table.get_symbols()
        if each.is_referenced() and (each.is_global() or (table is top and not _is_bound(each)))
    }
    return read - bound - KNOWN


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
