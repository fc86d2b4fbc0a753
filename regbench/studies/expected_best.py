"""What a search of k trials finds: the expected best validation figure of k trials drawn from those that were run.

    E[k] = sum_i x_(i) [C(i, k) - C(i-1, k)] / C(n, k)

with x_(1) <= ... <= x_(n) the figures of n trials, larger is better: the mean of the maximum over all subsets of k.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.student import t_quantile


@dataclass(frozen=True)
class ExpectedBest:
    """The expected best figure after k trials, k = 1 .. n, in the metric's own unit; arrays `[n]`.

    `low` and `high` are the 95 % band of the mean over replicates, NaN of a single one. `seconds` is k times the mean
    seconds of a trial.
    """

    k: tuple[int, ...]
    seconds: Floats
    mean: Floats
    low: Floats
    high: Floats


def expect_best(values: Floats) -> Floats:
    """Return E[k], k = 1 .. n, of figures `[n]` of which larger is better."""
    ordered, n = np.sort(values), len(values)
    # Whole numbers of any size: C(n, k) of a long search is beyond float64.
    shares = [[(comb(i, k) - comb(i - 1, k)) / comb(n, k) for i in range(1, n + 1)] for k in range(1, n + 1)]
    return np.array(shares, dtype=np.float64) @ ordered


def summarise_best(values: Floats, seconds: float, higher_is_better: bool) -> ExpectedBest | None:
    """Return the mean and band of E[k] over replicates; None if no replicate has a finite figure.

    A trial without a finite figure (it diverged) counts as the worst finite one of its replicate; a replicate without
    any is left out.

    Args:
        values: validation figures of the trials `[R, n]`, each run once.
        seconds: mean seconds of a trial.
        higher_is_better: the direction of the figure.
    """
    sign = 1.0 if higher_is_better else -1.0
    rows = [sign * row for row in values if np.isfinite(row).any()]
    if not rows:
        return None
    best = np.array([expect_best(np.where(np.isfinite(row), row, row[np.isfinite(row)].min())) for row in rows])
    mean, count = best.mean(axis=0), len(best)
    if count > 1:
        half = t_quantile(0.975, count - 1) * best.std(axis=0, ddof=1) / np.sqrt(count)
    else:
        half = np.full_like(mean, np.nan)
    k = np.arange(1, best.shape[1] + 1)
    return ExpectedBest(tuple(k.tolist()), k * seconds, sign * mean, sign * mean - half, sign * mean + half)
