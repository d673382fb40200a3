"""The workflow: its schema, and its `run:` lines one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, support
from tests.recipes.pages import block


@pytest.fixture
def workflow(tmp_path: Path, tool: Callable[..., Path]) -> Path:
    path = tmp_path / "imports.yml"
    path.write_text(block("github-actions.md", "imports.yml"))
    return path


def test_it_is_what_the_schema_of_workflows_allows(workflow: Path, tool: Callable[..., Path]) -> None:
    check = (tool("check-jsonschema") / "check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    support.run(*check, workflow)
    workflow.write_text(workflow.read_text().replace("runs-on", "runs_on"))
    assert support.run(*check, workflow, check=False).returncode != 0


@pytest.mark.e2e
def test_its_commands_run_in_their_order(
    workflow: Path, tmp_path: Path, tool: Callable[..., Path], shell: Callable[..., object]
) -> None:
    pod = environments.pod(tmp_path / "pod", "dec25")
    environments.install(pod, "pip")
    support.uv("pip", "uninstall", "--quiet", "--python", pod / "bin" / "python", "diffusers")
    (tmp_path / "requirements.txt").write_text("diffusers==0.36.0\n")
    commands = runs(workflow, tool)
    assert len(commands) == 4
    path = (pod / "bin", tool("pipx"))
    for command in commands:
        shell(command, *path, HF_HUB_OFFLINE="1")
    support.surgeon("revert", "-p", pod)
    assert shell(commands[2], *path, check=False).returncode == 1  # type: ignore[attr-defined]
    assert shell(commands[3], *path, check=False, HF_HUB_OFFLINE="1").returncode != 0  # type: ignore[attr-defined]


def runs(workflow: Path, tool: Callable[..., Path]) -> list[str]:
    """The `run:` lines of every step, read by a parser of YAML."""
    program = (
        "import json, sys, ruamel.yaml as y; print(json.dumps(y.YAML(typ='safe').load(open(sys.argv[1]))))"
    )
    done = support.run(tool("check-jsonschema") / "python", "-c", program, workflow)
    steps = json.loads(done.stdout)["jobs"]["imports"]["steps"]
    return [step["run"] for step in steps if "run" in step]
