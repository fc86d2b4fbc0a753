"""The work of a worker in a study's search: train trials of one arm, those of all replicates stacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.config.run_config import RunConfig
from regbench.errors import RegbenchError
from regbench.runs.prepare import OUT_OF_MEMORY, PreparedRun, Records, build_records, is_out_of_memory
from regbench.runs.threads import torch_threads
from regbench.studies.cuts import CutRule
from regbench.studies.memory_sink import MemorySink
from regbench.studies.plan import TrialRun
from regbench.studies.search_data import SearchData, prepare_cut, read_search_data
from regbench.studies.variants import vary
from regbench.sweeps.plan.stacking import describe_static
from regbench.sweeps.workers.stop_requests import StopRequests, prepared_process

if TYPE_CHECKING:
    from regbench.training.cohort_run import CohortRun
    from regbench.training.stackable import CutKind

FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class TrialTask:
    """Trials of one arm, which are committed together."""

    number: int
    config: RunConfig
    rule: CutRule
    metric: str
    trials: tuple[TrialRun, ...]
    size: int
    """Most runs in one stacked computation."""
    base: Path
    """The folder that the command was given in: paths in a configuration start there."""
    stop_file: Path
    parent: int | None
    """Process without which a worker stops; None: there is none to watch."""


@dataclass(frozen=True)
class TrialOutcome:
    """What became of one trial; `figures` are at its best epoch: train_loss, train_M, val_loss, val_M."""

    trial: TrialRun
    status: str
    epochs: int
    best_epoch: int
    figures: tuple[float, ...]
    steps: int
    seconds: float


@dataclass
class TrialReport:
    """The outcomes of a task in its order, with the figures of all epochs `[n, 4, E]`; or why there are none."""

    number: int
    outcomes: list[TrialOutcome] = field(default_factory=list)
    curves: NDArray[np.float32] | None = None
    interrupted: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A trial with its configuration, records and cut."""

    place: int
    config: RunConfig
    records: Records
    cut: PreparedRun


def name_columns(metric: str) -> tuple[str, str, str, str]:
    """Return the columns of an epoch that a study keeps."""
    return ("train_loss", f"train_{metric}", "val_loss", f"val_{metric}")


def train_trials(task: TrialTask) -> TrialReport:
    """Train the trials of a task, `size` at a time, and return their figures; nothing is written."""
    with chdir(task.base), prepared_process(task.stop_file, task.parent) as requests:
        return _train(task, requests)


def _train(task: TrialTask, requests: StopRequests) -> TrialReport:
    from regbench.training.cohort_run import Interrupted

    report = TrialReport(task.number)
    sinks: dict[int, MemorySink] = {}
    errors: dict[int, str] = {}
    try:
        with torch_threads(task.config.threads or 1):
            for cohort in _gather(task):
                errors |= _train_halving(cohort, task, sinks, requests)
    except Interrupted:
        report.interrupted = True
        return report
    except RegbenchError as refusal:
        report.error = str(refusal)
        return report
    kept = [sinks[place] for place in range(len(task.trials))]
    report.outcomes = [
        _describe(trial, sink, errors.get(place))
        for place, (trial, sink) in enumerate(zip(task.trials, kept, strict=True))
    ]
    epochs = max((len(sink.rows) for sink in kept), default=0)
    report.curves = np.stack([sink.curves(epochs) for sink in kept])
    return report


def _gather(task: TrialTask) -> Iterator[list[Prepared]]:
    """Yield the trials in cohorts: those that can be stacked together, at most `size` at a time."""
    data, cuts = read_search_data(task.config), _Cuts(task)
    groups: dict[str, list[tuple[CutKind, list[Prepared]]]] = {}
    for place, trial in enumerate(task.trials):
        config = vary(task.config, dict(trial.values), trial.seed)
        records = build_records(config)
        cut, kind = cuts.prepare(data, config, records, trial)
        members = groups.setdefault(cuts.name(config), [])
        own = next((group for known, group in members if known == kind), None)
        if own is None:
            members.append((kind, own := []))
        own.append(Prepared(place, config, records, cut))
    for members in groups.values():
        for _, group in members:
            for at in range(0, len(group), task.size):
                yield group[at : at + task.size]


