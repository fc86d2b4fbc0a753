"""Bias and variance of an arm, of the predictions that several fresh runs made for the same rows.

Noise of the targets cannot be told from bias without knowing it: `bias` and `bias_and_noise` hold both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.evidence.arrays import Booleans, Floats, Integers


@dataclass(frozen=True)
class ClassError:
    """The share of wrong classes: `error` = `bias` + `variance_unbiased` - `variance_biased`, exactly.

    `bias` is the share of rows whose main prediction is wrong. Where it is right, runs that deviate add to the error;
    where it is wrong, runs that happen to be right take away from it.
    """

    error: float
    bias: float
    variance_unbiased: float
    variance_biased: float

    @property
    def variance(self) -> float:
        """What variance adds to the error, net."""
        return self.variance_unbiased - self.variance_biased


@dataclass(frozen=True)
class SquaredError:
    """Mean squared error, or Brier score: `error` = `bias_and_noise` + `variance`, exactly.

    `bias_and_noise` is unbiased and may be negative by chance where it is small.
    """

    error: float
    bias_and_noise: float
    variance: float


def gather_tests(values: NDArray[Any], tested: Booleans) -> NDArray[Any]:
    """Return what runs predicted for each tested row, `[M, U, ...]`, of `[R, N, ...]` and a mask `[R, N]`.

    M runs test each of U rows, in the order of replicates; rows that are never tested are left out.

    Raises:
        ValueError: rows are not tested equally often.
    """
    counts = tested.sum(axis=0)
    rows = np.flatnonzero(counts)
    times = np.unique(counts[rows])
    if len(times) != 1:
        raise ValueError("rows are not tested equally often")
    replicates = np.argsort(~tested[:, rows], axis=0, kind="stable")[: times[0]]
    return values[replicates, rows[None, :]]


def decompose_classes(predicted: Integers, classes: Integers) -> ClassError:
    """Return the parts of the 0-1 loss, of predicted classes `[M, N]` (runs x rows) and true ones `[N]`.

    Main prediction y_m = the most frequent class of a row (the smallest of equally frequent ones). For any number of
    classes: error = mean [y_m != y] + mean over unbiased rows of share(!= y_m) - mean over biased rows of share(= y).
    Source: Domingos 2000, A unified bias-variance decomposition.
    """
    check_runs(predicted, classes)
    labels, codes = np.unique(predicted, return_inverse=True)
    codes = codes.reshape(predicted.shape)
    votes = np.stack([(codes == code).sum(axis=0) for code in range(len(labels))])
    main = labels[votes.argmax(axis=0)]
    biased = main != classes
    deviating = np.where(biased, 0.0, (predicted != main).mean(axis=0))
    lucky = np.where(biased, (predicted == classes).mean(axis=0), 0.0)
    return ClassError(
        error=float((predicted != classes).mean()),
        bias=float(biased.mean()),
        variance_unbiased=float(deviating.mean()),
        variance_biased=float(lucky.mean()),
    )


def decompose_squares(predicted: Floats, targets: Floats) -> SquaredError:
    """Return the parts of the squared error, of predictions `[M, N]` or `[M, N, C]` and targets `[N]` or `[N, C]`.

    With C classes' probabilities and one-hot targets it is the Brier score, summed over classes; of two classes, with
    the probability of one it is half of that, as the metric has it. Variance is the mean over rows of the unbiased
    variance (divided by M-1) over runs; bias² + noise = mean (mean over runs - y)² - variance/M, because the mean of M
    runs still varies. Source: Geman, Bienenstock and Doursat 1992.
    """
    check_runs(predicted, targets)
    runs, rows = predicted.shape[:2]
    variance = float(predicted.var(axis=0, ddof=1).sum()) / rows
    of_mean = float(np.square(predicted.mean(axis=0) - targets).sum()) / rows
    error = float(np.square(predicted - targets).sum()) / (runs * rows)
    return SquaredError(error=error, bias_and_noise=of_mean - variance / runs, variance=variance)


def check_runs(predicted: NDArray[Any], targets: NDArray[Any]) -> None:
    """Refuse predictions of fewer than two runs, of no row, or of other rows than the targets."""
    if predicted.shape[1:] != targets.shape or len(predicted) < 2 or not targets.size:
        raise ValueError("predictions are runs x rows, of two runs or more and the rows of the targets")
