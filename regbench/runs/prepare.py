"""What every run needs before its first epoch and leaves behind after its last, alone or in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.store.checkpoint import Checkpoint, CheckpointError
from regbench.store.run_folder import RunFolder

if TYPE_CHECKING:
    from torch import Tensor

    from regbench.models.base import Model
    from regbench.regularizers.base import Facts, Regularizer
    from regbench.schedules.schedule import Schedule
    from regbench.training.spec import Plan
    from regbench.training.training_set import TrainingSet

OUT_OF_MEMORY = "the machine's memory does not hold this run; take a smaller model, batch_size or ensemble"

WORKER_LOST = "the process that trained this run ended again and again without a word (killed, perhaps for its memory)"

SMALL_STEP = 1 << 23
"""Multiply-adds of one forward pass below which a second thread does not pay."""


@dataclass(frozen=True)
class Records:
    """A configuration as checked records, before any data is read."""

    model: Model
    techniques: Mapping[str, Regularizer]
    schedule: Schedule


@dataclass(frozen=True)
class Task:
    """What runs that differ only in seed and hyper-parameters learn from, and what they have in common."""

    plan: Plan
    data: TrainingSet
    checksum: str
    """Of the data, as read."""
    facts: Facts

    def commit_facts(self, threads: int) -> dict[str, Any]:
        """Return what every commit holds besides the state of training, for whoever resumes from it."""
        return {"data_checksum": self.checksum, "threads": threads}


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


def prepare_task(config: RunConfig, records: Records) -> Task:
    """Read the data, build the network and check that everything fits.

    Raises:
        ConfigError: the data cannot be used, or the model, a technique or the stopping rule does not fit it.
    """
    from regbench.data.loading import load
    from regbench.models.base import DataShape
    from regbench.schedules.stopping import check_monitor, needs_validation
    from regbench.training.spec import make_plan
    from regbench.training.training_set import collect_facts, prepare

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
    return Task(plan, prepare(split, plan.dtype), split.checksum, facts)


def build_all(configs: Sequence[RunConfig]) -> list[Records]:
    """Return the records of every run; runs that differ only in the seed or the data share theirs.

    Raises:
        ConfigError: a setting of some run is not allowed; it is the first in the order of the runs.
    """
    built: dict[str, Records] = {}
    records = []
    for config in configs:
        settings = repr((config.device, config.schedule, config.model, config.regularizers))  # 1, 1.0 and True differ
        if settings not in built:
            built[settings] = build_records(config)
        records.append(built[settings])
    return records


def prepare_stack(configs: Sequence[RunConfig], records: Sequence[Records]) -> Task:
    """Return what runs of one stack have in common, as the first of them has it whose techniques fit.

    A technique's check may depend on a value in which the runs differ, so one refusal says nothing of the others.

    Args:
        configs: the runs.
        records: those of each run.

    Raises:
        ConfigError: no run of the stack can be trained; it says why the first cannot.
    """
    try:
        return prepare_task(configs[0], records[0])
    except ConfigError as refusal:
        facts = prepare_task(configs[0], replace(records[0], techniques={})).facts
        for config, own in zip(configs[1:], records[1:], strict=True):
            if fits(own, facts):
                return prepare_task(config, own)
        raise refusal


def fits(records: Records, facts: Facts) -> bool:
    """Tell whether all techniques of a run accept the data and the network."""
    try:
        check_techniques(records, facts)
    except ConfigError:
        return False
    return True


def check_techniques(records: Records, facts: Facts) -> None:
    """Check a run's techniques against the data and the network.

    Raises:
        ConfigError: one does not fit.
    """
    for technique in records.techniques.values():
        technique.check(facts)


def choose_threads(task: Task, cores: int) -> int:
    """Return how many threads a run alone uses: one where a step is so small that sharing it costs more than it saves.

    It depends on the run and the machine's cores only, never on the load, so that a repeated run repeats its rounding.
    """
    plan = task.plan
    batch = plan.schedule.batch_size or len(task.data.rows.weight)
    dense = all(site.kind != "channels" for site in plan.network.sites)
    return 1 if dense and plan.parameters * batch < SMALL_STEP else cores


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether the machine's memory was exhausted; torch raises RuntimeError for it."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


class FolderSink:
    """Takes what training says of one run into its folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Take one epoch's row."""
        self.folder.append(metrics, timing)

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Make everything so far durable."""
        self.folder.commit(tensors, facts)

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Take the result and the best weights; the picture comes before the result, which marks a whole folder."""
        draw_curves(self.folder, result)
        self.folder.log(f"{result['status']}: {result['stopping']['reason']}")
        self.folder.finish(result, best)


def draw_curves(folder: RunFolder, result: Mapping[str, Any]) -> None:
    """Draw the loss curves of a run that has ended."""
    from regbench.plots.loss_curves import draw_loss_curves

    folder.write_curves(draw_loss_curves(folder.path / "metrics.csv", result))


def open_run(config: RunConfig, task: Task, folder: RunFolder) -> Checkpoint | None:
    """Open a run's tables at its last commit and return it; None where there is none yet.

    Raises:
        CheckpointError: what is there cannot be resumed, or the data have changed since.
    """
    checkpoint = folder.resume(config.config_hash(), task.plan.header)
    if checkpoint is not None and checkpoint.facts.get("data_checksum", task.checksum) != task.checksum:
        raise CheckpointError(
            f"{folder.path}: the data have changed since its last commit; put them back, or add resume=fresh"
        )
    return checkpoint


def begin_run(
    config: RunConfig, task: Task, folder: RunFolder, checkpoint: Checkpoint | None, environment: Mapping[str, Any]
) -> None:
    """Record what the run depends on: in full before its first epoch, as a line of `run.log` when it resumes."""
    if checkpoint is None:
        folder.write_config(config.to_yaml())
        own = {"overrides": list(config.overrides), "data_checksum": task.checksum, "plan": task.plan.describe()}
        folder.write_run({**environment, **own})
        folder.log("training")
        return
    host, versions, threads = (environment[key] for key in ("host", "versions", "threads"))
    folder.log(f"resumed on {host} with {versions}, {threads} threads")
    folder.log(f"training from epoch {checkpoint.facts['track']['epoch'] + 1}")
