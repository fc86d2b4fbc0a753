"""One run from its configuration to its result: the place where all parts meet."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from regbench.config import RunConfig
from regbench.errors import ConfigError, RegbenchError
from regbench.report.progress import open_progress
from regbench.report.summary import print_already_done, print_result
from regbench.store.checkpoint import CheckpointError
from regbench.store.run_folder import RunFolder

OUT_OF_MEMORY = "the machine's memory does not hold this run; take a smaller model, batch_size or ensemble"

SMALL_STEP = 1 << 23
"""Multiply-adds of one forward pass below which a second thread does not pay."""

if TYPE_CHECKING:
    from regbench.models.base import Model
    from regbench.regularizers.base import Regularizer
    from regbench.schedules.schedule import Schedule
    from regbench.training.dataset import TrainingSet
    from regbench.training.plan import Plan


@dataclass(frozen=True)
class Records:
    """A configuration as checked records, before any data is read."""

    model: Model
    techniques: Mapping[str, Regularizer]
    schedule: Schedule


def build_records(config: RunConfig) -> Records:
    """Check every setting below model, regularizer and schedule, and the device.

    Raises:
        ConfigError: a name or key is unknown, or a value is not allowed.
    """
    from regbench.models.registry import build_model
    from regbench.regularizers.registry import build_techniques
    from regbench.schedules.schedule import build_schedule

    if config.device != "cpu":
        raise ConfigError(f"device={config.device!r} is not available; it takes cpu")
    schedule = build_schedule(config.schedule)
    return Records(build_model(config.model), build_techniques(config.regularizers), schedule)


def run_one(config: RunConfig) -> int:
    """Train one run, or go on with it, or say that it is done; return the exit code.

    0 is complete; a diverged run is complete too, and its result says so.

    Raises:
        RegbenchError: the configuration, the data or the folder cannot be used.
    """
    if os.path.exists(config.folder() / "result.json"):  # Path.exists raises where a folder above cannot be searched
        with RunFolder.claim(config.folder()) as folder:
            if _is_done(config, folder):
                return 0
    records = build_records(config)
    plan, checksum, data = prepare_run(config, records)
    with RunFolder.claim(config.folder()) as folder:
        if _is_done(config, folder):  # by another process, since the first look
            return 0
        try:
            return _train(config, plan, checksum, data, folder)
        except (CheckpointError, BrokenPipeError):
            raise  # a refusal to touch what is there, or nobody reads any more: the run itself has not failed
        except Exception as error:
            folder.fail(error)
            if isinstance(error, MemoryError) or "allocate memory" in str(error):
                raise RegbenchError(OUT_OF_MEMORY) from error
            raise


def _is_done(config: RunConfig, folder: RunFolder) -> bool:
    """Say that a complete run is complete, unless it is to start over."""
    if config.resume == "fresh":
        return False
    result = folder.result()
    if result is None:
        return False
    if not isinstance(result.get("best"), dict) or not (folder.path / "metrics.csv").exists():
        raise RegbenchError(f"{folder.path} holds a result but not the whole run; put it back, or add resume=fresh")
    _draw_curves(folder, result)  # a kill may have come between the result and its picture
    if not config.quiet:
        print_already_done(result, config.folder())
    return True


def prepare_run(config: RunConfig, records: Records) -> tuple[Plan, str, TrainingSet]:
    """Read the data, build the network and check that everything fits; return also the checksum of the data.

    Raises:
        ConfigError: the data cannot be used, or the model, a technique or the stopping rule does not fit it.
    """
    from regbench.data.loading import load
    from regbench.models.base import DataShape
    from regbench.schedules.stopping import check_monitor, needs_validation
    from regbench.training.dataset import collect_facts, prepare
    from regbench.training.plan import make_plan

    split = load(config.dataset)
    stop = records.schedule.stop
    if needs_validation(stop) and len(split.val.y) == 0:
        raise ConfigError(
            f"schedule.stop={stop.name} needs validation rows, but this data set has none; "
            "take schedule/stop=none or dataset.split.val in (0, 1)"
        )
    shape = DataShape(split.task, split.layout, split.train.x.shape[1:], len(split.classes) or 1, split.train.x)
    network = records.model.build(shape)
    facts = collect_facts(split, network, records.schedule)
    plan = make_plan(network, records.techniques, records.schedule, facts)
    check_monitor(stop, plan.header)
    return plan, split.checksum, prepare(split, plan.dtype)


def _train(config: RunConfig, plan: Plan, checksum: str, data: TrainingSet, folder: RunFolder) -> int:
    import torch

    from regbench.training.environment import describe_environment
    from regbench.training.fit import Interrupted, Watch, fit, make_job

    if config.resume == "fresh":
        folder.discard()
    checkpoint = folder.resume(config.config_hash(), plan.header)
    before = {} if checkpoint is None else checkpoint.facts
    if before.get("data_checksum", checksum) != checksum:
        raise CheckpointError(
            f"{folder.path}: the data have changed since its last commit; put them back, or add resume=fresh"
        )
    # A resumed run keeps its number of threads, for sums are rounded differently with another.
    threads = config.threads or before.get("threads") or choose_threads(plan, data)
    torch.set_num_threads(threads)
    environment = describe_environment(config.overrides, config.device)
    if checkpoint is None:
        folder.write_config(config.to_yaml())
        folder.write_run({**environment, "data_checksum": checksum, "plan": plan.describe()})
    else:
        folder.log(f"resumed on {environment['host']} with {environment['versions']}, {threads} threads")
    facts = {"data_checksum": checksum, "threads": threads}
    start = 0 if checkpoint is None else int(checkpoint.facts["track"]["epoch"])
    folder.log(f"training from epoch {start + 1}" if start else "training")
    epochs = plan.schedule.epochs
    try:
        with (
            torch.no_grad(),
            asked_to_stop() as stop,
            open_progress(quiet=config.quiet, epochs=epochs, start=start + 1, metric=plan.metric) as progress,
        ):
            progress.begin(config.run_id(), epochs, start + 1)
            watch = Watch(epoch=progress.epoch, stop_requested=stop.requested)
            result = fit(plan, [make_job(plan, config.seed, folder, facts)], data, watch, checkpoint)[0]
            progress.end()
    except Interrupted:
        folder.log("interrupted; everything up to the last commit is kept")
        stop.end()
    _draw_curves(folder, result)
    folder.log(f"{result['status']}: {result['stopping']['reason']}")
    print_result(result, config.folder(), quiet=config.quiet)
    if stop.requested():  # too late for this run, but a sweep ends here
        stop.end()
    return 0


def choose_threads(plan: Plan, data: TrainingSet) -> int:
    """Return how many threads a run alone uses: one where a step is so small that sharing it costs more than it saves.

    It depends on the run and the machine's cores only, never on the load, so that a repeated run repeats its rounding.
    """
    batch = plan.schedule.batch_size or len(data.rows.weight)
    dense = all(site.kind != "channels" for site in plan.network.sites)
    return 1 if dense and plan.parameters * batch < SMALL_STEP else len(os.sched_getaffinity(0))


def _draw_curves(folder: RunFolder, result: Mapping[str, Any]) -> None:
    from regbench.report.curves import draw_loss_curves

    if not (folder.path / "curves.svg").exists():
        folder.write_curves(draw_loss_curves(folder.path / "metrics.csv", result))


class StopSignal:
    """Remembers that SIGINT or SIGTERM came, so that training can leave at a point where its state is whole."""

    def __init__(self) -> None:
        self._number: int | None = None

    def requested(self) -> bool:
        """Tell whether a signal came."""
        return self._number is not None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; the second ends the command at once, at the last commit."""
        again = self.requested()
        self._number = number
        if again:
            self.end()

    def end(self) -> NoReturn:
        """End the command as the signal asks: KeyboardInterrupt for SIGINT, exit code 143 for SIGTERM."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def asked_to_stop() -> Iterator[StopSignal]:
    """Take SIGINT and SIGTERM as requests while training; afterwards they act as before."""
    stop = StopSignal()
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
