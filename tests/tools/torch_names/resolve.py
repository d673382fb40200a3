"""One release's modules: what importing each of them binds, and what each name finally is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.tools.torch_names.events import Class, Event, From, Function, Local, Module, Opaque, Unsure, Value
from tests.tools.torch_names.modules import with_parents


@dataclass
class Scope:
    """What importing one module binds."""

    names: dict[str, Value] = field(default_factory=dict)
    exported: list[str] | None = None
    open: bool = False
    """Something that cannot be read may bind more."""
    loads: list[tuple[str, str]] = field(default_factory=list)
    """The modules that it imports; with a name, also the module of that name in it, if it is one."""
    lazy: set[str] = field(default_factory=set)
    """The names that its `__getattr__` knows."""
    merged: list[str] = field(default_factory=list)
    """The classes (`module:Class`) whose attributes the module has too: it is an instance of them."""


@dataclass(frozen=True)
class Thing:
    """What a name finally is: a `module`, `class`, `function`, `opaque`, or `unsure`: it may not be there.

    `module` and `name` say where a class or function is defined; `name` is empty for a module.
    """

    kind: str
    module: str = ""
    name: str = ""


Seen = frozenset[tuple[str, str]]
"""The modules and names on the way to a thing, so that a cycle ends."""

OPAQUE = Thing("opaque")
UNSURE = Thing("unsure")


class Release:
    """The modules of one release.

    Args:
        modules: their dotted names; `True` for one that only a stub describes.
        read: reads one module's events.
    """

    def __init__(self, modules: dict[str, bool], read: Callable[[str], list[Event]]) -> None:
        self.modules = modules
        self._read = read
        self._scopes: dict[str, Scope] = {}
        self.replaced: dict[str, str] = {}

    def scope(self, module: str) -> Scope:
        """What a module binds. While it is being worked out, a cycle sees what is there so far."""
        if module not in self._scopes:
            scope = self._scopes[module] = Scope()
            for event in self._read(module):
                getattr(self, f"_do_{event.kind}")(module, scope, event)
        return self._scopes[module]

    def settle(self) -> None:
        """Work out all modules, then drop what a guarded import asked of a module that lacks it."""
        for module in self.modules:
            self.scope(module)
        for module, scope in self._scopes.items():
            imports = [(name, value) for name, value in scope.names.items() if isinstance(value, From)]
            for name, value in imports:
                if not self._there(module, name, value):
                    del scope.names[name]

    def _there(self, module: str, name: str, value: From) -> bool:
        if value.module == module:
            return f"{module}.{value.name}" in self.modules or (
                value.name != name and value.name in self.scope(module).names
            )
        return value.module.partition(".")[0] != "torch" or self.find(value.module, value.name) is not None

    # Events

    def _do_bind(self, module: str, scope: Scope, event: Event) -> None:
        before = scope.names.get(event.name)
        if event.sure or before is None or isinstance(before, Opaque):
            if isinstance(event.value, Local) and event.value.name == event.name:
                return
            scope.names[event.name] = event.value

    def _do_delete(self, module: str, scope: Scope, event: Event) -> None:
        scope.names.pop(event.name, None)
        if event.name in scope.lazy:  # `__getattr__` still answers for it
            scope.names[event.name] = Opaque()

    def _do_load(self, module: str, scope: Scope, event: Event) -> None:
        scope.loads += [(event.name, name) for name in event.names or ("",)]

    def _do_star(self, module: str, scope: Scope, event: Event) -> None:
        scope.loads.append((event.name, ""))
        if event.name not in self.modules:
            if event.name.partition(".")[0] != "torch":
                scope.open = True
            return
        other = self.scope(event.name)
        scope.loads += [(event.name, name) for name in other.exported or ()]
        scope.open |= other.open
        names = other.exported if other.exported is not None else [n for n in other.names if n[0] != "_"]
        for name in names:
            scope.names[name] = From(event.name, name)

    def _do_all(self, module: str, scope: Scope, event: Event) -> None:
        scope.exported = list(event.names)
        scope.names.setdefault("__all__", Opaque())

    def _do_more(self, module: str, scope: Scope, event: Event) -> None:
        added = list(event.names)
        if event.name:
            thing = self.thing(module, Local(event.name))
            if thing and thing.kind == "module" and thing.module in self.modules:
                added += self.scope(thing.module).exported or []
        scope.exported = (scope.exported or []) + added

    def _do_copy(self, module: str, scope: Scope, event: Event) -> None:
        thing = self.thing(module, Local(event.name))
        if thing is None or thing.kind != "module" or thing.module not in self.modules:
            scope.open = True
            return
        for name in self.scope(thing.module).names:
            if not name.startswith("__"):
                scope.names.setdefault(name, From(thing.module, name))

    def _do_set(self, module: str, scope: Scope, event: Event) -> None:
        head, _, name = event.name.rpartition(".")
        thing = self.thing(module, Local(head))
        if (
            thing is not None
            and thing.kind == "module"
            and thing.module in self.modules
            and thing.module != module
        ):
            self.scope(thing.module).names.setdefault(name, Opaque())

    def _do_merge(self, module: str, scope: Scope, event: Event) -> None:
        where, _, name = event.name[1:].rpartition(".") if event.name[0] == "@" else (module, "", event.name)
        thing = self.find(where, name) if where in self.modules else None
        if thing is None or thing.kind != "class":
            scope.open = True
        else:
            scope.merged.append(f"{thing.module}:{thing.name}")

    def _do_lazy(self, module: str, scope: Scope, event: Event) -> None:
        scope.lazy.update(event.names)
        for name in event.names:
            if name == "?":
                scope.open = True
            elif name == "__all__":
                for exported in scope.exported or ():
                    scope.names.setdefault(exported, self._submodule(module, exported))
            else:
                scope.names.setdefault(name, self._submodule(module, name))

    def _submodule(self, module: str, name: str) -> Value:
        inner = f"{module}.{name}"
        return Module(inner) if inner in self.modules else Opaque()

    def _do_replace(self, module: str, scope: Scope, event: Event) -> None:
        thing = self.thing(module, event.value)
        if thing is not None and thing.kind == "module":
            self.replaced[event.name] = thing.module

    def _do_unsure(self, module: str, scope: Scope, event: Event) -> None:
        for name in event.names:
            scope.names.setdefault(name, Unsure())

    def _do_open(self, module: str, scope: Scope, event: Event) -> None:
        scope.open = True

    # What a name is

    def find(self, module: str, name: str, seen: Seen = frozenset()) -> Thing | None:
        """What `from MODULE import NAME` gives; `None` if the module has no such name."""
        if module.partition(".")[0] != "torch" or (module, name) in seen:
            return OPAQUE
        if module not in self.modules:
            return None
        scope, inner = self.scope(module), f"{module}.{name}"
        if name in scope.names and not self.modules.get(inner):
            return self.thing(module, scope.names[name], name, seen | {(module, name)})
        if inner in self.modules:
            return Thing("module", inner)
        merged = any(name in self.members(place) for place in scope.merged)
        return OPAQUE if scope.open or merged else None

    def thing(self, module: str, value: Value, name: str = "", seen: Seen = frozenset()) -> Thing | None:
        """What a value that stands in a module is; `None` only for an import of what is not there."""
        if isinstance(value, Module):
            return Thing("module", value.name) if value.name.partition(".")[0] == "torch" else OPAQUE
        if isinstance(value, From):
            inner = f"{module}.{value.name}"
            if value.module == module and (value.name == name or value.name not in self.scope(module).names):
                return Thing("module", inner) if inner in self.modules else None
            return self.find(value.module, value.name, seen)
        if isinstance(value, Local):
            return self._local(module, value.name.split("."), seen)
        if isinstance(value, Class | Function):
            return Thing("class" if isinstance(value, Class) else "function", module, name)
        return UNSURE if isinstance(value, Unsure) else OPAQUE

    def _local(self, module: str, parts: list[str], seen: Seen) -> Thing:
        scope = self.scope(module)
        known = parts[0] in scope.names or f"{module}.{parts[0]}" in self.modules
        if not known or (module, parts[0]) in seen:
            return OPAQUE
        thing = self.find(module, parts[0], seen)
        for part in parts[1:]:
            if thing is None or thing.kind not in {"module", "class"}:
                return OPAQUE
            if thing.kind == "module":
                thing = self.find(thing.module, part, seen)
            else:
                value = self.class_at(thing.module, thing.name).members.get(part)
                inner = f"{thing.name}.{part}"
                thing = (
                    self.thing(thing.module, value, inner) if isinstance(value, Class | Function) else OPAQUE
                )
        return thing or OPAQUE

    def class_at(self, module: str, name: str) -> Class:
        """A class by its qualified name."""
        value = self._at(module, name)
        assert isinstance(value, Class), (module, name)
        return value

    def function_at(self, module: str, name: str) -> Function:
        """A function by its qualified name."""
        value = self._at(module, name)
        assert isinstance(value, Function), (module, name)
        return value

    def _at(self, module: str, name: str) -> Value | None:
        parts = name.split(".")
        value: Value | None = self.scope(module).names.get(parts[0])
        for part in parts[1:]:
            value = value.members.get(part) if isinstance(value, Class) else None
        return value

    def bases(self, module: str, name: str) -> list[str]:
        """The bases of a class as `module:Class`; `?` for one outside torch, where anything may come from."""
        found = []
        for base in self.class_at(module, name).bases:
            if base.rpartition(".")[2] in {"object", "Generic", "ABC", "Protocol"}:
                continue
            thing = self.thing(module, Local(base)) if base != "?" else OPAQUE
            is_class = (
                thing is not None and thing.kind == "class" and (thing.module, thing.name) != (module, name)
            )
            found.append(f"{thing.module}:{thing.name}" if is_class and thing else "?")
        return found

    def members(self, place: str, depth: int = 0) -> set[str]:
        """All that a class (`module:Class`) and its bases have."""
        if place == "?" or depth > 20:
            return set()
        module, _, name = place.partition(":")
        found = set(self.class_at(module, name).members)
        for base in self.bases(module, name):
            found |= self.members(base, depth + 1)
        return found

    # What is loaded

    def imports(self, module: str) -> Iterator[str]:
        """The modules that importing one module imports at once, with their parents."""
        for name, inner in self.scope(module).loads:
            target = self.replaced.get(name, name)
            yield from with_parents(name)
            inside = f"{target}.{inner}"
            if inner and inside in self.modules and target in self.modules:
                bound = self.scope(target).names.get(inner)
                if bound is None or bound in (From(target, inner), Module(inside)):
                    yield inside

    def loaded(self, *starts: str) -> set[str]:
        """All modules that importing these loads."""
        found: set[str] = set()
        waiting = [m for start in starts for m in with_parents(start)]
        while waiting:
            module = waiting.pop()
            if module in found or module not in self.modules:
                continue
            found.add(module)
            waiting += self.imports(module)
        return found
