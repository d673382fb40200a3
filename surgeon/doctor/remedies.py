"""Turns what has to be done into commands: merged, and in the order in which to run them. Pure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from surgeon.doctor.finding import Action, Finding, Need, Remedy
from surgeon.site.versions import joined

MOST_PATHS = 40
"""So many paths go into one `rm`, so that a command can be read and pasted."""

WHY = {
    Action.RECOVER: "settle what a killed run left",
    Action.SET_ASIDE: "set aside what cannot be read; what it vouched for is put back below",
    Action.OPEN: "let every user read it; run this as its owner",
    Action.CLEAN_CACHE: "forget the damaged copies in the installer's cache",
    Action.REMOVE: "remove what no installer can",
    Action.UNINSTALL: "uninstall",
    Action.INSTALL_STEP: "install what belongs together, before what builds on it",
    Action.REINSTALL: "put the released files back",
    Action.INSTALL: "install the rest, without moving what is pinned",
    Action.APPLY: "patch the installed sources for this torch",
}


@dataclass(frozen=True)
class Toolbox:
    """How commands are spelled for this environment.

    Attributes:
        python: the interpreter, as the user would type it.
        installer: `pip` or `uv`.
        site_packages: the folder, where only that was named.
        managed: pip must be told that installing here is meant (PEP 668).
        without_pip: pip has to be brought in first.
        patched: names of distributions that patches are for: after they change, apply.
        held: specifiers of what no installation may move, by name.
        patches: the folder of further patches that was named; else empty.
    """

    python: str
    installer: str = "pip"
    site_packages: str = ""
    managed: bool = False
    without_pip: bool = False
    patched: frozenset[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)
    patches: str = ""

    def pip(self, *arguments: str) -> str:
        """A command of the installer."""
        verb, *rest = arguments
        meant = ["--break-system-packages"] if self.managed else []
        if self.installer == "uv":
            return _line("uv", "pip", verb, "--python", self.python, *meant, *rest)
        return _line(self.python, "-m", "pip", verb, *meant, *rest)

    def surgeon(self, command: str) -> str:
        """One of m3d-surgeon's own commands."""
        where = ("--site-packages", self.site_packages) if self.site_packages else ("--python", self.python)
        further = ("--patches", self.patches) if self.patches and command == "apply" else ()
        return _line("m3d-surgeon", command, *where, *further)


@dataclass(frozen=True)
class _Wanted:
    need: Need
    finding: int


Commands = Iterable[tuple[str, Sequence[_Wanted]]]
"""Command lines, each with what it is for."""


def plan(findings: Sequence[Finding], toolbox: Toolbox) -> tuple[Remedy, ...]:
    """All commands that the findings need, merged and in order."""
    wanted = [_Wanted(need, number) for number, finding in enumerate(findings) for need in finding.needs]
    gone = {each.need.name for each in wanted if each.need.action is Action.UNINSTALL}
    newly = {each.need.name for each in wanted if each.need.action in (Action.INSTALL_STEP, Action.INSTALL)}
    kept = {each.need.name for each in wanted if each.need.action is Action.REINSTALL}
    remedies: list[Remedy] = []
    for action in Action:
        chosen = [each for each in wanted if each.need.action is action]
        if action is Action.REINSTALL:
            # What is installed in another version anyway need not be put back first.
            for each in [each for each in chosen if each.need.name in newly]:
                chosen.remove(each)
        if action is Action.APPLY and not chosen:
            chosen = _apply_again(wanted, toolbox, newly | kept | gone)
        if chosen:
            remedies += _commands(action, chosen, toolbox)
    if toolbox.without_pip and any(" -m pip " in remedy.command for remedy in remedies):
        first = Remedy(_line(toolbox.python, "-m", "ensurepip"), "bring pip into this environment", ())
        every = tuple(sorted({number for remedy in remedies for number in remedy.findings}))
        remedies.insert(0, Remedy(first.command, first.why, every))
    return tuple(remedies)


def _apply_again(wanted: Sequence[_Wanted], toolbox: Toolbox, changed: set[str]) -> list[_Wanted]:
    """Where a patched distribution or torch is installed anew, the patches have to go in again."""
    concerned = changed & (toolbox.patched | {"torch"})
    return [_Wanted(Need(Action.APPLY), each.finding) for each in wanted if each.need.name in concerned]


def _commands(action: Action, chosen: Sequence[_Wanted], toolbox: Toolbox) -> Iterator[Remedy]:
    for command, whose in SPELLED[action](chosen, toolbox):
        yield Remedy(command, WHY[action], tuple(sorted({each.finding for each in whose})))


def _clean(chosen: Sequence[_Wanted], _: Toolbox) -> Commands:
    return [(_line("uv", "cache", "clean", *_names(chosen)), chosen)]


def _set_aside(chosen: Sequence[_Wanted], _: Toolbox) -> Commands:
    for name in _names(chosen):
        part = [each for each in chosen if each.need.name == name]
        yield _line("mv", "--", name, f"{name}.damaged"), part


def _open(chosen: Sequence[_Wanted], _: Toolbox) -> Commands:
    return _on_paths(chosen, "chmod", "-R", "a+rX", "--")


