"""What a worker does, wherever it runs: train the runs of one cohort that nobody else is training or has trained.

A worker claims the folders of its runs before it touches them, so that any number of workers and of sweeps can be
given the same runs: each run is trained by one of them, and a run whose worker dies is free at once. A cohort that
fails is halved and goes on from its last commit, until the run that fails is alone.
"""

from __future__ import annotations

import os
import platform
import resource
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from regbench.config import RunConfig
from regbench.errors import RegbenchError
from regbench.runs import (
    OUT_OF_MEMORY,
    FolderSink,
    Records,
    Task,
    begin_run,
    build_records,
    check_techniques,
    is_out_of_memory,
    open_run,
    prepare_group,
)
from regbench.store.checkpoint import Checkpoint, CheckpointError
from regbench.store.run_folder import FolderInUse, RunFolder
from regbench.store.together import together
from regbench.sweep.beats import Beat

LOOK_SECONDS = 0.3
"""How often a worker looks whether it is to stop."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Runs for one worker, all of one group."""

    number: int
    label: str
    runs: tuple[RunConfig, ...]
    size: int
    """Most runs in one stacked computation."""
    base: Path
    """The folder that the command was given in: paths in a configuration start there."""
    stop_file: Path
    """Exists once the sweep is to stop."""
    parent: int | None
    """Process without which a worker on this machine stops; None elsewhere."""
    attempts: int = 0
    """How often the process that had these runs was lost."""

    @property
    def folder(self) -> Path:
        """The folder of the sweep."""
        return self.base / self.runs[0].folder().parent


@dataclass
class Outcome:
    """What came of an assignment, by run id; a run that is in none of these is complete."""

    number: int
    busy: list[str] = field(default_factory=list)
    """In training somewhere else."""
    errors: dict[str, str] = field(default_factory=dict)
    """Failed, or refused because of what is in their folders: one line each."""
    interrupted: bool = False


@dataclass(frozen=True)
class Opened:
    """A run ready to train."""

    config: RunConfig
    records: Records
    folder: RunFolder
    checkpoint: Checkpoint | None

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return 0 if self.checkpoint is None else int(self.checkpoint.facts["track"]["epoch"])


def train_assignment(assignment: Assignment) -> Outcome:
    """Train the runs of an assignment, `size` at a time, and say what came of them."""
    from regbench.training.fit import Interrupted

    outcome = Outcome(assignment.number)
    worker = f"{platform.node()}-{os.getpid()}-{threading.get_native_id()}"
    with chdir(assignment.base), _prepared_process(assignment) as orders, Beat.open(assignment.folder, worker) as beat:
        waiting = [assignment.runs[at : at + assignment.size] for at in range(0, len(assignment.runs), assignment.size)]
        while waiting:
            runs = waiting.pop(0)
            try:
                _train_together(runs, assignment.label, outcome, orders, beat)
            except Interrupted:
                outcome.interrupted = True
                break
            except Exception as error:
                if len(runs) > 1:
                    middle = len(runs) // 2
                    waiting[:0] = [runs[:middle], runs[middle:]]
                else:
                    _record_failure(runs[0], error, outcome)
    return outcome


def _train_together(runs: Sequence[RunConfig], label: str, outcome: Outcome, orders: Orders, beat: Beat) -> None:
    """Train runs of one group; those interrupted at different epochs go on separately.

    Raises:
        Interrupted: the sweep is to stop; what was done is committed.
        Exception: whatever a run raises; all are left as of their last commits.
    """
    with ExitStack() as stack:
        claims = together(_claim, runs)
        for claim in claims:
            if isinstance(claim.folder, RunFolder):
                stack.enter_context(claim.folder)
        claimed = [claim for claim in claims if _is_to_train(claim, outcome)]
        if not claimed:
            return
        task = prepare_group([claim.config for claim in claimed])
        cohorts: dict[int, list[Opened]] = {}
        for claim, opened in zip(claimed, together(lambda claim: _open(claim, task), claimed), strict=True):
            if isinstance(opened, Opened):
                cohorts.setdefault(opened.epoch, []).append(opened)
            else:
                outcome.errors[claim.config.run_id()] = str(opened)
        for _, cohort in sorted(cohorts.items()):
            _fit(cohort, task, label, orders, beat)


@dataclass(frozen=True)
class Claim:
    """What came of claiming a run's folder: the folder, or why not."""

    config: RunConfig
    folder: RunFolder | RegbenchError


