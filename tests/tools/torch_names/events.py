"""What a file's reading gives: the values that names get, and the events in which they get them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Opaque:
    """A value of which only the existence is known."""


@dataclass(frozen=True)
class Unsure:
    """A value of which not even that is known."""


@dataclass(frozen=True)
class Function:
    """A function, and the names that a call may pass by keyword (`None`: any, or not known)."""

    parameters: frozenset[str] | None


@dataclass(frozen=True)
class Module:
    """A module, by its dotted name."""

    name: str


@dataclass(frozen=True)
class From:
    """What another module binds to a name."""

    module: str
    name: str


@dataclass(frozen=True)
class Local:
    """What a dotted name means in the scope where it stands."""

    name: str


@dataclass(frozen=True)
class Class:
    """A class: its bases (dotted, `?` for one that is no name) and what its body binds."""

    bases: tuple[str, ...]
    members: dict[str, Value] = field(hash=False)
    open: bool
    """A metaclass or a decorator may add attributes or change the constructor."""


Value = Opaque | Unsure | Function | Module | From | Local | Class


OPAQUE = Opaque()


@dataclass(frozen=True)
class Event:
    """One thing that happens on import.

    Attributes:
        kind: `bind` a name; `star` import a module; `delete` a name; `load` a module (`names` in it, if
            they are modules); `set` an attribute of what a dotted name means; `copy` every name of it;
            `merge` a class into the module; `all` replaces `__all__` and `more` adds to it; `lazy` names that
            `__getattr__` knows; `replace` a module in `sys.modules`; `unsure`: there may be such `names`;
            `open`: something that cannot be read binds names.
        sure: not under a condition.
    """

    kind: str
    name: str = ""
    value: Value = OPAQUE
    names: tuple[str, ...] = ()
    sure: bool = True
