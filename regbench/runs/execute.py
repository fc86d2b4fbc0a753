"""One run from its configuration to its result: the place where all parts meet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.run_config import RunConfig
from regbench.errors import RegbenchError
from regbench.runs.lifecycle import FolderSink, begin_run, finished_result, open_run
from regbench.runs.observer import SILENT_RUN, RunObserver, RunStart
from regbench.runs.prepare import (
    OUT_OF_MEMORY,
    PreparedRun,
    build_records,
    choose_threads,
    is_out_of_memory,
    prepare_run,
)
from regbench.runs.result import RunResult, read_result
from regbench.runs.reuse import PresentOrigins
from regbench.runs.threads import torch_threads
from regbench.signals import StopSignal, deliver, stop_requests
from regbench.store.checkpoint import CheckpointError
from regbench.store.run_folder import FolderInUse, RunFolder

if TYPE_CHECKING:
    from regbench.training.cohort_run import CohortRun


CLAIM_TRIES, CLAIM_SECONDS = 100, 0.05
"""How often, and after which pause, a finished run's folder is tried again that somebody else reads just now."""


def run_one(config: RunConfig, observer: RunObserver = SILENT_RUN) -> RunResult:
    """Train one run, resume it, or return its result where it has ended already.

    A signal (Ctrl-C, SIGTERM) ends it at the next commit and then acts as the program wants it to.

    Args:
        config: the run.
        observer: follows the training.

    Raises:
        RegbenchError: the configuration, the data or the folder cannot be used.
        KeyboardInterrupt: Ctrl-C; everything so far is committed.
    """
    if os.path.exists(config.folder() / "result.json"):  # Path.exists raises where a folder above cannot be searched
        with _claim(config.folder()) as folder:
            result = _find_result(config, folder)
        if result is not None:
            return result
    prepared = prepare_run(config, build_records(config))
    if not os.path.exists(config.folder()):
        prepared = _change_rows(config, prepared)
    with _claim(config.folder()) as folder:
        result = _find_result(config, folder)  # of another process, since the first look
        if result is not None:
            return result
        try:
            return _train(config, prepared, folder, observer)
        except (CheckpointError, BrokenPipeError):
            raise  # a refusal to touch what is there, or nobody reads any more: the run itself has not failed
        except Exception as error:
            folder.fail(error)
            if is_out_of_memory(error):
                raise RegbenchError(OUT_OF_MEMORY) from error
            raise


def _change_rows(config: RunConfig, prepared: PreparedRun) -> PreparedRun:
    """Let the regularizers of a new run change its training rows: what they refuse is refused before a folder is made.

    Raises:
        ConfigError: a regularizer cannot change these rows as it is set.
    """
    from regbench.training.stacked_runs import change_rows

    with torch_threads(_choose_threads(config, prepared)):
        return replace(prepared, rows=change_rows(prepared.spec, config.seed, prepared.data))


def _choose_threads(config: RunConfig, prepared: PreparedRun) -> int:
    return config.threads or choose_threads(prepared, len(os.sched_getaffinity(0)))


def _claim(path: Path) -> RunFolder:
    """Claim a run's folder; where a result lies in it, wait a while for whoever reads it just now.

    Raises:
        FolderInUse: another process trains the run, or keeps its folder.
    """
    for _ in range(CLAIM_TRIES):
        try:
            return RunFolder.claim(path)
        except FolderInUse:
            if not os.path.exists(path / "result.json"):
                raise
            time.sleep(CLAIM_SECONDS)
    return RunFolder.claim(path)


def _find_result(config: RunConfig, folder: RunFolder) -> RunResult | None:
    """Return the result of a run that has ended, unless it is to start over.

    Raises:
        StaleRunError: the result belongs to other data or other code than those of now.
        StorageError: what is there is not a result.
    """
    if config.resume == "fresh":
        return None
    found = finished_result(config, folder, PresentOrigins())
    if found is None:
        return None
    values, note = found
    return replace(read_result(config.folder(), values), reused=True, note=note)


def _train(config: RunConfig, prepared: PreparedRun, folder: RunFolder, observer: RunObserver) -> RunResult:
    from regbench.runs.provenance import describe_environment
    from regbench.training.cohort_run import Interrupted, make_run

    if config.resume == "fresh":
        folder.discard()
    checkpoint = open_run(config, prepared, folder)
    before = {} if checkpoint is None else checkpoint.facts
    # A resumed run keeps its number of threads: sums are rounded differently with another.
    threads = config.threads or before.get("threads") or _choose_threads(config, prepared)
    with torch_threads(threads), stop_requests() as stop:
        begin_run(config, prepared, folder, checkpoint, describe_environment(config.device))
        run = make_run(prepared.spec, config.seed, FolderSink(folder), prepared.commit_record(threads), checkpoint)
        first = 1 if checkpoint is None else int(before["track"]["epoch"]) + 1
        start = _describe_start(config, prepared, first)
        values: Mapping[str, object] | None = None
        try:
            values = _fit(prepared, run, observer, start, stop, folder.log)
        except Interrupted:
            folder.log("interrupted; everything up to the last commit is kept")
    if stop.number is not None:
        deliver(stop.number)  # also where it came too late for this run: what comes after it is not wanted any more
    assert values is not None, "training is interrupted only on request"
    return read_result(config.folder(), values)


def _describe_start(config: RunConfig, prepared: PreparedRun, first_epoch: int) -> RunStart:
    from regbench.regularizers.stages import describe_shared

    spec = prepared.spec
    order = describe_shared(spec.stages)
    reading = prepared.reading
    data = () if prepared.data_files == () else (*reading.lines(), *(f"note: {note}" for note in reading.notes))
    return RunStart(config.run_id(), spec.schedule.epochs, first_epoch, spec.metric.name, data, order)


def _fit(
    prepared: PreparedRun,
    run: CohortRun,
    observer: RunObserver,
    start: RunStart,
    stop: StopSignal,
    log: Callable[[str], None],
) -> Mapping[str, object]:
    """Train the run and return its result, followed by the observer; the log takes what cannot be played back."""
    import torch

    from regbench.training.cohort_run import Observer
    from regbench.training.fit import fit

    try:
        observer.begin(start)
        with torch.no_grad():
            told = Observer(epoch=observer.epoch, stop_requested=stop.requested, slow=log)
            return fit(prepared.spec, [run], [prepared.data], told, prepared.rows)[0]
    finally:
        observer.end()
