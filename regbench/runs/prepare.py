"""From a configuration to the data and the specification of a training, for a run alone or in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.metrics import check_metric, list_metrics
from regbench.runs.devices import check_device, find_device

if TYPE_CHECKING:
    import numpy as np

    from regbench.data.fingerprint import FileRecord
    from regbench.data.reading import Reading
    from regbench.data.records import Split
    from regbench.models.base import Model
    from regbench.regularizers.base import Facts, Regularizer
    from regbench.runs.fitted import Fitted
    from regbench.schedules.schedule import Schedule
    from regbench.training.spec import TrainingSpec
    from regbench.training.stacked_rows import StackedRows
    from regbench.training.training_set import TrainingSet

OUT_OF_MEMORY = "the machine's memory does not hold this run; take a smaller model, batch_size or ensemble"

WORKER_LOST = "the process that trained this run ended again and again without a word (killed, perhaps for its memory)"

SMALL_STEP = 1 << 23
"""Multiply-adds of one forward pass below which a second thread does not pay."""


@dataclass(frozen=True)
class Records:
    """A configuration as checked records, before any data is read."""

    model: Model
    regularizers: Mapping[str, Regularizer]
    schedule: Schedule

    @property
    def input_type(self) -> type[np.float32] | type[np.float64]:
        """The type in which inputs are prepared.

        A model that is fitted to the inputs gets them whole; others train in float32 on what is stored in float32.
        """
        import numpy as np

        whole = self.model.reads_inputs or self.schedule.precision == "float64"
        return np.float64 if whole else np.float32


@dataclass(frozen=True)
class PreparedRun:
    """Data and specification of runs that differ only in seed and hyper-parameters."""

    spec: TrainingSpec
    data: TrainingSet
    checksum: str
    """Of the data, as prepared."""
    rows_checksum: str
    """Of the data, as read."""
    data_files: tuple[FileRecord, ...] | None
    """Files that the data were read from; None where they are not known."""
    facts: Facts
    fitted: Fitted
    reading: Reading
    """How the data were read."""
    rows: StackedRows | None = None
    """Training rows as the regularizers of a run alone leave them; None: they are still to do so."""

    def commit_record(self, threads: int, cohort: str | None = None) -> dict[str, Any]:
        """Return what every commit holds besides the state of training, for whoever resumes it.

        Args:
            threads: with which it trains.
            cohort: names the runs that it is trained with; None: it is alone.
        """
        return {"data_checksum": self.checksum, "threads": threads, "cohort": cohort}


def build_records(config: RunConfig) -> Records:
    """Check every setting below model, regularizer and schedule.

    Raises:
        ConfigError: a name or key is unknown, or a value is not allowed.
    """
    from regbench.models.registry import build_model
    from regbench.regularizers.registry import build_regularizers
    from regbench.schedules.ramps import check_ramps
    from regbench.schedules.schedule import build_schedule

    schedule, regularizers = build_schedule(config.schedule), build_regularizers(config.regularizers)
    check_ramps(schedule.ramp, regularizers)
    return Records(build_model(config.model), regularizers, schedule)


def prepare_run(config: RunConfig, records: Records) -> PreparedRun:
    """Read the data, build the network and check that everything fits.

    Raises:
        ConfigError: the machine does not have the device, the data cannot be used, or the model, a technique or the
            stopping rule does not fit them.
    """
    from regbench.data.memory import release_memory

    check_device(config.device)
    split, data_files = _read_split(config, records)
    prepared = prepare_from(config, records, split)
    del split
    release_memory()
    return replace(prepared, data_files=data_files)


def prepare_from(config: RunConfig, records: Records, split: Split) -> PreparedRun:
    """Build the network of a run for data that were read, and check that everything fits.

    Raises:
        ConfigError: the model, a technique or the stopping rule does not fit the data.
    """
    from regbench.models.base import DataShape
    from regbench.runs.fitted import collect_fitted
    from regbench.schedules.stopping import check_monitor, needs_validation
    from regbench.training.spec import make_spec
    from regbench.training.training_set import collect_facts, prepare

    stop = records.schedule.stop
    if needs_validation(stop) and len(split.val.y) == 0:
        raise ConfigError(
            f"schedule.stop={stop.name} needs validation rows, but this data set has none; "
            "take schedule/stop=none or dataset.split.val in (0, 1)"
        )
    shape = DataShape(split.task, split.layout, split.train.x.shape[1:], split.preprocessing.width, split.train.x)
    network = records.model.build(shape)
    facts = collect_facts(split, network, records.schedule)
    spec = make_spec(network, records.regularizers, records.schedule, facts, find_device(config.device))
    if config.metric is not None:
        check_metric(config.metric, facts.task)
    check_monitor(stop, [f"val_{figure.name}" for figure in list_metrics(facts.task)])
    fitted = collect_fitted(split.preprocessing, facts, split.train.x if records.model.reads_inputs else None)
    return PreparedRun(
        spec=spec,
        data=prepare(split, spec.dtype),
        checksum=split.checksum,
        rows_checksum=split.rows_checksum,
        data_files=None,
        facts=facts,
        fitted=fitted,
        reading=split.reading,
    )


def _read_split(config: RunConfig, records: Records) -> tuple[Split, tuple[FileRecord, ...] | None]:
    """Return the data of a run, and the files that they were read from; None where these are not known."""
    from regbench.data.fingerprint import read_recorded
    from regbench.data.loading import build_dataset
    from regbench.data.preparing import prepare

    dataset = build_dataset(config.dataset)
    return read_recorded(dataset, lambda: prepare(dataset, dataset.read(), records.input_type))


def build_all(configs: Sequence[RunConfig]) -> list[Records]:
    """Return the records of every run; runs that differ only in the seed or the data share theirs.

    Raises:
        ConfigError: a setting of some run is not allowed; it is the first in the order of the runs.
    """
    from regbench.data.loading import build_dataset

    built: dict[str, Records] = {}
    datasets: set[str] = set()
    records = []
    for config in configs:
        check_device(config.device)
        dataset = repr(config.dataset)
        if dataset not in datasets:
            build_dataset(config.dataset)
            datasets.add(dataset)
        settings = repr((config.device, config.schedule, config.model, config.regularizers))  # 1, 1.0 and True differ
        if settings not in built:
            built[settings] = build_records(config)
        records.append(built[settings])
    return records


def prepare_stack(configs: Sequence[RunConfig], records: Sequence[Records]) -> PreparedRun:
    """Return what runs of one stack and one cut have in common, as the first of them has it whose techniques fit.

    A technique's check may depend on a value in which the runs differ, so one refusal says nothing of the others.

    Args:
        configs: the runs.
        records: those of each run.

    Raises:
        ConfigError: no run of the stack can be trained; it says why the first cannot.
    """
    try:
        return prepare_run(configs[0], records[0])
    except ConfigError as refusal:
        facts = prepare_run(configs[0], replace(records[0], regularizers={})).facts
        for config, own in zip(configs[1:], records[1:], strict=True):
            if fits(own, facts):
                return prepare_run(config, own)
        raise refusal


def fits(records: Records, facts: Facts) -> bool:
    """Tell whether all techniques of a run accept the data and the network."""
    try:
        check_regularizers(records, facts)
    except ConfigError:
        return False
    return True


def check_regularizers(records: Records, facts: Facts) -> None:
    """Check a run's techniques against the data and the network.

    Raises:
        ConfigError: one does not fit.
    """
    for regularizer in records.regularizers.values():
        regularizer.check(facts)


def choose_threads(prepared: PreparedRun, cores: int) -> int:
    """Return how many threads a run alone uses: one where a step is so small that sharing it costs more than it saves.

    It depends on the run and the machine's cores only, never on the load, so that a repeated run repeats its rounding.
    """
    spec = prepared.spec
    batch = spec.batch_size or len(prepared.data.rows.weight)
    dense = all(site.kind != "channels" for site in spec.network.sites)
    return 1 if dense and spec.parameters * batch < SMALL_STEP else cores


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether the memory of the machine or of its GPU was exhausted; torch raises RuntimeError for it."""
    said = str(error)
    return isinstance(error, MemoryError) or "allocate memory" in said or "CUDA out of memory" in said
