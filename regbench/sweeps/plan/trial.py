"""The short trial by which a stack's cohort size is chosen: steps of cohorts of growing size, without any folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.devices import free_memory
from regbench.runs.prepare import PreparedRun, Records, build_all, fits, prepare_stack
from regbench.runs.threads import torch_threads
from regbench.sweeps.plan.cohort_size import Measurement, Sample, worth_climbing
from regbench.sweeps.plan.stacking import group_by_cut

EVERYTHING_ELSE = 0.1
"""Files, curves and bookkeeping, as a share of training."""


@dataclass(frozen=True)
class Trial:
    """The task of measuring one stack: the sizes to try, and some of its runs, enough for the largest."""

    number: int
    runs: tuple[RunConfig, ...]
    sizes: tuple[int, ...]
    base: Path
    cuts: float = 0.0
    """Cuts of the data that are stacked, for each run of the stack; 0: its runs share one."""


@dataclass(frozen=True)
class TrialReport:
    """The result of a trial, or why the stack cannot be trained at all."""

    number: int
    measured: Measurement | None = None
    refusal: str | None = None


def measure_stack(trial: Trial) -> TrialReport:
    """Time steps of cohorts of growing size until a larger one no longer pays."""
    with chdir(trial.base):
        try:
            return TrialReport(trial.number, _measure(trial))
        except RegbenchError as refusal:
            return TrialReport(trial.number, refusal=str(refusal))
        except Exception:
            # Whatever a run raises here, it will raise in training, where its folder takes the traceback.
            return TrialReport(trial.number)


def _measure(trial: Trial) -> Measurement:
    from regbench.training.cohort_run import make_run
    from regbench.training.timing import NoSink, count_bytes, count_steps, estimate_bytes, evaluation_share, time_step

    records = build_all(trial.runs)
    prepared = _prepare_one(trial.runs, records)
    fitting = [(run, own) for run, own in zip(trial.runs, records, strict=True) if fits(own, prepared.facts)]
    cohort = [
        make_run(replace(prepared.spec, regularizers=own.regularizers, schedule=own.schedule), run.seed, NoSink())
        for run, own in fitting
    ]
    # Each cut lies in memory as it was prepared, and once more in the stack of all.
    shares = int(2 * trial.cuts * count_bytes(prepared.data))
    bytes_per_run, available = estimate_bytes(prepared.spec, prepared.data) + shares, free_memory(prepared.spec.device)
    samples: list[Sample] = []
    with torch_threads(fitting[0][0].threads or 1):
        for size in sizes_to_try(trial.sizes, len(cohort)):
            if samples and not (worth_climbing(samples) and 2 * size * bytes_per_run < available):
                break
            try:
                seconds = time_step(prepared.spec, cohort[:size], prepared.data)
            except Exception:
                if not samples:
                    raise
                break  # of memory, say: what the smaller sizes showed is enough
            samples.append(Sample(size, seconds))
    return Measurement(
        samples=tuple(samples),
        steps=count_steps(prepared.spec, prepared.data),
        overhead=EVERYTHING_ELSE + evaluation_share(prepared.spec, prepared.data),
        bytes_per_run=bytes_per_run,
        available=available,
    )


def _prepare_one(runs: Sequence[RunConfig], records: Sequence[Records]) -> PreparedRun:
    """Return the first cut of the data on which some run can be trained: a step takes as long on any other.

    Raises:
        ConfigError: there is none; it says why the first cannot.
    """
    refusals: list[ConfigError] = []
    for places in group_by_cut(runs):
        try:
            return prepare_stack([runs[place] for place in places], [records[place] for place in places])
        except ConfigError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def sizes_to_try(sizes: Sequence[int], runs: int) -> list[int]:
    """Return the sizes to measure where there are so many runs: those that are smaller, and all of them at once."""
    smaller = [size for size in sizes if size < runs]
    return smaller if smaller and smaller[-1] == sizes[-1] else [*smaller, runs]