class _Cuts:
    """The cuts of a task, each prepared once for each choice of what cannot be stacked."""

    def __init__(self, task: TrialTask) -> None:
        self._task = task
        self._found: dict[tuple[str, int, str], tuple[PreparedRun, CutKind]] = {}

    def name(self, config: RunConfig) -> str:
        """Return what runs must have in common to be stacked, besides their cuts."""
        return describe_static(replace(config, dataset=self._task.config.dataset))

    def prepare(
        self, data: SearchData, config: RunConfig, records: Records, trial: TrialRun
    ) -> tuple[PreparedRun, CutKind]:
        """Return the cut of a trial, and what others must have in common with it."""
        from regbench.training.stackable import describe_cut

        key = (self.name(config), trial.replicate, trial.stage)
        if key not in self._found:
            place = (trial.replicate, trial.stage)
            prepared = prepare_cut(data, config, records, self._task.rule, place)
            self._found[key] = prepared, describe_cut(prepared.spec, prepared.data)
        return self._found[key]


def _train_halving(
    cohort: Sequence[Prepared], task: TrialTask, sinks: dict[int, MemorySink], requests: StopRequests
) -> dict[int, str]:
    """Train a cohort; one that fails is halved until the run that fails is alone. Return the errors by place."""
    from regbench.training.cohort_run import Interrupted

    try:
        _fit(cohort, task, sinks, requests)
    except (Interrupted, KeyboardInterrupt):
        raise
    except Exception as error:
        if len(cohort) == 1:
            return {cohort[0].place: OUT_OF_MEMORY if is_out_of_memory(error) else f"{type(error).__name__}: {error}"}
        half = (len(cohort) + 1) // 2
        parts = (cohort[:half], cohort[half:])
        return {place: told for part in parts for place, told in _train_halving(part, task, sinks, requests).items()}
    return {}


def _fit(cohort: Sequence[Prepared], task: TrialTask, sinks: dict[int, MemorySink], requests: StopRequests) -> None:
    """Train a cohort from the start, each run into a sink of its own."""
    import torch

    from regbench.training.cohort_run import Observer
    from regbench.training.fit import fit

    cuts = list({id(member.cut): member.cut for member in cohort}.values())
    numbers = {id(cut): number for number, cut in enumerate(cuts)}
    spec = replace(cuts[0].spec, further=(task.metric,))
    for member in cohort:
        sinks[member.place] = MemorySink(name_columns(task.metric), count_updates(member.cut))
    runs = [replace(_make_run(member, sinks[member.place]), cut=numbers[id(member.cut)]) for member in cohort]
    with torch.no_grad():
        fit(spec, runs, [cut.data for cut in cuts], Observer(stop_requested=requests.requested))


def _make_run(member: Prepared, sink: MemorySink) -> CohortRun:
    from regbench.training.cohort_run import make_run

    spec = replace(member.cut.spec, regularizers=member.records.regularizers, schedule=member.records.schedule)
    return make_run(spec, member.config.seed, sink)


def count_updates(prepared: PreparedRun) -> int:
    """Return the updates of an epoch."""
    from regbench.training.timing import count_steps

    return count_steps(prepared.spec, prepared.data) // prepared.spec.schedule.epochs


def _describe(trial: TrialRun, sink: MemorySink, error: str | None) -> TrialOutcome:
    """Return what became of a trial."""
    epochs = len(sink.rows)
    return TrialOutcome(
        trial=trial,
        status=FAILED if error is not None else str(sink.result.get("status", FAILED)),
        epochs=epochs,
        best_epoch=sink.best_epoch,
        figures=tuple(sink.at_best().values()),
        steps=epochs * sink.updates,
        seconds=sink.seconds,
    )
