"""Things that are done while a file is imported, or asked of a machine that cannot answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.edits.checking import Checked
from surgeon.edits.guards import is_guarded

if TYPE_CHECKING:
    import libcst as cst

    from surgeon.edits.tree import Line, Reference, Tree


@dataclass(frozen=True)
class DeferDefault(Checked):
    """Work a parameter's default out when the function is called, not when it is defined.

    `DeferDefault("host.cpu_count")` turns

        def start(workers: int = host.cpu_count()):
            ...

    into

        def start(workers: int = None):
            if workers is None:  # m3d-surgeon: an-id
                workers = host.cpu_count()  # m3d-surgeon: an-id
            ...

    Whoever passes `None` gets the default. Lambdas are left alone, and defaults of functions that
    are defined inside others.

    Attributes:
        name: the function whose call is the default, in full.
    """

    name: str

    def __call__(self, tree: Tree) -> int:
        matches = 0
        for each in tree.references(self.name):
            found = _default(tree, each)
            if found is not None and tree.runs_at_import(each.node):
                call, parameter, function = found
                local = parameter.name.value
                value = _one_line(tree, call)
                _insert_at_start(tree, function, f"if {local} is None:\n    {local} = {value}\n")
                tree.replace(call, "None")
                matches += 1
        return matches


@dataclass(frozen=True)
class ReturnEarly(Checked):
    """Leave a function before it asks for what this machine does not have.

    `ReturnEarly("host.gpu.name", unless="is_available", value='"none"')` turns

        def describe():
            label = host.gpu.name(0)
            return label.lower()

    into

        def describe():
            if not host.gpu.is_available():  # m3d-surgeon: an-id
                return "none"  # m3d-surgeon: an-id
            label = host.gpu.name(0)
            return label.lower()

    Left alone: a call that such a question precedes or encloses already, that a `try` makes
    harmless, or that lies outside functions.

    Attributes:
        name: the function that fails, in full.
        unless: the function of the same module that tells whether `name` would work.
        value: what to return where it would not, as source.
    """

    name: str
    unless: str
    value: str

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        lines: set[int] = set()  # what was put above a line covers the lines below it
        for each in tree.references(self.name):
            call = tree.parent(each.node)
            if each.node is not each.exact or not isinstance(call, cst.Call) or call.func is not each.node:
                continue
            if not _is_in_function(tree, call) or is_guarded(tree, each.node, self.name):
                continue
            if not self._is_asked(tree, call, lines):
                line = _simple_line(tree, call)
                question = f"{self._module(tree, each)}.{self.unless}()"
                tree.insert_before(line, f"if not {question}:\n    return {self.value}\n")
                lines.add(id(line))
        return len(lines)

    def _module(self, tree: Tree, reference: Reference) -> str:
        import libcst as cst

        from surgeon.edits.tree import EditError

        if not isinstance(reference.exact, cst.Attribute):
            raise EditError(f"{self.unless} cannot be reached through {tree.source(reference.node)}")
        return tree.source(reference.exact.value)

    def _is_asked(self, tree: Tree, call: cst.Call, lines: set[int]) -> bool:
        """Tell whether the function is left, or the call skipped, where it would fail."""
        import libcst as cst

        for outer, inner in tree.ancestors(call):
            if isinstance(outer, cst.FunctionDef):
                return False
            if isinstance(outer, (cst.If, cst.IfExp)):
                if inner is outer.body and self._says_yes(tree, outer.test):
                    return True
                if inner is outer.orelse and self._says_no(tree, outer.test):
                    return True
            if isinstance(outer, cst.IndentedBlock):
                for line in outer.body:
                    if id(line) in lines or (isinstance(line, cst.If) and self._leaves(tree, line)):
                        return True
                    if line is inner:
                        break
        return False

    def _leaves(self, tree: Tree, condition: cst.If) -> bool:
        import libcst as cst

        last = condition.body.body[-1]
        if isinstance(last, cst.SimpleStatementLine):
            last = last.body[-1]
        return isinstance(last, (cst.Return, cst.Raise)) and self._says_no(tree, condition.test)

    def _says_yes(self, tree: Tree, test: cst.BaseExpression) -> bool:
        """Tell whether `test` holds only where the function works."""
        import libcst as cst

        if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
            return self._says_yes(tree, test.left) or self._says_yes(tree, test.right)
        wanted = f"{self.name.rpartition('.')[0]}.{self.unless}"
        return isinstance(test, cst.Call) and tree.qualified(test.func) == wanted

    def _says_no(self, tree: Tree, test: cst.BaseExpression) -> bool:
        """Tell whether `test` holds wherever the function does not work."""
        import libcst as cst

        if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.Or):
            return self._says_no(tree, test.left) or self._says_no(tree, test.right)
        return (
            isinstance(test, cst.UnaryOperation)
            and isinstance(test.operator, cst.Not)
            and self._says_yes(tree, test.expression)
        )


@dataclass(frozen=True)
class Unwrap(Checked):
    """Use a function as it is where the file wraps it while it is imported.

    `Unwrap("torch.compile", "torch.nn.functional.gelu")` turns `fast_gelu = torch.compile(gelu)`
    into `fast_gelu = gelu`. Every argument but the first is dropped.

    Attributes:
        wrapper: the function that wraps, in full.
        name: what it wraps, in full.
        since: the first release that has `name` (see `is_guarded`).
    """

    wrapper: str
    name: str
    since: str = ""

    def __call__(self, tree: Tree) -> int:
        import libcst as cst

        matches = 0
        for each in tree.references(self.wrapper):
            call = tree.parent(each.node)
            if each.node is not each.exact or not isinstance(call, cst.Call) or call.func is not each.node:
                continue
            first = call.args[0] if call.args else None
            if first is None or first.keyword is not None or first.star:
                continue
            if tree.qualified(first.value) != self.name or not tree.runs_at_import(call):
                continue
            if not is_guarded(tree, each.node, self.name, self.since):
                tree.replace(call, first.value)
                matches += 1
        return matches


def _default(tree: Tree, reference: Reference) -> tuple[cst.Call, cst.Param, cst.FunctionDef] | None:
    """The call, the parameter and the function, where a call of the name is a whole default."""
    import libcst as cst

    call = tree.parent(reference.node)
    if reference.node is not reference.exact or not isinstance(call, cst.Call):
        return None
    parameter = tree.parent(call)
    if not isinstance(parameter, cst.Param) or parameter.default is not call:
        return None
    function = tree.parent(tree.parent(parameter))
    return (call, parameter, function) if isinstance(function, cst.FunctionDef) else None


def _insert_at_start(tree: Tree, function: cst.FunctionDef, source: str) -> None:
    """Insert marked statements at the top of a function, below its docstring."""
    import libcst as cst

    from surgeon.edits.tree import EditError

    if not isinstance(function.body, cst.IndentedBlock):
        raise EditError(f"a one-line function: {function.name.value}")
    lines: list[Line] = [
        each
        for each in function.body.body
        if isinstance(each, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    ]
    if function.get_docstring() is None:
        tree.insert_before(lines[0], source)
    else:
        tree.insert_after(lines[0], source)


def _one_line(tree: Tree, call: cst.Call) -> str:
    from surgeon.edits.tree import EditError

    source = tree.source(call)
    if "\n" in source or "#" in source:
        raise EditError(f"a default over several lines: {source}")
    return source


def _simple_line(tree: Tree, call: cst.Call) -> Line:
    """The statement that holds the call; above an `elif` there is no place for another."""
    import libcst as cst

    from surgeon.edits.tree import EditError

    line = tree.line(call)
    if not isinstance(line, cst.SimpleStatementLine):
        raise EditError(f"a condition or a loop: {tree.source(call)}")
    return line


def _is_in_function(tree: Tree, node: cst.CSTNode) -> bool:
    """Tell whether `node` runs when a function that is more than an expression is called."""
    import libcst as cst

    for outer, inner in tree.ancestors(node):
        if isinstance(outer, cst.Lambda):
            return False
        if isinstance(outer, cst.FunctionDef):
            return inner is outer.body
        if isinstance(outer, cst.ClassDef):
            return False
    return False
