"""Writes docs/performance.md and its pictures from the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.tools.bench import plots, start_up
from tests.tools.bench.page_others import others

PICTURES = "pictures"

HEAD = """# How fast it is

Written by `make bench` (`tests/tools/bench`), which measures everything below on the machine that it runs on;
`performance.json` has all figures. What is compared is run in turns in one go, and the median of each is
compared. **Wall time decides** whether a target is met; processor time (user and system, of all processes
together) stands beside it: it hardly depends on what else a machine does. `make bench` fails where a target
is missed; `tests/contract/test_speed.py` holds the same ratios, with a margin, in every test run.
"""


def write(figures: Mapping[str, Any], docs: Path) -> None:
    """The page with the sections that there are."""
    sections = figures["sections"]
    parts = [HEAD]
    if sections:
        parts += ["## Targets\n", *targets(sections), machines(sections)]
    for name, part in PARTS.items():
        if name in sections:
            parts += part(sections[name], docs / PICTURES)
    (docs / "performance.md").write_text("\n".join(parts).rstrip() + "\n")


def targets(sections: Mapping[str, Any]) -> Iterator[str]:
    """Every target, met or missed."""
    yield "| | measured | target | processor time | |\n|---|---:|---:|---:|---|"
    rows = []
    for name in PARTS:
        for target in sections.get(name, {}).get("targets", ()):
            unit = target.get("unit") or "x"
            verdict = "pass" if target["met"] else "**missed**"
            cpu = f"{target['cpu']:.2f}x" if "cpu" in target else ""
            against = f" / {target['against']}"
            rows.append(
                f"| {target['what']}{against} | {target['measured']}{unit} | {target['limit']}{unit} | "
                f"{cpu} | {verdict} |"
            )
    yield "\n".join(rows) + "\n"


def machines(sections: Mapping[str, Any]) -> str:
    """What the figures are from."""
    facts = {
        f"{m['cores']} cores ({m['processor']}), {m['memory_gb']} GB, {m['file_system']}; Python "
        f"{m['python']}, libcst {m['libcst']}, typer {m['typer']}, rich {m['rich']}"
        for m in (section["machine"] for section in sections.values())
    }
    loads = ", ".join(
        f"{name} {sections[name]['machine']['load_before']}" for name in PARTS if name in sections
    )
    text = f"Measured on {' and '.join(sorted(facts))}. Load before each section: {loads}."
    if any(section["machine"]["load_before"] > 1.5 for section in sections.values()):
        text += " **The machine was busy: the wall times mean little.**"
    return text + "\n"


def table(rows: Mapping[str, Mapping[str, Any]], base: str = "") -> str:
    """Medians, and ratios to one of the rows."""
    head = "| | wall, ms | processor, ms | runs |" + (" wall ratio |" if base else "")
    lines = [head, "|---|---:|---:|---:|" + ("---:|" if base else "")]
    for name, row in rows.items():
        line = f"| {name} | {row['wall_ms']:,.0f} | {row['cpu_ms']:,.0f} | {row['runs']} |"
        lines.append(line + (f" {row['wall_ms'] / rows[base]['wall_ms']:.2f} |" if base else ""))
    return "\n".join(lines) + "\n"


def startup(section: Mapping[str, Any], pictures: Path) -> Iterator[str]:
    """Start-up."""
    rows, base = section["rows"], start_up.BASE
    plots.bars(
        pictures / "start-up.svg",
        "Time, as a multiple of starting Python with typer and rich",
        {name: row["wall_ms"] / rows[base]["wall_ms"] for name, row in rows.items()},
        {target["what"]: target["limit"] for target in section["targets"]},
        "wall time ratio (the line is the target)",
    )
    yield "## Start-up\n"
    yield (
        f"dec25 with all its wheels ({section['distributions']} distributions; of torch, torchvision and "
        f"triton the metadata alone), {section['files_patched']} files patched, {section['patches']} "
        "patches in the registry: nothing is to be done. The tool is in an environment of its own, "
        "compiled, and asks the environment's interpreter for its path. Output is a pipe unless it says "
        "terminal; on a terminal rich draws the tables.\n"
    )
    yield f"![start-up]({PICTURES}/start-up.svg)\n"
    yield table(rows, base)


def first_apply(section: Mapping[str, Any], _: Path) -> Iterator[str]:
    """First apply."""
    yield "## The first `apply`\n"
    yield (
        "Against libcst's own floor: parse, an empty visit and code generation of exactly the files that "
        "change, on as many processes as there are cores, forked after libcst is loaded, files shared "
        "out by size (`tests/tools/bench/floor.py`). Everything else is the cost of being safe: each file is "
        "hashed, edited, edited again to see that nothing changes, compiled by the target's interpreter, "
        "written and synced.\n"
    )
    for stack, found in section["stacks"].items():
        yield (
            f"**{stack}**: of {found['python_files']:,} Python files {found['files_parsed']} hold a "
            f"needle and are parsed, in {found['parses']} parses; {found['files_changed']} change "
            f"({found['bytes_changed'] / 1e6:.1f} MB).\n"
        )
        yield table(found["rows"], "floor")


def revert(section: Mapping[str, Any], _: Path) -> Iterator[str]:
    """Revert."""
    calls = section["calls"]
    yield "## `revert`\n"
    yield (
        f"{section['files']} files of dec25 go back. Every call that changes the disk is written down in "
        "one run and made again by a script that does nothing else after loading typer and rich: "
        f"{', '.join(f'{count} {call}' for call, count in calls.items())}.\n"
    )
    yield table(section["rows"], "start-up and the same changes")
    yield (
        "Start-up means an interpreter with typer and rich, and nothing of ours. `status`, above, which "
        "looks at the environment once and writes nothing, is most of the difference; `revert` looks three "
        "times: before, under the lock, and at what it left.\n"
    )


def growth(section: Mapping[str, Any], pictures: Path) -> Iterator[str]:
    """Growth."""
    plots.lines(
        pictures / "growth.svg",
        (
            ("first apply", "MB to be rewritten", 1e6, section["bytes"]["points"]),
            ("status", "other distributions", 1, section["others"]["points"]),
            ("no-op apply", "more patches", 1, section["patches"]["points"]),
        ),
    )
    yield "## Growth\n"
    yield f"![growth]({PICTURES}/growth.svg)\n"
    units = (
        ("bytes", "First `apply` of 1, 2, 4 and 8 times the same real files, no two alike.", "MB", 1e6),
        (
            "others",
            "`status` on dec25 beside distributions of fifty files each that no patch targets.",
            "",
            1,
        ),
        (
            "patches",
            "No-op `apply` on dec25 with more patches than the shipped ones: a third for packages that "
            "are not "
            "there, a third for other releases, a third that look for their needle in a real file.",
            "",
            1,
        ),
    )
    for name, text, unit, divisor in units:
        yield text + "\n"
        yield table({f"{p['size'] / divisor:.3g} {unit}".strip(): p for p in section[name]["points"]})
    first = section["patches"]["first_run"]
    yield (
        f"The first run with 1,000 new patches, whose modules are then loaded once, takes "
        f"{first['wall_ms']:,.0f} ms.\n"
    )


def memory(section: Mapping[str, Any], _: Path) -> Iterator[str]:
    """Memory."""
    most = max(section["runs"], key=lambda run: run["together_mb"])
    yield "## Memory\n"
    yield (
        f"The first `apply` on nov26, looked at {most['looks']} times: at most "
        f"{most['processes_at_once']} processes at once, {most['together_mb']} MB together (proportional "
        "set sizes, so that what they share counts once); the largest resident set of a process is "
        f"{most['largest_mb']} MB.\n"
    )


PARTS = {
    "startup": startup,
    "apply": first_apply,
    "revert": revert,
    "growth": growth,
    "memory": memory,
    "others": others,
}
