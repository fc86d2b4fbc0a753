"""Duration of a step of a cohort, measured in a short trial that leaves no trace in any folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Moment
from regbench.training.cohort_run import CohortRun
from regbench.training.evaluation import LARGEST_PASS
from regbench.training.ordering import number_type
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_runs import stack_runs
from regbench.training.train_step import train_step
from regbench.training.training_set import TrainingSet

LEAST_SECONDS = 0.03
"""Training time of a trial; it takes two steps at least, besides the first ones."""

FIRST = 2
"""Steps that are not counted: they are recorded, to be played back from then on."""


class NoSink:
    """Keeps nothing."""

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Drop one epoch's row."""

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Drop the state."""

    def end(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Drop the state."""

    def finish(self, result: Mapping[str, object], best: Mapping[str, Tensor]) -> None:
        """Drop the result."""


@torch.no_grad()
def time_step(spec: TrainingSpec, runs: Sequence[CohortRun], data: TrainingSet) -> float:
    """Return the seconds of one training step of these runs stacked: the quickest of a few."""
    cohort = stack_runs(spec, runs, [data])
    rows = cohort.rows.count
    size = min(spec.batch_size or rows, rows)
    chosen = torch.stack(
        [draw_batch(Randomness(seed, device=spec.device).at("trial"), rows, size) for seed in cohort.seeds]
    )
    seconds: list[float] = []
    number = 0
    while len(seconds) < FIRST + 2 or sum(seconds[FIRST:]) < LEAST_SECONDS:
        start = time.perf_counter()
        train_step(cohort, chosen, Moment(1, number, 0, False, 1), cohort.optimizer_hypers["lr"])
        if spec.device.type == "cuda":
            torch.cuda.synchronize(spec.device)  # else it is timed how long it takes to ask for the step
        seconds.append(time.perf_counter() - start)
        number += 1
    return min(seconds[FIRST:])


def draw_batch(random: Randomness, rows: int, size: int) -> Tensor:
    """Draw different rows from all over the training set, int64 `[size]`; the order of all would take longer."""
    apart = rows // size
    return random.permutation(size) * apart + random.integers(apart, (size,))


def count_steps(spec: TrainingSpec, data: TrainingSet) -> int:
    """Return the updates of a run that trains all its epochs."""
    rows = len(data.rows.weight)
    return spec.schedule.epochs * -(-rows // (spec.batch_size or rows))


def evaluation_share(spec: TrainingSpec, data: TrainingSet) -> float:
    """Estimate an epoch's evaluation as a share of its training: a forward pass is a third of a step."""
    return len(data.watched.x) / (3.0 * len(data.rows.weight))


def count_bytes(data: TrainingSet) -> int:
    """Return the bytes of a cut that a cohort stacks: of its training rows and of those that are watched."""
    return sum(part.nbytes for part in (*data.rows, *data.watched))


def estimate_bytes(spec: TrainingSpec, data: TrainingSet) -> int:
    """Estimate the memory of one run of a cohort in bytes.

    Of every parameter there are the weight, its best value, the gradient twice, the optimizer's memory and step, and
    those kept for the stopping rule; of every activation of a batch, the value and what backward needs of it; of every
    training row, its place in the epoch's order.
    """
    rows = len(data.rows.weight)
    batch = spec.batch_size or rows
    units = sum(torch.Size(site.shape).numel() for site in spec.network.sites)
    kept = 8 + spec.schedule.stop.lag
    values = spec.ensemble_size * (kept * spec.parameters + 8 * batch * units)
    orders = spec.ensemble_size * rows * number_type(rows).itemsize
    passes = min(LARGEST_PASS, spec.ensemble_size * units * len(data.watched.x)) // 16
    return values * spec.dtype.itemsize + orders + passes
