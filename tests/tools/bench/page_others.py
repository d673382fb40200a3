"""The part of docs/performance.md that holds m3d-surgeon against other tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.tools.bench import plots

WHY = {
    "patch": (
        "reads a diff that somebody made for exactly these bytes, by running the real tool first, and "
        "parses no Python. It finds lines by their context, with fuzz, in whatever release is there; "
        "keeps no original, syncs nothing, and is half done if it is killed. A second run asks, or fails "
        "as here."
    ),
    "patch-package": (
        "puts a ready diff in, as `patch` does, after starting node; Python packages have to lie in a "
        "package of node's. It keeps no original and asks for no conditions; a second run sees that "
        "nothing is to be done."
    ),
    "codemod": (
        "parses, edits and writes the same files, if somebody tells it which; it does not hash, does not "
        "run the edits twice, does not compile the result, keeps no original and syncs nothing. A second "
        "run parses all of it again."
    ),
    "codemod-all": (
        "the same, left to find the files of one package itself, so that every file of it is parsed; "
        "transformers is two and a half times as large, and is left out."
    ),
    "ast-grep": (
        "parses with tree-sitter, in native code, and knows nothing of imports: it changes text that "
        "looks like the name. It writes in place, keeps no original and syncs nothing."
    ),
    "ast-grep-all": (
        "the same over whole packages, on all cores: it also edits the files that m3d-surgeon leaves alone "
        "because no patch names them."
    ),
}


def others(section: Mapping[str, Any], pictures: Path) -> Iterator[str]:
    """Side by side."""
    yield "## Beside other tools\n"
    versions = ", ".join(f"{name} {version}" for name, version in section["versions"].items())
    yield (
        f"The same edits in the same run ({versions}; libcst as above). *Same*: how many files came out "
        "byte for byte as m3d-surgeon's; *others*: files edited besides. *Again*: a second run over the "
        "result, and its exit code. The others write into the very files that they are given, which uv "
        "hard-links into its cache, and so work on real copies of the packages here.\n"
    )
    titles = {
        "every_edit": ("All edits of dec25", "others-all.svg"),
        "renaming": ("One function renamed (is_compiling), in three files", "others-renaming.svg"),
    }
    for key, (title, file) in titles.items():
        rows = section[key]
        walls = {name: row["wall_ms"] / 1000 for name, row in rows.items()}
        plots.bars(pictures / file, title, walls, {}, "seconds")
        yield f"### {title}\n"
        yield f"![{title}]({pictures.name}/{file})\n"
        yield _table(rows)
        yield "\n".join(_remarks(rows)) + "\n"


def _table(rows: Mapping[str, Any]) -> str:
    lines = ["| | wall, ms | processor, ms | same | others | again, ms |", "|---|---:|---:|---:|---:|---:|"]
    for name, row in rows.items():
        same, other, again = "", "", ""
        if "same" in row:
            same, other = f"{row['same']} of {row['of']}", row["others"]
            again = f"{row['again_wall_ms']:,.0f} (exit {row['again_exit_code']})"
        lines.append(
            f"| {name} | {row['wall_ms']:,.0f} | {row['cpu_ms']:,.0f} | {same} | {other} | {again} |"
        )
    return "\n".join(lines) + "\n"


def _remarks(rows: Mapping[str, Any]) -> Iterator[str]:
    """For each other tool, how much faster or slower it is, and why."""
    ours = next(row for name, row in rows.items() if name.startswith("m3d-surgeon"))
    for name, row in rows.items():
        if row["note"]:
            factor = ours["wall_ms"] / row["wall_ms"]
            faster = f"{factor:.1f} times as fast" if factor >= 1 else f"{1 / factor:.1f} times as slow"
            yield f"- **{name}**, {faster}: {WHY[row['note']]}"
