"""Synthetic tables whose truth is known, and the cuts of a study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from regbench.evidence.arrays import Booleans, Floats, Integers

Singles = NDArray[np.float32]

INPUTS = 16
STEEPNESS = 2.1
"""Log-odds of a row whose signal lies one standard deviation above 0; networks then err on about .26 of new rows."""
NOISE = 0.44
"""Noise of a numeric target beside a signal of variance 1; networks then reach an R2 of about .70."""
FOLDS = 5


class Task(StrEnum):
    """What a table asks for."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Metric(StrEnum):
    """What is judged; each is a mean over rows, larger is better."""

    ACCURACY = "accuracy"
    LOG_LOSS = "log loss"
    R2 = "R2"


METRICS = {Task.CLASSIFICATION: (Metric.ACCURACY, Metric.LOG_LOSS), Task.REGRESSION: (Metric.R2,)}


@dataclass(frozen=True)
class Table:
    """A table of `rows` rows and, without their targets, fresh rows of the same law.

    `inputs` `[N, D]`, `target` `[N]` (0 and 1, or numbers); of the fresh rows `fresh` `[M, D]` the `signal` `[M]` is
    known: the chance of class 1, or the mean of the target.
    """

    task: Task
    inputs: Singles
    target: Singles
    fresh: Singles
    signal: Singles


def draw_table(task: Task, rng: np.random.Generator, rows: int = 400, fresh: int = 3000) -> Table:
    """Return a table of a random mostly linear law: a plane and six waves."""
    plane = rng.normal(size=INPUTS) / np.sqrt(INPUTS)
    waves, heights = rng.normal(size=(INPUTS, 6)) / np.sqrt(INPUTS), rng.normal(size=6) / 8
    inputs = rng.normal(size=(rows + fresh, INPUTS))
    law = inputs @ plane + np.sin(2 * inputs @ waves) @ heights
    law /= law.std()
    if task is Task.CLASSIFICATION:
        signal = 1 / (1 + np.exp(-STEEPNESS * law))
        target = (rng.random(rows) < signal[:rows]).astype(np.float32)
    else:
        signal = law
        target = (law[:rows] + NOISE * rng.normal(size=rows)).astype(np.float32)
    parts = inputs.astype(np.float32)
    return Table(task, parts[:rows], target, parts[rows:], signal[rows:].astype(np.float32))


def score_rows(table: Table, metric: Metric, outputs: Singles, rows: Integers) -> Floats:
    """Return the values of rows `[..., n]` whose mean is the metric, of outputs and row numbers `[..., n]`."""
    target = table.target[rows].astype(np.float64)
    if metric is Metric.ACCURACY:
        return np.equal(outputs > 0, target > 0.5).astype(np.float64)
    if metric is Metric.LOG_LOSS:
        return -np.logaddexp(0, np.where(target > 0.5, -outputs, outputs).astype(np.float64))
    return 1 - np.square(outputs - target) / float(table.target.var())


def score_fresh(table: Table, metric: Metric, outputs: Singles) -> Floats:
    """Return the expected metric `[...]` of outputs `[..., M]` on the fresh rows, over their unknown targets."""
    chance = table.signal.astype(np.float64)
    if metric is Metric.ACCURACY:
        values = np.where(outputs > 0, chance, 1 - chance)
    elif metric is Metric.LOG_LOSS:
        values = -chance * np.logaddexp(0, -outputs) - (1 - chance) * np.logaddexp(0, outputs)
    else:
        values = 1 - (np.square(outputs - chance) + NOISE**2) / float(table.target.var())
    means: Floats = values.mean(axis=-1)
    return means


@dataclass(frozen=True)
class Cuts:
    """Row numbers of each replicate: `test` `[R, n_t]`, and `train` and `val` `[2, R, n]` of search and fresh run."""

    train: Integers
    val: Integers
    test: Integers

    def tested(self, rows: int) -> Booleans:
        """Return the mask `[R, N]` of the rows that each replicate tests."""
        mask = np.zeros((len(self.test), rows), dtype=bool)
        np.put_along_axis(mask, self.test, True, axis=1)
        return mask


def draw_cuts(method: str, rows: int, replicates: int, rng: np.random.Generator) -> Cuts:
    """Return cuts 60/20/20: `kfold` tests every row once in five replicates, `locked` the same rows in all.

    Search and fresh run of a replicate share its test rows and cut the others anew.
    """
    fifth, train, val, test = rows // FOLDS, [], [], []
    order = rng.permutation(rows)
    for replicate in range(replicates):
        fold = replicate % FOLDS if method == "kfold" else 0
        if method == "kfold" and fold == 0:
            order = rng.permutation(rows)
        test.append(order[fold * fifth : (fold + 1) * fifth])
        rest = np.delete(order, np.s_[fold * fifth : (fold + 1) * fifth])
        stages = [rng.permutation(rest) for _ in range(2)]
        train.append([stage[fifth:] for stage in stages])
        val.append([stage[:fifth] for stage in stages])
    return Cuts(np.array(train).swapaxes(0, 1), np.array(val).swapaxes(0, 1), np.array(test))


def estimate_truth(judged: Floats, others: Floats) -> float:
    """Return the mean over replicates of true differences, of those judged `[R]` and of `[M]` others of the same table.

    The truth is a mean over infinitely many replicates of a table. With M others alone it would be uncertain by
    var/M, which would be blamed on the interval; with all together it would follow the replicates judged. With the
    weight sqrt(M/(R+M)) on the others the distance from the judged mean has its right variance, var/R.
    """
    weight = np.sqrt(len(others) / (len(judged) + len(others)))
    return float((1 - weight) * judged.mean() + weight * others.mean())
