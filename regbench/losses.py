"""The loss of each row, before any technique acts on it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from regbench.tasks import Task


def row_losses(task: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each row `[..., N]`, given outputs and targets `[..., N, C]`.

    Classification: cross-entropy with soft targets. Multilabel: the mean over labels of the binary cross-entropy, with
    targets in [0, 1]. Regression: the mean over outputs of the squared error.
    """
    if task == Task.CLASSIFICATION:
        return -(targets * log_probabilities(outputs)).sum(-1)
    if task == Task.MULTILABEL:
        return -(targets * F.logsigmoid(outputs) + (1.0 - targets) * F.logsigmoid(-outputs)).mean(-1)
    return (outputs - targets).square().mean(-1)


def entropies(task: str, outputs: Tensor) -> Tensor:
    """Return the entropy `[..., N]` of each row's prediction in nats, given logits `[..., N, C]`.

    Classification: that of the distribution over classes. Multilabel: the mean of those of the labels.
    """
    if task == Task.CLASSIFICATION:
        log_p = log_probabilities(outputs)
        return -(log_p.exp() * log_p).sum(-1)
    # The entropy of a label is its cross-entropy with itself.
    return row_losses(task, outputs, outputs.sigmoid())


def log_probabilities(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax over the classes of logits `[..., N, C]`.

    Computed with the classes before the rows: over a last axis as short as theirs it takes twenty times as long.
    """
    return logits.mT.log_softmax(-2).mT
