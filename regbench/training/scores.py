"""Figures of networks on rows besides the loss: from outputs and targets, for all runs at once.

Shapes: outputs `[R, N, C]` (logits of classes or labels, or predicted numbers), targets `[N, C]`, weights `[N]` of the
rows, figures `[R]`. A figure that the rows leave undefined, or of outputs that are not finite, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from regbench.losses import log_probabilities
from regbench.tasks import Task

BINS = 15
"""Equal bins of the calibration error."""

PIECE = 1 << 14
"""Rows that are computed on at a time, so that what a figure needs of each row is small beside the data."""


@dataclass(frozen=True)
class Scored:
    """Outputs and targets of some rows; what several figures need is computed once, in float64.

    `scale` `[C]` is what one unit of squared error of each number counts in the target's own unit.
    """

    task: Task
    outputs: Tensor
    targets: Tensor
    weight: Tensor
    scale: Tensor

    @cached_property
    def weights(self) -> Tensor:
        """Weights `[N]` in float64, of sum 1."""
        weight = self.weight.to(torch.float64)
        return weight / weight.sum()

    @cached_property
    def unsound(self) -> Tensor:
        """Whether outputs of a run are not finite, `[R]`."""
        sound = [piece.outputs.isfinite().all(-1).all(-1) for _, piece in self.pieces()]
        return ~torch.stack(sound).all(0)

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Logarithms of the class probabilities, `[R, N, C]`."""
        return log_probabilities(self.outputs.to(torch.float64))

    @cached_property
    def probabilities(self) -> Tensor:
        """Class probabilities, `[R, N, C]`."""
        return self.log_probabilities.exp()

    @cached_property
    def labels(self) -> Tensor:
        """True classes, int64 `[N]`."""
        return self.targets.argmax(-1)

    @cached_property
    def predicted(self) -> Tensor:
        """Predicted classes, int64 `[R, N]`."""
        return self.outputs.argmax(-1)

    @cached_property
    def confusion(self) -> Tensor:
        """Weight of the rows by true class and predicted class, `[R, C, C]`; without weights, numbers of rows."""
        classes, runs = self.targets.shape[1], len(self.outputs)
        sums = torch.zeros(runs, classes**2, dtype=torch.float64, device=self.outputs.device)
        for _, piece in self.pieces():
            cells = piece.labels * classes + piece.predicted
            sums.scatter_add_(1, cells, piece.weight.to(torch.float64).expand(runs, -1))
        return sums.view(runs, classes, classes)

    @cached_property
    def errors(self) -> Tensor:
        """Errors of each number in its own unit, `[R, N, C]`."""
        return (self.outputs - self.targets).to(torch.float64) * self.scale.to(torch.float64).sqrt()

    def pieces(self) -> Iterator[tuple[slice, Scored]]:
        """Yield the rows a piece at a time, each with its place; few rows are one piece, which keeps what it computed.

        The weights of a piece are relative to its own rows.
        """
        count = len(self.targets)
        if count <= PIECE:
            yield slice(0, count), self
            return
        for start in range(0, count, PIECE):
            rows = slice(start, start + PIECE)
            own = replace(self, outputs=self.outputs[:, rows], targets=self.targets[rows], weight=self.weight[rows])
            yield rows, own

    def collect(self, compute: Callable[[Scored], Tensor]) -> Tensor:
        """Return what a function computes of each row, `[R, N]` in float64, a piece at a time."""
        collected = torch.empty(self.outputs.shape[:2], dtype=torch.float64, device=self.outputs.device)
        for rows, piece in self.pieces():
            collected[:, rows] = compute(piece)
        return collected

    def mean(self, values: Tensor) -> Tensor:
        """Return the weighted mean `[R, ...]` over the rows of values `[R, N, ...]`."""
        mean: Tensor = torch.tensordot(values, self.weights, ([1], [0]))
        return mean


def measure_figures(scored: Scored, names: Iterable[str]) -> dict[str, Tensor]:
    """Return figures by name, float64 `[R]` each."""
    figures = {}
    for name in names:
        compute = MULTILABEL[name] if scored.task == Task.MULTILABEL else FIGURES[name]
        figures[name] = compute(scored).masked_fill(scored.unsound, torch.nan)
    return figures


def measure_recalls(scored: Scored) -> Tensor:
    """Return the share of each class's rows that are recognised, `[R, C]`; NaN for a class without rows."""
    return scored.confusion.diagonal(dim1=1, dim2=2) / scored.confusion.sum(2)


def compute_accuracy(scored: Scored) -> Tensor:
    """Share of rows whose class is right."""
    return scored.mean(scored.collect(lambda piece: piece.predicted == piece.labels))


def compute_balanced_accuracy(scored: Scored) -> Tensor:
    """Mean recall of the classes that have rows."""
    return measure_recalls(scored).nanmean(1)


def compute_macro_f1(scored: Scored) -> Tensor:
    """Mean over the classes of 2 TP / (2 TP + FP + FN); classes neither true nor predicted in any row do not count."""
    return _mean_f1(scored.confusion.diagonal(dim1=1, dim2=2), scored.confusion.sum(2), scored.confusion.sum(1))


def compute_auc(scored: Scored) -> Tensor:
    """Area under the ROC curve of two classes; of more, the mean over the classes, each against all others.

    Undefined where a class has no rows.
    """
    if scored.targets.shape[1] == 2:
        return _rank_area(scored.collect(_subtract_logits), scored.targets[:, 1], scored.weights)
    areas = [
        _rank_area(scored.probabilities[..., number].clone(), scored.targets[:, number], scored.weights)
        for number in range(scored.targets.shape[1])
    ]
    return torch.stack(areas).mean(0)


