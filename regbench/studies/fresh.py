"""Fresh runs of a study: each winner trained anew, with a new seed and a new cut, as an ordinary run with a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.errors import RegbenchError
from regbench.signals import StopSignal
from regbench.statuses import RunState
from regbench.studies.arms import AS_TYPED, UNSTOPPED
from regbench.studies.choices import Choice
from regbench.studies.cocktail_plan import find_arm
from regbench.studies.cuts import FRESH
from regbench.studies.plan import Pilot, StudyPlan
from regbench.studies.variants import draw_seed, vary
from regbench.sweeps.backends import Backend
from regbench.sweeps.cohorts import read_cohort
from regbench.sweeps.execute import train_plans
from regbench.sweeps.manifest import register
from regbench.sweeps.observer import SweepProgress
from regbench.sweeps.origins import check_reusable
from regbench.sweeps.plan.assign import StackPlan
from regbench.sweeps.plan.cohort_size import Cut
from regbench.sweeps.plan.stacking import Stack, find_stacks, label_stack
from regbench.sweeps.run_status import RunStatus
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
    combined: tuple[str, ...] = ()
    """Of a cocktail: the arms that it combines there."""


def list_fresh(plan: StudyPlan, choices: Sequence[Choice]) -> list[FreshRun]:
    """Return the fresh runs of all arms, of the baseline as typed, and of its winners without a stopping rule.

    In a replicate all have one seed and one cut: what is compared is the arm alone.
    """
    runs = [_make(plan, choice.arm, choice.replicate, choice.values, choice.combined) for choice in choices]
    for replicate in range(plan.replicates):
        runs.append(_make(plan, AS_TYPED, replicate, {}))
    for choice in choices:
        if choice.arm == plan.baseline:
            values = {**choice.values, "schedule.stop": NO_STOP}
            runs.append(_make(plan, UNSTOPPED, choice.replicate, values))
    order = {name: number for number, name in enumerate([*(arm.name for arm in plan.arms), AS_TYPED, UNSTOPPED])}
    return sorted(runs, key=lambda run: (order[run.arm], run.replicate))


def _make(
    plan: StudyPlan, name: str, replicate: int, values: Mapping[str, object], combined: tuple[str, ...] = ()
) -> FreshRun:
    seed = draw_seed(plan.settings.seed, "fresh", replicate)
    config = vary(find_arm(plan, name, combined).config, values, seed, plan.rule.settings(replicate, FRESH))
    return FreshRun(name, replicate, seed, values, replace(config, name=plan.name, overrides=()), combined)


class _Progress:
    """Passes on how many fresh runs have ended."""

    def __init__(self, tell: Callable[[int, int], None], note: Callable[[str], None], total: int) -> None:
        self._tell, self._note, self._total = tell, note, total

    def begin(self, folder: Path, total: int) -> None:
        """Tell that nothing has ended yet."""

    def update(self, progress: SweepProgress) -> None:
        """Tell how many have ended."""
        self.count(progress.statuses)

    def count(self, statuses: Sequence[RunStatus]) -> None:
        """Tell how many of the runs have ended."""
        self._tell(min(sum(status.state.ended for status in statuses), self._total), self._total)

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
    cohorts = list_cohorts(plan, runs)
    configs = [config for cohort in cohorts for config in cohort.runs]
    tracker = SweepTracker(configs)
    progress = _Progress(*tell, len(configs))
    check_reusable(tracker.statuses, tracker.configs, progress.warn)
    register(tracker.folder, tracker.planned)
    ended = {status.run.run_id for status in tracker.statuses if status.state.ended}
    torn = [cohort for cohort in cohorts if _restart_torn(cohort.runs, ended)]
    if torn:
        tracker = SweepTracker(configs)
    left = {config.run_id() for config in tracker.left()}
    plans = [_plan_stack(cohort, left) for cohort in cohorts if not left.isdisjoint(c.run_id() for c in cohort.runs)]
    if plans and not stop.requested():
        train_plans(tracker, plans, backend, stop, progress)
        tracker.look_now()
        progress.count(tracker.statuses)  # the last runs ended after the last update
    failed = {s.run.run_id: s.error or "failed" for s in tracker.statuses if s.state is RunState.FAILED}
    return failed | tracker.errors


@dataclass(frozen=True)
class Cohort:
    """Fresh runs that are trained side by side, and what the pilot showed of them."""

    runs: tuple[RunConfig, ...]
    pilot: Pilot


def list_cohorts(plan: StudyPlan, runs: Sequence[FreshRun]) -> list[Cohort]:
    """Return the cohorts of the fresh runs: those of one look that can be stacked, as many as the pilot chose.

    Two arms may have one run: it is trained once.
    """
    cohorts: list[Cohort] = []
    known: set[str] = set()
    for first, last in zip((0, *plan.looks), plan.looks, strict=False):
        own = {run.config.run_id(): run for run in runs if first <= run.replicate < last}
        fresh = [run for run_id, run in own.items() if run_id not in known]
        known |= set(own)
        for places in find_stacks([run.config for run in fresh]):
            pilot = find_arm(plan, fresh[places[0]].arm, fresh[places[0]].combined).pilot
            for at in range(0, len(places), pilot.cohort):
                members = tuple(fresh[place].config for place in places[at : at + pilot.cohort])
                cohorts.append(Cohort(members, pilot))
    return cohorts


def _restart_torn(cohort: Sequence[RunConfig], ended: set[str]) -> bool:
    """Remove what a killed command left of a cohort of which some runs had ended and others had not committed.

    Products are rounded by the number of runs in them: what is left would end otherwise than with its mates.
    """
    done = [config for config in cohort if config.run_id() in ended]
    left = [config for config in cohort if config.run_id() not in ended]
    if not done or all(read_cohort(config) is not None for config in left):
        return False
    discard_runs([config.folder() for config in cohort])
    return True


def _plan_stack(cohort: Cohort, left: set[str]) -> StackPlan:
    runs = tuple(config for config in cohort.runs if config.run_id() in left)
    stack, pilot = Stack(label_stack(runs[0]), runs), cohort.pilot
    return StackPlan(stack, Cut(len(runs), "as the study's pilot chose"), pilot.run_seconds, pilot.memory)


def discard_runs(folders: Iterable[Path]) -> None:
    """Remove runs, but for those that another process has."""
    from regbench.store.run_folder import RunFolder

    for folder in folders:
        if folder.is_dir():
            with suppress(RegbenchError), RunFolder.claim(folder) as claimed:
                claimed.discard()
