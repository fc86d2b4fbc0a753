"""Whole studies in a second: each arm is a ridge read-out of random ReLU features, searched anew in each replicate.

Each trial and each fresh run draws its own features, as a network draws its own first weights. What is searched are the
scale of the features (coordinate 0, as a learning rate is) and the strength of the penalty; what sets arms apart is the
number of features, so an arm of the baseline's width is the baseline with other points and seeds: a null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.tables import Cuts, Metric, Singles, Table, Task, score_fresh, score_rows
from regbench.evidence.arrays import Booleans, Floats, Integers
from regbench.evidence.verdict import RowScores, Rules, Verdict, judge

SCALES, STRENGTHS = (0.1, 3.0), (1e-3, 1.0)
"""Ranges of the search, both logarithmic."""
METRIC = {Task.CLASSIFICATION: Metric.ACCURACY, Task.REGRESSION: Metric.R2}


@dataclass(frozen=True)
class Studied:
    """What a study knows: the values of rows `[A, R, N]` and which are `tested` `[R, N]`; other values are 0.

    `expected` `[A, R]`, the score on all rows there could be, is what a study does not know.
    """

    rows: Floats
    tested: Booleans
    expected: Floats

    def judge(self, names: tuple[str, ...], rules: Rules, replicates: int | None = None) -> Verdict:
        """Return the verdict on the first replicates, all if no number is given."""
        rows, tested = self.rows[:, :replicates], self.tested[:replicates]
        scores = rows.sum(axis=2) / tested.sum(axis=1)
        return judge(scores, names, names[0], rules, RowScores(rows, tested))

    def extend(self, other: Studied) -> Studied:
        """Return this study with the replicates of another of the same arms and table."""
        return Studied(
            np.concatenate([self.rows, other.rows], axis=1),
            np.concatenate([self.tested, other.tested]),
            np.concatenate([self.expected, other.expected], axis=1),
        )


@dataclass(frozen=True)
class Settings:
    """Scale of the features and strength of the penalty, one of each for each read-out."""

    scale: Singles
    strength: Singles


def draw_settings(replicates: int, trials: int, rng: np.random.Generator) -> Settings:
    """Return the settings of all trials, each `[R, T]`: points of one scrambled Sobol sequence."""
    from scipy.stats import qmc

    sampler = qmc.Sobol(2, scramble=True, rng=rng)
    points = sampler.random_base2(int(np.ceil(np.log2(replicates * trials))))[: replicates * trials]
    low, high = np.log([SCALES, STRENGTHS]).T
    scale, strength = np.exp(low + points * (high - low)).astype(np.float32).T.reshape(2, replicates, trials)
    return Settings(scale, strength)


def read_out(
    table: Table, train: Integers, settings: Settings, width: int, inputs: list[Singles], rng: np.random.Generator
) -> list[Singles]:
    """Return outputs `[..., n]` for inputs `[..., n, D]` of ridge read-outs that were fitted on the rows `[..., m]`.

    Leading dimensions broadcast against those of the settings.
    """
    shape = settings.scale.shape
    weights = rng.normal(size=(*shape, table.inputs.shape[1], width)).astype(np.float32)
    weights *= settings.scale[..., None, None] / np.sqrt(np.float32(table.inputs.shape[1]))
    shifts = rng.normal(size=(*shape, 1, width)).astype(np.float32)
    target = 2 * table.target - 1 if table.task is Task.CLASSIFICATION else table.target

    def features(rows: Singles) -> Singles:
        values: Singles = np.matmul(rows, weights)
        values += shifts
        np.maximum(values, 0, out=values)
        return values

    fitted, answers = features(table.inputs[train]), target[train]
    middle, mean = fitted.mean(axis=-2, keepdims=True), answers.mean(axis=-1, keepdims=True)
    fitted -= middle
    turned = np.swapaxes(fitted, -1, -2)
    gram = np.matmul(turned, fitted) / train.shape[-1]
    # The penalty is in units of the features' mean square, so that scale and strength are two questions.
    size = np.trace(gram, axis1=-2, axis2=-1) / width
    gram += (settings.strength * size)[..., None, None] * np.eye(width, dtype=np.float32)
    right = np.matmul(turned, (answers - mean)[..., None]) / train.shape[-1]
    solution = np.linalg.solve(gram, right)
    return [(np.matmul(features(rows) - middle, solution))[..., 0] + mean for rows in inputs]


def choose(table: Table, cuts: Cuts, settings: Settings, width: int, rng: np.random.Generator) -> Settings:
    """Return the settings `[R]` of the best trial of each replicate, by the judged metric on its validation rows."""
    val = cuts.val[0][:, None]
    (outputs,) = read_out(table, cuts.train[0][:, None], settings, width, [table.inputs[val]], rng)
    rows = np.broadcast_to(val, outputs.shape)
    values = score_rows(table, METRIC[table.task], outputs, rows).mean(axis=-1)
    # Equal accuracies are told apart by the squared error.
    values -= 1e-6 * np.square(outputs - (2 * table.target - 1)[rows]).mean(axis=-1)
    best = values.argmax(axis=1)[:, None]
    return Settings(*(np.take_along_axis(each, best, 1)[:, 0] for each in (settings.scale, settings.strength)))


def run_study(table: Table, cuts: Cuts, widths: tuple[int, ...], trials: int, rng: np.random.Generator) -> Studied:
    """Search and confirm every arm in every replicate; the first arm is the baseline."""
    replicates, rows = len(cuts.test), len(table.target)
    values, expected = np.zeros((len(widths), replicates, rows)), np.zeros((len(widths), replicates))
    metric = METRIC[table.task]
    for arm, width in enumerate(widths):
        chosen = choose(table, cuts, draw_settings(replicates, trials, rng), width, rng)
        inputs = [table.inputs[cuts.test], table.fresh]
        tested, fresh = read_out(table, cuts.train[1], chosen, width, inputs, rng)
        np.put_along_axis(values[arm], cuts.test, score_rows(table, metric, tested, cuts.test), axis=1)
        expected[arm] = score_fresh(table, metric, fresh)
    return Studied(values, cuts.tested(rows), expected)
