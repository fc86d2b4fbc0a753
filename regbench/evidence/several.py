"""Arms compared over several data sets: ranks, their tests, and what can be told apart.

Everywhere `scores` is `[D, A]`: data sets x arms, larger is better, one score (a mean over replicates) in each cell.
Source: Demsar 2006, Statistical comparisons of classifiers over multiple data sets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regbench.evidence.arrays import Floats

FEWEST_SETS = 5
"""Data sets below which only the table is shown."""


@dataclass(frozen=True)
class RankTest:
    """Friedman's test that all arms rank alike: chi² with A-1 degrees of freedom, and Iman and Davenport's F of it."""

    chi_square: float
    p: float
    f: float
    f_p: float


@dataclass(frozen=True)
class Pairwise:
    """Signed-rank tests of all pairs of arms: `p` and Holm's `adjusted`, both `[A, A]`, with 1 on the diagonal."""

    p: Floats
    adjusted: Floats


@dataclass(frozen=True)
class Posterior:
    """Chances, over data sets, that the first arm is better, that both are the same within the rope, or it is worse."""

    better: float
    same: float
    worse: float


def rank_arms(scores: Floats) -> Floats:
    """Return the rank of each arm on each data set, `[D, A]`: 1 is the best, ties get the mean of their ranks."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(-scores, axis=1)
    return ranks


def mean_ranks(scores: Floats) -> Floats:
    """Return the mean rank of each arm over data sets, `[A]`."""
    ranks: Floats = rank_arms(scores).mean(axis=0)
    return ranks


def compare_ranks(scores: Floats) -> RankTest:
    """Return Friedman's test with its correction for ties, and F = (D-1) chi²/(D (A-1) - chi²).

    F has (A-1) and (A-1)(D-1) degrees of freedom and is infinite where all data sets rank the arms alike. Arms that tie
    everywhere give chi² = 0. Source: Friedman 1937; Iman and Davenport 1980.

    Raises:
        ValueError: fewer than three arms or two data sets.
    """
    from scipy.special import chdtrc, fdtrc

    sets, arms = scores.shape
    if arms < 3 or sets < 2:
        raise ValueError("Friedman's test needs three arms and two data sets")
    ranks = rank_arms(scores)
    spread = np.square(ranks - (arms + 1) / 2).sum()
    if spread == 0:
        return RankTest(0.0, 1.0, 0.0, 1.0)
    between = np.square(ranks.sum(axis=0) - sets * (arms + 1) / 2).sum()
    chi_square = float((arms - 1) * between / spread)
    rest = sets * (arms - 1) - chi_square
    f = (sets - 1) * chi_square / rest if rest > 1e-9 * chi_square else math.inf
    f_p = float(fdtrc(arms - 1, (arms - 1) * (sets - 1), f)) if math.isfinite(f) else 0.0
    return RankTest(chi_square, float(chdtrc(arms - 1, chi_square)), f, f_p)


def adjust_holm(p: Floats) -> Floats:
    """Return Holm's step-down p-values `[M]`: p_(i) times (M - i + 1), never falling, at most 1. Source: Holm 1979."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def signed_rank_p(differences: Floats) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, of differences `[D]`; zeros are split between the signs.

    Exact up to 50 differences without ties or zeros, and up to 13 with them, by all sign flips, in which zeros say
    nothing; else the normal approximation, in which zeros speak for two arms being alike, as in Demsar 2006.
    """
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences, zero_method="zsplit").pvalue) if differences.any() else 1.0


def compare_pairs(scores: Floats) -> Pairwise:
    """Return signed-rank tests of all pairs of arms over data sets, with Holm's adjustment for their number.

    Unlike tests on mean ranks, a pair's p does not depend on which other arms are there. Source: Benavoli et al. 2016.
    """
    arms = scores.shape[1]
    first, second = np.triu_indices(arms, 1)
    values = np.array([signed_rank_p(scores[:, i] - scores[:, j]) for i, j in zip(first, second, strict=True)])
    p, adjusted = np.ones((arms, arms)), np.ones((arms, arms))
    p[first, second] = p[second, first] = values
    adjusted[first, second] = adjusted[second, first] = adjust_holm(values)
    return Pairwise(p, adjusted)


def critical_difference(arms: int, sets: int, alpha: float = 0.05) -> float:
    """Return the difference of mean ranks from which two arms differ: q_alpha sqrt(A (A+1)/(6 D)).

    q_alpha is the quantile of the studentized range of A means, divided by sqrt(2). Source: Nemenyi 1963.
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, arms, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(arms * (arms + 1) / (6 * sets))


def group_ranks(ranks: Floats, critical: float) -> tuple[tuple[int, ...], ...]:
    """Return the bars of a critical-difference diagram, of mean ranks `[A]`.

    Each is a largest group of two or more arms, best first, whose mean ranks lie less than the critical difference
    apart.
    """
    order = np.argsort(ranks, kind="stable")
    groups, reached = [], 0
    for start in range(len(order)):
        end = int(np.count_nonzero(ranks < ranks[order[start]] + critical))
        if end > reached and end - start > 1:
            groups.append(tuple(order[start:end].tolist()))
            reached = end
    return tuple(groups)


def signed_rank_chances(
    differences: Floats, rope: float, prior: float = 0.5, draws: int = 50_000, seed: int = 0
) -> Posterior:
    """Return the chances of the Bayesian signed-rank test with a rope, of differences `[D]` over data sets.

    One pseudo-difference of 0 with weight `prior` joins z; weights w are Dirichlet(prior, 1, ..., 1), and of each draw

        better = sum_ij w_i w_j [z_i + z_j > 2 rope],  worse likewise below -2 rope,  same = the rest.

    Returned are the shares of draws in which each is the largest. Source: Benavoli et al. 2014; 2017, section 4.2.
    """
    values = np.concatenate([[0.0], differences])
    sums = values[:, None] + values[None, :]
    above, below = (sums > 2 * rope).astype(np.float64), (sums < -2 * rope).astype(np.float64)
    concentration = np.concatenate([[prior], np.ones(len(differences))])
    weights = np.random.default_rng(seed).dirichlet(concentration, draws)
    better = ((weights @ above) * weights).sum(axis=1)
    worse = ((weights @ below) * weights).sum(axis=1)
    largest = np.argmax(np.stack([1 - better - worse, better, worse]), axis=0)
    same, up, down = (float(share) for share in np.bincount(largest, minlength=3) / draws)
    return Posterior(up, same, down)