def compute_log_loss(scored: Scored) -> Tensor:
    """Mean of -log of the true class's probability."""
    return scored.mean(scored.collect(lambda piece: -(piece.log_probabilities * piece.targets).sum(-1)))


def compute_brier(scored: Scored) -> Tensor:
    """Mean over the rows of sum_c (p_c - y_c)^2; half of it for two classes, which is (p_1 - y_1)^2."""
    squares = scored.mean(scored.collect(lambda piece: (piece.probabilities - piece.targets).square().sum(-1)))
    return squares / 2 if scored.targets.shape[1] == 2 else squares


def compute_calibration_error(scored: Scored) -> Tensor:
    """Expected calibration error: sum over 15 bins of share * |accuracy - mean confidence|.

    The bins are equal parts of [0, 1] of the predicted class's probability. Source: Guo et al. 2017, equation 3.
    """
    sums = torch.zeros(len(scored.outputs), BINS, dtype=torch.float64, device=scored.outputs.device)
    for rows, piece in scored.pieces():
        confidence, predicted = piece.probabilities.max(-1)
        gaps = ((predicted == piece.labels).to(torch.float64) - confidence) * scored.weights[rows]
        bins = (confidence.nan_to_num() * BINS).ceil().clamp(1, BINS).to(torch.int64) - 1
        sums.scatter_add_(1, bins, gaps)
    return sums.abs().sum(1)


def compute_mse(scored: Scored) -> Tensor:
    """Mean squared error, mean over the numbers."""
    return scored.mean(scored.errors.square()).mean(-1)


def compute_mae(scored: Scored) -> Tensor:
    """Mean absolute error, mean over the numbers."""
    return scored.mean(scored.errors.abs()).mean(-1)


def compute_rmse(scored: Scored) -> Tensor:
    """Root of the mean squared error of each number, mean over the numbers."""
    return scored.mean(scored.errors.square()).sqrt().mean(-1)


def compute_r2(scored: Scored) -> Tensor:
    """1 - squared error / squared deviation from the mean, mean over the numbers; undefined for constant targets."""
    targets = scored.targets.to(torch.float64)
    centred = targets - torch.tensordot(scored.weights, targets, ([0], [0]))
    spread = torch.tensordot(scored.weights, centred.square(), ([0], [0]))
    errors = scored.mean((scored.outputs - scored.targets).to(torch.float64).square())
    constant = (targets == targets[:1]).all(0)
    return (1 - errors / torch.where(constant, torch.nan, spread)).mean(-1)


def compute_label_accuracy(scored: Scored) -> Tensor:
    """Share of labels that are right at a probability of one half."""
    return scored.mean(((scored.outputs > 0) == (scored.targets > 0.5)).to(torch.float64)).mean(-1)


def compute_label_f1(scored: Scored) -> Tensor:
    """Mean over the labels of 2 TP / (2 TP + FP + FN), 0 for a label neither true nor predicted in any row."""
    true, predicted = scored.targets > 0.5, scored.outputs > 0
    hits, found = (scored.mean(marks.to(torch.float64)) for marks in (true & predicted, predicted))
    truth = torch.tensordot(scored.weights, true.to(torch.float64), ([0], [0]))
    return torch.where(truth + found > 0, 2 * hits / (truth + found), 0.0).mean(-1)


def _mean_f1(hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
    scores = torch.where(true + predicted > 0, 2 * hits / (true + predicted), torch.nan)
    return scores.nanmean(1)


def _subtract_logits(scored: Scored) -> Tensor:
    """Return by how much the logit of the second of two classes is larger, `[R, N]`."""
    logits = scored.outputs.to(torch.float64)
    return logits[..., 1] - logits[..., 0]


def _rank_area(scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Return the probability that a positive row scores higher than a negative one, ties counting one half, `[R]`.

    The scores are written over: with many rows, arrays of their size are the largest that any figure needs.
    """
    ordered, order = scores.sort(dim=1)
    above, below = scores, torch.empty_like(scores)
    places = [slice(start, start + PIECE) for start in range(0, scores.shape[1], PIECE)]
    for rows in places:
        weight, marks = weights[order[:, rows]], positive[order[:, rows]]
        above[:, rows], below[:, rows] = weight * marks, weight * (1 - marks)
    del order
    pairs = above.sum(1) * below.sum(1)
    below.cumsum_(1)
    for rows in places:
        above[:, rows] *= _sum_lower(ordered, below, ordered[:, rows].contiguous())
    return above.sum(1) / 2 / pairs


def _sum_lower(scores: Tensor, sums: Tensor, own: Tensor) -> Tensor:
    """Return the sums over all rows of lower score than some have, plus those of a score not higher, `[R, rows]`.

    Args:
        scores: of all rows, ascending, `[R, N]`.
        sums: running sums over these, `[R, N]`.
        own: scores of the rows in question.
    """
    lower, upto = (torch.searchsorted(scores, own, right=right) for right in (False, True))
    before = sums.gather(1, (lower - 1).clamp_min(0)).masked_fill_(lower == 0, 0.0)
    return before + sums.gather(1, upto - 1)


Compute = Callable[[Scored], Tensor]

FIGURES: dict[str, Compute] = {
    "accuracy": compute_accuracy,
    "balanced_accuracy": compute_balanced_accuracy,
    "macro_f1": compute_macro_f1,
    "auc": compute_auc,
    "log_loss": compute_log_loss,
    "brier": compute_brier,
    "calibration_error": compute_calibration_error,
    "mse": compute_mse,
    "mae": compute_mae,
    "rmse": compute_rmse,
    "r2": compute_r2,
}
MULTILABEL: dict[str, Compute] = {"label_accuracy": compute_label_accuracy, "macro_f1": compute_label_f1}
