"""Whether probabilities mean what they say: the expected calibration error, beside that of a calibrated model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from regbench.evidence.arrays import Booleans, Floats, Integers

BINS = 15
"""Equal parts of [0, 1]."""
DRAWS = 2_000
"""Sets of labels drawn for the level of a calibrated model."""
LEVEL = 0.95
"""Share of calibrated models whose error is below the level."""
CHUNK = 2_000_000
"""Random numbers held at a time."""


class Trust(StrEnum):
    """How the confidence of a network compares with its accuracy."""

    CALIBRATED = "calibrated"
    OVERCONFIDENT = "overconfident"
    UNDERCONFIDENT = "underconfident"


@dataclass(frozen=True)
class Reliability:
    """The bins of a reliability diagram, each `[B]`: rows, mean confidence and accuracy (NaN in empty bins)."""

    counts: Integers
    confidence: Floats
    accuracy: Floats


@dataclass(frozen=True)
class Calibration:
    """The calibration error, its 95 % `level` for a calibrated model, and `excess` = mean confidence - accuracy."""

    error: float
    level: float
    excess: float

    @property
    def trust(self) -> Trust:
        """Calibrated up to the level; above it over- or underconfident, by the sign of the excess."""
        if self.error <= self.level:
            return Trust.CALIBRATED
        return Trust.OVERCONFIDENT if self.excess > 0 else Trust.UNDERCONFIDENT


def assign_bins(confidence: Floats, bins: int = BINS) -> Integers:
    """Return the bin of each row: bin b holds (b/B, (b+1)/B], the first holds 0 too."""
    numbers: Integers = np.clip(np.ceil(confidence * bins), 1, bins).astype(np.int64) - 1
    return numbers


def calibration_error(confidence: Floats, correct: Booleans, bins: int = BINS) -> float:
    """Return sum over bins of (share of rows) |accuracy - mean confidence|, of the predicted class's probability `[N]`.

    Source: Guo et al. 2017, On calibration of modern neural networks, equation 3.
    """
    sums = np.bincount(assign_bins(confidence, bins), weights=correct - confidence, minlength=bins)
    return float(np.abs(sums).sum()) / len(confidence)


def calibrated_level(
    confidence: Floats, bins: int = BINS, rows: Integers | None = None, draws: int = DRAWS, seed: int = 0
) -> float:
    """Return the 95 % quantile of the calibration error of a calibrated model with the same confidences.

    Such a model is right with probability p_i at row i; the error is positive all the same, because accuracies of bins
    vary. Predictions of several runs for one row are right or wrong together, so they vary more: `rows` `[N]` are the
    row numbers. Source: Bröcker and Smith 2007, consistency resampling.
    """
    numbers = assign_bins(confidence, bins)
    order = np.argsort(numbers, kind="stable")
    sorted_confidence = confidence[order]
    places = None if rows is None else np.unique(rows, return_inverse=True)[1].reshape(-1)[order]
    width = len(confidence) if places is None else int(places.max()) + 1
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    rng, errors = np.random.default_rng(seed), []
    size = max(1, CHUNK // len(confidence))
    for start in range(0, draws, size):
        chances = rng.random((min(size, draws - start), width))
        right = (chances if places is None else chances[:, places]) < sorted_confidence
        sums = np.add.reduceat(right - sorted_confidence, starts, axis=1)
        errors.append(np.abs(sums).sum(axis=1) / len(confidence))
    return float(np.quantile(np.concatenate(errors), LEVEL))


def measure_calibration(confidence: Floats, correct: Booleans, seed: int = 0) -> Calibration:
    """Return the calibration of predictions, of the predicted class's probability `[N]` and whether it was right."""
    excess = float(confidence.mean() - correct.mean())
    return Calibration(calibration_error(confidence, correct), calibrated_level(confidence, seed=seed), excess)


def measure_reliability(confidence: Floats, correct: Booleans, bins: int = BINS) -> Reliability:
    """Return the bins of a reliability diagram."""
    numbers = assign_bins(confidence, bins)
    counts = np.bincount(numbers, minlength=bins)
    divisor = np.where(counts > 0, counts, np.nan)
    sums = [np.bincount(numbers, weights=values, minlength=bins) for values in (confidence, correct)]
    return Reliability(counts.astype(np.int64), sums[0] / divisor, sums[1] / divisor)
