"""The commands, without a terminal: each takes an environment and a registry, and returns a `Result`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from surgeon.answer import exit_code
from surgeon.errors import EnvironmentUnusable, Refused, SurgeonError
from surgeon.operations.plan import Aim, Future, aim_of_apply, aim_of_revert
from surgeon.operations.results import Result
from surgeon.operations.summary import details, summarise, troubles
from surgeon.operations.survey import Site, Survey, Target, survey
from surgeon.operations.verdict import State
from surgeon.operations.work import Aiming, Progress, Work, silent
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site import transaction
from surgeon.site.distribution import Installed
from surgeon.site.environment import Environment, interpreters_at_hand
from surgeon.site.store import Step, sha256
from surgeon.site.transaction import Waiting, unheard


def status(environment: Environment, registry: Registry, selected: frozenset[str]) -> Result:
    """Say what is true of every target. Reads only; never parses a source.

    Exit code: 0 where everything needed is in place, 1 where something is pending or has drifted.
    """
    seen = survey(environment, registry)
    result = summarise("status", seen, selected, [*registry.problems, *troubles(seen)])
    states = [file.state for file in result.files] + [patch.state for patch in result.patches]
    settled = all(state.settled for state in states)
    return replace(result, exit_code=exit_code(result.errors, otherwise=0 if settled else 1))


def apply(
    environment: Environment,
    registry: Registry,
    selected: frozenset[str],
    *,
    dry_run: bool = False,
    progress: Progress = silent,
    wait: Waiting = unheard,
) -> Result:
    """Make every file what today's environment needs: patched, rebuilt, or put back.

    Raises:
        EnvironmentUnusable: nothing could be read or written; nothing was changed.
        RecoveryFailed: an interrupted run could not be settled.
    """
    result = _run("apply", aim_of_apply, environment, registry, selected, dry_run, progress, wait)
    refused: dict[tuple[str, str], list[str]] = {}
    for patch in result.patches:
        if patch.state is State.UNPATCHABLE and not patch.files:
            refused.setdefault((patch.distribution, patch.reason), []).append(patch.id)
    errors = (*result.errors, *(_nothing_of(*whose, patches) for whose, patches in refused.items()))
    return replace(result, errors=errors, exit_code=exit_code(errors))


def _nothing_of(distribution: str, reason: str, patches: Sequence[str]) -> Refused:
    return Refused(
        f"nothing of {distribution} can be edited, as {', '.join(patches)} would: {reason}",
        hint=f"install {distribution} as an ordinary wheel, then run this command again",
        code=str(State.UNPATCHABLE),
    )


def revert(
    environment: Environment,
    registry: Registry,
    selected: frozenset[str],
    *,
    dry_run: bool = False,
    progress: Progress = silent,
    wait: Waiting = unheard,
) -> Result:
    """Take the selected patches out: each file is again what RECORD lists, or has its other patches only.

    Raises:
        EnvironmentUnusable: nothing could be read or written; nothing was changed.
        RecoveryFailed: an interrupted run could not be settled.
    """
    return _run("revert", aim_of_revert, environment, registry, selected, dry_run, progress, wait)


def diff(environment: Environment, registry: Registry, selected: frozenset[str]) -> Result:
    """Show what the selected patches change, file by file, applied or not. Changes nothing."""
    seen = survey(environment, registry)

    def aim(target: Target, chosen: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
        if target.verdict.state in (State.FOREIGN_EDIT, State.UNPATCHABLE):
            return None
        return Aim(tuple(patch for patch in known if patch in chosen and patch in target.verdict.patches))

    work = Work(registry, selected)
    work.plan(seen, aim, silent)
    diffs = {(str(folder), outcome.target.path): _unified(outcome) for folder, outcome in work.every()}
    result = summarise("diff", seen, selected, [*registry.problems, *troubles(seen), *work.refusals])
    files = tuple(replace(file, diff=diffs.get((file.site, file.path), "")) for file in result.files)
    return _with_exit(replace(result, files=files))


def recover(environment: Environment, registry: Registry, wait: Waiting = unheard) -> Result:
    """Settle what a killed run left: every file back as it was, or the finished change cleared up.

    Raises:
        RecoveryFailed: something that is needed for it is missing or damaged.
        EnvironmentUnusable: the disk refused.
    """
    seen = survey(environment, registry)
    _whole(seen)
    changed: list[str] = []
    refusals: list[SurgeonError] = []
    for site in seen.sites:
        if site.damage is not None:
            refusals.append(site.damage)
            continue
        if site.journal is not None:
            with transaction.locked([site.store], wait):
                settled = _settle(seen, site)
            changed += settled.put_back
            refusals += map(_left, settled.left)
        transaction.tidy(site.store)
    result = summarise("recover", survey(environment, registry), registry.select(()), refusals)
    return _with_exit(replace(result, changed=tuple(changed)))


def catalogue(command: str, environment: Environment, registry: Registry, selected: frozenset[str]) -> Result:
    """Describe the selected patches, and say how each stands in this environment."""
    result = status(environment, registry, selected)
    patches = tuple(replace(row, details=details(registry.patches[row.id])) for row in result.patches)
    return replace(
        result,
        command=command,
        files=(),
        patches=patches,
        errors=registry.problems,
        exit_code=exit_code(registry.problems),
    )


def require_targets(environment: Environment, registry: Registry) -> None:
    """Stop where nothing that a patch is for is installed, and name the interpreters that have it.

    Raises:
        EnvironmentUnusable: this is the wrong environment.
    """
    names = sorted({patch.distribution for patch in registry.patches.values()})
    if _holds_any(environment, names):
        return
    others = [other for other in interpreters_at_hand() if _holds_any(other, names)]
    hint = " or ".join(f"--python {other.python}" for other in others) or "--python INTERPRETER_OR_VENV"
    raise EnvironmentUnusable(
        f"none of {', '.join(names)} is installed here",
        path=str(environment.python),
        hint=f"name the environment: {hint}",
        code="no-targets",
    )


def _holds_any(environment: Environment, names: Sequence[str]) -> bool:
    installed = Installed(environment)
    return any(installed.find(name) for name in names)


def _run(
    command: str,
    aiming: Aiming,
    environment: Environment,
    registry: Registry,
    selected: frozenset[str],
    dry_run: bool,
    progress: Progress,
    wait: Waiting,
) -> Result:
    """Plan, lock, settle what an earlier run left, plan again on what is there now, commit."""
    seen = survey(environment, registry)
    damages = [site.damage for site in seen.sites if site.damage]
    seen = _whole(seen)
    interrupted = any(site.journal for site in seen.sites)
    if dry_run and interrupted:
        return _with_exit(summarise(command, seen, selected, [*registry.problems, *damages, *troubles(seen)]))
    work = Work(registry, selected)
    work.plan(seen, aiming, progress)
    warnings: list[str] = []
    if not dry_run:
        for site in seen.sites:
            transaction.tidy(site.store)
        if interrupted or work.outcomes:
            seen, warnings = _carry_out(seen, work, aiming, progress, wait)
            seen = survey(environment, registry, seen.installed)
        if interrupted:
            for site in seen.sites:
                transaction.tidy(site.store)
    result = summarise(command, seen, selected, [*registry.problems, *damages, *work.refusals])
    if work.changed and not hasattr(os, "listxattr"):
        warnings.append("extended attributes of files cannot be read on this system and are not kept")
    warned = (*warnings, *result.warnings)
    decided = tuple(work.decisions)
    return _with_exit(
        replace(result, changed=work.changed, decisions=decided, dry_run=dry_run, warnings=warned)
    )


def _carry_out(
    seen: Survey, work: Work, aiming: Aiming, progress: Progress, wait: Waiting
) -> tuple[Survey, list[str]]:
    """Under the locks: settle what a killed run left, plan again on what is there now, commit.

    Returns:
        What was there under the locks, and what to warn of.
    """
    warnings: list[str] = []
    left: list[Step] = []
    concerned = [site for site in seen.sites if site.journal or site.store.root.folder in work.outcomes]
    with transaction.locked([site.store for site in concerned], wait):
        for site in concerned:
            if site.store.journal() is not None:
                settled = _settle(seen, site)
                left += settled.left
                warnings.append(
                    f"an interrupted run was settled first: {len(settled.put_back)} files put back"
                )
        seen = _whole(survey(seen.environment, work.registry))
        work.plan(seen, aiming, progress)
        work.commit(seen, {site.store.root.folder for site in concerned}, progress)
    refused = {refusal.path for refusal in work.refusals}
    work.refusals[:0] = [_left(step) for step in left if step.path not in refused]
    return seen, warnings


def _whole(seen: Survey) -> Survey:
    """What was seen, without the site directories whose store is damaged: they do not stop the others.

    Raises:
        SurgeonError: no other is left.
    """
    whole = tuple(site for site in seen.sites if site.damage is None)
    for site in seen.sites if not whole else ():
        if site.damage:
            raise site.damage
    return replace(seen, sites=whole)


def _left(step: Step) -> Refused:
    return Refused(
        "it was changed by somebody after a run that was interrupted, and is left as it is: "
        "a part of that run may be in it",
        path=step.path,
        hint=f"reinstall {step.distribution} (pip install --force-reinstall --no-deps), "
        "then run `m3d-surgeon apply`",
        code="changed-meanwhile",
    )


def _with_exit(result: Result) -> Result:
    return replace(result, exit_code=exit_code(result.errors))


def _settle(seen: Survey, site: Site) -> transaction.Settled:
    """Recover one site directory; only bytes that RECORD or the manifest vouches for are put back."""
    manifest = site.store.manifest()

    def recorded(step: Step) -> str | None:
        distribution = seen.installed.find(step.distribution)
        return distribution.recorded(step.path) if distribution else None

    def attested(step: Step) -> bool:
        entry, shipped = manifest.files.get(step.path), recorded(step)
        return shipped is not None and step.before in (shipped, entry.result if entry else shipped)

    settled = transaction.recover(site.store, attested, seen.environment.pycache_prefix)
    # What an installer put there since is as it should be.
    left = (step for step in settled.left if sha256(site.store.root.read(step.path)) != recorded(step))
    return replace(settled, left=tuple(left))


def _unified(outcome: Future) -> str:
    import difflib  # here: every other command does without

    path = outcome.target.path
    sources = (outcome.sources.original, outcome.after)
    old, new = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in sources)
    return "".join(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"))
