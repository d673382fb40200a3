"""What `apply`, `status`, `revert`, `recover`, `diff`, `list` and `explain` say."""

from __future__ import annotations

import sys

from surgeon.operations.results import FileResult, PatchResult, Result
from surgeon.operations.verdict import State
from surgeon.report.tables import on_terminal, table

WHY = {
    State.NOT_NEEDED: "no patch has anything to do in it",
    State.APPLIED: "it holds what was written here, by the patches as they are today",
    State.PRISTINE: "its bytes are the ones that RECORD lists, and a patch is needed",
}
"""What is meant where a verdict gives no reason of its own."""


def text(result: Result, *, all_patches: bool = True) -> None:
    """Print a command's answer.

    Args:
        all_patches: the patches that no file here needs get rows of their own too.
    """
    if result.site_packages is None:
        return
    if shown := {"diff": _diff, "list": _list, "explain": _explain}.get(result.command):
        shown(result)
    else:
        _overview(result, all_patches)


def reasons(result: Result) -> None:
    """Print to stderr what was decided for each patch and each file, and why: `--verbose`."""
    for patch in result.patches:
        why = patch.reason or f"{patch.files} {'file' if patch.files == 1 else 'files'}"
        print(f"patch {patch.id}: {patch.state}: {why}", file=sys.stderr)
    for each in result.decisions:
        why = each.reason or WHY.get(each.state, "")
        print(f"file {each.path}: {each.state}: {why}; {each.action}", file=sys.stderr)
    if result.command == "status":
        for file in result.files:
            why = file.reason or WHY.get(file.state, "")
            held = ", ".join(f"{name} {state}" for name, state in sorted(file.patches.items()))
            print(f"file {file.path}: {file.state}: {why}; {held}", file=sys.stderr)


def _overview(result: Result, all_patches: bool) -> None:
    """`status`, `apply`, `revert`, `recover`: where, what each patch is, what each file is, what was done."""
    print(f"environment: {result.site_packages}")
    if result.python:
        print(f"interpreter: {result.python}")
    print()
    shown = [patch for patch in result.patches if all_patches or not _is_unneeded(patch)]
    if shown:
        table(("patch", "state", "files", "reason"), [_patch_row(patch) for patch in shown])
    if left_out := len(result.patches) - len(shown):
        number = f"{left_out} {'more ' if shown else ''}{'patch is' if left_out == 1 else 'patches are'}"
        print(f"{number} not needed here: see `m3d-surgeon list`")
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


def _is_unneeded(patch: PatchResult) -> bool:
    return patch.state is State.NOT_NEEDED and not patch.files


def _patch_row(patch: PatchResult) -> tuple[str, ...]:
    return patch.id, patch.state.value, str(patch.files), patch.reason


def _file_row(file: FileResult) -> tuple[str, ...]:
    return file.path, file.state.value, " ".join(sorted(file.patches)), file.reason
