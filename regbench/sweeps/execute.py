"""A whole sweep: find what is missing, cut it into cohorts, have workers train them, and say what came of it."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings, build_settings
from regbench.display.sweep_progress import open_sweep_view
from regbench.display.sweep_summary import print_sweep, write_csv
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.prepare import WORKER_LOST
from regbench.signals import INTERRUPTED, StopSignal, asked_to_stop
from regbench.store import durable
from regbench.store.concurrently import concurrently as together
from regbench.store.durable import StorageError
from regbench.store.run_folder import RunFolder
from regbench.sweeps.backends import Backend, LocalProcesses, open_backend
from regbench.sweeps.manifest import BOOKS, register
from regbench.sweeps.plan.assign import GroupPlan, assign, assign_again, estimate_seconds, split_turn
from regbench.sweeps.plan.measure import describe_plans, measure_groups, plan_groups
from regbench.sweeps.plan.stacking import gather_group
from regbench.sweeps.plan.validate import check_and_group
from regbench.sweeps.tracker import Sweep
from regbench.sweeps.workers.dispatch import TICK_SECONDS, do
from regbench.sweeps.workers.train import Assignment, Outcome, train_assignment

SHORT_SECONDS = 4.0
"""A sweep that takes less is trained in this process: worker processes need about that long to start."""

MANY_RUNS = 32
"""From so many runs on, worker processes are started first and do everything that needs torch."""

WAIT_TICKS = 10
"""Pause, in ticks, before runs that are in training elsewhere are tried again."""


def run_sweep(configs: Sequence[RunConfig], dry_run: bool = False) -> int:
    """Train what is missing of a sweep and return the exit code.

    0 all complete, 1 some failed, 130 interrupted, 143 terminated.

    Raises:
        ConfigError: a setting of some run is not allowed, or none can be trained on its data; nothing was started.
        StorageError: the sweep's folder cannot be written.
    """
    settings = read_settings(configs)
    sweep = Sweep(configs)
    missing = sweep.missing()
    backend = open_backend(settings, len(missing), sweep.folder) if missing else LocalProcesses(1)
    plans: Sequence[GroupPlan] = []
    with asked_to_stop() as stop:
        try:
            if missing:
                backend, plans = _plan(missing, settings, backend, whole=len(missing) == len(configs))
            if dry_run:
                return stop.exit_code if stop.requested() else _describe(sweep, plans, backend.workers)
            if not stop.requested():
                _begin(sweep, fresh=configs[0].resume == "fresh")
            if plans and not stop.requested():
                _train(sweep, plans, backend, stop)
        finally:
            backend.stop()
    return _conclude(sweep, stop)


def read_settings(configs: Sequence[RunConfig]) -> SweepSettings:
    """Return how the sweep is executed, which must be one and the same for all of its runs.

    Raises:
        ConfigError: a setting is not allowed, or differs from run to run.
    """
    first = configs[0]
    for key in ("name", "runs", "sweep", "quiet", "resume"):
        if any(getattr(config, key) != getattr(first, key) for config in configs):
            raise ConfigError(f"{key} cannot be swept: all runs of a sweep have the same")
    return build_settings(first.sweep)


def _plan(
    runs: Sequence[RunConfig], settings: SweepSettings, backend: Backend, whole: bool
) -> tuple[Backend, Sequence[GroupPlan]]:
    """Check and measure what is missing and cut it into cohorts; a short sweep needs no other process than this one."""
    here = LocalProcesses(1)
    few = backend.local and len(runs) < MANY_RUNS
    if not few:
        backend.start(runs[0])
    done = do(backend if backend.local and not few else here, check_and_group, [runs])
    places = done.results[0] if done.results else check_and_group(runs)  # no worker lived long enough
    groups = [gather_group(runs, members) for members in places]
    measured = measure_groups(groups, settings, here if few else backend, whole)
    plans = plan_groups(groups, measured, settings, backend.workers)
    seconds = estimate_seconds(plans, backend.workers)
    if few and settings.workers is None and seconds is not None and seconds < SHORT_SECONDS:
        return here, plan_groups(groups, measured, settings, here.workers)
    return backend, plans


def _describe(sweep: Sweep, plans: Sequence[GroupPlan], workers: int) -> int:
    """Print the jobs, and the groups, cohorts and costs of those that are missing; nothing is trained or written."""
    for place, config in enumerate(sweep.runs.values(), start=1):
        print(f"[{place}/{len(sweep.runs)}] {' '.join(config.overrides)}")
    missing = len(sweep.missing())
    print(f"{len(sweep.runs)} runs, {len(sweep.runs) - missing} complete, {missing} to do")
    for line in describe_plans(plans, workers) if plans else ():
        print(line)
    return 0


def _begin(sweep: Sweep, fresh: bool) -> None:
    """Write down which runs the sweep has; with resume=fresh, remove what they had.

    Raises:
        ConfigError: the folder cannot be written, or a run is in training elsewhere.
    """
    register(sweep.folder, sweep.entries)
    if not fresh:
        return
    begun = [config.folder() for config in sweep.runs.values() if config.folder().exists()]
    together(_claim_and_release, begun)  # all of them, before anything is removed
    together(_discard, begun)


def _claim_and_release(folder: Path) -> None:
    RunFolder.claim(folder).close()


def _discard(folder: Path) -> None:
    with RunFolder.claim(folder) as claimed:
        claimed.discard()


def _train(sweep: Sweep, plans: Sequence[GroupPlan], backend: Backend, stop: StopSignal) -> None:
    """Have workers train until nothing is missing or a signal came; after it every worker commits before it ends."""
    for line in describe_plans(plans, backend.workers):
        sweep.log(line)
    stop_file = sweep.folder.resolve() / BOOKS / f"stop-{secrets.token_hex(6)}"
    assignments = assign(plans, backend.workers, Path.cwd(), stop_file, os.getpid() if backend.local else None)
    with open_sweep_view(quiet=sweep.quiet, total=len(sweep.entries), folder=sweep.folder) as view:

        def tick() -> None:
            if stop.requested() and not stop_file.exists():
                _send_stop(stop_file, backend)
            sweep.look()
            view.update(sweep.standings, sweep.beats, sweep.elapsed)

        workers_ended = backend.local  # elsewhere they may outlive a command that is ended at once
        try:
            while assignments and not stop.requested():
                now, later = split_turn(assignments)
                assignments = [*later, *_train_round(sweep, now, backend, tick)]
            workers_ended = True
        finally:
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
    sweep: Sweep, assignments: Sequence[Assignment], backend: Backend, tick: Callable[[], None]
) -> list[Assignment]:
    """Hand out all assignments once and return what is to be done again: what was busy elsewhere or got lost."""
    done = do(backend, train_assignment, assignments, tick)
    returned: dict[int, Outcome] = {outcome.number: outcome for outcome in done.results}
    for outcome in returned.values():
        sweep.errors |= outcome.errors
    sweep.look_now()
    sweep.errors |= _left_over(sweep, assignments, returned)
    missing = {config.run_id() for config in sweep.missing()}
    again, given_up = assign_again(assignments, returned, bool(done.lost), backend.workers, missing.__contains__)
    if done.lost:
        sweep.log(f"a worker was lost: {done.lost}; {len(missing)} runs go on from their last commits")
    for config in given_up:
        sweep.errors[config.run_id()] = WORKER_LOST
        with suppress(RegbenchError), RunFolder.claim(config.folder()) as folder:
            folder.fail(RegbenchError(WORKER_LOST))
    if again and not done.lost:
        for _ in range(WAIT_TICKS):
            time.sleep(TICK_SECONDS)
            tick()
    return again


def _left_over(sweep: Sweep, assignments: Sequence[Assignment], returned: Mapping[int, Outcome]) -> dict[str, str]:
    """Return the runs that a worker handed back neither done nor busy nor with an error, and why that may be."""
    missing = {config.run_id() for config in sweep.missing()}
    found: dict[str, str] = {}
    for assignment in assignments:
        outcome = returned.get(assignment.number)
        if outcome is not None and not outcome.interrupted:
            ids = {config.run_id() for config in assignment.runs} & missing - set(outcome.busy)
            found |= dict.fromkeys(ids, "its folder's result.json is not one to go on from; add resume=fresh")
    return found


def _conclude(sweep: Sweep, stop: StopSignal) -> int:
    """Write sweep.csv, print what came of the sweep, and return the exit code."""
    sweep.look_now()
    standings = sweep.standings
    print_sweep(standings, sweep.folder, quiet=sweep.quiet)
    failed, waiting = (sum(standing.state == state for standing in standings) for state in ("failed", "waiting"))
    summary = f"{len(standings) - failed - waiting} complete, {failed} failed"
    interrupted = stop.requested() and waiting > 0
    if interrupted:
        word = "interrupted" if stop.exit_code == INTERRUPTED else "terminated"
        summary = f"{word}: {summary}, {waiting} not done; the same command goes on from here"
    troubled = interrupted or failed > 0
    print(f"regbench: {summary}", file=sys.stderr if troubled else sys.stdout, flush=True)
    if sweep.folder.exists():
        write_csv(sweep.folder, sweep.all_standings())
    return stop.exit_code if interrupted else int(failed > 0)