def _claim(config: RunConfig) -> Claim:
    try:
        return Claim(config, RunFolder.claim(config.folder()))
    except RegbenchError as refusal:
        return Claim(config, refusal)


def _is_to_train(claim: Claim, outcome: Outcome) -> bool:
    """Tell whether a run is this worker's to train: claimed, and not complete already."""
    try:
        if isinstance(claim.folder, RunFolder):
            return claim.folder.result() is None
        raise claim.folder
    except FolderInUse:
        outcome.busy.append(claim.config.run_id())
    except RegbenchError as refusal:
        outcome.errors[claim.config.run_id()] = str(refusal)
    return False


def _open(claim: Claim, task: Task) -> Opened | RegbenchError:
    """Check one run against the data and open its folder, or return why not; a refusal is this run's alone."""
    assert isinstance(claim.folder, RunFolder)
    try:
        records = build_records(claim.config)
        check_techniques(records, task.facts)
        return Opened(claim.config, records, claim.folder, open_run(claim.config, task, claim.folder))
    except CheckpointError as refusal:
        return refusal  # to touch what is there: nothing is written
    except RegbenchError as refusal:
        claim.folder.fail(refusal)
        return refusal


def _fit(cohort: Sequence[Opened], task: Task, label: str, orders: Orders, beat: Beat) -> None:
    import torch

    from regbench.training.environment import describe_environment
    from regbench.training.fit import Watch, fit, make_job

    checkpoint = cohort[0].checkpoint
    before = {} if checkpoint is None else checkpoint.facts
    threads = cohort[0].config.threads or before.get("threads") or 1
    torch.set_num_threads(threads)
    environment = describe_environment(cohort[0].config.device)
    together(lambda run: begin_run(run.config, task, run.folder, run.checkpoint, environment), cohort)
    facts, epochs = task.commit_facts(threads), task.plan.schedule.epochs
    jobs = [
        make_job(
            replace(task.plan, techniques=run.records.techniques, schedule=run.records.schedule),
            run.config.seed,
            FolderSink(run.folder),
            facts,
            run.checkpoint,
        )
        for run in cohort
    ]

    def tell(epoch: int, active: int) -> None:
        beat.tell(label, active, epoch, epochs)

    tell(cohort[0].epoch, len(cohort))
    with torch.no_grad():
        fit(task.plan, jobs, task.data, Watch(progress=tell, stop_requested=orders.stop))


def _record_failure(config: RunConfig, error: Exception, outcome: Outcome) -> None:
    """Write a failure into the run's own folder: traceback into run.log, one line into result.json."""
    if is_out_of_memory(error):
        cause, error = error, RegbenchError(OUT_OF_MEMORY)
        error.__cause__ = cause
    line = str(error) if isinstance(error, RegbenchError) else f"{type(error).__name__}: {error}"
    outcome.errors[config.run_id()] = "".join(line.strip().splitlines()[:1])
    try:
        with RunFolder.claim(config.folder()) as folder:
            folder.fail(error)
    except RegbenchError:
        return  # the folder cannot be used, which the outcome says


class Orders:
    """Whether a worker is to stop: the stop file is there, the command is gone, or this process got SIGTERM."""

    def __init__(self, assignment: Assignment, own_process: bool) -> None:
        self._stop_file = assignment.stop_file
        self._parent = assignment.parent if own_process else None
        self._stop = False
        self._next_look = 0.0

    def stop(self) -> bool:
        """Answer; it is asked at every step, so it looks only now and then."""
        now = time.monotonic()
        if not self._stop and now >= self._next_look:
            orphaned = self._parent is not None and os.getppid() != self._parent
            self._stop = orphaned or self._stop_file.exists()
            self._next_look = now + LOOK_SECONDS
        return self._stop

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """Take SIGTERM, which a cluster sends before it takes the machine away."""
        self._stop = True


@contextmanager
def _prepared_process(assignment: Assignment) -> Iterator[Orders]:
    """Make this process fit for many open folders and deaf to Ctrl-C.

    Ctrl-C reaches every process of a terminal, but stopping is the command's to decide: it makes the stop file.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    own_process = os.getpid() != assignment.parent and threading.current_thread() is threading.main_thread()
    orders = Orders(assignment, own_process)
    if not own_process:
        yield orders
        return
    before: dict[int, Any] = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, orders.terminate),
    }
    try:
        yield orders
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
