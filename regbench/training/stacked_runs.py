"""Runs as stacked networks, and the training rows as their regularizers leave them."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.training.cohort import Cohort
from regbench.training.cohort_run import CohortRun
from regbench.training.networks import Member
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_rows import StackedRows, Trained, stack_rows
from regbench.training.training_set import TrainingSet


def stack_runs(
    spec: TrainingSpec, runs: Sequence[CohortRun], sets: Sequence[TrainingSet], rows: StackedRows | None = None
) -> Cohort:
    """Return the cohort of all runs; an ensemble's networks have seeds of their own.

    Args:
        spec: what the runs have in common.
        runs: the runs.
        sets: what they are trained on; each run has one of them.
        rows: the training rows as the runs' regularizers leave them; None: they are still to do so.
    """
    members = [
        Member(_member_seed(run.seed, number), run.regularizers, run.optimizer)
        for run in runs
        for number in range(spec.ensemble_size)
    ]
    if rows is None:
        cuts = [run.cut for run in runs for _ in range(spec.ensemble_size)]
        networks = [Trained(m.seed, m.regularizers, cut) for m, cut in zip(members, cuts, strict=True)]
        rows = stack_rows([data.rows for data in sets], networks, spec.facts, spec.ensemble_size)
    return Cohort(spec, members, rows)


def change_rows(spec: TrainingSpec, seed: int, data: TrainingSet) -> StackedRows:
    """Return the training rows as the regularizers of one run leave them.

    Raises:
        ConfigError: a regularizer cannot change these rows as it is set.
    """
    networks = [Trained(_member_seed(seed, number), spec.regularizers) for number in range(spec.ensemble_size)]
    return stack_rows([data.rows], networks, spec.facts, spec.ensemble_size)


def _member_seed(seed: int, number: int) -> int:
    """Return the seed of an ensemble's network; the first has the run's own. Runs' seeds lie below 2^31."""
    return seed + (number << 32)
