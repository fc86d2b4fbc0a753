"""Bias, variance and calibration of an arm, of the outputs that its fresh runs made for the tested rows.

Shapes: outputs `[R, n, C]` of R replicates (logits of classes or labels, or predicted numbers), row numbers `[R, n]`,
truth by row number: classes `[N]`, or numbers or labels `[N, C]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.evidence.arrays import Booleans, Floats, Integers
from regbench.evidence.calibration import (
    DRAWS,
    Reliability,
    Trust,
    calibrated_level,
    calibration_error,
    measure_reliability,
)
from regbench.evidence.decomposition import decompose_classes, decompose_squares, gather_tests
from regbench.tasks import Task

FEWEST_RUNS = 4
"""Runs of each row that bias and variance are told from."""
FEWEST_DRAWS, MOST_DRAWN = 200, 200_000_000
"""Sets of labels drawn for the level at least, and labels in all at most where more sets would be drawn."""


@dataclass(frozen=True)
class Parts:
    """Parts of the mean error of tested rows: `error` = `bias` + `variance`; noise of the targets is in the bias.

    Classes and labels: share of wrong ones; variance is net. Numbers: mean squared error.
    """

    bias: float
    variance: float
    error: float


@dataclass(frozen=True)
class Probabilities:
    """How well probabilities hold: Brier score, calibration error with its 95 % level, and the bins of a diagram."""

    brier: float
    error: float
    level: float
    trust: Trust
    reliability: Reliability

    def list_bins(self) -> list[dict[str, float | int]]:
        """Return the bins that have rows, as JSON values."""
        held = self.reliability
        return [
            {"confidence": float(confidence), "accuracy": float(accuracy), "count": int(count)}
            for confidence, accuracy, count in zip(held.confidence, held.accuracy, held.counts, strict=True)
            if count
        ]


def decompose(outputs: NDArray[Any], rows: Integers, truth: NDArray[Any], task: Task | str) -> Parts | None:
    """Return bias and variance on the rows that at least four runs tested; None where there are none.

    Of each row the first M runs count, M being the smallest number of runs, from four on, that tested some row. A run
    whose outputs are not finite predicts what a constant would: the largest class, or the mean.
    """
    tested, place = _find_tests(rows)
    if tested is None:
        return None
    known = truth[place]
    if task == Task.REGRESSION:
        filled = _fill(outputs.astype(np.float64), np.asarray(known, dtype=np.float64).reshape(len(known), -1).mean(0))
        numbers = gather_tests(_spread(filled, rows, tested.shape[1])[:, place], tested[:, place])
        squares = decompose_squares(numbers, known.reshape(numbers.shape[1:]).astype(np.float64))
        width = numbers.shape[-1]
        return Parts(squares.bias_and_noise / width, squares.variance / width, squares.error / width)
    predicted = _predict(outputs, known, task)
    votes = gather_tests(_spread(predicted, rows, tested.shape[1])[:, place], tested[:, place])
    labels = votes.reshape(len(votes), -1)
    classes = decompose_classes(labels, known.reshape(-1).astype(np.int64))
    return Parts(classes.bias, classes.variance, classes.error)


def calibrate(outputs: NDArray[Any], rows: Integers, truth: NDArray[Any], task: Task | str) -> Probabilities | None:
    """Return how well probabilities hold, over the tests of all replicates; None where there are no classes.

    The level accounts for rows that several replicates test: their label is drawn once.
    """
    sound = np.isfinite(outputs).all(axis=(1, 2))
    if task != Task.CLASSIFICATION or not sound.any():
        return None
    logits = outputs[sound].astype(np.float64).reshape(-1, outputs.shape[2])
    numbers = rows[sound].reshape(-1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    labels = truth[numbers].astype(np.int64)
    confidence = shares.max(axis=1)
    correct = shares.argmax(axis=1) == labels
    squares = np.square(shares - np.eye(shares.shape[1])[labels]).sum(axis=1).mean()
    error = calibration_error(confidence, correct)
    level = calibrated_level(confidence, rows=numbers, draws=min(DRAWS, max(FEWEST_DRAWS, MOST_DRAWN // len(numbers))))
    excess = float(confidence.mean() - correct.mean())
    above = Trust.OVERCONFIDENT if excess > 0 else Trust.UNDERCONFIDENT
    return Probabilities(
        brier=float(squares) / (2 if shares.shape[1] == 2 else 1),
        error=error,
        level=level,
        trust=Trust.CALIBRATED if error <= level else above,
        reliability=measure_reliability(confidence, correct),
    )


def _find_tests(rows: Integers) -> tuple[Booleans | None, Integers]:
    """Return which tests count `[R, N]`, and the numbers of the rows that have enough of them."""
    tested = np.zeros((len(rows), int(rows.max()) + 1), dtype=np.bool_)
    np.put_along_axis(tested, rows, True, axis=1)
    counts = tested.sum(axis=0)
    enough = counts >= FEWEST_RUNS
    if not enough.any():
        return None, np.empty(0, dtype=np.int64)
    times = counts[enough].min()
    return tested & enough & (tested.cumsum(axis=0) <= times), np.flatnonzero(enough)


def _spread(values: NDArray[Any], rows: Integers, count: int) -> NDArray[Any]:
    """Return values `[R, n, ...]` of the tested rows by row number, `[R, N, ...]`."""
    spread = np.zeros((len(values), count, *values.shape[2:]), dtype=values.dtype)
    for own, numbers, part in zip(spread, rows, values, strict=True):
        own[numbers] = part
    return spread


def _predict(outputs: NDArray[Any], known: NDArray[Any], task: Task | str) -> Integers:
    """Return predicted classes `[R, n]`, or labels `[R, n, C]`."""
    if task == Task.MULTILABEL:
        constant = np.where(known.mean(0) > 0.5, 1.0, -1.0)
        return (_fill(outputs.astype(np.float64), constant) > 0).astype(np.int64)
    constant = np.bincount(known.astype(np.int64), minlength=outputs.shape[2])
    filled: Integers = _fill(outputs.astype(np.float64), constant.astype(np.float64)).argmax(axis=2)
    return filled


def _fill(outputs: Floats, constant: Floats) -> Floats:
    """Return outputs in which rows that are not finite are those of a constant prediction `[C]`."""
    sound = np.isfinite(outputs).all(axis=-1, keepdims=True)
    return np.where(sound, outputs, constant)
