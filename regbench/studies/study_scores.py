"""Scores of a study's arms on test rows, larger being better, with the values of the rows that they are means of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.intervals import Difference, describe_rows, measure_difference
from regbench.evidence.verdict import RowScores
from regbench.metrics import METRICS
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.row_values import Predicted, find_values


@dataclass(frozen=True)
class Scores:
    """Scores `[A, R]` of the named arms in the replicates that all of them have, or `[A, K]` as means of K folds.

    `constant` are the replicates in which an arm was scored as the constant predictor, by arm; `overlap` is
    n_test/n_train where intervals are corrected by it, else 0.
    """

    names: tuple[str, ...]
    replicates: tuple[int, ...]
    matrix: Floats
    rows: RowScores | None
    constant: Mapping[str, tuple[int, ...]]
    overlap: float = 0.0

    def of(self, name: str) -> Floats:
        """Return the scores `[R]` of an arm."""
        found: Floats = self.matrix[self.names.index(name)]
        return found

    def compare(self, name: str, other: str) -> Difference:
        """Return the difference of an arm from another, paired by replicate."""
        one, two = self.names.index(name), self.names.index(other)
        differences = self.matrix[one] - self.matrix[two]
        values, tested = None, None
        if self.rows is not None:
            values, tested = self.rows.scores[one] - self.rows.scores[two], describe_rows(self.rows.tested)
        return replace(measure_difference(differences, values, tested), overlap=self.overlap)

    def take(self, names: Sequence[str]) -> Scores:
        """Return the scores of some arms."""
        places = [self.names.index(name) for name in names]
        rows = None if self.rows is None else RowScores([self.rows.scores[p] for p in places], self.rows.tested)
        return replace(self, names=tuple(names), matrix=self.matrix[places], rows=rows)


def score_study(
    metric: str,
    task: str,
    names: Sequence[str],
    replicates: Sequence[ReplicateOutputs],
    given: Mapping[str, Mapping[int, float]],
) -> Scores:
    """Return the scores of all arms, larger being better.

    Args:
        metric: the judged figure.
        task: classification, regression or multilabel.
        names: of the arms.
        replicates: their outputs; a run without finite ones is scored as the constant predictor, or as the worst of its
            replicate where the figure is no mean over rows.
        given: scores by arm and replicate as the runs measured them, for figures that are no means over rows.
    """
    compute = find_values(metric, task)
    constant = {name: tuple(part.replicate for part in replicates if part.outputs[name] is None) for name in names}
    numbers = tuple(part.replicate for part in replicates)
    values = None
    if compute is not None:
        spread = measure_spread(replicates)
        values = [[compute(_test(part, name, spread)) for part in replicates] for name in names]
        if any(not np.isfinite(own).all() for arm in values for own in arm):
            values = None  # a class without test rows, say
    if values is None:
        scored = score_figures(metric, names, numbers, given, constant)
        return replace(scored, matrix=fill_worst(scored.matrix))
    matrix = np.array([[float(own.mean()) for own in arm] for arm in values])
    return Scores(tuple(names), numbers, matrix, _spread_rows(values, replicates), constant)


def fill_worst(matrix: Floats) -> Floats:
    """Return scores `[A, R]` in which one that is not finite is the worst of its replicate, or else of all."""
    known = np.where(np.isfinite(matrix), matrix, np.nan)
    if not np.isnan(known).any() or np.isnan(known).all():
        return matrix
    worst = np.where(np.isnan(known).all(0), np.nanmin(known), np.min(np.where(np.isnan(known), np.inf, known), axis=0))
    filled: Floats = np.where(np.isnan(known), worst, known)
    return filled


def score_figures(
    metric: str,
    names: Sequence[str],
    numbers: tuple[int, ...],
    given: Mapping[str, Mapping[int, float]],
    constant: Mapping[str, tuple[int, ...]],
) -> Scores:
    """Return scores that the runs measured themselves, by arm and replicate; NaN where one has none."""
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    matrix = np.array([[sign * given[name].get(number, np.nan) for number in numbers] for name in names])
    return Scores(tuple(names), numbers, matrix, None, constant)


def _test(part: ReplicateOutputs, name: str, spread: Floats) -> Predicted:
    outputs = part.outputs[name]
    if outputs is None:
        outputs = np.tile(part.constant, (len(part.rows), 1))
    return Predicted(outputs, part.target, part.weight * (len(part.weight) / part.weight.sum()), spread)


def stack_outputs(parts: Sequence[ReplicateOutputs], name: str) -> Floats:
    """Return the outputs `[R, n, C]` of an arm in replicates that test equally many rows, NaN where it has none."""
    filled = [
        np.full((len(part.rows), len(part.constant)), np.nan) if part.outputs[name] is None else part.outputs[name]
        for part in parts
    ]
    stacked: Floats = np.stack(filled)  # type: ignore[arg-type]
    return stacked


def measure_spread(replicates: Sequence[ReplicateOutputs]) -> Floats:
    """Return the variance of each number to predict over all tested rows, each counted once, `[C]`."""
    rows = np.concatenate([part.rows for part in replicates])
    targets = np.concatenate([part.target.reshape(len(part.target), -1) for part in replicates])
    _, first = np.unique(rows, return_index=True)
    variance: Floats = targets[first].astype(np.float64).var(0)
    return np.where(variance > 0, variance, 1.0)


def _spread_rows(values: Sequence[Sequence[Floats]], replicates: Sequence[ReplicateOutputs]) -> RowScores:
    """Return the values by tested row, `[R, N]` of each arm, N being the rows that are tested at all."""
    tested_rows = np.unique(np.concatenate([part.rows for part in replicates]))
    places = [np.searchsorted(tested_rows, part.rows) for part in replicates]
    tested = np.zeros((len(replicates), len(tested_rows)), dtype=bool)
    for replicate, own in enumerate(places):
        tested[replicate, own] = True
    scores = []
    for arm in values:
        table = np.zeros(tested.shape)
        for replicate, own in enumerate(places):
            table[replicate, own] = arm[replicate]
        scores.append(table)
    return RowScores(scores, tested)
