"""How large a difference is, in other words than the metric's: wins, share of the error, chances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.intervals import Difference, Interval
from regbench.evidence.student import normal_quantile, t_below


@dataclass(frozen=True)
class Wins:
    """Replicates won: `count` with ties as half, `share` of all, and its interval."""

    count: float
    ties: int
    share: float
    interval: Interval


@dataclass(frozen=True)
class Chances:
    """Posterior chances that an arm is better by more than the rope, the same within it, or worse; they sum to 1."""

    better: float
    same: float
    worse: float


def wilson_interval(successes: float, trials: int, level: float = 0.95) -> Interval:
    """Return the score interval of a share p = successes/trials, which may count halves.

    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²))/(1 + z²/n), z the normal quantile. Source: Wilson 1927.
    """
    z = normal_quantile((1 + level) / 2)
    share, extra = successes / trials, z * z / trials
    middle = (share + extra / 2) / (1 + extra)
    half = math.sqrt(share * (1 - share) * extra + extra * extra / 4) / (1 + extra)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def count_wins(differences: Floats, level: float = 0.95) -> Wins:
    """Return how many of the replicates an arm won, of d `[R]`; a tie counts half."""
    ties = int(np.count_nonzero(differences == 0))
    count = float(np.count_nonzero(differences > 0)) + ties / 2
    return Wins(count, ties, count / len(differences), wilson_interval(count, len(differences), level))


def relative_error_change(difference: float, baseline: float, perfect: float = 1.0) -> float | None:
    """Return D/(perfect - x0): the share of the baseline's error that an arm removes, negative if it adds.

    `perfect` is 1 for accuracy and R2, 0 for losses (negated, larger is better). None where the baseline has no error.
    """
    error = perfect - baseline
    return difference / error if error > 0 else None


def standardised_difference(difference: Difference) -> float | None:
    """Return D/s, the difference in standard deviations over replicates; None where s = 0 but D is not."""
    if difference.variance > 0:
        return difference.mean / math.sqrt(difference.variance)
    return 0.0 if difference.mean == 0 else None


def find_chances(difference: Difference, rope: float) -> Chances:
    """Return the chances of better than +rope, within, and worse than -rope.

    The true difference given the data is D + sqrt(V) t, t with R-1 degrees of freedom. Source: Benavoli et al. 2017,
    Time for a change, section 4.1 (there with the variance of Nadeau and Bengio).
    """
    error, freedom = difference.standard_error, difference.replicates - 1
    if error == 0:
        better, worse = float(difference.mean > rope), float(difference.mean < -rope)
    else:
        better = t_below((difference.mean - rope) / error, freedom)
        worse = t_below((-rope - difference.mean) / error, freedom)
    return Chances(better, max(0.0, 1 - better - worse), worse)
