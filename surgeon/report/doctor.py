"""What `doctor` says: each finding with its reason, then the commands in their order."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from surgeon.doctor.finding import Diagnosis, Finding, Probe
from surgeon.report.tables import on_terminal

WIDTH = 100
MOST_DETAILS = 6
"""So many details of a finding are shown; `--json` has them all."""

Line = tuple[str, str]
"""A line, and the style (rich's) that it has on a terminal."""


def text(diagnosis: Diagnosis) -> None:
    """Print a diagnosis: plain lines in a pipe; styled ones, never cut, on a terminal."""
    printable = [(_printable(line), style) for line, style in lines(diagnosis)]
    if not on_terminal(sys.stdout):
        for line, _ in printable:
            print(line)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line, style in printable:
        console.print(Text(line, style), soft_wrap=True)


def lines(diagnosis: Diagnosis) -> Iterator[Line]:
    """All lines of the answer; none where the run could not begin."""
    if not diagnosis.checked:
        return
    yield from _head(diagnosis)
    for number, finding in enumerate(diagnosis.findings):
        yield "", ""
        yield from _finding(diagnosis, number, finding)
    if diagnosis.remedies:
        yield "", ""
        yield "run these, in this order:", "bold"
        for step, remedy in enumerate(diagnosis.remedies, 1):
            yield f"  # {step}. {remedy.why}", "dim"
            yield f"  {remedy.command}", "green"
    if diagnosis.notes:
        yield "", ""
        yield from ((f"note: {note}", "dim") for note in diagnosis.notes)
    if diagnosis.probes:
        yield "", ""
        yield from _probes(diagnosis.probes)
    yield "", ""
    yield _summary(diagnosis), "bold"


def _printable(line: str) -> str:
    """Names come out of somebody's files: what would command a terminal is shown as its escape."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


def _head(diagnosis: Diagnosis) -> Iterator[Line]:
    yield f"environment: {diagnosis.site_packages or ', '.join(diagnosis.site_directories)}", ""
    if diagnosis.python:
        yield f"interpreter: {diagnosis.python}", ""
    counts = diagnosis.checked
    yield (
        (
            f"looked at:   {counts['distributions']} distributions, {counts['files']} files, "
            f"{counts['hashed']} of them hashed; profiles: {', '.join(diagnosis.profiles)}"
        ),
        "",
    )


def _finding(diagnosis: Diagnosis, number: int, finding: Finding) -> Iterator[Line]:
    yield f"{number + 1}. {finding.code}: {finding.message}", "bold red"
    if finding.path:
        yield f"   where: {finding.path}", ""
    why = f"   why:   {finding.why}"
    yield from ((line, "") for line in textwrap.wrap(why, WIDTH, subsequent_indent=" " * 10))
    for detail in finding.details[:MOST_DETAILS]:
        yield f"          - {detail}", "dim"
    if len(finding.details) > MOST_DETAILS:
        yield f"          - and {len(finding.details) - MOST_DETAILS} more", "dim"
    if steps := diagnosis.remedies_of(number):
        names = ", ".join(str(step + 1) for step in steps)
        yield f"   fix:   {'steps' if len(steps) > 1 else 'step'} {names} below", "green"
    if finding.advice:
        yield f"   next:  {finding.advice}", "green"


def _probes(probes: tuple[Probe, ...]) -> Iterator[Line]:
    yield "probes, in fresh interpreters, without each patch and with it:", "bold"
    width = max(len(probe.patch) for probe in probes)
    for probe in probes:
        row = f"  {probe.patch.ljust(width)}  {probe.before} -> {probe.after}"
        yield row, "green" if probe.fine else "bold red"
        runs = (("before", probe.before, probe.before_said), ("after", probe.after, probe.after_said))
        for when, outcome, said in runs:
            if said and outcome != "passes":
                yield f"  {' ' * width}    {when}: {said}", "dim"


def _summary(diagnosis: Diagnosis) -> str:
    number, commands = len(diagnosis.findings), len(diagnosis.remedies)
    if not number:
        return "nothing is wrong"
    found = "1 finding" if number == 1 else f"{number} findings"
    return f"{found}, {'1 command' if commands == 1 else f'{commands} commands'}"
