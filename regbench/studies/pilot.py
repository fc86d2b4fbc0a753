"""The pilot of an arm: two runs with the settings as typed, and the seconds of a step at several cohort sizes."""

from __future__ import annotations

import time
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from regbench.config.run_config import RunConfig
from regbench.data.memory import available_memory
from regbench.errors import RegbenchError
from regbench.runs.prepare import PreparedRun, build_records
from regbench.runs.threads import torch_threads
from regbench.studies.cuts import SEARCH, CutRule
from regbench.studies.memory_sink import MemorySink
from regbench.studies.plan import Pilot
from regbench.studies.search_data import prepare_cut, read_search_data
from regbench.studies.trials import count_updates, name_columns
from regbench.studies.variants import draw_seed
from regbench.sweeps.plan.cohort_size import LADDER, Measurement, Sample, choose_size, step_seconds, worth_climbing

if TYPE_CHECKING:
    from regbench.training.cohort_run import CohortRun

SEEDS = 2
INFERRED = 1000
"""Rows whose prediction is timed."""


@dataclass(frozen=True, kw_only=True)
class PilotTask:
    """An arm to try; `runs` is the largest cohort there could be, `workers` share the memory."""

    number: int
    config: RunConfig
    rule: CutRule
    metric: str
    runs: int
    workers: int
    base: Path


@dataclass(frozen=True)
class PilotReport:
    """What the pilot of an arm showed, or why the arm cannot be trained on these data."""

    number: int
    pilot: Pilot | None = None
    refusal: str | None = None


def run_pilot(task: PilotTask) -> PilotReport:
    """Train two runs of an arm, and time its steps."""
    import torch

    try:
        with chdir(task.base), torch_threads(task.config.threads or 1), torch.no_grad():
            return PilotReport(task.number, _run(task))
    except RegbenchError as refusal:
        return PilotReport(task.number, refusal=str(refusal))


def _run(task: PilotTask) -> Pilot:
    from regbench.training.cohort_run import Observer, make_run
    from regbench.training.fit import fit
    from regbench.training.timing import estimate_bytes, evaluation_share

    records = build_records(task.config)
    cut = prepare_cut(read_search_data(task.config), task.config, records, task.rule, (0, SEARCH))
    spec = replace(cut.spec, further=(task.metric,))
    seeds = [draw_seed(task.rule.seed, "pilot", number) for number in range(max(LADDER))]
    sinks = [MemorySink(name_columns(task.metric), count_updates(cut)) for _ in range(SEEDS)]
    runs = [make_run(spec, seed, sink) for seed, sink in zip(seeds, sinks, strict=False)]
    fit(spec, runs, [cut.data], Observer())
    samples = _time_steps(cut, seeds, task)
    memory = estimate_bytes(spec, cut.data)
    measured = Measurement(
        samples=tuple(samples),
        steps=max(1, count_updates(cut) * spec.schedule.epochs),
        overhead=0.0,
        bytes_per_run=memory,
        available=available_memory() // task.workers,
    )
    size = choose_size(measured, task.runs, 1).size
    return Pilot(
        epochs=float(np.mean([len(sink.rows) for sink in sinks])),
        steps=count_updates(cut),
        cohort=size,
        step_seconds=step_seconds(samples, size) / size,
        alone=samples[0].seconds,
        inference=_time_inference(cut, runs[0]),
        evaluation=0.1 + evaluation_share(spec, cut.data),
        memory=memory,
        parameters=spec.parameters * spec.ensemble_size,
    )


def _time_steps(cut: PreparedRun, seeds: list[int], task: PilotTask) -> list[Sample]:
    """Return the seconds of a step of cohorts of growing size, until a larger one no longer pays."""
    from regbench.training.cohort_run import make_run
    from regbench.training.timing import NoSink, time_step

    cohort = [make_run(cut.spec, seed, NoSink()) for seed in seeds]
    samples: list[Sample] = []
    for size in LADDER:
        if samples and (not worth_climbing(samples) or size > 2 * task.runs):
            break
        try:
            samples.append(Sample(size, time_step(cut.spec, cohort[:size], cut.data)))
        except Exception:
            if not samples:
                raise
            break  # of memory, say: what the smaller sizes showed is enough
    return samples


def _time_inference(cut: PreparedRun, run: CohortRun) -> float:
    """Return the seconds in which one run predicts 1,000 rows: the quickest of a few."""
    from regbench.regularizers.base import Moment
    from regbench.training.evaluation import predict
    from regbench.training.stacked_runs import stack_runs

    cohort = stack_runs(cut.spec, [run], [cut.data])
    networks = cohort.evaluated(Moment(0, 0, 0, last_of_epoch=True, updates=1))
    x = cut.data.watched.x
    rows = x[[number % len(x) for number in range(INFERRED)]]
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        predict(networks, rows)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
