"""The word for an arm: better, worse, no practical difference or undecided, and what would decide it.

In this order, with the half-width `rope` of no practical difference and alpha_k = alpha/2^k at the k-th look:

    1. the 90 % interval lies in ±rope      no practical difference (two one-sided tests at 5 %; Schuirmann 1987)
    2. adjusted p <= alpha_k, and the 95 %
       interval does not hold 0             better if D > 0, worse if D < 0
    3. else                                 undecided

Fewer than 10 replicates give no word. A look is a judged end of a study with more replicates than the look before;
halving alpha at each keeps the sum over all looks below alpha, however many replicates are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from regbench.evidence.intervals import Difference
from regbench.evidence.student import normal_quantile, rescale_critical, t_quantile

FEWEST = 10
"""Replicates below which no word is given."""
ROPE_LEVEL = 0.90
"""Level of the interval that must lie within the rope."""
POWER = normal_quantile(0.80)
"""0.84: added to a critical value, so that the number named decides in about 80 % of cases."""
MANY = 1_000_000
"""Replicates above which more of them decide nothing."""


class Word(StrEnum):
    """What a study says of an arm against the baseline."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no practical difference"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Needs:
    """What would decide an undecided arm: so many further replicates, or about so many tested rows, or neither."""

    replicates: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Limits:
    """What decides: `rope`, and k and alpha_k of this look with `next_critical`, k at alpha of the next look."""

    rope: float
    alpha: float
    critical: float
    next_critical: float


def spend_alpha(alpha: float, look: int) -> float:
    """Return alpha_k = alpha/2^k of the k-th look; the first is k = 1.

    >>> spend_alpha(0.05, 1), spend_alpha(0.05, 2)
    (0.025, 0.0125)

    Raises:
        ValueError: alpha is not in (0, 1), or the look not 1 or more.
    """
    if not 0 < alpha < 1 or look < 1:
        raise ValueError("alpha lies between 0 and 1, and looks count from 1")
    return alpha / 2.0**look


def is_identical(difference: Difference) -> bool:
    """Tell whether two arms gave identical results: D = 0 and V = 0."""
    return difference.mean == 0 and difference.variance_of_mean == 0


def choose_word(difference: Difference, p_adjusted: float, limits: Limits) -> Word | None:
    """Return the word for an arm; None with fewer than 10 replicates."""
    if difference.replicates < FEWEST:
        return None
    if difference.interval(ROPE_LEVEL).within(limits.rope):
        return Word.NO_DIFFERENCE
    # Flips alone call an arm better by its signs where one large difference leaves its size unknown.
    if p_adjusted <= limits.alpha and not difference.interval().holds(0.0):
        return Word.BETTER if difference.mean > 0 else Word.WORSE
    return Word.UNDECIDED


def allowed_variance(difference: Difference, limits: Limits, replicates: float) -> float:
    """Return the largest V with which R' replicates decide, in about 80 % of cases.

    The larger of (|D|/(k' + 0.84))² and ((rope - |D|)/(t(0.95, R'-1) + 0.84))². k' is the next look's critical value,
    found at R and carried to R' at the same tail of t.
    """
    size, freedom = abs(difference.mean), replicates - 1
    critical = rescale_critical(limits.next_critical, difference.replicates - 1, freedom)
    apart = size / (critical + POWER)
    inside = (limits.rope - size) / (t_quantile((1 + ROPE_LEVEL) / 2, freedom) + POWER)
    return max(apart, inside) ** 2


def find_needs(difference: Difference, limits: Limits, folds: int = 1) -> Needs:
    """Return what would decide an undecided arm.

    The smallest N, in whole partitions of `folds`, for which V at R + N replicates is allowed. If the rows' lasting
    part of V alone is more than is ever allowed, more replicates cannot decide, and rows are named instead.
    """
    replicates = difference.replicates

    def decides(partitions: int) -> bool:
        total = replicates + partitions * folds
        return difference.variance_at(total) <= allowed_variance(difference, limits, total)

    high = 1
    while not decides(high):
        high *= 2
        if high * folds > MANY:
            return Needs(rows=find_rows(difference, limits))
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return Needs(replicates=high * folds)


def find_rows(difference: Difference, limits: Limits) -> int | None:
    """Return how many tested rows would decide, with any number of replicates; None where rows are not what is short.

    M = (rows tested) x (lasting part of V)/(allowed V) = q/(allowed V), q the variance of a row's lasting difference.
    By the corrected interval no number is known: what it adds is no sum over rows.
    """
    allowed = allowed_variance(difference, limits, math.inf)
    if allowed == 0 or difference.lasting == 0 or difference.overlap > 0:
        return None
    return math.ceil(difference.q_row / allowed)