def _remove(chosen: Sequence[_Wanted], _: Toolbox) -> Commands:
    return _on_paths(chosen, "rm", "-rf", "--")


def _on_paths(chosen: Sequence[_Wanted], *command: str) -> Commands:
    names = _names(chosen)
    for start in range(0, len(names), MOST_PATHS):
        part = names[start : start + MOST_PATHS]
        yield _line(*command, *part), [each for each in chosen if each.need.name in part]


def _uninstall(chosen: Sequence[_Wanted], toolbox: Toolbox) -> Commands:
    """Uninstalling removes one copy at a time with pip, all of them with uv."""
    yes = () if toolbox.installer == "uv" else ("-y",)
    rounds = 1 if toolbox.installer == "uv" else max(each.need.times for each in chosen)
    for number in range(rounds):
        part = [each for each in chosen if each.need.times > number]
        yield toolbox.pip("uninstall", *yes, *_names(part)), part


def _install_steps(chosen: Sequence[_Wanted], toolbox: Toolbox) -> Commands:
    """One command a step, in the order in which the profile names them."""
    for step in dict.fromkeys(each.need.step for each in chosen):
        part = [each for each in chosen if each.need.step == step]
        yield _install(part, toolbox), part


def _reinstall(chosen: Sequence[_Wanted], toolbox: Toolbox) -> Commands:
    force = "--reinstall" if toolbox.installer == "uv" else "--force-reinstall"
    for no_cache, options in dict.fromkeys((each.need.no_cache, each.need.options) for each in chosen):
        part = [each for each in chosen if (each.need.no_cache, each.need.options) == (no_cache, options)]
        cache = ("--no-cache-dir",) if no_cache and toolbox.installer == "pip" else ()
        what = dict.fromkeys(_requirement(each.need, each.need.versions) for each in part)
        yield toolbox.pip("install", force, "--no-deps", *cache, *options, *what), part


def _install_rest(chosen: Sequence[_Wanted], toolbox: Toolbox) -> Commands:
    return [(_install(chosen, toolbox), chosen)]


def _install(chosen: Sequence[_Wanted], toolbox: Toolbox) -> str:
    """One command for all of them; what is held is named too, so that the installer leaves it."""
    wanted: dict[str, list[Need]] = {}
    for each in chosen:
        wanted.setdefault(each.need.name, []).append(each.need)
    what = [_together(needs) for needs in wanted.values()]
    held = [f"{name}{versions}" for name, versions in toolbox.held.items() if name not in wanted]
    options = [option for each in chosen for option in each.need.options]
    return toolbox.pip("install", *_distinct_options(options), *what, *held)


def _together(needs: Sequence[Need]) -> str:
    """What several findings need of one distribution, as one requirement."""
    extras = tuple(sorted({extra for need in needs for extra in need.extras}))
    url = next((need.url for need in needs if need.url), "")
    return _requirement(
        Need(needs[0].action, needs[0].name, extras=extras, url=url),
        joined(*(need.versions for need in needs)),
    )


def _requirement(need: Need, versions: str) -> str:
    """A requirement as installers take it (PEP 508)."""
    extras = f"[{','.join(need.extras)}]" if need.extras else ""
    return f"{need.name}{extras}{f' @ {need.url}' if need.url else versions}"


def _distinct_options(options: Sequence[str]) -> list[str]:
    """Options in order, a repeated flag once; what follows a flag as its value stays with it."""
    groups: list[tuple[str, ...]] = []
    for option in options:
        if option.startswith("-") or not groups:
            groups.append((option,))
        else:
            groups[-1] = (*groups[-1], option)
    return [option for group in dict.fromkeys(groups) for option in group]


def _names(chosen: Iterable[_Wanted]) -> list[str]:
    return list(dict.fromkeys(each.need.name for each in chosen))


def _line(*arguments: str) -> str:
    return " ".join(_quoted(argument) for argument in arguments)


def _quoted(argument: str) -> str:
    """An argument for a shell; what cannot be printed, as bash, zsh and ksh write it: `$'\\xe9'`."""
    if argument.isprintable():
        return shlex.quote(argument)
    return "$'" + "".join(_escaped(byte) for byte in os.fsencode(argument)) + "'"


def _escaped(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b"'\\"
    return chr(byte) if plain else f"\\x{byte:02x}"


SPELLED: Mapping[Action, Callable[[Sequence[_Wanted], Toolbox], Commands]] = {
    Action.RECOVER: lambda chosen, toolbox: [(toolbox.surgeon("recover"), chosen)],
    Action.SET_ASIDE: _set_aside,
    Action.OPEN: _open,
    Action.CLEAN_CACHE: _clean,
    Action.REMOVE: _remove,
    Action.UNINSTALL: _uninstall,
    Action.INSTALL_STEP: _install_steps,
    Action.REINSTALL: _reinstall,
    Action.INSTALL: _install_rest,
    Action.APPLY: lambda chosen, toolbox: [(toolbox.surgeon("apply"), chosen)],
}
"""How each kind of action is spelled, all of one kind together."""
