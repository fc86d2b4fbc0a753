"""A whole sweep: find the runs that are left, cut them into cohorts, have workers train them, and return the result."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings, build_settings
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.prepare import WORKER_LOST
from regbench.signals import StopSignal, deliver, stop_requests
from regbench.store import durable
from regbench.store.concurrently import concurrently
from regbench.store.durable import StorageError
from regbench.store.run_folder import RunFolder
from regbench.sweeps.backends import Backend, LocalProcesses, open_backend
from regbench.sweeps.manifest import BOOKKEEPING, register
from regbench.sweeps.observer import SILENT_SWEEP, SweepObserver
from regbench.sweeps.origins import check_reusable, describe_changes
from regbench.sweeps.plan.assign import StackPlan, assign, assign_again, estimate_seconds, split_turn
from regbench.sweeps.plan.measure import describe_plans, measure_stacks, plan_stacks
from regbench.sweeps.plan.stacking import gather_stack
from regbench.sweeps.plan.validate import check_and_stack
from regbench.sweeps.result import SweepResult
from regbench.sweeps.table import write_csv
from regbench.sweeps.tracker import SweepTracker
from regbench.sweeps.workers.dispatch import TICK_SECONDS, work_on
from regbench.sweeps.workers.train import Assignment, Outcome, train_assignment

SHORT_SECONDS = 4.0
"""A sweep that takes less is trained in this process: worker processes need about that long to start."""

MANY_RUNS = 32
"""From so many runs on, worker processes are started first and do everything that needs torch."""

WAIT_TICKS = 10
"""Pause, in ticks, before runs that are in training elsewhere are tried again."""


@dataclass(frozen=True)
class SweepPlan:
    """The runs that a sweep would train, and how; nothing of it was begun."""

    runs: tuple[RunConfig, ...]
    left: int
    """Runs that have not ended."""
    stacks: tuple[StackPlan, ...]
    """Stacks of the runs that are left, and the cohorts in which they would be trained."""
    workers: int
    notes: tuple[str, ...] = ()
    """What has to be known of runs that have ended, a line each."""


def run_sweep(configs: Sequence[RunConfig], observer: SweepObserver = SILENT_SWEEP) -> SweepResult:
    """Train what is left of a sweep and write its `sweep.csv`.

    A signal (Ctrl-C, SIGTERM) ends it once every worker has committed; the result names it.

    Args:
        configs: the runs.
        observer: follows the training.

    Raises:
        ConfigError: a setting of some run is not allowed, some cannot be trained on its data, or what is there of some
            was made from other data or by other code than those of now; nothing was started.
        StorageError: the sweep's folder cannot be written.
    """
    tracker = SweepTracker(configs)
    with _planned(tracker, configs, observer.warn) as (plans, backend, stop):
        if not stop.requested():
            _begin(tracker, fresh=configs[0].resume == "fresh")
        if plans and not stop.requested():
            train_plans(tracker, plans, backend, stop, observer)
    tracker.look_now()
    statuses = tuple(tracker.statuses)
    changed = describe_changes(statuses, tracker.configs) if plans else None
    if tracker.folder.exists():
        write_csv(tracker.folder, tracker.all_statuses(observer.warn))
    return SweepResult(folder=tracker.folder, statuses=statuses, signal=stop.number, changed=changed)


def plan_sweep(configs: Sequence[RunConfig]) -> SweepPlan:
    """Return what `run_sweep` would train and how; the settings are checked and the cohorts measured.

    Raises:
        ConfigError: as `run_sweep`.
        KeyboardInterrupt: Ctrl-C.
    """
    tracker = SweepTracker(configs)
    notes: list[str] = []
    with _planned(tracker, configs, notes.append) as (plans, backend, stop):
        pass
    if stop.number is not None:
        deliver(stop.number)
    return SweepPlan(tuple(configs), len(tracker.left()), tuple(plans), backend.workers, tuple(notes))


@contextmanager
def _planned(
    tracker: SweepTracker, configs: Sequence[RunConfig], warn: Callable[[str], None]
) -> Iterator[tuple[Sequence[StackPlan], Backend, StopSignal]]:
    """Check and measure what is left; provide the plan, and what starts its workers until the context ends."""
    settings = read_settings(configs)
    if configs[0].resume != "fresh":
        check_reusable(tracker.statuses, tracker.configs, warn)
    left = tracker.left()
    backend = open_backend(settings, len(left), tracker.folder, left[0].device) if left else LocalProcesses(1)
    plans: Sequence[StackPlan] = []
    with stop_requests() as stop:
        try:
            if left:
                backend, plans = _plan(left, settings, backend, whole=len(left) == len(configs))
            yield plans, backend, stop
        finally:
            backend.stop()


def read_settings(configs: Sequence[RunConfig]) -> SweepSettings:
    """Return how the sweep is executed, which must be one and the same for all of its runs.

    Raises:
        ConfigError: a setting is not allowed, or differs from run to run.
    """
    first = configs[0]
    for key in ("name", "runs", "sweep", "device", "quiet", "resume", "metric"):
        if any(getattr(config, key) != getattr(first, key) for config in configs):
            raise ConfigError(f"{key} cannot be swept: all runs of a sweep have the same")
    return build_settings(first.sweep)


def _plan(
    runs: Sequence[RunConfig], settings: SweepSettings, backend: Backend, whole: bool
) -> tuple[Backend, Sequence[StackPlan]]:
    """Check and measure runs and cut them into cohorts; a short sweep needs no other process than this one."""
    here = LocalProcesses(1)
    few = backend.local and len(runs) < MANY_RUNS
    if not few:
        backend.start(runs[0])
    done = work_on(backend if backend.local and not few else here, check_and_stack, [runs])
    places = done.results[0] if done.results else check_and_stack(runs)  # no worker lived long enough
    stacks = [gather_stack(runs, members) for members in places]
    measured = measure_stacks(stacks, settings, here if few else backend, whole)
    plans = plan_stacks(stacks, measured, settings, backend.workers)
    seconds = estimate_seconds(plans, backend.workers)
    if few and settings.workers is None and seconds is not None and seconds < SHORT_SECONDS:
        return here, plan_stacks(stacks, measured, settings, here.workers)
    return backend, plans


def _begin(tracker: SweepTracker, fresh: bool) -> None:
    """Write the manifest; with resume=fresh, remove what the runs had.

    Raises:
        ConfigError: the folder cannot be written, or a run is in training elsewhere.
    """
    register(tracker.folder, tracker.planned)
    if not fresh:
        return
    begun = [config.folder() for config in tracker.configs.values() if config.folder().exists()]
    concurrently(_claim_and_release, begun)  # all of them, before anything is removed
    concurrently(_discard, begun)


def _claim_and_release(folder: Path) -> None:
    RunFolder.claim(folder).close()


def _discard(folder: Path) -> None:
    with RunFolder.claim(folder) as claimed:
        claimed.discard()


def train_plans(
    tracker: SweepTracker, plans: Sequence[StackPlan], backend: Backend, stop: StopSignal, observer: SweepObserver
) -> None:
    """Have workers train until nothing is left or a signal came; after it every worker commits before it ends."""
    for line in describe_plans(plans, backend.workers):
        tracker.log(line)
    stop_file = tracker.folder.resolve() / BOOKKEEPING / f"stop-{secrets.token_hex(6)}"
    assignments = assign(plans, backend.workers, Path.cwd(), stop_file, os.getpid() if backend.local else None)

    def tick() -> None:
        if stop.requested() and not stop_file.exists():
            _send_stop(stop_file, backend)
        tracker.look()
        observer.update(tracker.progress())

    workers_ended = backend.local  # elsewhere they may outlive a command that is ended at once
    try:
        observer.begin(tracker.folder, len(tracker.planned))
        while assignments and not stop.requested():
            now, later = split_turn(assignments)
            assignments = [*later, *_train_round(tracker, now, backend, tick)]
        workers_ended = True
    finally:
        observer.end()
        if workers_ended:
            with suppress(RegbenchError):
                durable.remove(stop_file)


def _send_stop(stop_file: Path, backend: Backend) -> None:
    """Tell all workers to commit and end; where that cannot be written, end them at their last commits."""
    try:
        durable.publish(stop_file, b"")
        backend.recall()
    except StorageError:
        backend.stop()


def _train_round(
    tracker: SweepTracker, assignments: Sequence[Assignment], backend: Backend, tick: Callable[[], None]
) -> list[Assignment]:
    """Hand out all assignments once and return what is to be done again: what was busy elsewhere or got lost."""
    done = work_on(backend, train_assignment, assignments, tick)
    returned: dict[int, Outcome] = {outcome.number: outcome for outcome in done.results}
    for outcome in returned.values():
        tracker.errors |= outcome.errors
        tracker.stale |= outcome.stale
        for line in outcome.halved:
            tracker.log(f"a cohort failed and was halved: {line}")
    for line in dict.fromkeys(line for outcome in done.results for line in outcome.slow):
        tracker.log(line)
    tracker.look_now()
    tracker.errors |= _left_over(tracker, assignments, returned)
    left = {config.run_id() for config in tracker.left()}
    again, given_up = assign_again(assignments, returned, bool(done.lost), backend.workers, left.__contains__)
    if done.lost:
        tracker.log(f"a worker was lost: {done.lost}; {len(left)} runs resume from their last commits")
    for config in given_up:
        tracker.errors[config.run_id()] = WORKER_LOST
        with suppress(RegbenchError), RunFolder.claim(config.folder()) as folder:
            folder.fail(RegbenchError(WORKER_LOST))
    if again and not done.lost:
        for _ in range(WAIT_TICKS):
            time.sleep(TICK_SECONDS)
            tick()
    return again


def _left_over(
    tracker: SweepTracker, assignments: Sequence[Assignment], returned: Mapping[int, Outcome]
) -> dict[str, str]:
    """Return the runs that a worker returned neither ended nor busy nor with an error, and why that may be."""
    left = {config.run_id() for config in tracker.left()}
    found: dict[str, str] = {}
    for assignment in assignments:
        outcome = returned.get(assignment.number)
        if outcome is not None and not outcome.interrupted:
            ids = {config.run_id() for config in assignment.runs} & left - set(outcome.busy)
            found |= dict.fromkeys(ids, "its folder's result.json cannot be used; add resume=fresh")
    return found
