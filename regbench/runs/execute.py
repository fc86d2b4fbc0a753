"""One run from its configuration to its result: the place where all parts meet."""

from __future__ import annotations

import os
import sys

from regbench.config.run_config import RunConfig
from regbench.display.run_progress import open_progress
from regbench.display.run_summary import print_already_done, print_result
from regbench.errors import RegbenchError
from regbench.runs.lifecycle import FolderSink, begin_run, finished_result, open_run
from regbench.runs.prepare import (
    OUT_OF_MEMORY,
    PreparedRun,
    build_records,
    choose_threads,
    is_out_of_memory,
    prepare_run,
)
from regbench.runs.reuse import PresentData
from regbench.signals import asked_to_stop
from regbench.store.checkpoint import CheckpointError
from regbench.store.run_folder import RunFolder


def run_one(config: RunConfig) -> int:
    """Train one run, or resume it, or say that it is done; return the exit code.

    0 is complete; a diverged run is complete too, and its result says so.

    Raises:
        RegbenchError: the configuration, the data or the folder cannot be used.
    """
    if os.path.exists(config.folder() / "result.json"):  # Path.exists raises where a folder above cannot be searched
        with RunFolder.claim(config.folder()) as folder:
            if _is_done(config, folder):
                return 0
    prepared = prepare_run(config, build_records(config))
    with RunFolder.claim(config.folder()) as folder:
        if _is_done(config, folder):  # by another process, since the first look
            return 0
        try:
            return _train(config, prepared, folder)
        except (CheckpointError, BrokenPipeError):
            raise  # a refusal to touch what is there, or nobody reads any more: the run itself has not failed
        except Exception as error:
            folder.fail(error)
            if is_out_of_memory(error):
                raise RegbenchError(OUT_OF_MEMORY) from error
            raise


def _is_done(config: RunConfig, folder: RunFolder) -> bool:
    """Say that a complete run is complete, unless it is to start over."""
    if config.resume == "fresh":
        return False
    found = finished_result(config, folder, PresentData())
    if found is None:
        return False
    result, note = found
    if not config.quiet:
        print_already_done(result, config.folder())
    if note is not None:
        print(f"regbench: note: {note}", file=sys.stderr)
    return True


def _train(config: RunConfig, prepared: PreparedRun, folder: RunFolder) -> int:
    import torch

    from regbench.runs.provenance import describe_environment
    from regbench.training.cohort_run import Interrupted, Observer, make_run
    from regbench.training.fit import fit

    if config.resume == "fresh":
        folder.discard()
    spec, epochs = prepared.spec, prepared.spec.schedule.epochs
    checkpoint = open_run(config, prepared, folder)
    before = {} if checkpoint is None else checkpoint.facts
    # A resumed run keeps its number of threads, for sums are rounded differently with another.
    threads = config.threads or before.get("threads") or choose_threads(prepared, len(os.sched_getaffinity(0)))
    torch.set_num_threads(threads)
    begin_run(config, prepared, folder, checkpoint, describe_environment(config.device))
    first = 1 if checkpoint is None else int(before["track"]["epoch"]) + 1
    run = make_run(spec, config.seed, FolderSink(folder), prepared.commit_record(threads), checkpoint)
    try:
        with (
            torch.no_grad(),
            asked_to_stop() as stop,
            open_progress(quiet=config.quiet, epochs=epochs, start=first, metric=spec.metric.name) as progress,
        ):
            progress.begin(config.run_id(), epochs, first)
            result = fit(spec, [run], prepared.data, Observer(epoch=progress.epoch, stop_requested=stop.requested))[0]
            progress.end()
    except Interrupted:
        folder.log("interrupted; everything up to the last commit is kept")
        stop.end()
    print_result(result, config.folder(), quiet=config.quiet)
    if stop.requested():  # too late for this run, but the command ends here
        stop.end()
    return 0
