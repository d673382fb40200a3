"""The same edits by what a user would pick instead, each with what its result was.

All of dec25's edits: `libcst.tool codemod`, GNU `patch` and npm's `patch-package`. The renaming of one
function in three files, which is what can be said in a rule: `ast-grep`.

These tools write through hard links, so that each works on real copies of the packages.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests import environments, support
from tests.tools.bench import measure, scenes
from tests.tools.bench.loose import Loose
from tests.tools.bench.measure import Case

STACK = "dec25"
WHOLE = "diffusers"
"""All of the packages would take libcst.tool several minutes."""
RENAMING = ("diffusers-is-compiling", "transformers-is-compiling")
RULE = """id: is-compiling
language: python
rule:
  pattern: torch.compiler.is_compiling
fix: torch._utils.is_compiling
"""
IGNORES = ("hidden", "dot", "exclude", "global", "parent", "vcs")
CODEMOD = Path(__file__).with_name("codemod.py")


def section(rounds: int) -> dict[str, Any]:
    """Measure both sets of edits."""
    everything = measured(every_edit(), rounds)
    renaming = measured(the_renaming(), rounds)
    return {"every_edit": everything, "renaming": renaming, "versions": versions(), "targets": []}


class Rival:
    """One way of making the edits.

    Attributes:
        again: the exit codes of a second run.
        note: why it is faster or slower, for the page.
    """

    def __init__(
        self, case: Case, look: Callable[[], dict[str, int]], again: tuple[int, ...], note: str
    ) -> None:
        self.case, self.look, self.again, self.note = case, look, again, note


def measured(rivals: Mapping[str, Rival], rounds: int) -> dict[str, Any]:
    """All of them in turns; then once more each, for what it did and what a second run costs."""
    samples = measure.in_turns({name: rival.case for name, rival in rivals.items()}, rounds)
    found = {}
    for name, rival in rivals.items():
        row = {**measure.summary(samples[name]), "note": rival.note}
        if rival.case.rounds is None:
            measure.once(rival.case)
            row |= rival.look()
            second = Case(
                rival.case.command, extra=rival.case.extra, folder=rival.case.folder, exits=rival.again
            )
            repeated = measure.once(second)
            row |= {"again_wall_ms": round(repeated.wall * 1000, 1), "again_exit_code": repeated.exit_code}
        found[name] = row
    return found


def ours(*patches: str) -> Case:
    """`m3d-surgeon apply` of some patches, or of all."""
    work = scenes.FOLDER / "work"
    return Case(
        scenes.command("apply", *patches, "--python", work),
        before=partial(scenes.lay, scenes.pristine(STACK), work),
        extra=scenes.plain(),
    )


def expected(*patches: str) -> dict[str, bytes]:
    """What each file holds after that."""
    work = scenes.lay(scenes.pristine(STACK), scenes.FOLDER / "work")
    answer = scenes.surgeon("apply", *patches, "--python", work)
    return {path: (support.site_packages(work) / path).read_bytes() for path in answer["changed"]}


def unified(folder: Path, *patches: str) -> str:
    """The diff that `m3d-surgeon diff` gives for an environment."""
    rows = scenes.surgeon("diff", *patches, "--python", folder)["files"]
    return "".join(row["diff"] for row in rows if row.get("diff"))


def every_edit() -> dict[str, Rival]:
    """All patches that dec25 needs."""
    results = expected()
    loose = Loose(STACK, results)
    look = partial(loose.compared, results)
    text = unified(scenes.pristine(STACK))
    return {
        "m3d-surgeon apply": Rival(
            ours(), lambda: {"same": len(results), "of": len(results), "others": 0}, (0,), ""
        ),
        "GNU patch": Rival(gnu_patch(loose, "all", text), look, (1,), "patch"),
        "patch-package": Rival(patch_package(loose, text), look, (0, 1), "patch-package"),
        "libcst.tool codemod, the right files": Rival(codemod(loose, sorted(results)), look, (0,), "codemod"),
        f"libcst.tool codemod, all of {WHOLE}": Rival(
            codemod(loose, [WHOLE], rounds=1), look, (0,), "codemod-all"
        ),
    }


def the_renaming() -> dict[str, Rival]:
    """Two patches that only put another name in a name's place."""
    results = expected(*RENAMING)
    loose = Loose(STACK, results)
    look = partial(loose.compared, results)
    text = unified(scenes.pristine(STACK), *RENAMING)
    return {
        "m3d-surgeon apply, two patches": Rival(
            ours(*RENAMING), lambda: {"same": len(results), "of": len(results), "others": 0}, (0,), ""
        ),
        "GNU patch": Rival(gnu_patch(loose, "renaming", text), look, (1,), "patch"),
        "ast-grep, the right files": Rival(ast_grep(loose, sorted(results)), look, (0,), "ast-grep"),
        "ast-grep, whole packages": Rival(ast_grep(loose, loose.packages), look, (0,), "ast-grep-all"),
    }


