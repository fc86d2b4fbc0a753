"""Fresh runs of a study: each winner trained anew, with a new seed and a new cut, as an ordinary run with a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.errors import RegbenchError
from regbench.signals import StopSignal
from regbench.statuses import RunState
from regbench.studies.arms import AS_TYPED, UNSTOPPED
from regbench.studies.choices import Choice
from regbench.studies.cuts import FRESH
from regbench.studies.plan import StudyPlan
from regbench.studies.variants import draw_seed, vary
from regbench.sweeps.backends import Backend
from regbench.sweeps.execute import train_plans
from regbench.sweeps.manifest import register
from regbench.sweeps.observer import SweepProgress
from regbench.sweeps.origins import check_reusable
from regbench.sweeps.plan.assign import StackPlan
from regbench.sweeps.plan.cohort_size import Cut
from regbench.sweeps.plan.stacking import find_stacks, gather_stack
from regbench.sweeps.tracker import SweepTracker

NO_STOP = {"name": "none"}


@dataclass(frozen=True)
class FreshRun:
    """A fresh run: whose, in which replicate, with what values, and its configuration."""

    arm: str
    replicate: int
    seed: int
    values: Mapping[str, object]
    config: RunConfig


def list_fresh(plan: StudyPlan, choices: Sequence[Choice]) -> list[FreshRun]:
    """Return the fresh runs of all arms, of the baseline as typed, and of its winners without a stopping rule.

    In a replicate all have one seed and one cut: what is compared is the arm alone.
    """
    runs = [_make(plan, choice.arm, choice.arm, choice.replicate, choice.values) for choice in choices]
    for replicate in range(plan.replicates):
        runs.append(_make(plan, AS_TYPED, plan.baseline, replicate, {}))
    for choice in choices:
        if choice.arm == plan.baseline:
            values = {**choice.values, "schedule.stop": NO_STOP}
            runs.append(_make(plan, UNSTOPPED, plan.baseline, choice.replicate, values))
    order = {name: number for number, name in enumerate([*(arm.name for arm in plan.arms), AS_TYPED, UNSTOPPED])}
    return sorted(runs, key=lambda run: (order[run.arm], run.replicate))


def _make(plan: StudyPlan, name: str, arm: str, replicate: int, values: Mapping[str, object]) -> FreshRun:
    seed = draw_seed(plan.settings.seed, "fresh", replicate)
    config = vary(plan.arm(arm).config, values, seed, plan.rule.settings(replicate, FRESH))
    return FreshRun(name, replicate, seed, values, replace(config, name=plan.name, overrides=()))


class _Progress:
    """Passes on how many fresh runs have ended."""

    def __init__(self, tell: Callable[[int, int], None], note: Callable[[str], None], total: int) -> None:
        self._tell, self._note, self._total = tell, note, total

    def begin(self, folder: Path, total: int) -> None:
        """Tell that nothing has ended yet."""

    def update(self, progress: SweepProgress) -> None:
        """Tell how many have ended."""
        ended = sum(status.state.ended for status in progress.statuses)
        self._tell(min(ended, self._total), self._total)

    def end(self) -> None:
        """Do nothing."""

    def warn(self, line: str) -> None:
        """Pass a warning on."""
        self._note(line)


def train_fresh(
    plan: StudyPlan,
    runs: Sequence[FreshRun],
    backend: Backend,
    stop: StopSignal,
    tell: tuple[Callable[[int, int], None], Callable[[str], None]],
) -> dict[str, str]:
    """Train the fresh runs that have not ended, each arm's in one stack, and return the errors by run id.

    Raises:
        ConfigError: what is there of some was made from other data or by other code.
    """
    configs = list({run.config.run_id(): run.config for run in runs}.values())
    tracker = SweepTracker(configs)
    progress = _Progress(*tell, len(configs))
    check_reusable(tracker.statuses, tracker.configs, progress.warn)
    register(tracker.folder, tracker.planned)
    left = tracker.left()
    if left and not stop.requested():
        train_plans(tracker, _plan_stacks(plan, runs, left), backend, stop, progress)
        tracker.look_now()
    failed = {s.run.run_id: s.error or "failed" for s in tracker.statuses if s.state is RunState.FAILED}
    return failed | tracker.errors


def _plan_stacks(plan: StudyPlan, runs: Sequence[FreshRun], left: Sequence[RunConfig]) -> list[StackPlan]:
    """Return the stacks of the runs that are left, with the cohorts that the pilot chose."""
    pilots = {run.config.run_id(): plan.find_pilot(run.arm) for run in runs}
    plans = []
    for places in find_stacks(left):
        stack = gather_stack(left, places)
        pilot = pilots[stack.runs[0].run_id()]
        size = min(len(places), max(1, pilot.cohort))
        plans.append(StackPlan(stack, Cut(size, "as the study's pilot chose"), pilot.run_seconds, pilot.memory))
    return plans


def discard_fresh(runs: Sequence[FreshRun]) -> None:
    """Remove what the fresh runs have left."""
    from regbench.store.run_folder import RunFolder

    for folder in {run.config.folder() for run in runs}:
        if folder.exists():
            with suppress(RegbenchError), RunFolder.claim(folder) as claimed:
                claimed.discard()
