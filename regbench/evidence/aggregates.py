"""One arm's scores over several data sets in one figure, with the uncertainty of its replicates.

Scores are `[D, R]`: data sets x replicates of one arm, larger is better, normalised so that data sets are comparable.
Source: Agarwal et al. 2021, Deep reinforcement learning at the edge of the statistical precipice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.intervals import Interval

BOOTSTRAPS = 2_000
"""Resamples of an interval."""


@dataclass(frozen=True)
class Aggregate:
    """The interquartile mean of an arm and its bootstrap interval."""

    value: float
    interval: Interval


def normalise_scores(scores: Floats, chance: float, best: float) -> Floats:
    """Return (x - chance)/(best - chance): 0 is guessing, 1 the best reference model on that data set.

    Raises:
        ValueError: the best reference is no better than chance.
    """
    if best <= chance:
        raise ValueError("the best reference is no better than chance: these data cannot be normalised")
    normalised: Floats = (scores - chance) / (best - chance)
    return normalised


def interquartile_mean(scores: Floats) -> Floats:
    """Return the mean of the middle half of the values `[..., D, R]`: a quarter, rounded down, is cut at each end."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    middle: Floats = flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)
    return middle


def summarise(scores: Floats, level: float = 0.95, draws: int = BOOTSTRAPS, seed: int = 0) -> Aggregate:
    """Return the interquartile mean with its percentile interval, replicates resampled within each data set."""
    sets, replicates = scores.shape
    rng = np.random.default_rng(seed)
    resampled = np.empty(draws)
    for start in range(0, draws, 200):
        count = min(200, draws - start)
        chosen = rng.integers(0, replicates, size=(count, sets, replicates))
        resampled[start : start + count] = interquartile_mean(np.take_along_axis(scores[None], chosen, axis=2))
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Aggregate(float(interquartile_mean(scores)), Interval(float(low), float(high)))


def performance_profile(scores: Floats, thresholds: Floats) -> Floats:
    """Return, for each threshold `[T]`, the share of scores at or above it; with one score each, of data sets."""
    ordered = np.sort(scores, axis=None)
    shares: Floats = 1 - np.searchsorted(ordered, thresholds, side="left") / len(ordered)
    return shares


def probability_of_improvement(scores: Floats, others: Floats) -> float:
    """Return the chance that a run of one arm `[D, R]` beats a run of another `[D, R']`, mean over data sets.

    P(x > y) + P(x = y)/2 over all pairs of replicates of a data set: Mann and Whitney's U/(R R').
    """
    first, second = scores[:, :, None], others[:, None, :]
    return float((np.greater(first, second) + np.equal(first, second) / 2).mean())
