"""Step-down max-t over many arms by sign flips: p-values and intervals that account for all arms together.

If an arm does nothing, the signs of its differences d_r are arbitrary. So the signs of all arms are flipped together,
replicate by replicate, which keeps the correlation that arms have through their common baseline, and each flip gives

    T*_b[a] = |mean_r g_br d_ar| / (its own standard error over r),  g_br = ±1.

Source: Westfall and Young 1993, Resampling-based multiple testing, algorithm 4.1; the +1 rule: Phipson and Smyth 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regbench.evidence.arrays import Floats

FLIPS = 10_000
"""Flips drawn where not all can be listed."""
CLOSE = 1e-9
"""Statistics that differ by less, relative to their size, are equal: they are computed in different ways."""
CONSTANT = 1e-12
"""Flipped differences whose variance is below this share of their mean square vary by rounding alone."""


@dataclass(frozen=True)
class Flips:
    """Statistics T* `[B, A]` of all arms under each flip; `complete` if every possible flip is there, equally often."""

    statistics: Floats
    complete: bool

    def share(self, count: int) -> float:
        """Return the p-value of `count` flips at least as extreme: (1 + count)/(1 + B), or the exact count/B."""
        total = len(self.statistics)
        return count / total if self.complete else (1 + count) / (1 + total)

    def adjust(self, observed: Floats) -> Floats:
        """Return the step-down p-values `[A]` of the observed statistics T `[A]`.

        In the order of falling T, an arm is compared with the largest T* of itself and all arms after it; p-values
        never fall along that order.
        """
        order = np.argsort(-observed, kind="stable")
        adjusted = np.empty(len(observed))
        largest, falling = np.zeros(len(self.statistics)), []
        for arm in order[::-1]:
            np.maximum(largest, self.statistics[:, arm], out=largest)
            falling.append(self.share(int(np.count_nonzero(largest >= observed[arm] * (1 - CLOSE)))))
        adjusted[order] = np.maximum.accumulate(falling[::-1])
        return adjusted

    def critical(self, alpha: float) -> float:
        """Return k, the 1 - alpha quantile of the largest T* of all arms: D ± k sqrt(V) hold together.

        It is the ceil((1 - alpha)(B + 1))-th smallest (of B where complete), so that a T above k has p <= alpha. It is
        infinite where so many arms have differences of one size that flips cannot tell them.
        """
        largest = np.sort(self.statistics.max(axis=1))
        total = len(largest) if self.complete else len(largest) + 1
        rank = math.ceil((1 - alpha) * total * (1 - CLOSE))
        return float(largest[min(max(rank, 1), len(largest)) - 1])


def draw_signs(replicates: int, flips: int = FLIPS, seed: int = 0) -> tuple[Floats, bool]:
    """Return signs `[B, R]` of ±1, and whether they are complete.

    All 2^R if these are fewer than `flips`, listed by half, because flipping all signs leaves T* as it is; else `flips`
    random ones of the seed.
    """
    if 2**replicates < flips:
        numbers = np.arange(2 ** (replicates - 1))[:, None]
        bits = numbers >> np.arange(replicates)[None, :] & 1
        return (1 - 2 * bits).astype(np.float64), True
    bits = np.random.default_rng(seed).integers(0, 2, size=(flips, replicates), dtype=np.int8)
    return (1 - 2 * bits).astype(np.float64), False


def flip_statistics(differences: Floats, signs: Floats) -> Floats:
    """Return T* `[B, A]` of differences d `[A, R]` under signs `[B, R]`; 0/0 is 0, x/0 infinite."""
    replicates = differences.shape[1]
    squares = np.square(differences).sum(axis=1)
    sizes = np.sqrt(np.where(squares > 0, squares, 1.0))
    means = np.abs(signs @ (differences / sizes[:, None]).T) / replicates
    variances = (np.sign(squares) - replicates * np.square(means)) / (replicates - 1)
    constant = (variances <= CONSTANT) & (means > 0)
    errors = np.sqrt(np.where(variances > CONSTANT, variances, 1.0) / replicates)
    return np.where(constant, np.inf, means / errors)


def flip(differences: Floats, flips: int = FLIPS, seed: int = 0) -> Flips:
    """Return the statistics of all flips, of differences d `[A, R]`; 10,000 x 90 arms are 7 MB.

    Raises:
        ValueError: there is no arm, or fewer than two replicates.
    """
    if differences.ndim != 2 or not len(differences) or differences.shape[1] < 2:
        raise ValueError("flips need at least one arm and two replicates")
    signs, complete = draw_signs(differences.shape[1], flips, seed)
    return Flips(flip_statistics(differences, signs), complete)
