"""`test`: every patch's examples, and a dry run on the installed files that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from surgeon.answer import Place
from surgeon.author.examples import Check, Fault, checks, unbound
from surgeon.author.results import Tested, Trial
from surgeon.errors import SurgeonError
from surgeon.operations.plan import Aim, Future
from surgeon.operations.survey import Survey, Target, survey
from surgeon.operations.verdict import State
from surgeon.operations.work import Progress, Work, silent
from surgeon.patch import Patch
from surgeon.registry import Registry
from surgeon.site.environment import Environment

UNTOUCHABLE = (State.FOREIGN_EDIT, State.UNPATCHABLE)


def test(
    environment: Environment, registry: Registry, selected: frozenset[str], *, progress: Progress = silent
) -> Tested:
    """Try the selected patches: each by itself, then all of them together. Changes nothing.

    The dry run makes every installed file anew from its original, whatever is applied now, and
    compiles the result under the environment's own grammar.

    Raises:
        EnvironmentUnusable: the environment's interpreter died.
    """
    seen = survey(environment, registry)
    trials: list[Trial] = []
    for number, name in enumerate(sorted(selected)):
        progress(name, number, len(selected))
        trials.append(_trial(seen, registry, registry.patches[name]))
    failed = [_failure(registry, trial) for trial in trials if trial.failed]
    conflicts = [each for each in _together(seen, registry, selected) if each.code == "conflict"]
    return Tested(Place.of(environment), tuple(trials), (*registry.problems, *failed, *conflicts))


def _trial(seen: Survey, registry: Registry, patch: Patch) -> Trial:
    work = _dry_run(seen, registry, frozenset({patch.id}))
    refused = [_refused(patch, refusal) for refusal in work.refusals]
    done = [
        Check(patch.id, f"{outcome.target.path}: dry run", _unbound(outcome))
        for _, outcome in work.every()
        if not outcome.refusals and outcome.after != outcome.sources.original
    ]
    real = (*refused, *done)
    skipped = "" if real else _untried(seen, patch)
    return Trial(patch.id, patch.distribution, (*checks(patch), *real), len(real), skipped)


def _unbound(outcome: Future) -> Fault | None:
    original, after = (data.decode("utf-8", "replace") for data in (outcome.sources.original, outcome.after))
    return unbound(original, after)


def _together(seen: Survey, registry: Registry, selected: frozenset[str]) -> list[SurgeonError]:
    """What is refused where a file gets several of the patches at once."""

    def aim(target: Target, chosen: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
        wanted = _aim(target, chosen, known)
        return wanted if wanted and len(wanted.patches) > 1 else None

    work = Work(registry, selected)
    work.plan(seen, aim, silent)
    return work.refusals


def _dry_run(seen: Survey, registry: Registry, selected: frozenset[str]) -> Work:
    work = Work(registry, selected)
    work.plan(seen, _aim, silent)
    return work


def _aim(target: Target, selected: frozenset[str], known: Mapping[str, Patch]) -> Aim | None:
    """Each file's original with the selected patches that want it."""
    wanted = tuple(patch for patch in known if patch in selected and patch in target.facts.wanted)
    return Aim(wanted) if wanted and target.verdict.state not in UNTOUCHABLE else None


def _untried(seen: Survey, patch: Patch) -> str:
    """Why a patch was tried on no installed file."""
    if reason := seen.applicable[patch.id].reason:
        return reason
    states = set(_states(seen, patch))
    for state in UNTOUCHABLE:
        if state in states:
            return f"its files are {state} here: see `m3d-surgeon status {patch.id}`"
    return "no installed file needs it"


def _states(seen: Survey, patch: Patch) -> Iterator[State]:
    for site in seen.sites:
        yield from (target.verdict.state for target in site.targets if patch.id in target.facts.wanted)


def _refused(patch: Patch, refusal: SurgeonError) -> Check:
    message = refusal.message.removeprefix(f"{patch.id}: ")
    return Check(patch.id, f"{refusal.path}: dry run", Fault(message))


def _failure(registry: Registry, trial: Trial) -> SurgeonError:
    number, first = len(trial.failed), trial.failed[0]
    assert first.fault is not None
    error = SurgeonError(
        f"{trial.id}: {number} of {len(trial.checks)} checks failed; {first.name}: {first.fault.message}",
        path=str(registry.sources.get(trial.id, "")) or None,
        hint=f"mend the patch or the example, then run `m3d-surgeon test {trial.id}` again",
        code="check-failed",
    )
    error.exit_code = 1
    return error
