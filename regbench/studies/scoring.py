"""Figures of outputs for the rows of a split, by the functions that measure networks, and errors made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regbench.data.records import Floats, Part, Split
from regbench.metrics import LOSS, METRICS
from regbench.tasks import Task

if TYPE_CHECKING:
    from torch import Tensor

MACRO_F1 = "macro_f1"
SMALLEST = 1e-12
"""Least share of which a logarithm is taken."""


def error_of(metric: str, score: float) -> float:
    """Return the error that a figure says: itself where lower is better, else what it lacks to 1."""
    return 1.0 - score if METRICS[metric].higher_is_better else score


def measure_error(split: Split, part: Part, metric: str, outputs: Floats) -> float:
    """Return the error of outputs `[N, C]` on the rows of a part."""
    return error_of(metric, score_outputs(split, part, metric, outputs))


def score_outputs(split: Split, part: Part, metric: str, outputs: Floats) -> float:
    """Return a figure of outputs `[N, C]` (logits, or numbers in the unit that networks learn) on the rows of a part.

    Rows count as much as they weigh; what the rows leave undefined is NaN.
    """
    import torch

    from regbench.losses import row_losses
    from regbench.training.scores import Scored, measure_figures

    scored = Scored(
        task=Task(split.task),
        outputs=torch.from_numpy(np.ascontiguousarray(outputs, dtype=np.float64)).unsqueeze(0),
        targets=_list_targets(split, part),
        weight=torch.from_numpy(np.ones(len(part.x)) if part.weights is None else part.weights),
        scale=torch.tensor(split.target_scale, dtype=torch.float64).square(),
    )
    if metric == LOSS.name:
        return float(scored.mean(row_losses(split.task, scored.outputs, scored.targets)))
    return float(measure_figures(scored, [metric])[metric])


def measure_constant(split: Split, part: Part, metric: str) -> float:
    """Return the error of the prediction that looks at no input.

    F1 over classes rewards naming all of them: there it is that of guessing by the shares, 1 - 1/C, and always the same
    class is worse.
    """
    if metric == MACRO_F1 and split.task == Task.CLASSIFICATION:
        return 1.0 - 1.0 / len(split.classes)
    return measure_error(split, part, metric, predict_constant(split, part))


def predict_constant(split: Split, part: Part) -> Floats:
    """Return the outputs `[N, C]` of the best prediction without inputs: shares of classes or labels, or the means."""
    y, weights = split.train.y, split.train.weights
    if split.task == Task.CLASSIFICATION:
        y = np.eye(len(split.classes))[y]
    mean = np.average(y.reshape(len(y), -1), axis=0, weights=weights)
    if split.task != Task.REGRESSION:
        shares = np.clip(mean, SMALLEST, None)
        against = np.clip(1 - mean, SMALLEST, None) if split.task == Task.MULTILABEL else 1.0
        mean = np.log(shares / against)
    return np.tile(mean, (len(part.x), 1))


def _list_targets(split: Split, part: Part) -> Tensor:
    """Return targets `[N, C]` as figures take them: classes as rows of 0 and 1."""
    import torch

    if split.task == Task.CLASSIFICATION:
        return torch.from_numpy(np.eye(len(split.classes))[part.y])
    return torch.from_numpy(part.y.astype(np.float64).reshape(len(part.y), -1))