def gnu_patch(loose: Loose, name: str, text: str) -> Case:
    """`patch -p1` with the diff ready."""
    diff = scenes.FOLDER / f"{name}.patch"
    diff.write_text(text)
    command = ("patch", "-p1", "--batch", "--forward", "-r", "-", "-i", diff)
    return Case(command, before=loose.reset, folder=loose.site)


def patch_package(loose: Loose, text: str) -> Case:
    """npm's patch-package; the Python packages lie in a package of node's."""
    tool = scenes.FOLDER / "npm"
    if not (tool / "node_modules" / ".bin" / "patch-package").exists():
        tool.mkdir(parents=True, exist_ok=True)
        (tool / "package.json").write_text('{"name": "bench", "version": "1.0.0", "private": true}\n')
        support.run("npm", "install", "--no-fund", "--no-audit", "--silent", "patch-package", cwd=tool)
    below = f"/node_modules/{loose.NAME}/"
    lines = (
        f"{line[:5]}{below}{line[6:]}" if line.startswith(("--- a/", "+++ b/")) else line
        for line in text.splitlines(keepends=True)
    )
    patches = loose.project / "patches"
    patches.mkdir(exist_ok=True)
    (patches / f"{loose.NAME}+1.0.0.patch").write_text("".join(lines))
    return Case((tool / "node_modules" / ".bin" / "patch-package",), before=loose.reset, folder=loose.project)


def codemod(loose: Loose, paths: list[str], rounds: int | None = None) -> Case:
    """`libcst.tool codemod` on as many processes as there are cores."""
    wanted = scenes.FOLDER / "codemod.json"
    rows = scenes.surgeon("status", "--python", scenes.patched(STACK))["files"]
    wanted.write_text(json.dumps({row["path"]: row["patches"] for row in rows if row["state"] == "applied"}))
    rules = scenes.FOLDER / "rules" / "bench_rules"
    rules.mkdir(parents=True, exist_ok=True)
    shutil.copy(CODEMOD, rules)
    (rules / "__init__.py").touch()
    (loose.site / ".libcst.codemod.yaml").write_text("modules: ['bench_rules']\nblacklist_patterns: []\n")
    jobs = str(len(os.sched_getaffinity(0)))
    command = (scenes.tool(), "-m", "libcst.tool", "codemod", "codemod.Edits", "--no-format", "--jobs", jobs)
    extra = scenes.plain(BENCH_CODEMOD=str(wanted), PYTHONPATH=str(rules.parent))
    return Case((*command, *paths), before=loose.reset, extra=extra, folder=loose.site, rounds=rounds)


def ast_grep(loose: Loose, paths: list[str]) -> Case:
    """`ast-grep scan` with one rule, its ignore rules off."""
    tool = scenes.FOLDER / "ast-grep"
    if not (tool / "bin" / "ast-grep").exists():
        support.make_venv(tool)
        environments.install(tool, "ast-grep-cli")
    rule = scenes.FOLDER / "rule.yml"
    rule.write_text(RULE)
    unignored = [word for each in IGNORES for word in ("--no-ignore", each)]
    command = (tool / "bin" / "ast-grep", "scan", "--rule", rule, "--update-all", *unignored, *paths)
    return Case(command, before=loose.reset, folder=loose.site)


def versions() -> dict[str, str]:
    """What was compared."""
    package = scenes.FOLDER / "npm" / "node_modules" / "patch-package" / "package.json"
    tools = {
        "ast-grep": support.run(scenes.FOLDER / "ast-grep" / "bin" / "ast-grep", "--version").stdout,
        "GNU patch": support.run("patch", "--version").stdout.splitlines()[0],
        "node": support.run(shutil.which("node") or "node", "--version").stdout,
        "patch-package": json.loads(package.read_text())["version"],
    }
    return {name: said.split()[-1].lstrip("v") for name, said in tools.items()}
