"""The paired difference of two arms over replicates, its variance and its interval.

A replicate is one cut of the data with one fresh run of each arm, scored once on its test rows. Of the differences d_r
of R replicates come the mean D and the variance s². Rows that several replicates test are not new rows: what a row
does to the difference in every replicate alike (variance q over rows) averages over rows, not over replicates. With
w_i = sum over the replicates r that test row i of 1/(R n_r), n_r the test rows of replicate r,

    D holds q sum_i w_i²                                          (q/n when n rows are tested equally often)
    s² holds q R/(R-1) (mean_r 1/n_r - sum_i w_i²) of it already
    V = s²/R + q [sum_i w_i² - (mean_r 1/n_r - sum_i w_i²)/(R-1)]

is unbiased for the variance of D when d_r = mean over its test rows of (true difference + u_i + noise), u and noise
independent. Where no row is tested twice the bracket is 0 and V = s²/R: the one-sample t test.

The corrected interval takes replicates as alike as their training rows are the same, and needs no rows:

    V = (1/R + n_test/n_train) s²      or the V above where that is larger, as with one test part for all

Source: Nadeau and Bengio 2003, Inference for the generalization error, section 3.3. n_train counts all rows that a
replicate learns from, those that it stops on too. It covers too much: simulated, 97 to 100 % for 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.evidence.arrays import Booleans, Floats
from regbench.evidence.student import t_quantile

CONSTANT = 1e-12
"""Differences whose standard deviation is below this share of their size vary by rounding alone."""


@dataclass(frozen=True)
class Interval:
    """A range of values, both ends in it."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a value lies in the range."""
        return self.low <= value <= self.high

    def within(self, half_width: float) -> bool:
        """Tell whether the whole range lies in [-half_width, half_width]."""
        return -half_width <= self.low and self.high <= half_width


@dataclass(frozen=True)
class RowLayout:
    """Which rows each replicate tests, as the variance needs it.

    `rows` is 1/sum_i w_i², the number of rows tested at all when all are tested equally often; `rows_each` the test
    rows of a replicate (harmonic mean); `pairs` the weight of rows tested twice in the estimate of q, 0 if none is.
    """

    mask: Booleans
    rows: float
    rows_each: float
    pairs: float


@dataclass(frozen=True)
class Difference:
    """The difference of an arm from another over R replicates, larger is better.

    `mean` D, `variance` s² (divided by R-1), `q_row` the variance of a row's lasting difference, `lasting` its part in
    the variance of D (what more replicates cannot lower), `counted` its part in s². `overlap` is n_test/n_train for the
    corrected interval, and 0 for the other.
    """

    mean: float
    variance: float
    replicates: int
    q_row: float = 0.0
    lasting: float = 0.0
    counted: float = 0.0
    overlap: float = 0.0

    def variance_at(self, replicates: float) -> float:
        """Return V for another number of replicates of the same cuts.

        s²/R' + max(0, lasting - counted/R', overlap s²)
        """
        rows = self.lasting - self.counted / replicates
        return self.variance / replicates + max(0.0, rows, self.overlap * self.variance)

    @property
    def variance_of_mean(self) -> float:
        """V, the variance of D."""
        return self.variance_at(self.replicates)

    @property
    def standard_error(self) -> float:
        """sqrt(V)."""
        return float(np.sqrt(self.variance_of_mean))

    @property
    def statistic(self) -> float:
        """T = |D|/sqrt(V); where V = 0 it is 0 if D = 0 and infinite otherwise."""
        if self.variance_of_mean == 0:
            return 0.0 if self.mean == 0 else float("inf")
        return abs(self.mean) / self.standard_error

    def interval(self, level: float = 0.95) -> Interval:
        """Return D ± t((1 + level)/2, R-1) sqrt(V)."""
        return self.interval_of(t_quantile((1 + level) / 2, self.replicates - 1))

    def interval_of(self, critical: float) -> Interval:
        """Return D ± critical sqrt(V); the point D where V = 0."""
        half = critical * self.standard_error if self.variance_of_mean > 0 else 0.0
        return Interval(self.mean - half, self.mean + half)


def describe_rows(mask: Booleans) -> RowLayout:
    """Return how often rows are tested, of a mask `[R, N]` that is true where replicate r tests row i.

    Centring a replicate's differences takes some of u away: E[e_ri e_si] = q (1 - 1/n_r - 1/n_s + o_rs/(n_r n_s)) with
    o_rs rows tested by both. `pairs` is the sum of that over all pairs of replicates and the rows that both test.

    Raises:
        ValueError: a replicate tests no row.
    """
    counts = mask.sum(axis=1).astype(np.float64)
    if not counts.all():
        raise ValueError("a replicate tests no row")
    each = 1 / counts
    weights = each @ mask / len(mask)
    shared = mask.astype(np.float64) @ mask.T
    factors = 1 - each[:, None] - each[None, :] + shared * np.outer(each, each)
    np.fill_diagonal(shared, 0.0)
    pairs = float((shared * factors).sum())
    return RowLayout(mask, float(1 / (weights @ weights)), float(1 / each.mean()), pairs if pairs > 1e-9 else 0.0)


def estimate_row_variance(rows: Floats, tested: RowLayout) -> float:
    """Return q, the variance of a row's lasting difference, of differences of rows `[R, N]`.

    q = max(0, sum_i [(sum_r e_ri)² - sum_r e_ri²] / pairs), with e centred within its replicate. Entries of rows that a
    replicate does not test are ignored, NaN too.
    """
    if tested.pairs == 0:
        return 0.0
    mask = tested.mask
    values = np.where(mask, rows, 0.0)
    means = values.sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
    centred = np.where(mask, values - means, 0.0)
    products = np.square(centred.sum(axis=0)).sum() - np.square(centred).sum()
    return max(0.0, float(products) / tested.pairs)


def measure_difference(differences: Floats, rows: Floats | None = None, tested: RowLayout | None = None) -> Difference:
    """Return the difference of two arms, of d `[R]` and, where rows are known, their differences `[R, N]`.

    Raises:
        ValueError: fewer than two replicates, a difference is not finite, or the rows are not those of the mask.
    """
    replicates = len(differences)
    if replicates < 2 or not np.isfinite(differences).all():
        raise ValueError("a difference needs at least two replicates, all of them finite")
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    if variance <= CONSTANT**2 * float(np.square(differences).mean()):
        variance = 0.0
    if rows is None or tested is None:
        return Difference(mean, variance, replicates)
    if rows.shape != tested.mask.shape or len(rows) != replicates:
        raise ValueError("differences of rows are replicates x rows, as the mask of the rows tested")
    q_row = estimate_row_variance(rows, tested)
    lasting = q_row / tested.rows
    counted = (q_row / tested.rows_each - lasting) * replicates / (replicates - 1)
    return Difference(mean, variance, replicates, q_row, lasting, counted)
