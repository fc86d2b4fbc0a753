"""Values of test rows whose mean over a replicate is its score, larger being better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.evidence.arrays import Floats
from regbench.tasks import Task


@dataclass(frozen=True)
class Predicted:
    """The test rows of one replicate.

    `outputs` `[n, C]` are logits, or numbers in the targets' own units; `target` holds classes `[n]`, labels `[n, C]`
    or numbers `[n, C]`; `weight` `[n]` sums to n; `spread` `[C]` is the variance of each number over all rows.
    """

    outputs: Floats
    target: NDArray[np.int64] | Floats
    weight: Floats
    spread: Floats


def find_values(metric: str, task: str) -> Callable[[Predicted], Floats] | None:
    """Return what computes the row values `[n]` of a figure; None where it is not a mean over rows."""
    return LABELS.get(metric) if task == Task.MULTILABEL else VALUES.get(metric)


def is_right(tested: Predicted) -> Floats:
    """1 where the class is right, 0 where not: their mean is the accuracy."""
    right: Floats = (tested.outputs.argmax(1) == tested.target) * tested.weight
    return right


def recall_parts(tested: Predicted) -> Floats:
    """Balanced accuracy, B + n / (C n_c) (right - recall of the row's class c): its mean is B, its variance that of B.

    Shares of a class are centred in the class, or the sizes of the classes would count as noise.
    """
    right = (tested.outputs.argmax(1) == tested.target).astype(np.float64)
    classes = [tested.target == number for number in np.unique(tested.target)]
    recalls = [float(np.average(right[own], weights=_some(tested.weight[own]))) for own in classes]
    values = np.full(len(right), np.mean(recalls))
    for own, recall in zip(classes, recalls, strict=True):
        share = len(right) / (len(classes) * _some(tested.weight[own]).sum())
        values[own] += share * tested.weight[own] * (right[own] - recall)
    return values


def auc_parts(tested: Predicted) -> Floats:
    """Area under the ROC curve by placements (DeLong et al. 1988): A + n/n_c (placement - A).

    A positive row's placement is the share of negative rows that score lower, ties counting one half. Of more than two
    classes it is the mean over the classes, each against all others. Weights are ignored. Its mean is A, and its
    variance over n that of A. NaN where a class has no rows.
    """
    classes = tested.outputs.shape[1]
    if classes == 2:
        return _place(tested.outputs[:, 1] - tested.outputs[:, 0], tested.target == 1)
    shares = np.exp(_log_probabilities(tested))
    found: Floats = np.mean([_place(shares[:, c], tested.target == c) for c in range(classes)], axis=0)
    return found


def _place(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    high, low = scores[positive], scores[~positive]
    if not len(high) or not len(low):
        return np.full(len(scores), np.nan)
    values = np.empty(len(scores))
    values[positive] = _share_below(np.sort(low), high)
    values[~positive] = 1.0 - _share_below(np.sort(high), low)
    area = float(values[positive].mean())
    weight = np.where(positive, len(scores) / len(high), len(scores) / len(low))
    centred: Floats = area + weight * (values - area)
    return centred


def log_loss(tested: Predicted) -> Floats:
    """Log of the true class's probability: minus the log loss."""
    return np.take_along_axis(_log_probabilities(tested), _labels(tested)[:, None], 1)[:, 0] * tested.weight


def brier(tested: Predicted) -> Floats:
    """Minus the squared error of the probabilities; half of it for two classes."""
    probabilities = np.exp(_log_probabilities(tested))
    probabilities[np.arange(len(probabilities)), _labels(tested)] -= 1.0
    squares = np.square(probabilities).sum(1) * tested.weight
    found: Floats = -squares / (2.0 if probabilities.shape[1] == 2 else 1.0)
    return found


def squared_error(tested: Predicted) -> Floats:
    """Minus the squared error, mean over the numbers."""
    found: Floats = -_errors(tested).mean(1) * tested.weight
    return found


def absolute_error(tested: Predicted) -> Floats:
    """Minus the absolute error, mean over the numbers."""
    found: Floats = -np.sqrt(_errors(tested)).mean(1) * tested.weight
    return found


def explained(tested: Predicted) -> Floats:
    """R2 with the variance of all rows of the data, so that it is a mean over rows: 1 - squared error / variance."""
    found: Floats = 1.0 - (_errors(tested) / tested.spread).mean(1) * tested.weight
    return found


def label_accuracy(tested: Predicted) -> Floats:
    """Share of a row's labels that are right."""
    found: Floats = ((tested.outputs > 0) == (tested.target > 0.5)).mean(1) * tested.weight
    return found


VALUES: Mapping[str, Callable[[Predicted], Floats]] = {
    "accuracy": is_right,
    "balanced_accuracy": recall_parts,
    "auc": auc_parts,
    "log_loss": log_loss,
    "brier": brier,
    "mse": squared_error,
    "mae": absolute_error,
    "r2": explained,
}
LABELS: Mapping[str, Callable[[Predicted], Floats]] = {"label_accuracy": label_accuracy}


def _errors(tested: Predicted) -> Floats:
    errors: Floats = np.square(tested.outputs - tested.target)
    return errors


def _labels(tested: Predicted) -> NDArray[np.int64]:
    return tested.target.astype(np.int64)


def _log_probabilities(tested: Predicted) -> Floats:
    outputs = tested.outputs.astype(np.float64)
    centred = outputs - outputs.max(1, keepdims=True)
    found: Floats = centred - np.log(np.exp(centred).sum(1, keepdims=True))
    return found


def _share_below(ordered: Floats, values: Floats) -> Floats:
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    shares: Floats = (below + upto) / (2.0 * len(ordered))
    return shares


def _some(weights: Floats) -> Floats:
    """Return the weights, or equal ones where all are 0."""
    return weights if weights.sum() > 0 else np.ones_like(weights)
