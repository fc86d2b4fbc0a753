"""What a worker does, wherever it runs: train the runs of one cohort that nobody else is training or has trained.

A worker claims the folders of its runs before it touches them, so that any number of workers and of sweeps can be
given the same runs: each run is trained by one of them, and a run whose worker dies is free at once. A cohort that
fails is halved and goes on from its last commit, until the run that fails is alone.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.lifecycle import FolderSink, begin_run, open_run
from regbench.runs.prepare import (
    OUT_OF_MEMORY,
    PreparedRun,
    Records,
    build_records,
    check_regularizers,
    is_out_of_memory,
    prepare_group,
)
from regbench.store.checkpoint import Checkpoint, CheckpointError
from regbench.store.concurrently import concurrently as together
from regbench.store.run_folder import FolderInUse, RunFolder
from regbench.sweeps.heartbeat import Beat
from regbench.sweeps.workers.stop_requests import Orders, most_folders, prepared_process

Tell: TypeAlias = Callable[[str, int, int, int], None]
"""Says what a worker trains: label, runs, epoch, epochs."""


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
    from regbench.training.cohort_run import Interrupted

    outcome = Outcome(assignment.number)
    with (
        chdir(assignment.base),
        prepared_process(assignment.stop_file, assignment.parent) as orders,
        _announce(assignment.folder) as tell,
    ):
        waiting = _cut(assignment.runs, min(assignment.size, most_folders()))
        while waiting:
            if orders.stop():
                outcome.interrupted = True
                break
            runs = waiting.pop(0)
            try:
                _train_together(runs, outcome, orders, partial(tell, assignment.label))
            except Interrupted:
                outcome.interrupted = True
                break
            except Exception as error:
                if len(runs) == 1:
                    _record_failure(runs[0], error, outcome)
                    continue
                half = (len(runs) + 1) // 2
                if is_out_of_memory(error):  # as it will be for the next ones of this size
                    waiting = [part for cohort in waiting for part in _cut(cohort, half)]
                waiting[:0] = _cut(runs, half)
    return outcome


def _cut(runs: Sequence[RunConfig], size: int) -> list[Sequence[RunConfig]]:
    return [runs[at : at + size] for at in range(0, len(runs), size)]


@contextmanager
def _announce(folder: Path) -> Iterator[Tell]:
    """Say of this worker what it does, for whoever looks on; where that cannot be written, training matters more."""
    node = re.sub(r"[^A-Za-z0-9]+", "-", platform.node()).strip("-")[:40] or "host"
    with ExitStack() as stack:
        try:
            beat = stack.enter_context(Beat.open(folder, f"{node}-{os.getpid()}-{secrets.token_hex(2)}"))
        except RegbenchError:
            yield lambda label, runs, epoch, epochs: None
            return
        yield beat.tell


def _train_together(
    runs: Sequence[RunConfig], outcome: Outcome, orders: Orders, tell: Callable[[int, int, int], None]
) -> None:
    """Train runs of one group; those interrupted at different epochs go on separately.

    Raises:
        Interrupted: the sweep is to stop; what was done is committed.
        Exception: whatever a run raises; all are left as of their last commits.
    """
    with ExitStack() as stack:
        claimed = [claim for claim in together(partial(_claim, stack), runs) if _is_to_train(claim, outcome)]
        if not claimed:
            return
        try:
            prepared = prepare_group([claim.config for claim in claimed])
        except ConfigError as refusal:  # of the data or the model, which all have in common
            for claim in claimed:
                outcome.errors[claim.config.run_id()] = _refuse(claim, refusal)
            return
        cohorts: dict[int, list[Opened]] = {}
        for claim, opened in zip(claimed, together(lambda claim: _open(claim, prepared), claimed), strict=True):
            if isinstance(opened, Opened):
                cohorts.setdefault(opened.epoch, []).append(opened)
            else:
                outcome.errors[claim.config.run_id()] = str(opened)
        for _, cohort in sorted(cohorts.items()):
            _fit(cohort, prepared, orders, tell)


@dataclass(frozen=True)
class Claim:
    """What came of claiming a run's folder: the folder, or why not."""

    config: RunConfig
    folder: RunFolder | RegbenchError


def _claim(stack: ExitStack, config: RunConfig) -> Claim:
    try:
        return Claim(config, stack.enter_context(RunFolder.claim(config.folder())))
    except RegbenchError as refusal:
        return Claim(config, refusal)


def _refuse(claim: Claim, refusal: RegbenchError) -> str:
    """Write into a run's folder why it cannot be trained, and return that."""
    assert isinstance(claim.folder, RunFolder)
    claim.folder.fail(refusal)
    return str(refusal)


def _is_to_train(claim: Claim, outcome: Outcome) -> bool:
    """Tell whether a run is this worker's to train: claimed, and not complete already."""
    try:
        if isinstance(claim.folder, RunFolder):
            if claim.folder.whole_result() is None:
                return True
            claim.folder.close()  # complete: others may look at it
            return False
        raise claim.folder
    except FolderInUse:
        outcome.busy.append(claim.config.run_id())
    except RegbenchError as refusal:
        outcome.errors[claim.config.run_id()] = str(refusal)
    return False


def _open(claim: Claim, prepared: PreparedRun) -> Opened | RegbenchError:
    """Check one run against the data and open its folder, or return why not; a refusal is this run's alone."""
    assert isinstance(claim.folder, RunFolder)
    try:
        records = build_records(claim.config)
        check_regularizers(records, prepared.facts)
        return Opened(claim.config, records, claim.folder, open_run(claim.config, prepared, claim.folder))
    except CheckpointError as refusal:
        return refusal  # to touch what is there: nothing is written
    except ConfigError as refusal:
        _refuse(claim, refusal)
        return refusal


def _fit(
    cohort: Sequence[Opened], prepared: PreparedRun, orders: Orders, tell: Callable[[int, int, int], None]
) -> None:
    import torch

    from regbench.runs.provenance import describe_environment
    from regbench.training.cohort_run import Observer, make_run
    from regbench.training.fit import fit

    checkpoint = cohort[0].checkpoint
    before = {} if checkpoint is None else checkpoint.facts
    threads = cohort[0].config.threads or before.get("threads") or 1
    torch.set_num_threads(threads)
    environment = describe_environment(cohort[0].config.device)
    together(lambda run: begin_run(run.config, prepared, run.folder, run.checkpoint, environment), cohort)
    record, epochs = prepared.commit_record(threads), prepared.spec.schedule.epochs
    runs = [
        make_run(
            replace(prepared.spec, regularizers=run.records.regularizers, schedule=run.records.schedule),
            run.config.seed,
            FolderSink(run.folder),
            record,
            run.checkpoint,
        )
        for run in cohort
    ]

    def progress(epoch: int, active: int) -> None:
        tell(active, epoch, epochs)

    progress(cohort[0].epoch, len(cohort))
    with torch.no_grad():
        fit(prepared.spec, runs, prepared.data, Observer(progress=progress, stop_requested=orders.stop))


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
