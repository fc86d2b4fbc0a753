"""A short trial: how long a step of a cohort takes, without a trace in any folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.training.evaluation import LARGEST_PASS
from regbench.training.fit import Job, stack_jobs
from regbench.training.spec import Plan
from regbench.training.train_step import Moment
from regbench.training.training_set import TrainingSet

LEAST_SECONDS = 0.05
"""Training time of a trial; it takes two steps at least, beside the first, which is not counted."""


class NoSink:
    """Keeps nothing."""

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Drop one epoch's row."""

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Drop the state."""

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Drop the result."""


@torch.no_grad()
def time_step(plan: Plan, jobs: Sequence[Job], data: TrainingSet) -> float:
    """Return the seconds of one training step of these runs stacked: the quickest of a few."""
    cohort = stack_jobs(plan, jobs, data)
    rows = len(data.rows.weight)
    size = plan.schedule.batch_size or rows
    chosen = torch.stack([Randomness(seed).at("trial").permutation(rows)[:size] for seed in cohort.seeds.tolist()])
    seconds: list[float] = []
    number = 0
    while len(seconds) < 3 or sum(seconds[1:]) < LEAST_SECONDS:
        start = time.perf_counter()
        cohort.step(chosen, Moment(1, number, number, False), cohort.rates)
        seconds.append(time.perf_counter() - start)
        number += 1
    return min(seconds[1:])


def count_steps(plan: Plan, data: TrainingSet) -> int:
    """Return the updates of a run that trains all its epochs."""
    rows = len(data.rows.weight)
    return plan.schedule.epochs * -(-rows // (plan.schedule.batch_size or rows))


def evaluation_share(plan: Plan, data: TrainingSet) -> float:
    """Estimate an epoch's evaluation as a share of its training: a forward pass is a third of a step."""
    return len(data.watched.x) / (3.0 * len(data.rows.weight))


def estimate_bytes(plan: Plan, data: TrainingSet) -> int:
    """Estimate the memory of one run of a cohort in bytes.

    Of every parameter there are the weight, its best value, the gradient twice, the optimizer's memory and step, and
    those kept for the stopping rule; of every activation of a batch, the value and what backward needs of it.
    """
    members, _ = plan.ensemble
    batch = plan.schedule.batch_size or len(data.rows.weight)
    units = sum(torch.Size(site.shape).numel() for site in plan.network.sites)
    kept = 8 + plan.schedule.stop.lag
    values = members * (kept * plan.parameters + 8 * batch * units)
    return values * plan.dtype.itemsize + min(LARGEST_PASS, members * units * len(data.watched.x)) // 16
