"""What `apply`, `status`, `revert`, `recover`, `diff`, `list` and `explain` say."""

from __future__ import annotations

import sys

from surgeon.report.tables import on_terminal, table
from surgeon.results import FileResult, PatchResult, Result


def text(result: Result) -> None:
    """Print a command's answer."""
    if result.site_packages is None:
        return
    {"diff": _diff, "list": _list, "explain": _explain}.get(result.command, _overview)(result)


def _overview(result: Result) -> None:
    """`status`, `apply`, `revert`, `recover`: where, what each patch is, what each file is, what was done."""
    print(f"environment: {result.site_packages}")
    if result.python:
        print(f"interpreter: {result.python}")
    print()
    if result.patches:
        table(("patch", "state", "files", "reason"), [_patch_row(patch) for patch in result.patches])
    rows = [
        _file_row(file) for file in result.files if result.command == "status" or file.path in result.changed
    ]
    if rows:
        print()
        table(("file", "state", "patches", "reason"), rows)
    print()
    print(_summary(result))


def _summary(result: Result) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.summary.items()))
    files = f"files: {counts}" if counts else "no file is concerned"
    if result.command == "status":
        return files
    number = len(result.changed)
    verb = {"apply": "changed", "revert": "put back", "recover": "put back"}[result.command]
    done = f"{'would be ' if result.dry_run else ''}{verb}"
    noun = "file" if number == 1 else "files"
    return f"{number} {noun} {done}; {files}" if number else f"nothing to do; {files}"


def _list(result: Result) -> None:
    rows = [
        (
            patch.id,
            f"{patch.distribution} {patch.details['versions']}",
            patch.details["when"],
            patch.state.value,
        )
        for patch in result.patches
    ]
    table(("patch", "for", "when", "here"), rows)


def _explain(result: Result) -> None:
    for patch in result.patches:
        print(patch.id)
        here = f"{patch.state.value} ({patch.reason})" if patch.reason else patch.state.value
        for key, value in {"distribution": patch.distribution, **patch.details, "here": here}.items():
            if value:
                print(f"  {key + ':':<14} {value}")


def _diff(result: Result) -> None:
    whole = "".join(file.diff for file in result.files)
    if not on_terminal(sys.stdout):
        print(whole, end="")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in whole.splitlines():
        console.print(Text(line, styles.get(line[:1], "")), soft_wrap=True)


def _patch_row(patch: PatchResult) -> tuple[str, ...]:
    return patch.id, patch.state.value, str(patch.files), patch.reason


def _file_row(file: FileResult) -> tuple[str, ...]:
    return file.path, file.state.value, " ".join(sorted(file.patches)), file.reason
