"""What a target's interpreter says of itself: nothing about a target is taken from the running one.

Where only a folder of packages was named and no interpreter belongs to it, `stand_in` says what one
of the folder's version has; the machine is taken to be this one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

FACTS = """
def facts(folders):
    import os, sys
    info, uname = sys.implementation.version, os.uname()
    release = "%d.%d.%d" % tuple(info[:3]) + ("" if info[3] == "final" else info[3][0] + str(info[4]))
    named = {"cpython": "CPython", "pypy": "PyPy"}
    names = set(sys.builtin_module_names)
    for folder in folders:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            stem, _, rest = name.partition(".")
            is_package = os.path.exists(os.path.join(folder, name, "__init__.py"))
            if is_package or rest == "py" or rest.endswith("so"):
                names.add(stem)
    if "os" not in names:  # the standard library is in a zip file
        names.update(getattr(sys, "stdlib_module_names", ()))
    return {
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": release,
            "os_name": os.name,
            "platform_machine": uname.machine,
            "platform_release": uname.release,
            "platform_system": uname.sysname,
            "platform_version": uname.version,
            "python_full_version": sys.version.split()[0],
            "platform_python_implementation": named.get(sys.implementation.name, sys.implementation.name),
            "python_version": "%d.%d" % sys.version_info[:2],
            "sys_platform": sys.platform,
        },
        "byteorder": sys.byteorder,
        "maxsize": sys.maxsize,
        "managed": os.path.exists(os.path.join(os.path.dirname(os.__file__), "EXTERNALLY-MANAGED")),
        "modules": sorted(names),
    }
"""
"""Run by the target interpreter, given the folders of its standard library. Plain Python 3.8."""

ADDED = {"zoneinfo": 9, "graphlib": 9, "tomllib": 11, "annotationlib": 14, "compression": 14}
"""Modules of the standard library, and the minor version of Python 3 that they came with."""

REMOVED = {
    **dict.fromkeys(("_bootlocale", "dummy_threading", "macpath"), 9),
    **dict.fromkeys(("formatter", "parser", "symbol"), 10),
    **dict.fromkeys(("binhex",), 11),
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), 12),
    **dict.fromkeys(("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3"), 13),
    **dict.fromkeys(("mailcap", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd"), 13),
    **dict.fromkeys(("sunau", "telnetlib", "uu", "xdrlib"), 13),
}
"""Modules, and the first minor version without them (the "Removed" of each What's New in Python)."""

WINDOWS = {"_msi", "_overlapped", "_winapi", "msilib", "msvcrt", "nt", "winreg", "winsound"}
"""Listed in `sys.stdlib_module_names` on every system, and importable on one."""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter.

    Attributes:
        markers: the values of PEP 508's environment markers.
        modules: the top-level modules that it imports without any installed package.
        byteorder, maxsize: as in `sys`.
        managed: an installer of the system's keeps what is beside it (PEP 668).
    """

    markers: Mapping[str, str]
    modules: frozenset[str]
    byteorder: str = sys.byteorder
    maxsize: int = sys.maxsize
    managed: bool = False

    @property
    def constants(self) -> Mapping[str, str | int]:
        """What expressions that code asks about its platform come to."""
        return {
            "sys.platform": self.markers["sys_platform"],
            "sys.implementation.name": self.markers["implementation_name"],
            "sys.byteorder": self.byteorder,
            "sys.maxsize": self.maxsize,
            "os.name": self.markers["os_name"],
            "platform.machine()": self.markers["platform_machine"],
            "platform.system()": self.markers["platform_system"],
            "platform.python_implementation()": self.markers["platform_python_implementation"],
        }


def parsed(said: Mapping[str, Any]) -> Interpreter:
    """What `FACTS` answered.

    Raises:
        KeyError, TypeError, AttributeError: it is something else.
    """
    markers = {str(key): str(value) for key, value in said["markers"].items()}
    modules = frozenset(map(str, said["modules"]))
    return Interpreter(markers, modules, said["byteorder"], said["maxsize"], bool(said["managed"]))


@lru_cache
def stand_in(version: tuple[int, ...]) -> Interpreter:
    """What an interpreter of a version has, on this machine; its standard library by a table."""
    scope: dict[str, Any] = {}
    exec(FACTS, scope)
    here = scope["facts"]([])
    major, minor, micro = (*version, 0, 0)[:3]
    full = f"{major}.{minor}.{micro}"
    markers = {
        **here["markers"],
        "python_version": f"{major}.{minor}",
        "python_full_version": full,
        "implementation_version": full,
    }
    known = (sys.stdlib_module_names | ADDED.keys() | REMOVED.keys()) - WINDOWS
    modules = {each for each in known if ADDED.get(each, 0) <= minor < REMOVED.get(each, minor + 1)}
    return Interpreter(markers, frozenset(modules))
